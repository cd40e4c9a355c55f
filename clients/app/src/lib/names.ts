import { kindIn, tokenIn, type Invitation } from "./router";

const FIRST = [
  "amber",
  "brisk",
  "calm",
  "copper",
  "early",
  "fern",
  "gentle",
  "golden",
  "hazel",
  "ivory",
  "jolly",
  "kind",
  "lively",
  "maple",
  "mellow",
  "misty",
  "noble",
  "olive",
  "plucky",
  "quiet",
  "rapid",
  "silver",
  "sunny",
  "tidy",
];
const SECOND = [
  "anchor",
  "badger",
  "bridge",
  "brook",
  "canyon",
  "comet",
  "falcon",
  "forest",
  "garden",
  "harbor",
  "island",
  "lantern",
  "meadow",
  "otter",
  "pebble",
  "pine",
  "river",
  "saddle",
  "sparrow",
  "summit",
  "tandem",
  "trail",
  "willow",
  "wren",
];
// No letters or digits that look alike: the name may be read out on the telephone.
const TAIL = "23456789abcdefghjkmnpqrstuvwxyz";

/**
 * A name that is easy to say and hard to guess: whoever knows the name of an open room can enter
 * it, so two words alone would be too few.
 */
export function friendlyRoomName(): string {
  const random = crypto.getRandomValues(new Uint32Array(7));
  const pick = (list: readonly string[] | string, index: number) => list[(random[index] ?? 0) % list.length] ?? "";
  const tail = [2, 3, 4, 5, 6].map((index) => pick(TAIL, index)).join("");
  return `${pick(FIRST, 0)}-${pick(SECOND, 1)}-${tail}`;
}

/** What a person typed, as a room name that looks the same in a link. */
export function tidyRoomName(typed: string): string {
  return typed
    .trim()
    .toLowerCase()
    .replace(/\s+/g, "-")
    .replace(/[/?#%\\\p{Cc}]/gu, "")
    .replace(/^\.+$/, "")
    .slice(0, 100);
}

/** What an invitation means, be it a whole link, a path or only the name; null if it is none of them. */
export function readInvitation(typed: string): Invitation | null {
  const text = typed.trim();
  if (text === "") return null;
  const path = /\/meet\/([^/?#\s]+)/.exec(text)?.[1];
  if (path) {
    try {
      const token = tokenIn(/#.*/.exec(text)?.[0] ?? "");
      const kind = kindIn(/\?[^#\s]*/.exec(text)?.[0] ?? "");
      return { room: decodeURIComponent(path), ...(token ? { token } : {}), ...(kind ? { kind } : {}) };
    } catch {
      return null;
    }
  }
  // Any other address leads somewhere else.
  if (/[/\\]|:\/\//.test(text)) return null;
  const room = tidyRoomName(text);
  return room ? { room } : null;
}

/** One or two letters for the round picture of somebody without a camera. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return (
    letters
      .map((word) => [...(word ?? "?")][0] ?? "")
      .join("")
      .toUpperCase() || "?"
  );
}

/** A hue that stays with a person, from 0 to 359. */
export function hueOf(identity: string): number {
  let hash = 0;
  for (const letter of identity) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}
