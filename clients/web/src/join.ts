import type { DirectKind } from "./direct/call.js";
import { httpError, nameOf, TandemError } from "./errors.js";

/** Whom to let into which room. */
export interface JoinRequest {
  room: string;
  /** The name the others see. */
  name: string;
  /** A token that somebody who may invite has made; needed where rooms are not open to everybody. */
  invitation?: string;
  /**
   * How people in the room reach each other; whoever makes the room decides. `p2p`: two people
   * directly, more through the node. `mesh`: up to four hear each other directly. Absent: through the node.
   */
  kind?: DirectKind;
}

/** The node's answer: an address, a token for it and what the token stands for. */
export interface Admission {
  url: string;
  token: string;
  room: string;
  identity: string;
  name: string;
  iceServers: RTCIceServer[];
}

/** How long a node may take to answer before we call it unreachable. */
const JOIN_TIMEOUT_MS = 10_000;

/** Asks the node at `base` for a token (`POST /v1/join`). */
export async function join(base: URL, request: JoinRequest, signal?: AbortSignal): Promise<Admission> {
  const deadline = AbortSignal.timeout(JOIN_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(new URL("/v1/join", base), {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(request),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (thrown) {
    if (signal?.aborted) throw new TandemError("aborted", "Joining was cancelled.", { cause: thrown });
    if (nameOf(thrown) === "TimeoutError") {
      throw new TandemError("timeout", "The server did not answer in time.", { cause: thrown });
    }
    throw new TandemError("unreachable", "The server cannot be reached.", { cause: thrown });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw httpError(response.status, sentenceOf(body));
  return admission(body, base);
}

/** Checks the answer field by field: a proxy's login page must not become a token. */
function admission(body: unknown, base: URL): Admission {
  const fields = isRecord(body) ? body : {};
  const token = fields["token"];
  if (typeof token !== "string" || token === "") {
    throw new TandemError("bad_answer", "The server's answer holds no token.");
  }
  const text = (key: string, fallback: string) => {
    const value = fields[key];
    return typeof value === "string" && value !== "" ? value : fallback;
  };
  return {
    token,
    url: secured(text("url", socketAddress(base)), base),
    room: text("room", ""),
    identity: text("identity", ""),
    name: text("name", ""),
    iceServers: iceServers(fields["ice_servers"]),
  };
}

function iceServers(value: unknown): RTCIceServer[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).flatMap((entry) => {
    const urls = entry["urls"];
    const good = typeof urls === "string" || (Array.isArray(urls) && urls.every((url) => typeof url === "string"));
    if (!good) return [];
    const server: RTCIceServer = { urls: urls as string | string[] };
    if (typeof entry["username"] === "string") server.username = entry["username"];
    if (typeof entry["credential"] === "string") server.credential = entry["credential"];
    return [server];
  });
}

/**
 * Pages that came over https may not open unencrypted sockets at all. A node behind a proxy that
 * does not say so cannot know that it is reached over https; we do.
 */
function secured(url: string, base: URL): string {
  return base.protocol === "https:" ? url.replace(/^ws:/, "wss:") : url;
}

/** `http://host` as `ws://host`, `https://host` as `wss://host`. */
export function socketAddress(base: URL): string {
  const copy = new URL(base);
  copy.protocol = copy.protocol.replace("http", "ws");
  return copy.origin === "null" ? copy.href.replace(/\/$/, "") : copy.origin;
}

/** The sentence for people in an error body, wherever the server put it. */
function sentenceOf(body: unknown): string | undefined {
  if (!isRecord(body)) return undefined;
  const error = body["error"];
  const inner = isRecord(error) ? error["message"] : error;
  const found = body["message"] ?? body["msg"] ?? inner;
  return typeof found === "string" && found !== "" ? found : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
