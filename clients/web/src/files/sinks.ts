import type { DiskAnswer, DiskAsk } from "./disk-worker.js";
import type { Sink, Spare } from "./receiver.js";
import { hex, type Entry } from "./wire.js";

/** What earlier transfers left behind may go on, or be saved, for so long. */
const KEPT_MS = 24 * 3_600_000;

/** A folder of the browser's own, on the disk; files are handed out of it when they are complete. */
export class PrivateSink implements Sink {
  readonly #done: Done;
  /** Complete entries that were given out; a connection that is made again asks for them once more. */
  readonly #given = new Set<string>();
  readonly #written = new Set<string>();
  readonly #disk = new Worker(new URL("./disk-worker.js", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, [(answer: Written) => void, (error: Error) => void]>();
  #number = 0;
  #isClosed = false;

  /** @param done is given each file when it is complete; it is read from the disk, not from memory. */
  constructor(done: Done) {
    this.#done = done;
    this.#disk.addEventListener("message", ({ data }: MessageEvent<DiskAnswer>) => {
      const [resolve, reject] = this.#waiting.get(data.number) ?? [];
      this.#waiting.delete(data.number);
      if ("size" in data) resolve?.(data);
      else reject?.(new DOMException(data.error, data.error));
    });
  }

  /** Whether there is such a folder; a private window may have none. */
  static async isUsable(): Promise<boolean> {
    return (
      PrivateSink.isSupported() &&
      (await transfers().then(
        () => true,
        () => false,
      ))
    );
  }

  static isSupported(): boolean {
    return "storage" in navigator && "getDirectory" in navigator.storage && "FileSystemFileHandle" in globalThis
      ? "createSyncAccessHandle" in FileSystemFileHandle.prototype || "createWritable" in FileSystemFileHandle.prototype
      : false;
  }

  async has(id: string, entry: Entry): Promise<number> {
    return entry.path.endsWith("/") ? 0 : (await this.#ask(id, entry, { what: "size" })).size;
  }

  async write(id: string, entry: Entry, from: number, data: Uint8Array<ArrayBuffer>): Promise<Spare> {
    this.#written.add(entry.path);
    return (await this.#ask(id, entry, { what: "write", from, data })).data;
  }

  async finish(id: string, entry: Entry): Promise<void> {
    if (entry.path.endsWith("/") || this.#given.has(entry.path)) return;
    await this.#ask(id, entry, { what: "finish" });
    const folder = await folderOf(id);
    const file = await (await folder.getFileHandle(await nameOf(entry))).getFile();
    if (file.size !== entry.size) throw new DOMException("Somebody else wrote it.", "InvalidStateError");
    this.#given.add(entry.path);
    try {
      await this.#done(entry, file, entry.size === 0 || this.#written.has(entry.path));
    } catch (thrown) {
      this.#given.delete(entry.path);
      throw thrown;
    }
  }

  /** A file is somewhere else now; if it is lost there, it may come anew. */
  async forget(id: string, entry: Entry): Promise<void> {
    this.#given.delete(entry.path);
    await (await folderOf(id)).removeEntry(await nameOf(entry)).catch(() => undefined);
  }

  /** Another page may have the files from now on. */
  close(): void {
    this.#isClosed = true;
    this.#disk.terminate();
    for (const [, fail] of this.#waiting.values()) fail(new DOMException("The transfer is over.", "AbortError"));
    this.#waiting.clear();
  }

  /** Removes what transfers of other days left behind. What a page has open stays. */
  static async clean(now = Date.now()): Promise<void> {
    const all = await transfers();
    for await (const folder of valuesOf(all)) {
      let newest = 0;
      for await (const file of valuesOf(folder as FileSystemDirectoryHandle))
        newest = Math.max(newest, (await (file as FileSystemFileHandle).getFile()).lastModified);
      if (now - newest > KEPT_MS) await all.removeEntry(folder.name, { recursive: true }).catch(() => undefined);
    }
  }

  async #ask(folder: string, entry: Entry, what: Asked): Promise<Written> {
    const name = await nameOf(entry);
    if (this.#isClosed) throw new DOMException("The transfer is over.", "AbortError");
    this.#number += 1;
    const ask = { number: this.#number, folder, name, ...what } as DiskAsk;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ask.number, [resolve, reject]);
      this.#disk.postMessage(ask, ask.what === "write" ? [ask.data.buffer] : []);
    });
  }
}

type Written = Extract<DiskAnswer, { size: number }>;
type Asked = { what: "size" } | { what: "write"; from: number; data: Uint8Array<ArrayBuffer> } | { what: "finish" };

/** Is given a complete file, and may take its time. Not `isNew`: it was complete before this page was loaded. */
type Done = (entry: Entry, file: File, isNew: boolean) => unknown;

/** One folder for all: paths become names, and no two the same, however long they are. */
const nameOf = ({ path }: Entry): Promise<string> => hex(path);

const valuesOf = (folder: FileSystemDirectoryHandle) =>
  (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values();

/** Where an offer's files are until they are complete. */
const folderOf = async (id: string): Promise<FileSystemDirectoryHandle> =>
  (await transfers()).getDirectoryHandle(id, { create: true });

export async function transfers(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle("tandem-transfers", { create: true });
}

/** In memory, for small things and for browsers without a disk of their own. */
export class MemorySink implements Sink {
  readonly #parts = new Map<string, Uint8Array<ArrayBuffer>[]>();
  readonly #given = new Set<string>();
  readonly #done: Done;

  constructor(done: Done) {
    this.#done = done;
  }

  async has(_: string, entry: Entry): Promise<number> {
    return (this.#parts.get(entry.path) ?? []).reduce((sum, part) => sum + part.length, 0);
  }

  async write(_: string, entry: Entry, __: number, data: Uint8Array<ArrayBuffer>): Promise<Spare> {
    this.#parts.set(entry.path, [...(this.#parts.get(entry.path) ?? []), data]);
    return undefined;
  }

  async finish(_: string, entry: Entry): Promise<void> {
    if (entry.path.endsWith("/") || this.#given.has(entry.path)) return;
    this.#given.add(entry.path);
    const name = entry.path.split("/").at(-1) ?? entry.path;
    await this.#done(entry, new File(this.#parts.get(entry.path) ?? [], name, { lastModified: entry.changed }), true);
  }
}
