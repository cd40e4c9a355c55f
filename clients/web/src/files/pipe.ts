/** An ordered way for messages to the other side and back. */
export interface Pipe {
  /** `direct`: no server in between. */
  readonly kind: "direct" | "server";
  /** Largest binary message that passes. */
  readonly messageBytes: number;
  /** Takes a copy: the memory of the message is free again. */
  send(message: Message): void;
  /** Resolves when little enough waits to be sent. */
  ready(): Promise<void>;
  /** What came before there was a listener is handed to the first one. */
  onMessage: ((message: Message) => void) | null;
  onClose: ((reason: string, code: number) => void) | null;
  close(): void;
}

export type Message = string | Uint8Array<ArrayBuffer>;

/** Messages that may come before anybody listens; more are not honest. */
const EARLY = 256;

/** Hands out messages in order; what comes before anybody listens waits. */
export abstract class Inlet {
  #listener: Pipe["onMessage"] = null;
  readonly #early: Message[] = [];

  get onMessage(): Pipe["onMessage"] {
    return this.#listener;
  }

  set onMessage(listener: Pipe["onMessage"]) {
    this.#listener = listener;
    if (listener) this.#early.splice(0).forEach(listener);
  }

  protected deliver(message: Message): void {
    if (this.#listener) this.#listener(message);
    else if (this.#early.push(message) > EARLY) this.close();
  }

  abstract close(): void;
}

/** Bytes that may wait in the browser, on all lanes together. */
const WAITING = 4 * 1024 * 1024;
const RELAYED_BYTES = 256 * 1024;
/** Larger messages of a data channel are slower in Chromium. */
const DIRECT_BYTES = 64 * 1024;

/** A WebSocket to the node's pipe. */
export class SocketPipe extends Inlet implements Pipe {
  readonly kind = "server";
  readonly messageBytes = RELAYED_BYTES;
  onClose: Pipe["onClose"] = null;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) =>
      this.deliver(typeof data === "string" ? data : new Uint8Array(data)),
    );
    socket.addEventListener("close", ({ reason, code }) => this.onClose?.(reason, code));
  }

  /** Resolves when open; rejects with the reason the node gives. */
  static open(url: URL): Promise<SocketPipe> {
    const socket = new WebSocket(url);
    const pipe = new SocketPipe(socket);
    return new Promise((done, fail) => {
      socket.addEventListener("open", () => done(pipe));
      // Comes after every error, and in Firefox alone when a new connection ends at once.
      socket.addEventListener("close", ({ reason }) => fail(new Error(reason)));
    });
  }

  send(message: Message): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  async ready(): Promise<void> {
    while (this.#socket.bufferedAmount > WAITING && this.#socket.readyState === WebSocket.OPEN) {
      await new Promise((done) => setTimeout(done, 5));
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** A data channel between the two pages. */
export class ChannelPipe extends Inlet implements Pipe {
  readonly kind = "direct";
  onClose: Pipe["onClose"] = null;
  readonly #channel: RTCDataChannel;
  readonly #connection: RTCPeerConnection;
  #limit = 0;
  #over = false;

  constructor(connection: RTCPeerConnection, channel: RTCDataChannel) {
    super();
    this.#connection = connection;
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    this.share(1);
    channel.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) =>
      this.deliver(typeof data === "string" ? data : new Uint8Array(data)),
    );
    channel.addEventListener("close", () => this.#end());
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed" || connection.connectionState === "closed") this.#end();
    });
  }

  /** It is one of so many lanes. */
  share(lanes: number): void {
    this.#limit = WAITING / lanes;
    this.#channel.bufferedAmountLowThreshold = this.#limit / 4;
  }

  /** Known once the channel is open. */
  get messageBytes(): number {
    return Math.min(DIRECT_BYTES, this.#connection.sctp?.maxMessageSize || DIRECT_BYTES);
  }

  send(message: Message): void {
    if (this.#channel.readyState !== "open") return;
    if (typeof message === "string") this.#channel.send(message);
    else this.#channel.send(message);
  }

  ready(): Promise<void> {
    const channel = this.#channel;
    if (channel.bufferedAmount <= this.#limit || channel.readyState !== "open") return Promise.resolve();
    return new Promise((done) => {
      channel.addEventListener("bufferedamountlow", () => done(), { once: true });
      channel.addEventListener("close", () => done(), { once: true });
    });
  }

  close(): void {
    this.#channel.close();
    this.#connection.close();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.onClose?.("", 1006);
  }
}
