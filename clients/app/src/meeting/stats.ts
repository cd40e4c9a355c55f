/** What has to be remembered of a track from one reading to the next to make rates of totals. */
export interface Counters {
  bytes: number;
  packets: number;
  lost: number;
  at: number;
}

export type Direction = "up" | "down";

export interface Reading {
  direction: Direction;
  codec: string;
  /** Kilobits per second since the reading before; null on the first. */
  kbps: number | null;
  /** Lost packets in percent since the reading before. */
  lossPercent: number | null;
  rttMs: number | null;
  width: number | null;
  height: number | null;
  fps: number | null;
}

export interface Row extends Reading {
  key: string;
  who: string;
  source: string;
  kind: string;
}

export interface Totals {
  upKbps: number;
  downKbps: number;
  lossPercent: number | null;
  rttMs: number | null;
}

type Entry = Readonly<Record<string, unknown>>;

export const emptyTotals = (): Totals => ({ upKbps: 0, downKbps: 0, lossPercent: null, rttMs: null });

/** One track's `getStats` report as a reading. Simulcast layers are added up; the largest one gives the size. */
export function readReport(
  report: Iterable<readonly [string, unknown]>,
  direction: Direction,
  before: Counters | undefined,
): { row: Reading; counters: Counters } {
  const entries = [...report].map(([, entry]) => entry as Entry);
  const streams = entries.filter((entry) => entry["type"] === (direction === "up" ? "outbound-rtp" : "inbound-rtp"));
  const remote = entries.filter((entry) => entry["type"] === "remote-inbound-rtp");
  const lossSide = direction === "up" ? remote : streams;
  const counters: Counters = {
    bytes: sum(streams, direction === "up" ? "bytesSent" : "bytesReceived"),
    packets: sum(streams, direction === "up" ? "packetsSent" : "packetsReceived"),
    lost: sum(lossSide, "packetsLost"),
    at: Math.max(0, ...streams.map((entry) => number(entry["timestamp"]) ?? 0)),
  };
  const largest = [...streams].sort(
    (one, other) => (number(other["frameHeight"]) ?? 0) - (number(one["frameHeight"]) ?? 0),
  )[0];
  return {
    counters,
    row: {
      direction,
      codec: codecOf(entries, largest),
      ...rates(before, counters, direction),
      rttMs: rtt(entries, remote),
      width: number(largest?.["frameWidth"]),
      height: number(largest?.["frameHeight"]),
      fps: rounded(number(largest?.["framesPerSecond"])),
    },
  };
}

function rates(
  before: Counters | undefined,
  now: Counters,
  direction: Direction,
): Pick<Reading, "kbps" | "lossPercent"> {
  // A smaller total means that the stream is a new one under the old name.
  if (!before || now.at <= before.at || now.bytes < before.bytes) return { kbps: null, lossPercent: null };
  const lost = Math.max(0, now.lost - before.lost);
  const passed = now.packets - before.packets;
  // What arrives does not count what got lost; what is sent does.
  const all = direction === "up" ? passed : passed + lost;
  return {
    kbps: Math.round(((now.bytes - before.bytes) * 8) / (now.at - before.at)),
    lossPercent: all > 0 ? Math.min(100, (lost / all) * 100) : 0,
  };
}

function rtt(entries: readonly Entry[], remote: readonly Entry[]): number | null {
  const pair = entries.find((entry) => entry["type"] === "candidate-pair" && entry["nominated"] === true);
  const seconds = number(pair?.["currentRoundTripTime"]) ?? number(remote[0]?.["roundTripTime"]);
  return seconds === null ? null : Math.round(seconds * 1000);
}

function codecOf(entries: readonly Entry[], stream: Entry | undefined): string {
  const codec = entries.find((entry) => entry["type"] === "codec" && entry["id"] === stream?.["codecId"]);
  const mime = codec?.["mimeType"];
  return typeof mime === "string" ? (mime.split("/")[1] ?? mime) : "–";
}

/** The sums over all tracks; of losses and round trips the worst, because that is what one notices. */
export function summarise(rows: readonly Reading[]): Totals {
  const add = (direction: Direction) =>
    rows.filter((row) => row.direction === direction).reduce((total, row) => total + (row.kbps ?? 0), 0);
  const worst = (values: (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length > 0 ? Math.max(...known) : null;
  };
  return {
    upKbps: add("up"),
    downKbps: add("down"),
    lossPercent: worst(rows.map((row) => row.lossPercent)),
    rttMs: worst(rows.map((row) => row.rttMs)),
  };
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}

function sum(entries: readonly Entry[], key: string): number {
  return entries.reduce((total, entry) => total + (number(entry[key]) ?? 0), 0);
}
