import { useSyncExternalStore } from "react";

/** The pages an address can mean. */
export type Route = { page: "start" } | { page: "meet"; room: string } | { page: "unknown" };

/** Reads a path. Room names may hold anything, so they travel percent-encoded. */
export function routeOf(path: string): Route {
  if (path === "/" || path === "" || path === "/index.html") return { page: "start" };
  const meet = /^\/meet\/([^/]+)\/?$/.exec(path);
  if (!meet?.[1]) return { page: "unknown" };
  try {
    return { page: "meet", room: decodeURIComponent(meet[1]) };
  } catch {
    return { page: "unknown" };
  }
}

export function meetPath(room: string): string {
  return `/meet/${encodeURIComponent(room)}`;
}

/** The link to send to others. */
export function invitationLink(room: string): string {
  return new URL(meetPath(room), location.origin).href;
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
