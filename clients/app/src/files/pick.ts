import { safePath, type Entry } from "tandem-client";

/** What is offered: entries, and for each what is read; null for an empty folder. */
export interface Picked {
  entries: Entry[];
  sources: (File | null)[];
}

function picked(found: [path: string, file: File | null][]): Picked {
  const names = new Set<string>();
  const unique = (path: string): string => {
    let name = safePath(path);
    // Two files of one name, or names that differ in case alone, cannot lie side by side everywhere.
    for (let n = 2; names.has(name.toLowerCase()); n += 1)
      name = safePath(path).replace(/(\.[^./]*)?(\/?)$/, ` (${n})$1$2`);
    names.add(name.toLowerCase());
    return name;
  };
  return {
    entries: found.map(([path, file]) => ({
      path: unique(path),
      size: file?.size ?? 0,
      changed: file?.lastModified ?? 0,
    })),
    sources: found.map(([, file]) => file),
  };
}

/** From a field where files or a folder were chosen. */
export function fromInput(files: Iterable<File>): Picked {
  return picked([...files].map((file) => [file.webkitRelativePath || file.name, file]));
}

/** From what was dropped, folders with all that is in them. */
export async function fromDrop(data: DataTransfer): Promise<Picked> {
  // Entries must be taken before the first wait: the list is empty after that.
  const entries = [...data.items].flatMap((item) => (item.kind === "file" ? (item.webkitGetAsEntry() ?? []) : []));
  if (entries.length === 0) return fromInput(data.files);
  return picked((await Promise.all(entries.map((entry) => walk(entry, "")))).flat());
}

async function walk(entry: FileSystemEntry, above: string): Promise<[string, File | null][]> {
  const path = `${above}${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
    return [[path, file]];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inside: FileSystemEntry[] = [];
  // A reader gives a hundred at a time, and nothing at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) break;
    inside.push(...some);
  }
  if (inside.length === 0) return [[`${path}/`, null]];
  return (await Promise.all(inside.map((child) => walk(child, `${path}/`)))).flat();
}
