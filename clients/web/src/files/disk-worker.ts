/**
 * Writes files of the browser's own file system in place, which only workers may. A page that writes
 * there has the whole file copied each time it wants to know that something is kept.
 */

/** As much of a file as this worker uses. */
interface Handle {
  getSize(): number;
  write(data: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}

export type DiskAsk = { number: number; folder: string; name: string } & (
  { what: "size" } | { what: "write"; from: number; data: Uint8Array<ArrayBuffer> } | { what: "finish" }
);
/** What was written comes back: its memory is good for another block. */
export type DiskAnswer =
  { number: number; size: number; data?: Uint8Array<ArrayBuffer> | undefined } | { number: number; error: string };

/** A page that was just closed may hold a file for a moment. */
const TRIES = 30;
const AGAIN_MS = 100;
const open = new Map<string, Handle>();

async function find(folder: string, name: string, create: boolean): Promise<FileSystemFileHandle> {
  const root = await navigator.storage.getDirectory();
  const transfers = await root.getDirectoryHandle("tandem-transfers", { create: true });
  const directory = await transfers.getDirectoryHandle(folder, { create: true });
  return directory.getFileHandle(name, { create });
}

async function handle(folder: string, name: string): Promise<Handle> {
  const known = open.get(name);
  if (known) return known;
  const file = (await find(folder, name, true)) as unknown as { createSyncAccessHandle(): Promise<Handle> };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const opened = await file.createSyncAccessHandle();
      open.set(name, opened);
      return opened;
    } catch (thrown) {
      if (attempt === TRIES) throw thrown;
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }
}

/** Nothing is opened for that: an offer may have thousands of files. */
async function sizeOf({ folder, name }: DiskAsk): Promise<number> {
  const known = open.get(name);
  if (known) return known.getSize();
  const file = await find(folder, name, false).catch(() => null);
  return file ? (await file.getFile()).size : 0;
}

async function answer(ask: DiskAsk): Promise<number> {
  if (ask.what === "size") return sizeOf(ask);
  const file = await handle(ask.folder, ask.name);
  if (ask.what === "write") {
    const written = file.write(ask.data, { at: ask.from });
    if (written < ask.data.length) throw new DOMException("The disk is full.", "QuotaExceededError");
    return ask.from + written;
  }
  file.flush();
  const size = file.getSize();
  file.close();
  open.delete(ask.name);
  return size;
}

// One after the other: files are opened once.
let work: Promise<void> = Promise.resolve();
addEventListener("message", ({ data: ask }: MessageEvent<DiskAsk>) => {
  work = work.then(async () => {
    try {
      const size = await answer(ask);
      const data = ask.what === "write" ? ask.data : undefined;
      postMessage({ number: ask.number, size, data } satisfies DiskAnswer, { transfer: data ? [data.buffer] : [] });
    } catch (thrown) {
      const error = thrown instanceof DOMException ? thrown.name : "Error";
      postMessage({ number: ask.number, error } satisfies DiskAnswer);
    }
  });
});
