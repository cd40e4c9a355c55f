import { BLOCK, digestOf } from "./wire.js";

/** A block, and what it must come to on the other side. */
export interface Block {
  bytes: Uint8Array<ArrayBuffer>;
  digest: Uint8Array;
}

/**
 * Browsers look whether a file is still what was chosen when they begin to read a part of it. That costs, so
 * a part has many blocks.
 */
const STRETCH = 16 * BLOCK;

/** Reads a file from some place on, block by block, one block ahead of who sends it. */
export class BlockReader {
  readonly #source: Blob;
  readonly #size: number;
  /** Where the next block begins. */
  #from: number;
  #stretch: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
  /** How far the stretch goes, and how much of the file has come. */
  #end: number;
  #come: number;
  /** Of what has come, the part that is in no block yet. */
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array();
  #ahead: Promise<Block>;

  /** @param size What was offered, bytes; more than `from`. */
  constructor(source: Blob, size: number, from: number) {
    this.#source = source;
    this.#size = size;
    this.#from = this.#end = this.#come = from;
    this.#ahead = this.#begin();
  }

  /** The next block, while there is one. Rejects when the file has changed or is gone. */
  async next(): Promise<Block> {
    const block = await this.#ahead;
    if (this.#from < this.#size) this.#ahead = this.#begin();
    return block;
  }

  /** Nothing more is wanted. */
  close(): void {
    this.#stretch?.cancel().catch(() => undefined);
  }

  #begin(): Promise<Block> {
    const block = this.#read();
    // Whoever asks for it hears of the fault; a transfer that ended before does not.
    block.catch(() => undefined);
    return block;
  }

  async #read(): Promise<Block> {
    const bytes = new Uint8Array(Math.min(BLOCK, this.#size - this.#from));
    for (let at = 0; at < bytes.length;) {
      if (this.#rest.length === 0) this.#rest = await this.#more();
      const part = this.#rest.subarray(0, bytes.length - at);
      bytes.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    this.#from += bytes.length;
    // It may have changed in the last stretch.
    if (this.#from === this.#size && this.#size > BLOCK) await this.#source.slice(0, 1).arrayBuffer();
    return { bytes, digest: await digestOf(bytes) };
  }

  async #more(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#come === this.#end) {
      this.#end = Math.min(this.#size, this.#come + STRETCH);
      this.#stretch = this.#source.slice(this.#come, this.#end).stream().getReader();
    }
    const { value } = (await this.#stretch?.read()) ?? {};
    if (!value) throw new Error("it became shorter");
    this.#come += value.length;
    return value;
  }
}
