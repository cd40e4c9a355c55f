import { createStore, del, get, set } from "idb-keyval";
import type { Offer, Sink } from "./receiver.js";
import { folderOf, nameOf, PrivateSink, transfers } from "./sinks.js";
import type { Entry } from "./wire.js";

/** Which folders were chosen, by offer: a page that is loaded again knows them. */
const chosen = () => createStore("tandem-files", "folders");

/** Not everywhere in the types of the language. */
type Permissions = Record<"queryPermission" | "requestPermission", (what: { mode: "readwrite" }) => Promise<string>>;

/**
 * A folder that the person has chosen. What is there already stays as it is: a name that is taken gets
 * a number. Files are put there when they are complete; until then they are in the browser's own
 * folder, where what came is kept when the page is closed.
 */
export class FolderSink implements Sink {
  readonly #root: FileSystemDirectoryHandle;
  readonly #parts: PrivateSink;

  /** @param saving is told which file is being put into the folder, and null afterwards. */
  private constructor(id: string, root: FileSystemDirectoryHandle, saving: (entry: Entry | null) => void) {
    this.#root = root;
    this.#parts = new PrivateSink(async (entry, file) => {
      saving(entry);
      try {
        await this.#save(id, entry, file);
      } finally {
        saving(null);
      }
    });
  }

  /** Puts what is offered into a folder. If it is the one of an earlier attempt, that goes on. */
  static async into(
    root: FileSystemDirectoryHandle,
    { id }: Offer,
    saving: (entry: Entry | null) => void = () => undefined,
  ): Promise<FolderSink> {
    const before = await get<FileSystemDirectoryHandle>(id, chosen());
    if (!(await before?.isSameEntry(root))) await forgetNames(id);
    await set(id, root, chosen());
    return new FolderSink(id, root, saving);
  }

  /** Another place was chosen. */
  static async leave({ id }: Pick<Offer, "id">): Promise<void> {
    await del(id, chosen()).catch(() => undefined);
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
    return (await this.#isSaved(id, entry)) ? entry.size : this.#parts.has(id, entry);
  }

  async write(id: string, entry: Entry, from: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#parts.write(id, entry, from, data);
  }

  async finish(id: string, entry: Entry): Promise<void> {
    if (entry.path.endsWith("/")) await this.#folder(entry.path.split("/").filter(Boolean), true);
    else if (!(await this.#isSaved(id, entry))) await this.#parts.finish(id, entry);
  }

  async complete(id: string): Promise<void> {
    this.#parts.close();
    await FolderSink.leave({ id });
    await (await transfers()).removeEntry(id, { recursive: true }).catch(() => undefined);
  }

  close(): void {
    this.#parts.close();
  }

  /** The name is written down before it is taken: whoever comes back after a crash finds the file under it. */
  async #save(id: string, entry: Entry, file: File): Promise<void> {
    const path = (await this.#unfinished(id, entry)) ?? (await this.#freePath(entry.path));
    await writeName(id, entry, path);
    const whole = await this.#file(path, true);
    await file.stream().pipeTo(await whole.createWritable());
    await this.#parts.forget(id, entry);
  }

  /** A file shows its bytes when all are written. */
  async #isSaved(id: string, entry: Entry): Promise<boolean> {
    const path = await readName(id, entry);
    return path !== null && (await this.#sizeOf(path)) === entry.size;
  }

  /** The name that was taken by an attempt that came no further. */
  async #unfinished(id: string, entry: Entry): Promise<string | null> {
    const path = await readName(id, entry);
    return path !== null && (await this.#sizeOf(path)) === 0 ? path : null;
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

/** Names in the chosen folder are kept beside the parts. */
const NAME = ".name";

async function writeName(id: string, entry: Entry, path: string): Promise<void> {
  const file = await (await folderOf(id)).getFileHandle((await nameOf(entry)) + NAME, { create: true });
  const writable = await file.createWritable();
  await writable.write(path);
  await writable.close();
}

async function readName(id: string, entry: Entry): Promise<string | null> {
  const file = await (await folderOf(id)).getFileHandle((await nameOf(entry)) + NAME).catch(() => null);
  return file && ((await (await file.getFile()).text()) || null);
}

async function forgetNames(id: string): Promise<void> {
  const folder = await folderOf(id);
  const names: string[] = [];
  for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys())
    if (name.endsWith(NAME)) names.push(name);
  for (const name of names) await folder.removeEntry(name);
}
