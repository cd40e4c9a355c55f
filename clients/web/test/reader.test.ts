/// <reference types="node" />
import { openAsBlob } from "node:fs";
import { appendFile, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BlockReader } from "../src/files/reader.js";
import { BLOCK, digestOf } from "../src/files/wire.js";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "tandem-reader-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Longer than one stretch, and of no even number of blocks. */
const SIZE = 17 * BLOCK + 321;
const content = new Uint8Array(SIZE).map((_, at) => (at * 31) ^ (at >> 11));

async function file(name: string): Promise<{ path: string; blob: Blob }> {
  const path = join(folder, name);
  await writeFile(path, content);
  return { path, blob: await openAsBlob(path) };
}

describe("reading a file to send", () => {
  it.each([0, 3 * BLOCK, 17 * BLOCK])("gives every byte from %d on, with what it must come to", async (start) => {
    const { blob } = await file(`from-${start}`);
    const reader = new BlockReader(blob, SIZE, start);
    for (let from = start; from < SIZE; from += BLOCK) {
      const { bytes, digest } = await reader.next();
      const expected = content.slice(from, from + BLOCK);
      expect(Buffer.compare(bytes, expected)).toBe(0);
      expect(digest).toEqual(await digestOf(expected));
    }
    reader.close();
  });

  it("gives no block of a file that became shorter", async () => {
    const { path, blob } = await file("shorter");
    await truncate(path, BLOCK / 2);
    await expect(new BlockReader(blob, SIZE, 0).next()).rejects.toThrow();
    await expect(new BlockReader(new Blob([content.slice(0, BLOCK)]), BLOCK + 1, BLOCK).next()).rejects.toThrow();
  });

  it("does not give the last block of a file that changed while it was read", async () => {
    const { path, blob } = await file("changed");
    // In the last stretch, which was begun before.
    const reader = new BlockReader(blob, SIZE, SIZE - 5 * BLOCK);
    await reader.next();
    await appendFile(path, "more");
    const rest = async () => {
      for (let block = 1; block < 5; block += 1) await reader.next();
    };
    await expect(rest()).rejects.toThrow();
  });
});
