import { describe, expect, it, vi } from "vitest";
import { TandemError, type ErrorCode, type Support } from "tandem-client";
import { repairFor } from "../../src/prejoin/repair";
import { loudness } from "../../src/prejoin/level";
import { emojiIn } from "../../src/meeting/useReactions";

vi.stubGlobal("location", { host: "meet.example" });

const CODES: ErrorCode[] = [
  "permission_denied",
  "permission_dismissed",
  "permission_denied_by_system",
  "permission_denied_by_policy",
  "device_not_found",
  "device_in_use",
  "constraint_not_met",
  "insecure_context",
  "unsupported_browser",
  "internal",
];
const BROWSERS: Support["browser"][] = ["chromium", "firefox", "safari", "other"];
const SYSTEMS: Support["system"][] = ["windows", "macos", "linux", "android", "ios", "other"];

describe("repairFor", () => {
  it("has words of its own for every failure, device, browser and system", () => {
    for (const kind of ["camera", "microphone"] as const) {
      for (const browser of BROWSERS) {
        for (const system of SYSTEMS) {
          const support: Support = {
            secureContext: true,
            webrtc: true,
            capture: true,
            screenShare: true,
            speakerChoice: true,
            browser,
            system,
          };
          const titles = CODES.map((code) => repairFor(new TandemError(code, "why"), kind, support));
          expect(new Set(titles.map((repair) => repair.title)).size).toBe(CODES.length);
          for (const repair of titles) {
            expect(repair.steps.length).toBeGreaterThan(0);
            expect(`${repair.title} ${repair.steps.join(" ")}`).toContain(kind === "camera" ? "camera" : "microphone");
          }
        }
      }
    }
  });
});

describe("loudness", () => {
  it("is 0 for silence, 1 for the loudest and something between for speech", () => {
    expect(loudness(new Float32Array(64))).toBe(0);
    expect(loudness(new Float32Array(64).fill(1))).toBe(1);
    expect(loudness(new Float32Array(64).fill(0.03))).toBeGreaterThan(0.3);
    expect(loudness([])).toBe(0);
  });
});

describe("emojiIn", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  it("takes known emoji and nothing else", () => {
    expect(emojiIn(bytes('{"emoji":"👏"}'))).toBe("👏");
    for (const bad of ["", "null", "3", '{"emoji":"<img>"}', '{"emoji":1}', "{", "\u0000"])
      expect(emojiIn(bytes(bad))).toBeNull();
    expect(emojiIn(new Uint8Array([0xff, 0xfe]))).toBeNull();
  });
});
