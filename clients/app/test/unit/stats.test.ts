import { describe, expect, it } from "vitest";
import { readReport, summarise } from "../../src/meeting/stats";

type Entries = [string, Record<string, unknown>][];

const video = (at: number, bytes: number, packets: number, lost: number): Entries => [
  [
    "in",
    {
      type: "inbound-rtp",
      timestamp: at,
      bytesReceived: bytes,
      packetsReceived: packets,
      packetsLost: lost,
      codecId: "c",
      frameWidth: 1280,
      frameHeight: 720,
      framesPerSecond: 29.7,
    },
  ],
  ["c", { type: "codec", id: "c", mimeType: "video/VP8" }],
  ["p", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.0416 }],
];

describe("readReport", () => {
  it("makes rates of two readings", () => {
    const first = readReport(video(1000, 0, 0, 0), "down", undefined);
    expect(first.row).toMatchObject({
      kbps: null,
      lossPercent: null,
      codec: "VP8",
      width: 1280,
      height: 720,
      fps: 30,
      rttMs: 42,
    });
    const second = readReport(video(3000, 250_000, 90, 10), "down", first.counters);
    expect(second.row).toMatchObject({ kbps: 1000, lossPercent: 10 });
  });

  it("adds up simulcast layers and takes the size of the largest", () => {
    const layers: Entries = [
      [
        "a",
        { type: "outbound-rtp", timestamp: 1000, bytesSent: 1000, packetsSent: 10, frameWidth: 320, frameHeight: 180 },
      ],
      [
        "b",
        { type: "outbound-rtp", timestamp: 1000, bytesSent: 3000, packetsSent: 30, frameWidth: 1280, frameHeight: 720 },
      ],
      ["r", { type: "remote-inbound-rtp", packetsLost: 2, roundTripTime: 0.02 }],
    ];
    const { row, counters } = readReport(layers, "up", { bytes: 0, packets: 0, lost: 0, at: 0 });
    expect(counters).toMatchObject({ bytes: 4000, packets: 40, lost: 2 });
    expect(row).toMatchObject({ kbps: 32, lossPercent: 5, height: 720, rttMs: 20 });
  });

  it("starts over when a stream was replaced, and copes with an empty report", () => {
    const before = { bytes: 9_000_000, packets: 9000, lost: 0, at: 500 };
    expect(readReport(video(1000, 100, 1, 0), "down", before).row.kbps).toBeNull();
    expect(readReport([], "down", undefined).row).toMatchObject({ kbps: null, codec: "–", width: null });
  });
});

describe("summarise", () => {
  it("adds rates and keeps the worst of the rest", () => {
    const row = { codec: "", width: null, height: null, fps: null };
    expect(
      summarise([
        { ...row, direction: "up", kbps: 100, lossPercent: 0, rttMs: 20 },
        { ...row, direction: "down", kbps: 700, lossPercent: 3, rttMs: null },
        { ...row, direction: "down", kbps: null, lossPercent: null, rttMs: 35 },
      ]),
    ).toEqual({ upKbps: 100, downKbps: 700, lossPercent: 3, rttMs: 35 });
    expect(summarise([])).toEqual({ upKbps: 0, downKbps: 0, lossPercent: null, rttMs: null });
  });
});
