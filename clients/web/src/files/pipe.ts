/** An ordered way for messages to the other side and back. */
export interface Pipe {
  /** `direct`: no server in between. */
  readonly kind: "direct" | "server";
  /** Largest binary message that passes. */
  readonly messageBytes: number;
  send(message: string | Uint8Array<ArrayBuffer>): void;
  /** Resolves when little enough waits to be sent. */
  ready(): Promise<void>;
  onMessage: ((message: string | Uint8Array<ArrayBuffer>) => void) | null;
  onClose: ((reason: string, code: number) => void) | null;
  close(): void;
}

/** Bytes that may wait in the browser. */
const WAITING = 4 * 1024 * 1024;
const RELAYED_BYTES = 256 * 1024;
/** Larger messages of a data channel are slower in Chromium. */
const DIRECT_BYTES = 64 * 1024;

/** A WebSocket to the node's pipe. */
export class SocketPipe implements Pipe {
  readonly kind = "server";
  readonly messageBytes = RELAYED_BYTES;
  onMessage: Pipe["onMessage"] = null;
  onClose: Pipe["onClose"] = null;
  readonly #socket: WebSocket;
  readonly #early: (string | Uint8Array<ArrayBuffer>)[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      const message = typeof data === "string" ? data : new Uint8Array(data);
      if (this.onMessage) this.onMessage(message);
      else this.#early.push(message);
    });
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

  /** Hands out what came before anybody listened. */
  listen(listener: NonNullable<Pipe["onMessage"]>): void {
    this.onMessage = listener;
    this.#early.splice(0).forEach(listener);
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
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
export class ChannelPipe implements Pipe {
  readonly kind = "direct";
  readonly messageBytes: number;
  onMessage: Pipe["onMessage"] = null;
  onClose: Pipe["onClose"] = null;
  readonly #channel: RTCDataChannel;
  readonly #connection: RTCPeerConnection;
  #over = false;

  constructor(connection: RTCPeerConnection, channel: RTCDataChannel) {
    this.#connection = connection;
    this.#channel = channel;
    this.messageBytes = Math.min(DIRECT_BYTES, connection.sctp?.maxMessageSize || 64 * 1024);
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = WAITING / 4;
    channel.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) =>
      this.onMessage?.(typeof data === "string" ? data : new Uint8Array(data)),
    );
    channel.addEventListener("close", () => this.#end());
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed" || connection.connectionState === "closed") this.#end();
    });
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    if (this.#channel.readyState !== "open") return;
    if (typeof message === "string") this.#channel.send(message);
    else this.#channel.send(message);
  }

  ready(): Promise<void> {
    const channel = this.#channel;
    if (channel.bufferedAmount <= WAITING || channel.readyState !== "open") return Promise.resolve();
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
