import { LanesPipe } from "./lanes.js";
import { ChannelPipe, type Pipe, type SocketPipe } from "./pipe.js";
import type { Control } from "./wire.js";

/** How long a direct way is searched before the files go through the node. */
const SEARCH_MS = 5000;

/** How long the other lanes may take once the first is there. */
const OTHERS_MS = 1000;

/** Connections side by side: each has its own congestion control, and one alone leaves a loaded machine partly idle. */
export const LANES = 8;

type Direct = Extract<Control, { type: "direct" }>;

interface Lane {
  connection: RTCPeerConnection;
  channel: RTCDataChannel;
  pipe: ChannelPipe;
  opened: Promise<unknown>;
}

/**
 * Looks for a direct way between the two ends of a pipe through the node, with one or more lanes. The
 * side that sends the files offers, and says which lanes are used. Resolves to the better pipe; the one
 * through the node stays open beside it.
 */
export class Search {
  readonly found: Promise<Pipe>;
  readonly #lanes: Lane[];
  readonly #pipe: SocketPipe;
  #settle: (pipe: Pipe) => void = () => undefined;
  #isOver = false;
  #work: Promise<void> = Promise.resolve();

  constructor(pipe: SocketPipe, offers: boolean, iceServers: RTCIceServer[], lanes: number) {
    this.#pipe = pipe;
    this.found = new Promise((done) => (this.#settle = done));
    const timer = setTimeout(() => this.fail(), SEARCH_MS);
    void this.found.then(() => clearTimeout(timer));
    this.#lanes = Array.from({ length: lanes }, (_, lane) =>
      this.#open(lane, lane === 0 ? iceServers : withoutRelays(iceServers)),
    );
    // A page of an older version has one, and is not told which.
    if (offers || lanes === 1) void this.#choose();
    if (offers) this.#lanes.forEach((_, lane) => this.#do(() => this.#describe(lane)));
  }

  take(message: Direct): void {
    this.#do(async () => {
      if (message.failed) return this.fail(false);
      // Not waited for: what opens the lanes may come after it.
      if (Array.isArray(message.use)) return void this.#use(message.use);
      const number = message.lane ?? 0;
      const connection = this.#lanes[number]?.connection;
      if (message.candidate) await connection?.addIceCandidate(message.candidate);
      if (!message.description) return;
      await connection?.setRemoteDescription(message.description);
      if (message.description.type === "offer") await this.#describe(number);
    });
  }

  /** There is none: the node carries the files. */
  fail(tell = true): void {
    if (this.#isOver) return;
    if (tell) this.#say({ failed: true });
    this.#end(this.#pipe, []);
  }

  /** The way that was found ends, or nothing is looked for any more. */
  close(): void {
    this.fail(false);
    for (const { pipe } of this.#lanes) pipe.close();
  }

  #open(lane: number, iceServers: RTCIceServer[]): Lane {
    const connection = new RTCPeerConnection({ iceServers });
    connection.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) this.#say({ lane, candidate: candidate.toJSON() });
    });
    // Negotiated by number: both sides have it from the start.
    const channel = connection.createDataChannel("files", { negotiated: true, id: 0 });
    const opened = new Promise((done) => channel.addEventListener("open", done, { once: true }));
    return { connection, channel, pipe: new ChannelPipe(connection, channel), opened };
  }

  /** All lanes, or those that are there a moment after the first. */
  async #choose(): Promise<void> {
    await Promise.race(this.#lanes.map(({ opened }) => opened));
    const late = new Promise((done) => setTimeout(done, OTHERS_MS));
    await Promise.race([late, Promise.all(this.#lanes.map(({ opened }) => opened))]);
    if (this.#isOver) return;
    const use = [...this.#lanes.keys()].filter((lane) => this.#lanes[lane]?.channel.readyState === "open");
    if (this.#lanes.length > 1) this.#say({ use });
    await this.#use(use);
  }

  async #use(use: number[]): Promise<void> {
    const lanes = this.#lanes.filter((_, lane) => use.includes(lane));
    await Promise.all(lanes.map(({ opened }) => opened));
    const pipes = lanes.map(({ pipe }) => pipe);
    pipes.forEach((pipe) => pipe.share(pipes.length));
    if (this.#isOver || !pipes[0]) return;
    this.#end(pipes.length === 1 ? pipes[0] : new LanesPipe(pipes), lanes);
  }

  #end(pipe: Pipe, used: Lane[]): void {
    this.#isOver = true;
    this.#settle(pipe);
    for (const lane of this.#lanes) if (!used.includes(lane)) lane.connection.close();
  }

  async #describe(lane: number): Promise<void> {
    const connection = this.#lanes[lane]?.connection;
    await connection?.setLocalDescription();
    const description = connection?.localDescription;
    if (description) this.#say({ lane, description: description.toJSON() as RTCSessionDescriptionInit });
  }

  #say(message: Omit<Direct, "type">): void {
    this.#pipe.send(JSON.stringify({ type: "direct", ...message }));
  }

  #do(step: () => Promise<unknown> | void): void {
    this.#work = this.#work.then(async () => {
      try {
        await step();
      } catch {
        this.fail();
      }
    });
  }
}

/** What only a relay can carry gains nothing by more lanes, and a person may have only so many places on it. */
const withoutRelays = (servers: RTCIceServer[]): RTCIceServer[] =>
  servers
    .map(({ urls }) => ({ urls: [urls].flat().filter((url) => url.startsWith("stun:")) }))
    .filter(({ urls }) => urls.length > 0);
