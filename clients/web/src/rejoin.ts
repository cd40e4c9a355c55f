import { TandemError } from "./errors.js";

/** LiveKit's numbers for why a session ended, as far as they change what we do. */
const REASON = {
  duplicateIdentity: 2,
  serverShutdown: 3,
  participantRemoved: 4,
  roomDeleted: 5,
  roomClosed: 10,
} as const;

/** What a disconnection means. `retryable` errors start a rejoin, the others end the session. */
export function disconnectError(reason: number | undefined): TandemError {
  switch (reason) {
    case REASON.duplicateIdentity:
      return new TandemError("replaced", "You joined this room from another window or device.");
    case REASON.participantRemoved:
      return new TandemError("removed", "Somebody removed you from this room.");
    case REASON.roomDeleted:
    case REASON.roomClosed:
      return new TandemError("room_closed", "This room was closed.");
    case REASON.serverShutdown:
      return new TandemError("connection_lost", "The server is restarting.");
    default:
      return new TandemError("connection_lost", "The connection was lost.");
  }
}

/** The wait before attempt number 1, 2, 3 …: doubling, at most ten seconds. */
export function rejoinDelay(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(10_000, 500 * 2 ** (attempt - 1));
  // After a restart everybody comes back at once; the spread keeps the node from being stormed.
  return Math.round(base * (0.75 + random() * 0.5));
}

/** Resolves after `ms`, on `hurry`'s event, when the network returns, or at once when aborted. */
export function pause(ms: number, signal: AbortSignal, hurry: EventTarget): Promise<void> {
  return new Promise((resolve) => {
    const targets: [EventTarget, string][] = [
      [signal, "abort"],
      [hurry, "hurry"],
      [globalThis, "online"],
    ];
    const done = () => {
      clearTimeout(timer);
      for (const [target, name] of targets) target.removeEventListener?.(name, done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const [target, name] of targets) target.addEventListener?.(name, done);
    if (signal.aborted) done();
  });
}
