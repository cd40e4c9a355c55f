import type { DiskAnswer, DiskAsk } from "./disk-worker.js";
import type { Sink } from "./receiver.js";
import type { Entry } from "./wire.js";

/** A folder of the browser's own, on the disk; files are handed out of it when they are complete. */
export class PrivateSink implements Sink {
  readonly #done: (entry: Entry, file: File) => void;
  readonly #disk = new Worker(new URL("./disk-worker.js", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, [(size: number) => void, (error: Error) => void]>();
  #number = 0;

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
    this.#done(entry, await (await folder.getFileHandle(nameOf(entry))).getFile());
  }

  /** Removes what earlier transfers left behind, but for one. */
  static async clean(keep?: string): Promise<void> {
    const folder = await transfers();
    for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) {
      if (name !== keep) await folder.removeEntry(name, { recursive: true }).catch(() => undefined);
    }
  }

  #ask(folder: string, entry: Entry, what: Asked): Promise<number> {
    this.#number += 1;
    const ask = { number: this.#number, folder, name: nameOf(entry), ...what } as DiskAsk;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ask.number, [resolve, reject]);
      this.#disk.postMessage(ask, ask.what === "write" ? [ask.data.buffer] : []);
    });
  }
}

type Asked = { what: "size" } | { what: "write"; from: number; data: Uint8Array<ArrayBuffer> } | { what: "finish" };

/** One folder for all: paths become names. */
const nameOf = ({ path }: Entry) => encodeURIComponent(path).slice(-200);

async function transfers(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle("tandem-transfers", { create: true });
}

/** A folder that the person has chosen. */
export class FolderSink implements Sink {
  readonly #root: FileSystemDirectoryHandle;
  /** What is written shows in the folder when the file is closed; that copies it, so it is done once. */
  readonly #open = new Map<string, FileSystemWritableFileStream>();

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  async has(_: string, entry: Entry): Promise<number> {
    if (entry.path.endsWith("/")) return 0;
    const file = await (await this.#handle(`${entry.path}.part`, false).catch(() => null))?.getFile();
    return file?.size ?? 0;
  }

  async write(_: string, entry: Entry, from: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    let writable = this.#open.get(entry.path);
    if (!writable) {
      writable = await (await this.#handle(`${entry.path}.part`, true)).createWritable({ keepExistingData: true });
      this.#open.set(entry.path, writable);
    }
    await writable.write({ type: "write", position: from, data });
  }

  async finish(_: string, entry: Entry): Promise<void> {
    if (entry.path.endsWith("/")) {
      await this.#folder(entry.path.split("/").filter(Boolean), true);
      return;
    }
    await this.#open.get(entry.path)?.close();
    this.#open.delete(entry.path);
    const part = await this.#handle(`${entry.path}.part`, true);
    const name = entry.path.split("/").at(-1) ?? entry.path;
    if ("move" in part) return (part as FileSystemFileHandle & { move(name: string): Promise<void> }).move(name);
    // Where files cannot be renamed, they are copied.
    const whole = await this.#handle(entry.path, true);
    await (await (part as FileSystemFileHandle).getFile()).stream().pipeTo(await whole.createWritable());
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
