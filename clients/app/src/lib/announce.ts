import { useSyncExternalStore } from "react";

/** A short message that appears on screen for a while and is spoken by screen readers. */
export interface Notice {
  id: number;
  text: string;
  tone: "plain" | "warning";
}

const LIFETIME_MS = 5000;
let notices: readonly Notice[] = [];
let spoken = "";
let nextId = 1;
const listeners = new Set<() => void>();

function changed(): void {
  for (const listener of listeners) listener();
}

/** Says something to screen readers only. */
export function announce(text: string): void {
  // The same sentence twice in a row would be no change and so not be spoken.
  spoken = spoken === text ? `${text}\u00a0` : text;
  changed();
}

/** Shows and speaks a message. */
export function notify(text: string, tone: Notice["tone"] = "plain"): void {
  const notice: Notice = { id: nextId, text, tone };
  nextId += 1;
  // Two at most: they lie over people's pictures.
  notices = [...notices.slice(-1), notice];
  setTimeout(() => dismiss(notice.id), tone === "warning" ? LIFETIME_MS * 2 : LIFETIME_MS);
  announce(text);
}

export function dismiss(id: number): void {
  notices = notices.filter((notice) => notice.id !== id);
  changed();
}

function subscribe(callback: () => void): () => void {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

export const useNotices = (): readonly Notice[] => useSyncExternalStore(subscribe, () => notices);
export const useSpoken = (): string => useSyncExternalStore(subscribe, () => spoken);
