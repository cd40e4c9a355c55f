import { describe, expect, it } from "vitest";
import { httpError, mediaError, TandemError, type MediaContext } from "../src/errors.js";

const usual: MediaContext = { secure: true, hasMediaDevices: true, allowedByPolicy: true, permission: "unknown" };
const dom = (name: string, message = "") => new DOMException(message, name);

describe("mediaError", () => {
  it.each<[string, unknown, Partial<MediaContext>, string]>([
    ["a click on block", dom("NotAllowedError", "Permission denied"), { permission: "denied" }, "permission_denied"],
    ["a closed prompt", dom("NotAllowedError", "Permission dismissed"), {}, "permission_dismissed"],
    ["a closed prompt without words", dom("NotAllowedError"), { permission: "prompt" }, "permission_dismissed"],
    [
      "Chromium's words for the system",
      dom("NotAllowedError", "Permission denied by system"),
      { permission: "denied" },
      "permission_denied_by_system",
    ],
    ["allowed here and denied below", dom("NotAllowedError"), { permission: "granted" }, "permission_denied_by_system"],
    ["a forbidden iframe", dom("NotAllowedError"), { allowedByPolicy: false }, "permission_denied_by_policy"],
    ["a security error", dom("SecurityError"), {}, "permission_denied_by_policy"],
    ["nothing plugged in", dom("NotFoundError"), {}, "device_not_found"],
    ["taken by another program", dom("NotReadableError"), {}, "device_in_use"],
    ["an old name for that", { name: "TrackStartError" }, {}, "device_in_use"],
    ["a device that left", dom("OverconstrainedError"), {}, "constraint_not_met"],
    ["no constraints understood", new TypeError("x"), {}, "unsupported_browser"],
    ["http", undefined, { hasMediaDevices: false, secure: false }, "insecure_context"],
    ["an old browser", undefined, { hasMediaDevices: false }, "unsupported_browser"],
    ["anything else", new Error("boom"), {}, "internal"],
  ])("%s", (_, thrown, context, code) => {
    expect(mediaError(thrown, { ...usual, ...context }).code).toBe(code);
  });

  it("hands its own errors through", () => {
    const error = new TandemError("device_in_use", "x");
    expect(mediaError(error, usual)).toBe(error);
  });
});

describe("httpError", () => {
  it.each([
    [400, "invalid", false],
    [401, "unauthenticated", false],
    [403, "not_allowed", false],
    [404, "invalid", false],
    [429, "limit_exceeded", true],
    [500, "internal", true],
    [503, "busy", true],
  ])("%i is %s, retryable: %s", (status, code, retryable) => {
    expect(httpError(status, "why")).toMatchObject({ code, retryable, message: "why" });
  });
});
