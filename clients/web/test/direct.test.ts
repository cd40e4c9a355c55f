import { describe, expect, it } from "vitest";
import { fingerprintOf } from "../src/direct/link.js";

const print = (byte: string) => Array(32).fill(byte).join(":");
const line = (byte: string, hash = "sha-256") => `a=fingerprint:${hash} ${print(byte)}\r\n`;

describe("the fingerprint of a description", () => {
  it("is the one that all its lines name", () => {
    expect(fingerprintOf(`v=0\r\n${line("AB")}m=audio\r\n${line("ab")}`)).toBe(print("AB"));
  });

  it("is none where a browser could choose", () => {
    for (const sdp of [
      "v=0\r\n",
      line("AB") + line("CD"),
      line("AB") + line("AB", "sha-384"),
      line("AB", "sha-1"),
      "a=fingerprint:sha-256 AB:CD\r\n",
    ])
      expect(fingerprintOf(sdp), sdp).toBeNull();
  });
});
