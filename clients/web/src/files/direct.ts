import { ChannelPipe, type Pipe, type SocketPipe } from "./pipe.js";
import type { Control } from "./wire.js";

/** How long a direct way is searched before the files go through the node. */
const SEARCH_MS = 5000;

type Direct = Extract<Control, { type: "direct" }>;

/**
 * Looks for a direct way between the two ends of a pipe through the node. The side that sends the
 * files offers. Resolves to the better pipe; the one through the node stays open beside it.
 */
export class Search {
  readonly found: Promise<Pipe>;
  readonly #connection: RTCPeerConnection;
  readonly #pipe: SocketPipe;
  #settle: (pipe: Pipe) => void = () => undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(pipe: SocketPipe, offers: boolean, iceServers: RTCIceServer[]) {
    this.#pipe = pipe;
    this.#connection = new RTCPeerConnection({ iceServers });
    this.found = new Promise((done) => (this.#settle = done));
    const timer = setTimeout(() => this.fail(), SEARCH_MS);
    void this.found.then(() => clearTimeout(timer));
    this.#connection.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) this.#say({ candidate: candidate.toJSON() });
    });
    // Negotiated by number: both sides have it from the start.
    const channel = this.#connection.createDataChannel("files", { negotiated: true, id: 0 });
    channel.addEventListener("open", () => this.#settle(new ChannelPipe(this.#connection, channel)));
    if (offers) this.#do(() => this.#describe());
  }

  take(message: Direct): void {
    this.#do(async () => {
      if (message.failed) return this.fail(false);
      if (message.candidate) await this.#connection.addIceCandidate(message.candidate);
      if (!message.description) return;
      await this.#connection.setRemoteDescription(message.description);
      if (message.description.type === "offer") await this.#describe();
    });
  }

  /** There is none: the node carries the files. */
  fail(tell = true): void {
    if (tell) this.#say({ failed: true });
    this.#settle(this.#pipe);
    if (this.#connection.sctp?.state !== "connected") this.#connection.close();
  }

  async #describe(): Promise<void> {
    await this.#connection.setLocalDescription();
    const description = this.#connection.localDescription;
    if (description) this.#say({ description: description.toJSON() as RTCSessionDescriptionInit });
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
