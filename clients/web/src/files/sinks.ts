import type { DiskAnswer, DiskAsk } from "./disk-worker.js";
import type { Sink } from "./receiver.js";
import { hex, type Entry } from "./wire.js";

/** What earlier transfers left behind may go on, or be saved, for so long. */
const KEPT_MS = 24 * 3_600_000;

/** A folder of the browser's own, on the disk; files are handed out of it when they are complete. */
export class PrivateSink implements Sink {
  readonly #done: (entry: Entry, file: File) => void;
  readonly #disk = new Worker(new URL("./disk-worker.js", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, [(size: number) => void, (error: Error) => void]>();
  #number = 0;
  #isClosed = false;

  /** @param done is given each file when it is complete; it is read from the disk, not from memory. */
  constructor(done: (entry: Entry, file: File) => void) {
    this.#done = done;
    this.#disk.addEventListener("message", ({ data }: MessageEvent<DiskAnswer>) => {
      const [resolve, reject] = this.#waiting.get(data.number) ?? [];
      this.#waiting.delete(data.number);
      if ("size" in data) resolve?.(data.size);
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
    return entry.path.endsWith("/") ? 0 : this.#ask(id, entry, { what: "size" });
  }

  async write(id: string, entry: Entry, from: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#ask(id, entry, { what: "write", from, data });
  }

  async finish(id: string, entry: Entry): Promise<void> {
    if (entry.path.endsWith("/")) return;
    await this.#ask(id, entry, { what: "finish" });
    const folder = await (await transfers()).getDirectoryHandle(id);
    const file = await (await folder.getFileHandle(await nameOf(entry))).getFile();
    if (file.size !== entry.size) throw new DOMException("Somebody else wrote it.", "InvalidStateError");
    this.#done(entry, file);
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

  async #ask(folder: string, entry: Entry, what: Asked): Promise<number> {
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

type Asked = { what: "size" } | { what: "write"; from: number; data: Uint8Array<ArrayBuffer> } | { what: "finish" };

/** One folder for all: paths become names, and no two the same, however long they are. */
const nameOf = ({ path }: Entry) => hex(path);

const valuesOf = (folder: FileSystemDirectoryHandle) =>
  (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values();

async function transfers(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle("tandem-transfers", { create: true });
}

/** A folder that the person has chosen. What is there already stays as it is. */
export class FolderSink implements Sink {
  readonly #root: FileSystemDirectoryHandle;
  /** What is written shows in the folder when the file is closed; that copies it, so it is done once. */
  readonly #open = new Map<string, { writable: FileSystemWritableFileStream; bytes: number }>();
  readonly #finished = new Set<string>();

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async has(id: string, entry: Entry): Promise<number> {
    if (entry.path.endsWith("/")) return 0;
    if (this.#finished.has(entry.path)) return entry.size;
    const open = this.#open.get(entry.path);
    if (open) return open.bytes;
    const file = await (await this.#handle(partOf(id, entry), false).catch(() => null))?.getFile();
    return file?.size ?? 0;
  }

  async write(id: string, entry: Entry, from: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    let open = this.#open.get(entry.path);
    if (!open) {
      const part = await this.#handle(partOf(id, entry), true);
      open = { writable: await part.createWritable({ keepExistingData: true }), bytes: from };
      this.#open.set(entry.path, open);
    }
    await open.writable.write({ type: "write", position: from, data });
    open.bytes = from + data.length;
  }

  async finish(id: string, entry: Entry): Promise<void> {
    if (this.#finished.has(entry.path)) return;
    if (entry.path.endsWith("/")) {
      await this.#folder(entry.path.split("/").filter(Boolean), true);
      return;
    }
    await this.#open.get(entry.path)?.writable.close();
    this.#open.delete(entry.path);
    await this.#name(await this.#handle(partOf(id, entry), true), partOf(id, entry), await this.#freePath(entry.path));
    this.#finished.add(entry.path);
  }

  close(): void {
    // What was written of files that are not complete shows as parts, and another attempt goes on there.
    for (const { writable } of this.#open.values()) writable.close().catch(() => undefined);
    this.#open.clear();
  }

  async #name(part: FileSystemFileHandle, partPath: string, path: string): Promise<void> {
    const name = path.split("/").at(-1) ?? path;
    if ("move" in part) return (part as FileSystemFileHandle & { move(name: string): Promise<void> }).move(name);
    // Where files cannot be renamed, they are copied.
    const whole = await this.#handle(path, true);
    await (await (part as FileSystemFileHandle).getFile()).stream().pipeTo(await whole.createWritable());
    const parts = partPath.split("/");
    await (await this.#folder(parts.slice(0, -1), false)).removeEntry(parts.at(-1) ?? partPath);
  }

  /** The path itself, or the first with a number that nobody has: `photo (2).jpg`. */
  async #freePath(path: string): Promise<string> {
    const [, stem = path, ending = ""] = /^(.*?[^/])(\.[^./]+)?$/.exec(path) ?? [];
    for (let number = 1; ; number += 1) {
      const free = number === 1 ? path : `${stem} (${number})${ending}`;
      try {
        await this.#handle(free, false);
      } catch (thrown) {
        if (thrown instanceof DOMException && thrown.name === "NotFoundError") return free;
        // A folder of that name is there.
        if (!(thrown instanceof DOMException) || thrown.name !== "TypeMismatchError") throw thrown;
      }
    }
  }

  async #folder(parts: string[], create: boolean): Promise<FileSystemDirectoryHandle> {
    let folder = this.#root;
    for (const part of parts) folder = await folder.getDirectoryHandle(part, { create });
    return folder;
  }

  async #handle(path: string, create: boolean): Promise<FileSystemFileHandle> {
    const parts = path.split("/");
    const name = parts.pop() ?? path;
    return (await this.#folder(parts, create)).getFileHandle(name, { create });
  }
}

/** Parts belong to one offer: what another one left is not taken for it. */
const partOf = (id: string, { path }: Entry) => `${path}.${id.replace(/\W/g, "").slice(0, 8)}.part`;

/** In memory, for small things and for browsers without a disk of their own. */
export class MemorySink implements Sink {
  readonly #parts = new Map<string, Uint8Array<ArrayBuffer>[]>();
  readonly #done: (entry: Entry, file: File) => void;

  constructor(done: (entry: Entry, file: File) => void) {
    this.#done = done;
  }

  async has(_: string, entry: Entry): Promise<number> {
    return (this.#parts.get(entry.path) ?? []).reduce((sum, part) => sum + part.length, 0);
  }

  async write(_: string, entry: Entry, __: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#parts.set(entry.path, [...(this.#parts.get(entry.path) ?? []), data]);
  }

  async finish(_: string, entry: Entry): Promise<void> {
    if (entry.path.endsWith("/")) return;
    const name = entry.path.split("/").at(-1) ?? entry.path;
    this.#done(entry, new File(this.#parts.get(entry.path) ?? [], name, { lastModified: entry.changed }));
  }
}
