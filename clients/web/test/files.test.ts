import { afterEach, describe, expect, it, vi } from "vitest";
import { SocketPipe, type Pipe } from "../src/files/pipe.js";
import { Meter } from "../src/files/progress.js";
import { Receiver, type Offer } from "../src/files/receiver.js";
import { Sender } from "../src/files/sender.js";
import { MemorySink } from "../src/files/sinks.js";
import {
  BLOCK,
  blockFrame,
  checkEntries,
  dataFrame,
  isSafePath,
  readControl,
  readFrame,
  safePath,
  WINDOW,
  type Entry,
} from "../src/files/wire.js";

/** A pipe in memory. `spoil` may change or hold back what passes; `cut` ends it. */
class MemoryPipe implements Pipe {
  readonly kind = "server";
  readonly messageBytes = 64 * 1024;
  onMessage: Pipe["onMessage"] = null;
  onClose: Pipe["onClose"] = null;
  other!: MemoryPipe;
  over = false;
  sent = 0;
  constructor(
    readonly spoil: (message: string | Uint8Array<ArrayBuffer>, number: number) => typeof message | null = (m) => m,
  ) {}
  send(message: string | Uint8Array<ArrayBuffer>): void {
    const passed = this.over
      ? null
      : this.spoil(typeof message === "string" ? message : message.slice(), (this.sent += 1));
    if (passed !== null) queueMicrotask(() => this.other.over || this.other.onMessage?.(passed));
  }
  ready = () => new Promise<void>((done) => setTimeout(done, 0));
  cut(): void {
    for (const pipe of [this, this.other]) {
      pipe.over = true;
      pipe.onClose?.("", 1006);
    }
  }
  close = () => this.cut();
}

interface Case {
  spoil?: MemoryPipe["spoil"];
  sink?: MemorySink;
  wanted?: (entry: Entry) => boolean;
  onReceiver?: (receiver: Receiver, pipe: MemoryPipe) => void;
  onSender?: (sender: Sender) => void;
}

/** Sends files through a pipe; what came of both sides. */
async function transfer(files: [Entry, Blob | null][], got: Map<string, File>, options: Case = {}) {
  const [near, far] = [new MemoryPipe(options.spoil), new MemoryPipe()];
  [near.other, far.other] = [far, near];
  const sink = options.sink ?? new MemorySink((entry, file) => got.set(entry.path, file));
  const receiver = new Receiver(far);
  far.onMessage = (message) => receiver.take(typeof message === "string" ? readControl(message) : message);
  far.onClose = () => receiver.lost();
  let most = 0;
  let kept = 0;
  const sender = new Sender(
    near,
    "id",
    files.map(([entry]) => entry),
    files.map(([, source]) => source),
  );
  near.onMessage = (message) => {
    const control = readControl(message as string);
    if (control.type === "kept") kept = control.bytes;
    sender.take(control);
  };
  near.onClose = () => sender.lost();
  const count = near.spoil;
  let data = 0;
  Object.defineProperty(near, "spoil", {
    value: (message: string | Uint8Array<ArrayBuffer>, number: number) => {
      if (typeof message !== "string" && message[0] === 1) most = Math.max(most, (data += message.length - 13) - kept);
      return count(message, number);
    },
  });
  const ends = Promise.allSettled([sender.done, receiver.done]);
  const offer: Offer | void = await Promise.race([receiver.offer, receiver.done.catch(() => undefined)]);
  if (offer) await receiver.accept(sink, options.wanted);
  options.onReceiver?.(receiver, near);
  options.onSender?.(sender);
  return { ends: await ends, most, sink };
}

function file(path: string, size: number, seed = 1): [Entry, Blob] {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 1) bytes[at] = (at * seed + (at >> 8)) & 255;
  return [{ path, size, changed: 5 }, new Blob([bytes])];
}

async function same(one: Blob | undefined, other: Blob | null): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map(async (blob) => new Uint8Array((await blob?.arrayBuffer()) ?? [])));
  return a!.length === b!.length && a!.every((byte, at) => byte === b![at]);
}

/** A disk that takes its time. */
class SlowSink extends MemorySink {
  override async write(...args: Parameters<MemorySink["write"]>) {
    await new Promise((done) => setTimeout(done, 80));
    return super.write(...args);
  }
}

describe("a transfer", () => {
  it("brings files of any size, and empty ones, and folders", async () => {
    const files: [Entry, Blob | null][] = [
      file("a.bin", 3 * BLOCK + 17),
      file("deep/er/b.bin", BLOCK, 3),
      file("nothing", 0),
      [{ path: "empty/", size: 0, changed: 0 }, null],
      file("one", 1),
    ];
    const got = new Map<string, File>();
    const { ends } = await transfer(files, got);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    expect([...got.keys()].sort()).toEqual(["a.bin", "deep/er/b.bin", "nothing", "one"]);
    for (const [entry, blob] of files) if (blob) expect(await same(got.get(entry.path), blob), entry.path).toBe(true);
  });

  it("leaves out what is not wanted", async () => {
    const got = new Map<string, File>();
    const { ends } = await transfer([file("a", 10), file("b", BLOCK + 1), file("c", 10)], got, {
      wanted: ({ path }) => path !== "b",
    });
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    expect([...got.keys()]).toEqual(["a", "c"]);
  });

  it("sends a damaged block again", async () => {
    const files = [file("a", 4 * BLOCK + 100, 7)];
    for (const damaged of [3, 20, 40, 69]) {
      const got = new Map<string, File>();
      let spoilt = false;
      const { ends } = await transfer(files, got, {
        spoil: (message, number) => {
          if (number !== damaged || typeof message === "string" || spoilt) return message;
          spoilt = true;
          message[message.length - 1]! ^= 1;
          return message;
        },
      });
      expect(
        ends.map(({ status }) => status),
        `message ${damaged}`,
      ).toEqual(["fulfilled", "fulfilled"]);
      expect(await same(got.get("a"), files[0]![1])).toBe(true);
    }
  });

  it("goes on where it was, whenever it is cut", async () => {
    const files = [file("a", 2 * BLOCK + 5, 3), file("b", BLOCK + 1, 5)];
    for (let at = 1; at < 60; at += 4) {
      const got = new Map<string, File>();
      const given: string[] = [];
      const first = await transfer(files, got, {
        onReceiver: (_, pipe) => {
          const spoil = pipe.spoil;
          let seen = 0;
          Object.defineProperty(pipe, "spoil", {
            value: (message: string | Uint8Array<ArrayBuffer>, number: number) => {
              if ((seen += 1) === at) pipe.cut();
              return spoil(message, number);
            },
          });
        },
        sink: new MemorySink((entry, done) => {
          got.set(entry.path, done);
          given.push(entry.path);
        }),
      });
      if (first.ends[1]!.status === "rejected") {
        let data = 0;
        const second = await transfer(files, got, {
          sink: first.sink,
          spoil: (message) => {
            if (typeof message !== "string" && message[0] === 1) data += message.length - 13;
            return message;
          },
        });
        expect(
          second.ends.map(({ status }) => status),
          `cut at ${at}`,
        ).toEqual(["fulfilled", "fulfilled"]);
        expect(data).toBeLessThanOrEqual(3 * BLOCK + 6);
      }
      expect(given, "each file is given out once").toEqual(["a", "b"]);
      for (const [entry, blob] of files)
        expect(await same(got.get(entry.path), blob), `${entry.path}, cut at ${at}`).toBe(true);
    }
  });

  it("is not over before the last write is", async () => {
    const files = [file("a", 2 * BLOCK + 5, 3)];
    const got = new Map<string, File>();
    let cut = () => {};
    class CutSink extends SlowSink {
      override write(...args: Parameters<MemorySink["write"]>) {
        cut();
        return super.write(...args);
      }
    }
    const first = await transfer(files, got, {
      sink: new CutSink((entry, done) => got.set(entry.path, done)),
      onReceiver: (_, pipe) => (cut = () => pipe.cut()),
    });
    expect(first.ends[1]!.status).toBe("rejected");
    cut = () => {};
    await transfer(files, got, { sink: first.sink });
    expect(await same(got.get("a"), files[0]![1])).toBe(true);
  });

  it.each([
    ["QuotaExceededError", "There is no room left"],
    ["NotAllowedError", "no longer lets this page write"],
    ["TypeMismatchError", "has the name of a folder"],
    ["UnknownError", "could not be written"],
  ])("says what is wrong with the disk: %s", async (name, words) => {
    class BrokenSink extends MemorySink {
      override write = async () => {
        throw new DOMException("", name);
      };
    }
    const { ends } = await transfer([file("a", 3)], new Map(), { sink: new BrokenSink(() => undefined) });
    expect(String((ends[1] as PromiseRejectedResult).reason)).toContain(words);
    expect(String((ends[0] as PromiseRejectedResult).reason)).toContain("stopped");
  });

  it("has no more under way than the window", async () => {
    const got = new Map<string, File>();
    const sink = new SlowSink((entry, done) => got.set(entry.path, done));
    const { most } = await transfer([file("a", 12 * BLOCK)], got, { sink });
    expect(most).toBeLessThanOrEqual(WINDOW);
    expect(most).toBeGreaterThan(WINDOW / 4);
  });

  it("is paused and goes on, and ends for both when one stops", async () => {
    const got = new Map<string, File>();
    const paused = await transfer([file("a", 3 * BLOCK)], got, {
      onSender: (sender) => {
        sender.pause();
        setTimeout(() => sender.resume(), 30);
      },
    });
    expect(paused.ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    const stopped = await transfer([file("a", 20 * BLOCK)], new Map(), { onReceiver: (receiver) => receiver.cancel() });
    expect(stopped.ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const refused = await transfer([file("a", 20)], new Map(), { onSender: (sender) => sender.cancel() });
    expect(refused.ends[0]!.status).toBe("rejected");
  });
});

describe("what comes from elsewhere", () => {
  it("is read without trust", () => {
    const [bad, good] = [
      [
        "",
        "/a",
        "a//b",
        "../a",
        "a/../b",
        ".",
        "a\\b",
        "C:x",
        "a\u0000",
        "con",
        "LPT1.txt",
        "a.",
        "a ",
        "x".repeat(1025),
      ],
      ["a", "a/b.txt", "a/b/", "über/文.txt", "console", ".hidden"],
    ];
    for (const path of bad!) expect(isSafePath(path), path).toBe(false);
    for (const path of good!) expect(isSafePath(path), path).toBe(true);
    for (const path of [...bad!.filter((p) => p !== "" && p.length < 1000), "a/./b"])
      expect(isSafePath(safePath(path)), path).toBe(true);
    const entry = { path: "a", size: 1, changed: 1 };
    for (const entries of [
      null,
      [],
      [{}],
      [{ ...entry, size: -1 }],
      [{ ...entry, size: 1.5 }],
      [entry, { ...entry, path: "A" }],
      [
        { ...entry, size: 2 ** 52 },
        { ...entry, path: "b", size: 2 ** 52 },
      ],
      Array(10_001).fill(entry),
    ]) {
      expect(() => checkEntries(entries)).toThrow();
    }
    for (const text of ["", "1", "null", "{}", '{"type":1}']) expect(() => readControl(text)).toThrow();
    for (const bytes of [new Uint8Array(12), new Uint8Array(13), new Uint8Array(100).fill(9)])
      expect(() => readFrame(bytes)).toThrow();
    expect(readFrame(dataFrame(7, 2 ** 40, new Uint8Array([1])))).toMatchObject({
      kind: "data",
      entry: 7,
      from: 2 ** 40,
    });
    expect(readFrame(blockFrame(1, 2, new Uint8Array(32)))).toMatchObject({ kind: "block" });
  });

  it("ends a transfer that does not keep to the rules", async () => {
    const pipe = new MemoryPipe();
    pipe.other = new MemoryPipe();
    const receiver = new Receiver(pipe);
    receiver.take({ type: "offer", id: "x", entries: [{ path: "a", size: BLOCK, changed: 0 }] });
    await receiver.offer;
    await receiver.accept(new MemorySink(() => undefined));
    receiver.take(dataFrame(0, 5, new Uint8Array(1)));
    await expect(receiver.done).rejects.toMatchObject({ code: "bad_answer" });
  });
});

describe("a socket", () => {
  afterEach(() => void vi.unstubAllGlobals());

  it("that closes without ever opening, and without an error, does not keep anybody waiting", async () => {
    class Closing extends EventTarget {
      constructor() {
        super();
        queueMicrotask(() => this.dispatchEvent(Object.assign(new Event("close"), { code: 4404, reason: "not here" })));
      }
    }
    vi.stubGlobal("WebSocket", Closing);
    await expect(SocketPipe.open(new URL("ws://node.example"))).rejects.toThrow("not here");
  });
});

describe("progress", () => {
  it("is told a few times a second, and at the end", () => {
    const meter = new Meter(1000);
    meter.start(0, 0);
    const told: (number | undefined)[] = [];
    for (let at = 0; at <= 1000; at += 50) {
      meter.count(at, at);
      told.push(meter.news(at)?.done);
    }
    expect(told.filter((done) => done !== undefined)).toEqual([0, 200, 400, 600, 800, 1000]);
  });

  it("says how fast and how long", () => {
    const meter = new Meter(1000);
    meter.start(100, 0);
    expect(meter.read(0)).toEqual({ done: 100, total: 1000, speed: 0, left: null });
    for (let second = 1; second <= 3; second += 1) meter.count(100 + second * 100, second * 1000);
    expect(meter.read(3000)).toEqual({ done: 400, total: 1000, speed: 100, left: 6 });
    for (let second = 4; second <= 9; second += 1) meter.count(400 + (second - 3) * 10, second * 1000);
    expect(meter.read(9000).speed).toBeLessThan(20);
    meter.count(1000, 9500);
    expect(meter.read(9500).left).toBe(0);
  });
});
