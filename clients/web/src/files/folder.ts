import { createStore, delMany, entries, get, set, type UseStore } from "idb-keyval";
import type { Offer, Sink, Spare } from "./receiver.js";
import { PrivateSink, transfers } from "./sinks.js";
import { BLOCK, type Entry } from "./wire.js";

/**
 * What a page that is loaded again knows: by offer, the folder that was chosen; by offer and path, the
 * name that the file has there.
 */
let store: UseStore | undefined;
const chosen = (): UseStore => (store ??= createStore("tandem-files", "folders"));
const keyOf = (id: string, path: string) => `${id}\n${path}`;

/** Not everywhere in the types of the language. */
type Permissions = Record<"queryPermission" | "requestPermission", (what: { mode: "readwrite" }) => Promise<string>>;

/**
 * A folder that the person has chosen. What is there already stays as it is: a name that is taken gets
 * a number. Files are put there when they are complete; until then they are in the browser's own
 * folder, where what came is kept when the page is closed. Small files, which come whole, are put
 * there at once.
 */
export class FolderSink implements Sink {
  readonly #id: string;
  readonly #root: FileSystemDirectoryHandle;
  readonly #names: Map<string, string>;
  readonly #parts: PrivateSink;
  readonly #small = new Map<string, Uint8Array<ArrayBuffer>>();

  private constructor(
    id: string,
    root: FileSystemDirectoryHandle,
    names: Map<string, string>,
    saving: (entry: Entry | null) => void,
  ) {
    [this.#id, this.#root, this.#names] = [id, root, names];
    this.#parts = new PrivateSink(async (entry, file) => {
      saving(entry);
      try {
        await this.#save(entry, file);
        await this.#parts.forget(id, entry);
      } finally {
        saving(null);
      }
    });
  }

  /**
   * Puts what is offered into a folder. If it is the one of an earlier attempt, that goes on.
   * @param saving is told which large file is being put there, and null afterwards.
   */
  static async into(
    root: FileSystemDirectoryHandle,
    { id }: Offer,
    saving: (entry: Entry | null) => void = () => undefined,
  ): Promise<FolderSink> {
    const before = await get<FileSystemDirectoryHandle>(id, chosen());
    if (!(await before?.isSameEntry(root))) await FolderSink.leave({ id });
    await set(id, root, chosen());
    return new FolderSink(id, root, await namesOf(id), saving);
  }

  /** Another place was chosen. */
  static async leave({ id }: Pick<Offer, "id">): Promise<void> {
    try {
      const names = [...(await namesOf(id)).keys()];
      await delMany([id, ...names.map((path) => keyOf(id, path))], chosen());
    } catch {
      // Where nothing can be kept, nothing was.
    }
  }

  /** The folder that was chosen for an offer before this page was loaded. */
  static async chosenFor({ id }: Offer): Promise<FileSystemDirectoryHandle | null> {
    return (await get<FileSystemDirectoryHandle>(id, chosen()).catch(() => undefined)) ?? null;
  }

  /** Whether files may be written there; to `ask` needs a click. */
  static async mayWrite(root: FileSystemDirectoryHandle, ask: boolean): Promise<boolean> {
    const permissions = root as unknown as Permissions;
    return (await permissions[ask ? "requestPermission" : "queryPermission"]({ mode: "readwrite" })) === "granted";
  }

  async has(id: string, entry: Entry): Promise<number> {
    if (entry.path.endsWith("/")) return 0;
    if (await this.#isSaved(entry)) return entry.size;
    return isSmall(entry) ? 0 : this.#parts.has(id, entry);
  }

  async write(id: string, entry: Entry, from: number, data: Uint8Array<ArrayBuffer>): Promise<Spare> {
    if (!isSmall(entry)) return this.#parts.write(id, entry, from, data);
    this.#small.set(entry.path, data);
    return undefined;
  }

  async finish(id: string, entry: Entry): Promise<void> {
    if (entry.path.endsWith("/")) {
      await this.#folder(entry.path.split("/").filter(Boolean), true);
    } else if (!(await this.#isSaved(entry))) {
      if (!isSmall(entry)) return this.#parts.finish(id, entry);
      const data = this.#small.get(entry.path) ?? new Uint8Array();
      this.#small.delete(entry.path);
      await this.#save(entry, new Blob([data]));
    }
  }

  async complete(id: string): Promise<void> {
    this.#parts.close();
    await FolderSink.leave({ id });
    await transfers()
      .then((all) => all.removeEntry(id, { recursive: true }))
      .catch(() => undefined);
  }

  close(): void {
    this.#parts.close();
  }

  /** The name is written down before it is taken: whoever comes back after a crash finds the file under it. */
  async #save(entry: Entry, content: Blob): Promise<void> {
    const begun = this.#names.get(entry.path);
    const path = begun && (await this.#sizeOf(begun)) === 0 ? begun : await this.#freePath(entry.path);
    await set(keyOf(this.#id, entry.path), path, chosen());
    this.#names.set(entry.path, path);
    const whole = await this.#file(path, true);
    await content.stream().pipeTo(await whole.createWritable());
  }

  /** A file shows its bytes when all are written. */
  async #isSaved(entry: Entry): Promise<boolean> {
    const path = this.#names.get(entry.path);
    return path !== undefined && (await this.#sizeOf(path)) === entry.size;
  }

  async #sizeOf(path: string): Promise<number | null> {
    const file = await this.#file(path, false).catch(() => null);
    return file && (await file.getFile()).size;
  }

  /** The path itself, or the first with a number that nobody has: `photo (2).jpg`. */
  async #freePath(path: string): Promise<string> {
    await this.#folder(path.split("/").slice(0, -1), true);
    const [, stem = path, ending = ""] = /^(.*?[^/])(\.[^./]+)?$/.exec(path) ?? [];
    for (let number = 1; ; number += 1) {
      const free = number === 1 ? path : `${stem} (${number})${ending}`;
      if (await this.#isFree(free)) return free;
    }
  }

  async #isFree(path: string): Promise<boolean> {
    try {
      await this.#file(path, false);
      return false;
    } catch (thrown) {
      const name = thrown instanceof DOMException ? thrown.name : "";
      // Else a folder has it.
      if (name !== "NotFoundError" && name !== "TypeMismatchError") throw thrown;
      return name === "NotFoundError";
    }
  }

  async #folder(parts: string[], create: boolean): Promise<FileSystemDirectoryHandle> {
    let folder = this.#root;
    for (const part of parts) folder = await folder.getDirectoryHandle(part, { create });
    return folder;
  }

  async #file(path: string, create: boolean): Promise<FileSystemFileHandle> {
    const parts = path.split("/");
    const name = parts.pop() ?? path;
    return (await this.#folder(parts, create)).getFileHandle(name, { create });
  }
}

/** It comes in one block. */
const isSmall = ({ size }: Entry) => size <= BLOCK;

/** The names that files of an offer have in its folder, by path. */
async function namesOf(id: string): Promise<Map<string, string>> {
  const start = keyOf(id, "");
  const all = (await entries<IDBValidKey, string>(chosen())).map(([key, name]) => [String(key), name] as const);
  return new Map(all.filter(([key]) => key.startsWith(start)).map(([key, name]) => [key.slice(start.length), name]));
}
