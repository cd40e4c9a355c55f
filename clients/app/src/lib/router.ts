import { useSyncExternalStore } from "react";
import type { DirectKind } from "tandem-client";

/** The pages an address can mean. */
export type Route =
  | { page: "start" }
  | { page: "meet"; room: string }
  | { page: "score"; match: string }
  | { page: "dashboard" }
  | { page: "notifications" }
  | { page: "files"; code: string }
  | { page: "doctor" }
  | { page: "unknown" };

/** Reads a path. Room names may hold anything, so they travel percent-encoded. */
export function routeOf(path: string): Route {
  if (path === "/" || path === "" || path === "/index.html") return { page: "start" };
  if (/^\/dashboard\/?$/.test(path)) return { page: "dashboard" };
  if (/^\/notifications\/?$/.test(path)) return { page: "notifications" };
  if (/^\/doctor\/?$/.test(path)) return { page: "doctor" };
  const files = /^\/files(?:\/([^/]+))?\/?$/.exec(path);
  if (files) return { page: "files", code: files[1] ? safeDecode(files[1]) : "" };
  const score = /^\/score(?:\/([a-z0-9-]+))?\/?$/.exec(path);
  if (score) return { page: "score", match: score[1] ?? "final" };
  const meet = /^\/meet\/([^/]+)\/?$/.exec(path);
  if (!meet?.[1]) return { page: "unknown" };
  try {
    return { page: "meet", room: decodeURIComponent(meet[1]) };
  } catch {
    return { page: "unknown" };
  }
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What a link to a room carries: the name, and a token where the node asks for one. */
export interface Invitation {
  room: string;
  token?: string;
  kind?: DirectKind;
}

/** The token travels behind the `#`, which browsers do not send: it stays out of every log. */
const TOKEN = "invitation";

export function meetPath({ room, token, kind }: Invitation): string {
  const path = `/meet/${encodeURIComponent(room)}${kind ? `?kind=${kind}` : ""}`;
  return token ? `${path}#${new URLSearchParams({ [TOKEN]: token })}` : path;
}

/** The token behind the `#` of an address, if there is one. */
export function tokenIn(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, "")).get(TOKEN) || undefined;
}

/** How people in a room reach each other, from the query of an address. */
export function kindIn(search: string): DirectKind | undefined {
  const kind = new URLSearchParams(search).get("kind");
  return kind === "p2p" || kind === "mesh" ? kind : undefined;
}

/** The link to send to others: the one that led here. */
export function invitationLink(room: string): string {
  const token = tokenIn(location.hash);
  const kind = kindIn(location.search);
  return new URL(meetPath({ room, ...(token ? { token } : {}), ...(kind ? { kind } : {}) }), location.origin).href;
}

export function navigate(path: string): void {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
  scrollTo(0, 0);
}

function subscribe(callback: () => void): () => void {
  addEventListener("popstate", callback);
  return () => removeEventListener("popstate", callback);
}

/** The current path; components that use it render again when it changes. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}
