/** Every reason this package can give, so that a switch over them can be exhaustive. */
export type ErrorCode =
  | "aborted"
  | "bad_answer"
  | "busy"
  | "connection_lost"
  | "constraint_not_met"
  | "device_in_use"
  | "device_not_found"
  | "insecure_context"
  | "internal"
  | "invalid"
  | "limit_exceeded"
  | "not_allowed"
  | "not_found"
  | "permission_denied"
  | "permission_dismissed"
  | "permission_denied_by_policy"
  | "permission_denied_by_system"
  | "removed"
  | "replaced"
  | "room_closed"
  | "timeout"
  | "unauthenticated"
  | "unreachable"
  | "unsupported_browser";

/** What went wrong, for machines (`code`), for policies (`retryable`) and for people (`message`). */
export class TandemError extends Error {
  override readonly name = "TandemError";
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
  }
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "bad_answer",
  "busy",
  "connection_lost",
  "internal",
  "timeout",
  "unreachable",
]);

/** The facts about the page that tell apart failures which browsers report under one name. */
export interface MediaContext {
  secure: boolean;
  hasMediaDevices: boolean;
  /** False when a Permissions-Policy header or an iframe without `allow` forbids the device. */
  allowedByPolicy: boolean;
  /** The stored answer for this site, if the browser tells. */
  permission: "granted" | "denied" | "prompt" | "unknown";
}

/**
 * Turns what `getUserMedia` threw into one of our codes.
 *
 * Browsers agree on the error names but not on what they mean: `NotAllowedError` alone covers a
 * click on "block", a closed prompt, a forbidden iframe and a switch in the system settings, and
 * each needs another repair.
 */
export function mediaError(thrown: unknown, context: MediaContext): TandemError {
  if (thrown instanceof TandemError) return thrown;
  const name = nameOf(thrown);
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const make = (code: ErrorCode, message: string) => new TandemError(code, message, { cause: thrown });
  if (!context.hasMediaDevices) {
    return context.secure
      ? make("unsupported_browser", "This browser cannot open a camera or microphone.")
      : make("insecure_context", "Browsers open cameras and microphones only on https pages.");
  }
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
    case "SecurityError":
      return deniedError(name, text, context, make);
    case "NotFoundError":
    case "DevicesNotFoundError":
      return make("device_not_found", "No such device is connected.");
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return make("device_in_use", "The device did not start; another program may be using it.");
    case "OverconstrainedError":
    case "ConstraintNotSatisfiedError":
      return make("constraint_not_met", "The chosen device is gone or cannot do what was asked.");
    case "TypeError":
    case "NotSupportedError":
      return make("unsupported_browser", "This browser cannot open the device.");
    default:
      return make("internal", text || "The device could not be opened.");
  }
}

function deniedError(
  name: string,
  text: string,
  context: MediaContext,
  make: (code: ErrorCode, message: string) => TandemError,
): TandemError {
  if (!context.allowedByPolicy || name === "SecurityError") {
    return make("permission_denied_by_policy", "The page or an administrator forbids this device.");
  }
  // Chromium writes "Permission denied by system"; Safari and Firefox have no words of their own,
  // but a site that is allowed and still denied can only have been stopped further down.
  if (/system/i.test(text) || context.permission === "granted") {
    return make("permission_denied_by_system", "The operating system blocks the device.");
  }
  if (/dismiss/i.test(text) || context.permission === "prompt") {
    return make("permission_dismissed", "The permission question was closed without an answer.");
  }
  return make("permission_denied", "The browser blocks the device for this site.");
}

/** Turns an HTTP status of Tandem's own API into a code; the body's sentence is kept for people. */
export function httpError(status: number, sentence: string | undefined): TandemError {
  const message = sentence ?? `The server answered ${status}.`;
  if (status === 401) return new TandemError("unauthenticated", message);
  if (status === 403) return new TandemError("not_allowed", message);
  if (status === 429) return new TandemError("limit_exceeded", message, { retryable: true });
  if (status === 503) return new TandemError("busy", message);
  if (status >= 500) return new TandemError("internal", message);
  return new TandemError("invalid", message);
}

/** The `name` of an error, also for `DOMException`s of another realm. */
export function nameOf(thrown: unknown): string {
  if (typeof thrown === "object" && thrown !== null && "name" in thrown) return String(thrown.name);
  return "";
}
