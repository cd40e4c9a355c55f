import { TandemError } from "../errors.js";

/** The version both sides speak; docs/doors/files.md describes it. */
export const VERSION = 1;
/** Files are checked and acknowledged in blocks of this many bytes. */
export const BLOCK = 1024 * 1024;
/** Bytes under way that the receiver has not acknowledged. */
export const WINDOW = 8 * BLOCK;
/** Entries of an offer, and bytes of a path. */
export const ENTRIES = 10_000;
const PATH_BYTES = 1024;

/** One file or empty folder of an offer. */
export interface Entry {
  /** With `/` between folders; an empty folder ends in `/`. */
  path: string;
  size: number;
  /** When it was changed, milliseconds since 1970. */
  changed: number;
}

/** What the two sides tell each other beside the data, as JSON texts. */
export type Control =
  /** `lanes`: the most connections side by side. */
  | { type: "hello"; version: number; direct: boolean; lanes?: number }
  /** Of one lane; which lanes the sender of the files uses; or that there is no direct way. */
  | {
      type: "direct";
      lane?: number;
      description?: RTCSessionDescriptionInit;
      candidate?: RTCIceCandidateInit;
      use?: number[];
      failed?: true;
    }
  | { type: "offer"; id: string; entries: Entry[] }
  /** From which byte of each entry; -1 leaves it out. */
  | { type: "accept"; from: number[] }
  | { type: "decline" }
  /** So many bytes of the entry are checked and kept. */
  | { type: "kept"; entry: number; bytes: number }
  /** The block that begins there came damaged. */
  | { type: "again"; entry: number; from: number }
  | { type: "pause" }
  | { type: "resume" }
  | { type: "cancel"; reason: string }
  | { type: "complete" }
  | { type: "alive" };

/** Data of a file, or the end of a block with what it must come to. */
export type Frame =
  | { kind: "data"; entry: number; from: number; data: Uint8Array<ArrayBuffer> }
  | { kind: "block"; entry: number; from: number; digest: Uint8Array };

const DATA = 1;
const END = 2;
/** Kind, entry (4 bytes) and place (8 bytes), big-endian. */
export const HEADER = 13;

function frame(kind: number, entry: number, from: number, rest: Uint8Array, into: Uint8Array<ArrayBuffer>) {
  const bytes = into.subarray(0, HEADER + rest.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint8(0, kind);
  view.setUint32(1, entry);
  view.setBigUint64(5, BigInt(from));
  bytes.set(rest, HEADER);
  return bytes;
}

/** @param into Memory that the frame fits into, and is of. */
export function dataFrame(
  entry: number,
  from: number,
  data: Uint8Array,
  into = new Uint8Array(HEADER + data.length),
): Uint8Array<ArrayBuffer> {
  return frame(DATA, entry, from, data, into);
}

export function blockFrame(entry: number, from: number, digest: Uint8Array): Uint8Array<ArrayBuffer> {
  return frame(END, entry, from, digest, new Uint8Array(HEADER + digest.length));
}

export function readFrame(bytes: Uint8Array<ArrayBuffer>): Frame {
  if (bytes.length < HEADER) throw nonsense();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entry = view.getUint32(1);
  const from = Number(view.getBigUint64(5));
  const rest = bytes.subarray(HEADER);
  if (view.getUint8(0) === DATA && rest.length > 0 && rest.length <= BLOCK)
    return { kind: "data", entry, from, data: rest };
  if (view.getUint8(0) === END && rest.length === 32) return { kind: "block", entry, from, digest: rest };
  throw nonsense();
}

export function readControl(text: string): Control {
  try {
    const message = JSON.parse(text) as Partial<Control> | null;
    if (typeof message?.type === "string") return message as Control;
  } catch {
    // Said below.
  }
  throw nonsense();
}

export const nonsense = () =>
  new TandemError("bad_answer", "The other side does not speak this version of file transfer.");

/** Names that mean a device on Windows. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Whether a path from elsewhere is safe to write below a folder, on any system. */
export function isSafePath(path: string): boolean {
  if (path === "" || new TextEncoder().encode(path).length > PATH_BYTES) return false;
  const parts = path.replace(/\/$/, "").split("/");
  return parts.every(
    // eslint-disable-next-line no-control-regex
    (part) =>
      part !== "" &&
      part !== "." &&
      part !== ".." &&
      !/[\u0000-\u001f\u007f\\:*?"<>|]/.test(part) &&
      !/[. ]$/.test(part) &&
      !DEVICES.test(part),
  );
}

/** A name that {@link isSafePath} accepts, for what a person offers. */
export function safePath(path: string): string {
  const clean = (part: string) =>
    part
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u001f\u007f\\:*?"<>|]/g, "_")
      .replace(/[. ]+$/, "_")
      .replace(DEVICES, "_$1$2") || "_";
  const folder = path.endsWith("/") ? "/" : "";
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const cleaned = parts.map((part) => (part === ".." ? "__" : clean(part)));
  return (cleaned.join("/") || "file") + folder;
}

/** Checks an offer of somebody unknown. */
export function checkEntries(entries: unknown): Entry[] {
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > ENTRIES) throw nonsense();
  const seen = new Set<string>();
  let total = 0;
  return entries.map((entry: Partial<Entry> | null) => {
    const { path, size, changed } = entry ?? {};
    const good = typeof path === "string" && isSafePath(path) && Number.isSafeInteger(size) && Number(size) >= 0;
    total += Number(size);
    if (!good || seen.has(path.toLowerCase()) || !Number.isSafeInteger(total)) throw nonsense();
    seen.add(path.toLowerCase());
    return { path, size: Number(size), changed: Number(changed) || 0 };
  });
}

/** SHA-256 of a text, in hexadecimal digits. */
export async function hex(text: string): Promise<string> {
  const digest = await digestOf(new TextEncoder().encode(text));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function digestOf(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}
