import { TandemError } from "../errors.js";
import type { Pipe } from "./pipe.js";
import { Meter, type Progress } from "./progress.js";
import { BLOCK, checkEntries, digestOf, readFrame, type Control, type Entry } from "./wire.js";

/** Memory for another block. */
export type Spare = Uint8Array<ArrayBuffer> | undefined;

/** Where files go. Writes come in order, block by block, and only checked bytes. */
export interface Sink {
  /** How many bytes of the entry are there from an earlier attempt. */
  has(id: string, entry: Entry): Promise<number>;
  /** May keep the memory, or give it back. */
  write(id: string, entry: Entry, from: number, data: Uint8Array<ArrayBuffer>): Promise<Spare>;
  /** The entry is complete. */
  finish(id: string, entry: Entry): Promise<void>;
  /** Everything is there, and the sender knows: what was kept to go on is not needed any more. */
  complete?(id: string): Promise<void>;
  /** Nothing more comes; what is held is let go. */
  close?(): void;
}

export interface ReceiverListeners {
  onProgress?: (progress: Progress) => void;
  onPaused?: (paused: boolean) => void;
  onFinished?: (entry: Entry) => void;
}

/** What is on offer, to be accepted or not. */
export interface Offer {
  id: string;
  entries: Entry[];
  total: number;
}

/** Receives one offer over one pipe. */
export class Receiver {
  readonly #listeners: ReceiverListeners;
  /** The offer came through this one. */
  readonly #first: Pipe;
  #pipe: Pipe;
  #offer: Offer | null = null;
  #sink: Sink | null = null;
  #meter = new Meter(0);
  #kept: number[] = [];
  #wanted: boolean[] = [];
  /** The block that is coming in. */
  #block = { entry: -1, from: 0, length: 0, bytes: new Uint8Array(BLOCK) };
  /** Data is left aside until the block comes anew that was damaged. */
  #waitsFor: [entry: number, from: number] | null = null;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;
  #settle: [() => void, (error: TandemError) => void] = [() => undefined, () => undefined];
  readonly #over: Promise<void>;
  #offered: (offer: Offer) => void = () => undefined;
  /** Resolves with the offer. */
  readonly offer: Promise<Offer>;

  constructor(pipe: Pipe, listeners: ReceiverListeners = {}) {
    this.#first = pipe;
    this.#pipe = pipe;
    this.#listeners = listeners;
    this.#over = new Promise((done, fail) => (this.#settle = [done, fail]));
    this.offer = new Promise((done) => (this.#offered = done));
    this.#over.catch(() => undefined);
  }

  /** Resolves when everything is there; rejects when the transfer ends before. */
  get done(): Promise<void> {
    return this.#over;
  }

  /** Another way was found. */
  set pipe(pipe: Pipe) {
    this.#pipe = pipe;
  }

  /** What is offered is not taken, and this is why. */
  refuse(error: TandemError): void {
    this.#fail(error);
  }

  /** Takes the offer, or some entries of it, from where an earlier attempt ended. */
  async accept(sink: Sink, wanted: (entry: Entry) => boolean = () => true): Promise<void> {
    const offer = this.#offer;
    if (!offer) return;
    try {
      await this.#begin(offer, sink, wanted);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  async #begin(offer: Offer, sink: Sink, wanted: (entry: Entry) => boolean): Promise<void> {
    this.#sink = sink;
    this.#wanted = offer.entries.map(wanted);
    this.#kept = await Promise.all(
      offer.entries.map(async (entry, index) => {
        if (!this.#wanted[index]) return entry.size;
        const has = Math.min(entry.size, await sink.has(offer.id, entry));
        return has === entry.size ? has : has - (has % BLOCK);
      }),
    );
    this.#meter = new Meter(offer.total);
    this.#meter.start(this.#sum(), performance.now());
    const from = this.#kept.map((kept, index) => (this.#wanted[index] ? kept : -1));
    // What needs no data is done at once.
    for (const [index, entry] of offer.entries.entries()) {
      if (this.#wanted[index] && this.#kept[index] === entry.size) await this.#finish(entry);
    }
    this.#say({ type: "accept", from });
    this.#tell();
    await this.#checkComplete();
  }

  decline(): void {
    this.#say({ type: "decline" });
    this.#end(new TandemError("aborted", "You did not take the files."));
  }

  pause(): void {
    this.#say({ type: "pause" });
    this.#listeners.onPaused?.(true);
  }

  resume(): void {
    this.#say({ type: "resume" });
    this.#listeners.onPaused?.(false);
  }

  cancel(): void {
    this.#sayCancel("The receiver has stopped.");
    this.#end(new TandemError("aborted", "You stopped the transfer."));
  }

  /** The pipe has ended; with `gone` there is no sense in trying again. What came before counts: it may say why. */
  lost(reason = "", gone = false): void {
    const error = new TandemError(gone ? "not_found" : "connection_lost", reason || "The connection was lost.");
    this.#work = this.#work.then(() => this.#end(error));
  }

  /** A message of the sender. */
  take(message: Control | Uint8Array<ArrayBuffer>): void {
    if (this.#stopped) return;
    // In order: writing takes longer than receiving.
    this.#work = this.#work.then(async () => {
      if (this.#stopped) return;
      try {
        if (message instanceof Uint8Array) await this.#data(message);
        else this.#control(message);
      } catch (thrown) {
        this.#fail(thrown);
      }
    });
  }

  /** Both sides hear of it. */
  #fail(thrown: unknown): void {
    const error = thrown instanceof TandemError ? thrown : writeError(thrown);
    this.#sayCancel(error.message);
    this.#end(error);
  }

  #control(message: Control): void {
    if (message.type === "offer" && !this.#offer) {
      const entries = checkEntries(message.entries);
      const total = entries.reduce((sum, { size }) => sum + size, 0);
      this.#offer = { id: String(message.id).slice(0, 100), entries, total };
      this.#offered(this.#offer);
    } else if (message.type === "pause") this.#listeners.onPaused?.(true);
    else if (message.type === "resume") this.#listeners.onPaused?.(false);
    else if (message.type === "cancel") this.#end(new TandemError("aborted", "The other side stopped the transfer."));
  }

  async #data(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const frame = readFrame(bytes);
    const entry = this.#offer?.entries[frame.entry];
    if (!entry || !this.#sink || !this.#wanted[frame.entry])
      throw new TandemError("bad_answer", "The sender sent what was not asked for.");
    const block = this.#block;
    if (this.#waitsFor) {
      const [wantedEntry, from] = this.#waitsFor;
      if (frame.kind !== "data" || frame.entry !== wantedEntry || frame.from !== from) return;
      this.#waitsFor = null;
      block.length = 0;
    }
    if (frame.kind === "data") {
      if (block.length === 0) Object.assign(block, { entry: frame.entry, from: frame.from });
      const inOrder = block.entry === frame.entry && block.from + block.length === frame.from;
      const fits = block.length + frame.data.length <= BLOCK && frame.from + frame.data.length <= entry.size;
      if (!inOrder || !fits || block.from !== this.#kept[frame.entry])
        throw new TandemError("bad_answer", "The sender sent parts out of order.");
      block.bytes.set(frame.data, block.length);
      block.length += frame.data.length;
      return;
    }
    await this.#keep(entry, frame.entry, frame.digest);
  }

  /** A block is whole: it is kept if it is what the sender read. */
  async #keep(entry: Entry, index: number, digest: Uint8Array): Promise<void> {
    const block = this.#block;
    const isFull = block.length === block.bytes.length;
    const data = isFull ? block.bytes : block.bytes.slice(0, block.length);
    const from = block.from;
    block.length = 0;
    const ours = await digestOf(data);
    if (block.entry !== index || ours.some((byte, at) => byte !== digest[at])) {
      this.#waitsFor = [index, this.#kept[index] ?? 0];
      return this.#say({ type: "again", entry: index, from: this.#kept[index] ?? 0 });
    }
    // A sink may take the memory along, so it is measured before.
    const kept = from + data.length;
    const spare = await this.#sink?.write(this.#offer?.id ?? "", entry, from, data);
    if (isFull) block.bytes = spare?.length === BLOCK ? spare : new Uint8Array(BLOCK);
    this.#kept[index] = kept;
    this.#say({ type: "kept", entry: index, bytes: kept });
    this.#meter.count(this.#sum(), performance.now());
    this.#tell();
    if (kept === entry.size) await this.#finish(entry);
    await this.#checkComplete();
  }

  async #finish(entry: Entry): Promise<void> {
    await this.#sink?.finish(this.#offer?.id ?? "", entry);
    this.#listeners.onFinished?.(entry);
  }

  async #checkComplete(): Promise<void> {
    if (!this.#offer || this.#sum() !== this.#offer.total) return;
    this.#say({ type: "complete" });
    // The sender may go from here on.
    this.#end();
    await this.#sink?.complete?.(this.#offer.id);
  }

  #sum(): number {
    return this.#kept.reduce((sum, kept) => sum + kept, 0);
  }

  #tell(): void {
    const news = this.#meter.news(performance.now());
    if (news) this.#listeners.onProgress?.(news);
  }

  /** Over once the last write is: another attempt must not ask the sink what it has before that. */
  #end(error?: TandemError): void {
    this.#stopped = true;
    void this.#work.then(() => (error ? this.#settle[1](error) : this.#settle[0]()));
  }

  #say(message: Control): void {
    this.#pipe.send(JSON.stringify(message));
  }

  /** On both ways: one of them may break off before it is through. */
  #sayCancel(reason: string): void {
    this.#say({ type: "cancel", reason });
    if (this.#first !== this.#pipe) this.#first.send(JSON.stringify({ type: "cancel", reason } satisfies Control));
  }
}

function writeError(thrown: unknown): TandemError {
  const { name } = thrown instanceof DOMException ? thrown : new Error();
  const options = { cause: thrown, retryable: false };
  if (name === "QuotaExceededError")
    return new TandemError("limit_exceeded", "There is no room left for the files.", options);
  if (name === "NoModificationAllowedError")
    return new TandemError("busy", "Another tab is receiving these files; close it and load this page again.", options);
  if (name === "NotAllowedError")
    return new TandemError(
      "not_allowed",
      "The browser no longer lets this page write there; load it again and choose a folder.",
      options,
    );
  if (name === "TypeMismatchError")
    return new TandemError(
      "not_allowed",
      "A file there has the name of a folder that is offered; choose another folder.",
      options,
    );
  return new TandemError("internal", "A file could not be written; load this page again to try once more.", options);
}
