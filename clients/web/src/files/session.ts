import { TandemError } from "../errors.js";
import { LANES, Search } from "./direct.js";
import { SocketPipe, type Pipe } from "./pipe.js";
import type { Progress } from "./progress.js";
import { Receiver, type Offer, type Sink } from "./receiver.js";
import { offerText, Sender, type SenderListeners, type Source } from "./sender.js";
import { hex, readControl, VERSION, type Control, type Entry } from "./wire.js";

/** How often a side says that it lives, while nothing else goes through the pipe. */
const ALIVE_MS = 30_000;
/** Waits before a lost connection is made again. */
const AGAIN_MS = [300, 1000, 2000, 4000, 8000];
/** How long a way stays open when everything is said. */
const LAST_WORDS_MS = 300;
/** The node takes no longer message. */
const OFFER_BYTES = 1024 * 1024;
/** The node closes with these. */
const NO_SUCH_CODE = 4404;

export interface TransferOptions {
  /** The node, `https://…`. */
  base: URL;
  /** For a direct way between the two; none: everything goes through the node. */
  iceServers?: () => Promise<RTCIceServer[]>;
  /** Needed to offer where rooms are not open. */
  token?: string;
}

function address(base: URL, params: Record<string, string>): URL {
  const url = new URL("/v1/transfer", base);
  url.protocol = url.protocol.replace("http", "ws");
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url;
}

const canBeDirect = (options: TransferOptions) => options.iceServers !== undefined && "RTCPeerConnection" in globalThis;

/** One receiver of an offer, as the sender sees it. */
export interface Delivery {
  number: number;
  kind: Pipe["kind"] | null;
  progress: Progress | null;
  paused: boolean;
  state: "connecting" | "asking" | "sending" | "done" | "ended";
  error: TandemError | null;
}

/** Offers files under a code, to as many as come. */
export class SendSession {
  readonly entries: readonly Entry[];
  readonly deliveries: Delivery[] = [];
  readonly #options: TransferOptions;
  readonly #sources: readonly Source[];
  readonly #listeners = new Set<() => void>();
  readonly #senders = new Map<number, Sender>();
  #id = "";
  #code = "";
  #secret = "";
  #socket: WebSocket | null = null;
  #closed = false;

  constructor(options: TransferOptions, entries: readonly Entry[], sources: readonly Source[]) {
    this.#options = options;
    this.entries = entries;
    this.#sources = sources;
  }

  get code(): string {
    return this.#code;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Resolves when there is a code. */
  async open(): Promise<string> {
    this.#id = await idOf(this.entries);
    if (new TextEncoder().encode(offerText(this.#id, this.entries)).length > OFFER_BYTES) {
      const message = "These are too many files for one offer; send fewer at a time, or pack them into one file.";
      throw new TandemError("limit_exceeded", message);
    }
    await this.#connect(0);
    return this.#code;
  }

  close(): void {
    this.#closed = true;
    for (const sender of this.#senders.values()) sender.cancel();
    this.#socket?.close();
  }

  pause(delivery: Delivery, paused: boolean): void {
    const sender = this.#senders.get(delivery.number);
    if (paused) sender?.pause();
    else sender?.resume();
  }

  cancel(delivery: Delivery): void {
    this.#senders.get(delivery.number)?.cancel();
  }

  #connect(attempt: number): Promise<void> {
    const { base, token } = this.#options;
    const known: Record<string, string> = this.#code ? { code: this.#code, secret: this.#secret } : {};
    const socket = new WebSocket(address(base, { ...known, ...(token ? { access_token: token } : {}) }));
    this.#socket = socket;
    return new Promise((done, fail) => {
      socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
        const message = JSON.parse(data) as { type: string; code: string; secret: string; peer: number };
        if (message.type === "code") {
          [this.#code, this.#secret] = [message.code, message.secret];
          attempt = 0;
          this.#tell();
          done();
        } else if (message.type === "peer") void this.#deliver(message.peer);
      });
      socket.addEventListener("close", ({ code }) => {
        if (this.#closed) return;
        if (code === NO_SUCH_CODE) [this.#code, this.#secret] = ["", ""];
        if (!this.#code && attempt >= AGAIN_MS.length) {
          return fail(new TandemError("unreachable", "The server does not take files now; try again in a moment."));
        }
        const wait = AGAIN_MS[Math.min(attempt, AGAIN_MS.length - 1)];
        setTimeout(() => this.#connect(attempt + 1).then(done, fail), wait);
      });
    });
  }

  async #deliver(number: number): Promise<void> {
    const delivery: Delivery = { number, kind: null, progress: null, paused: false, state: "connecting", error: null };
    this.deliveries.push(delivery);
    this.#tell();
    const update = (change: Partial<Delivery>) => {
      Object.assign(delivery, change);
      this.#tell();
    };
    try {
      const params = { code: this.#code, secret: this.#secret, peer: String(number) };
      const relayed = await SocketPipe.open(address(this.#options.base, params));
      await this.#serve(relayed, number, update);
      update({ state: "done" });
    } catch (thrown) {
      const error =
        thrown instanceof TandemError ? thrown : new TandemError("connection_lost", "The receiver has gone.");
      update({ state: "ended", error });
    } finally {
      this.#senders.delete(number);
    }
  }

  async #serve(relayed: SocketPipe, number: number, update: (change: Partial<Delivery>) => void): Promise<void> {
    const alive = setInterval(() => say(relayed, { type: "alive" }), ALIVE_MS);
    let sender: Sender | null = null;
    let search: Search | null = null;
    let pipe: Pipe = relayed;
    const gone = new Promise<never>((_, fail) => {
      relayed.onClose = (reason) => {
        fail(new TandemError("connection_lost", reason || "The receiver has gone."));
        // A direct way outlives the one through the node.
        if (pipe === relayed) sender?.lost();
      };
    });
    gone.catch(() => undefined);
    const greeted = new Promise<Hello>((done) => {
      relayed.onMessage = (message) => {
        if (typeof message !== "string") return;
        const control = readControl(message);
        if (control.type === "hello") done(control);
        else if (control.type === "direct") search?.take(control);
        else sender?.take(control);
      };
    });
    say(relayed, hello(canBeDirect(this.#options)));
    try {
      const theirs = await Promise.race([greeted, gone]);
      const direct = theirs.direct && theirs.version === VERSION && canBeDirect(this.#options);
      if (direct) search = new Search(relayed, true, (await this.#options.iceServers?.()) ?? [], lanesWith(theirs));
      // Without the node there is no offer.
      pipe = await Promise.race([search?.found ?? relayed, gone]);
      update({ kind: pipe.kind, state: "asking" });
      const listeners: SenderListeners = {
        onProgress: (progress) => update({ progress, state: "sending" }),
        onPaused: (paused) => update({ paused }),
      };
      sender = new Sender(pipe, this.#id, this.entries, this.#sources, listeners, relayed);
      const ours = sender;
      this.#senders.set(number, ours);
      if (pipe !== relayed) {
        pipe.onMessage = (message) => typeof message === "string" && ours.take(readControl(message));
        pipe.onClose = () => ours.lost();
      }
      await ours.done;
    } finally {
      clearInterval(alive);
      closeSoon([relayed, search]);
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Where a receiver is. */
export type ReceiveState =
  | { status: "connecting" }
  | { status: "offered"; offer: Offer }
  | { status: "receiving"; offer: Offer; kind: Pipe["kind"]; progress: Progress | null; paused: boolean }
  /** The connection is lost; it goes on where it was. */
  | { status: "interrupted"; offer: Offer | null; reason: string }
  | { status: "done"; offer: Offer }
  | { status: "ended"; error: TandemError };

/** Takes what is offered under a code. */
export class ReceiveSession {
  readonly #options: TransferOptions;
  readonly #code: string;
  readonly #listeners = new Set<() => void>();
  #state: ReceiveState = { status: "connecting" };
  #accepted: { sink: Sink; wanted: (entry: Entry) => boolean; offer: string } | null = null;
  #receiver: Receiver | null = null;
  #relayed: SocketPipe | null = null;
  #closed = false;

  constructor(options: TransferOptions, code: string) {
    this.#options = options;
    this.#code = code;
    void this.#run();
  }

  get state(): ReceiveState {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Takes all or some of it. Kept for when the connection is made again. */
  accept(sink: Sink, wanted: (entry: Entry) => boolean = () => true): void {
    if (this.#state.status !== "offered") return;
    this.#accepted = { sink, wanted, offer: what(this.#state.offer) };
    void this.#receiver?.accept(sink, wanted);
  }

  decline(): void {
    this.#receiver?.decline();
  }

  pause(paused: boolean): void {
    if (paused) this.#receiver?.pause();
    else this.#receiver?.resume();
  }

  cancel(): void {
    this.#receiver?.cancel();
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#receiver?.lost();
    this.#relayed?.close();
    this.#accepted?.sink.close?.();
  }

  async #tryOn(): Promise<void> {
    let offer: Offer | null = null;
    for (let attempt = 0; !this.#closed; attempt += 1) {
      try {
        await this.#attempt((came) => {
          offer = came;
          attempt = 0;
        });
        if (offer) this.#set({ status: "done", offer });
        return;
      } catch (thrown) {
        const error =
          thrown instanceof TandemError ? thrown : new TandemError("unreachable", "The server cannot be reached.");
        if (this.#closed || !error.retryable || (!offer && attempt >= AGAIN_MS.length))
          return this.#set({ status: "ended", error });
        this.#set({ status: "interrupted", offer, reason: error.message });
        await new Promise((done) => setTimeout(done, AGAIN_MS[Math.min(attempt, AGAIN_MS.length - 1)]));
      }
    }
  }

  /** Until it is done, or nothing more can be done. */
  async #run(): Promise<void> {
    await this.#tryOn();
    this.#accepted?.sink.close?.();
  }

  async #attempt(offered: (offer: Offer) => void): Promise<void> {
    const relayed = await SocketPipe.open(address(this.#options.base, { code: this.#code }));
    this.#relayed = relayed;
    const alive = setInterval(() => say(relayed, { type: "alive" }), ALIVE_MS);
    const ways: [SocketPipe, Search?] = [relayed];
    let lanes = 1;
    let progress: Progress | null = null;
    let paused = false;
    let pipe: Pipe = relayed;
    const show = (offer: Offer) =>
      this.#accepted && this.#set({ status: "receiving", offer, kind: pipe.kind, progress, paused });
    const receiver = new Receiver(relayed, {
      onProgress: (next) => {
        progress = next;
        void receiver.offer.then(show);
      },
      onPaused: (next) => {
        paused = next;
        void receiver.offer.then(show);
      },
    });
    this.#receiver = receiver;
    let isOffered = false;
    // A direct way outlives the one through the node, but the offer comes through the node.
    relayed.onClose = (reason, code) =>
      (pipe === relayed || !isOffered) && receiver.lost(reason, code === NO_SUCH_CODE);
    const direct = canBeDirect(this.#options);
    const iceServers = direct ? ((await this.#options.iceServers?.()) ?? []) : [];
    relayed.onMessage = (message) => {
      if (message instanceof Uint8Array) return receiver.take(message);
      const control = readControl(message);
      if (control.type === "direct") {
        ways[1] ??= this.#search(
          new Search(relayed, false, iceServers, lanes),
          relayed,
          receiver,
          (found) => (pipe = found),
        );
        ways[1].take(control);
      } else if (control.type === "hello") lanes = lanesWith(control);
      else receiver.take(control);
    };
    say(relayed, hello(direct));
    try {
      await Promise.race([receiver.offer, receiver.done]);
      const offer = await receiver.offer;
      isOffered = true;
      offered(offer);
      // A yes was for what was on offer then, not for whatever comes under this code.
      if (this.#accepted && this.#accepted.offer !== what(offer)) receiver.refuse(somethingElse());
      else if (this.#accepted) await receiver.accept(this.#accepted.sink, this.#accepted.wanted);
      else this.#set({ status: "offered", offer });
      await receiver.done;
    } finally {
      clearInterval(alive);
      closeSoon(ways);
    }
  }

  #search(search: Search, relayed: SocketPipe, receiver: Receiver, use: (pipe: Pipe) => void): Search {
    void search.found.then((found) => {
      if (found === relayed) return;
      use(found);
      receiver.pipe = found;
      found.onMessage = (message) => receiver.take(typeof message === "string" ? readControl(message) : message);
      found.onClose = () => receiver.lost();
    });
    return search;
  }

  #set(state: ReceiveState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}

type Hello = Extract<Control, { type: "hello" }>;

const hello = (direct: boolean): Hello => ({ type: "hello", version: VERSION, direct, lanes: LANES });

/** As many as both sides have; a page of an older version has one. */
const lanesWith = ({ lanes }: Hello): number => Math.max(1, Math.min(LANES, Math.trunc(Number(lanes)) || 1));

function say(pipe: Pipe, message: Control): void {
  pipe.send(JSON.stringify(message));
}

/** What was said last must arrive before the ways close. */
function closeSoon(ways: ({ close(): void } | null | undefined)[]): void {
  setTimeout(() => ways.forEach((way) => way?.close()), LAST_WORDS_MS);
}

/** What a person has agreed to: whoever offers under the same code later must offer the same. */
const what = ({ id, entries }: Offer) => JSON.stringify([id, entries]);

/** The same of the same offer, to know it again after a reload. */
export const digestOfOffer = (offer: Offer): Promise<string> => hex(what(offer));

const somethingElse = () =>
  new TandemError("not_allowed", "The sender offers something else now; nothing of it was taken. Ask for a new code.");

/** The same files have the same id, so that what is there of them is found again after a reload. */
async function idOf(entries: readonly Entry[]): Promise<string> {
  return (await hex(JSON.stringify(entries.map(({ path, size, changed }) => [path, size, changed])))).slice(0, 32);
}
