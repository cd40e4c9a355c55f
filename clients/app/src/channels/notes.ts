/** One notification. */
export interface Note {
  title: string;
  body: string;
  at: number;
}

/** A name as it is in the channel's name: short, lower case, nothing odd. */
export function tidyName(typed: string): string {
  return typed
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
}
