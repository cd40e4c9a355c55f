import { describe, expect, it } from "vitest";
import { LanesPipe } from "../src/files/lanes.js";
import { Inlet, type Message, type Pipe } from "../src/files/pipe.js";

/** One lane in memory. What is sent arrives at the other end when that is let through. */
class Lane extends Inlet implements Pipe {
  readonly kind = "direct";
  onClose: Pipe["onClose"] = null;
  other!: Lane;
  over = false;
  readonly underWay: Message[] = [];

  constructor(readonly messageBytes = 1024) {
    super();
  }
  send(message: Message): void {
    this.underWay.push(message);
  }
  ready = () => Promise.resolve();
  close(): void {
    if (this.over) return;
    this.over = true;
    this.onClose?.("", 1006);
  }
  letThrough(): void {
    const message = this.underWay.shift();
    if (message !== undefined) this.other.deliver(message);
  }
}

function lanes(count: number): { near: Lane[]; far: Lane[] } {
  const [near, far] = [
    Array.from({ length: count }, () => new Lane()),
    Array.from({ length: count }, () => new Lane()),
  ];
  near.forEach((lane, number) => ([lane.other, far[number]!.other] = [far[number]!, lane]));
  return { near, far };
}

describe("lanes", () => {
  it("bring messages in order, whichever lane is faster", () => {
    const { near, far } = lanes(3);
    const sender = new LanesPipe(near);
    const sent = Array.from({ length: 100 }, (_, number) => `message ${number}`);
    for (const message of sent) sender.send(message);
    // The first half comes before anybody listens.
    const receiver = new LanesPipe(far);
    for (let step = 0; step < 17; step += 1) near[2]?.letThrough();
    for (let step = 0; step < 17; step += 1) near[0]?.letThrough();
    const got: Message[] = [];
    receiver.onMessage = (message) => got.push(message);
    expect(got).toEqual(sent.slice(0, 1));
    let seed = 7;
    while (near.some((lane) => lane.underWay.length > 0)) {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      near[seed % 3]?.letThrough();
    }
    expect(got).toEqual(sent);
    expect(near.map((lane) => lane.over)).toEqual([false, false, false]);
  });

  it("carry what fits through the narrowest", () => {
    expect(new LanesPipe([new Lane(64), new Lane(16), new Lane(32)]).messageBytes).toBe(16);
  });

  it("end together, and that is said once", () => {
    const { near } = lanes(4);
    const pipe = new LanesPipe(near);
    const ends: [string, number][] = [];
    pipe.onClose = (reason, code) => ends.push([reason, code]);
    near[1]?.close();
    expect(ends).toEqual([["", 1006]]);
    expect(near.every((lane) => lane.over)).toBe(true);
  });

  it("end when one runs ahead of the others for more than an honest sender may have under way", () => {
    const { near, far } = lanes(2);
    new LanesPipe(far);
    const megabyte = new Uint8Array(1024 * 1024);
    for (let sent = 0; sent < 16; sent += 1) {
      near[1]?.send(megabyte);
      near[1]?.letThrough();
    }
    expect(far[1]?.over).toBe(false);
    near[1]?.send(megabyte);
    near[1]?.letThrough();
    expect(far.every((lane) => lane.over)).toBe(true);
  });
});
