import { TandemError } from "../errors.js";
import type { Pipe } from "./pipe.js";
import { Meter, type Progress } from "./progress.js";
import { BLOCK, blockFrame, dataFrame, digestOf, HEADER, WINDOW, type Control, type Entry } from "./wire.js";

/** A file to send. `null` for an empty folder. */
export type Source = Blob | null;

export interface SenderListeners {
  onProgress?: (progress: Progress) => void;
  /** The other side, or this one, has paused or gone on. */
  onPaused?: (paused: boolean) => void;
}

interface Block {
  block: Uint8Array<ArrayBuffer>;
  digest: Uint8Array;
}

/** What is offered, as it is sent. */
export const offerText = (id: string, entries: readonly Entry[]): string =>
  JSON.stringify({ type: "offer", id, entries: [...entries] } satisfies Control);

/** Sends one offer to one receiver over one pipe. */
export class Sender {
  readonly #pipe: Pipe;
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
  /** The block after the one that is being sent, read meanwhile. */
  #ahead: { entry: number; from: number; block: Promise<Block> } | null = null;
  #again: [entry: number, from: number] | null = null;

  constructor(
    pipe: Pipe,
    id: string,
    entries: readonly Entry[],
    sources: readonly Source[],
    listeners: SenderListeners = {},
    /** The offer goes through this one: a long list does not fit into one message of a data channel. */
    first: Pipe = pipe,
  ) {
    this.#pipe = pipe;
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
    this.#say({ type: "cancel", reason: "The sender has stopped." });
    this.#end(new TandemError("aborted", "You stopped the transfer."));
  }

  /** The pipe has ended. */
  lost(): void {
    this.#end(new TandemError("connection_lost", "The connection was lost."));
  }

  take(message: Control): void {
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
        // A block that came damaged is sent anew, and everything after it.
        if (this.#again) [entry, from] = this.#again;
        this.#again = null;
        if (entry >= this.#entries.length) await this.#news();
        else if (this.#wanted[entry] && from < (this.#entries[entry]?.size ?? 0))
          from = await this.#sendBlock(entry, from);
        else {
          entry += 1;
          from = this.#kept[entry] ?? 0;
        }
      }
    } catch (cause) {
      this.#say({ type: "cancel", reason: "A file could not be read." });
      this.#end(new TandemError("internal", "A file could not be read; it may have been moved or changed.", { cause }));
    }
  }

  /** Everything is sent: waits for what the receiver says of it. */
  #news(): Promise<void> {
    return new Promise((done) => (this.#room = done));
  }

  async #sendBlock(entry: number, from: number): Promise<number> {
    const size = this.#entries[entry]?.size ?? 0;
    const end = Math.min(size, from + BLOCK);
    const known = this.#ahead?.entry === entry && this.#ahead.from === from ? this.#ahead.block : null;
    const { block, digest } = await (known ?? this.#read(entry, from));
    this.#ahead = end < size ? { entry, from: end, block: this.#read(entry, end) } : null;
    // In equal pieces: a block that ends in a small one costs a message more.
    const pieces = Math.ceil(block.length / (this.#pipe.messageBytes - HEADER));
    const length = Math.ceil(block.length / pieces);
    for (let at = 0; at < block.length; at += length) {
      const piece = block.subarray(at, at + length);
      while (this.#paused && !this.#stopped) await new Promise<void>((done) => (this.#unpaused = done));
      while (this.#underWay + piece.length > WINDOW && !this.#stopped && !this.#again) {
        await new Promise<void>((done) => (this.#room = done));
      }
      await this.#pipe.ready();
      if (this.#stopped || this.#again) return end;
      this.#underWay += piece.length;
      this.#pipe.send(dataFrame(entry, from + at, piece));
    }
    this.#pipe.send(blockFrame(entry, from, digest));
    return end;
  }

  /** A block, and what it must come to on the other side. */
  #read(entry: number, from: number): Promise<Block> {
    const length = Math.min(BLOCK, (this.#entries[entry]?.size ?? 0) - from);
    const read = async () => {
      const part = await this.#sources[entry]?.slice(from, from + length).arrayBuffer();
      const block = new Uint8Array(part ?? new ArrayBuffer(0));
      if (block.length !== length) throw new Error("it became shorter");
      return { block, digest: await digestOf(block) };
    };
    const block = read();
    // Whoever sends it hears of the fault; a transfer that ended before does not.
    block.catch(() => undefined);
    return block;
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
}
