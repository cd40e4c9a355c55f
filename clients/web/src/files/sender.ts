import { TandemError } from "../errors.js";
import type { Pipe } from "./pipe.js";
import { Meter, type Progress } from "./progress.js";
import { BlockReader, type Block } from "./reader.js";
import { BLOCK, blockFrame, dataFrame, HEADER, WINDOW, type Control, type Entry } from "./wire.js";

/** A file to send. `null` for an empty folder. */
export type Source = Blob | null;

export interface SenderListeners {
  onProgress?: (progress: Progress) => void;
  /** The other side, or this one, has paused or gone on. */
  onPaused?: (paused: boolean) => void;
}

/** What is offered, as it is sent. */
export const offerText = (id: string, entries: readonly Entry[]): string =>
  JSON.stringify({ type: "offer", id, entries: [...entries] } satisfies Control);

/** Sends one offer to one receiver over one pipe. */
export class Sender {
  readonly #pipe: Pipe;
  /** The offer goes through this one: a long list does not fit into one message of a data channel. */
  readonly #first: Pipe;
  /** Each message is put together here, without new memory. */
  readonly #frame: Uint8Array<ArrayBuffer>;
  readonly #entries: readonly Entry[];
  readonly #sources: readonly Source[];
  readonly #listeners: SenderListeners;
  readonly #meter: Meter;
  /** Of each entry: what the receiver has kept. */
  readonly #kept: number[];
  readonly #wanted: boolean[];
  readonly #over: Promise<void>;
  #settle: [() => void, (error: TandemError) => void] = [() => undefined, () => undefined];
  #underWay = 0;
  #room: (() => void) | null = null;
  #paused = false;
  #unpaused: (() => void) | null = null;
  #stopped = false;
  #again: [entry: number, from: number] | null = null;

  constructor(
    pipe: Pipe,
    id: string,
    entries: readonly Entry[],
    sources: readonly Source[],
    listeners: SenderListeners = {},
    first: Pipe = pipe,
  ) {
    this.#pipe = pipe;
    this.#first = first;
    this.#frame = new Uint8Array(pipe.messageBytes);
    this.#entries = entries;
    this.#sources = sources;
    this.#listeners = listeners;
    this.#meter = new Meter(entries.reduce((sum, { size }) => sum + size, 0));
    this.#kept = entries.map(() => 0);
    this.#wanted = entries.map(() => true);
    this.#over = new Promise((done, fail) => (this.#settle = [done, fail]));
    first.send(offerText(id, entries));
  }

  /** Resolves when everything has arrived; rejects when the transfer ends before. */
  get done(): Promise<void> {
    return this.#over;
  }

  pause(): void {
    this.#say({ type: "pause" });
    this.#setPaused(true);
  }

  resume(): void {
    this.#say({ type: "resume" });
    this.#setPaused(false);
  }

  cancel(): void {
    this.#sayCancel("The sender has stopped.");
    this.#end(new TandemError("aborted", "You stopped the transfer."));
  }

  /** The pipe has ended. */
  lost(): void {
    this.#end(new TandemError("connection_lost", "The connection was lost."));
  }

  take(message: Control): void {
    // What was under way when it ended changes nothing.
    if (this.#stopped) return;
    switch (message.type) {
      case "accept":
        return this.#accepted(message.from);
      case "decline":
        return this.#end(new TandemError("not_allowed", "The other side did not want the files."));
      case "kept":
        return this.#noteKept(message.entry, message.bytes);
      case "again":
        this.#again = [message.entry, message.from];
        this.#underWay = 0;
        return this.#makeRoom();
      case "pause":
        return this.#setPaused(true);
      case "resume":
        return this.#setPaused(false);
      case "cancel":
        return this.#end(new TandemError("aborted", "The other side stopped the transfer."));
      case "complete":
        return this.#end();
      default:
    }
  }

  #accepted(from: number[]): void {
    this.#entries.forEach(({ size }, entry) => {
      const wanted = Number(from[entry] ?? 0);
      this.#wanted[entry] = wanted >= 0;
      this.#kept[entry] = wanted < 0 ? size : Math.min(size, wanted - (wanted % BLOCK || 0));
      if (wanted === size) this.#kept[entry] = size;
    });
    this.#meter.start(this.#sum(), performance.now());
    this.#tell();
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      let [entry, from] = [0, this.#kept[0] ?? 0];
      while (!this.#stopped) {
        if (entry >= this.#entries.length) await this.#news();
        else await this.#sendEntry(entry, from);
        // A block that came damaged is sent anew, and everything after it.
        [entry, from] = this.#again ?? [entry + 1, this.#kept[entry + 1] ?? 0];
        this.#again = null;
      }
    } catch (cause) {
      this.#sayCancel("A file could not be read.");
      this.#end(new TandemError("internal", "A file could not be read; it may have been moved or changed.", { cause }));
    }
  }

  /** Everything is sent: waits for what the receiver says of it. */
  #news(): Promise<void> {
    return new Promise((done) => (this.#room = done));
  }

  /** Until its end, or until a block is wanted anew. */
  async #sendEntry(entry: number, from: number): Promise<void> {
    const size = this.#entries[entry]?.size ?? 0;
    if (!this.#wanted[entry] || from >= size) return;
    const reader = new BlockReader(this.#sources[entry] ?? new Blob(), size, from);
    try {
      while (from < size && !this.#stopped && !this.#again) {
        const block = await reader.next();
        await this.#sendBlock(entry, from, block);
        from += block.bytes.length;
      }
    } finally {
      reader.close();
    }
  }

  async #sendBlock(entry: number, from: number, { bytes, digest }: Block): Promise<void> {
    // In equal pieces: a block that ends in a small one costs a message more.
    const pieces = Math.ceil(bytes.length / (this.#pipe.messageBytes - HEADER));
    const length = Math.ceil(bytes.length / pieces);
    for (let at = 0; at < bytes.length; at += length) {
      const piece = bytes.subarray(at, at + length);
      while (this.#paused && !this.#stopped) await new Promise<void>((done) => (this.#unpaused = done));
      while (this.#underWay + piece.length > WINDOW && !this.#stopped && !this.#again) {
        await new Promise<void>((done) => (this.#room = done));
      }
      await this.#pipe.ready();
      if (this.#stopped || this.#again) return;
      this.#underWay += piece.length;
      this.#pipe.send(dataFrame(entry, from + at, piece, this.#frame));
    }
    this.#pipe.send(blockFrame(entry, from, digest));
  }

  #noteKept(entry: number, bytes: number): void {
    const before = this.#kept[entry] ?? 0;
    const size = this.#entries[entry]?.size ?? 0;
    if (!Number.isSafeInteger(bytes) || bytes < before || bytes > size) return;
    this.#kept[entry] = bytes;
    this.#underWay = Math.max(0, this.#underWay - (bytes - before));
    this.#meter.count(this.#sum(), performance.now());
    this.#tell();
    this.#makeRoom();
  }

  #sum(): number {
    return this.#kept.reduce((sum, kept) => sum + kept, 0);
  }

  #tell(): void {
    const news = this.#meter.news(performance.now());
    if (news) this.#listeners.onProgress?.(news);
  }

  #makeRoom(): void {
    const room = this.#room;
    this.#room = null;
    room?.();
  }

  #setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#listeners.onPaused?.(paused);
    if (!paused) this.#unpaused?.();
  }

  #end(error?: TandemError): void {
    this.#stopped = true;
    this.#unpaused?.();
    this.#makeRoom();
    if (error) this.#settle[1](error);
    else this.#settle[0]();
  }

  #say(message: Control): void {
    this.#pipe.send(JSON.stringify(message));
  }

  /** On both ways: on a direct one it waits behind data that the end of the way drops. */
  #sayCancel(reason: string): void {
    this.#say({ type: "cancel", reason });
    if (this.#first !== this.#pipe) this.#first.send(JSON.stringify({ type: "cancel", reason } satisfies Control));
  }
}
