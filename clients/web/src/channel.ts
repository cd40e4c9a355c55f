import type { Centrifuge, PublicationContext, Subscription, SubscriptionOptions } from "centrifuge";
import { TandemError } from "./errors.js";

/** Where a subscription is. One value, so that a user interface needs one `switch`. */
export type ChannelState =
  | { status: "connecting" }
  /** `caughtUp`: how many publications came back after a lost connection; null if some are lost for good. */
  | { status: "live"; caughtUp: number | null }
  /** It ended and does not come back by itself. */
  | { status: "ended"; error: TandemError };

/** One publication. */
export interface ChannelMessage<T> {
  data: T;
  /** Place in the history, 0 without. */
  offset: number;
  /** Who sent it, if it was a client. */
  user: string;
  /** The sender's connection. */
  client: string;
  /** It was published before the channel was opened. */
  past: boolean;
}

export interface ChannelListeners<T> {
  /** How many publications of the past `onMessage` is given first, oldest first; none without. Each comes once. */
  past?: number;
  onMessage?: (message: ChannelMessage<T>) => void;
  onState?: (state: ChannelState) => void;
  onPresence?: () => void;
}

/** All channels of one node, over one connection that is made when the first is opened. */
export class Channels {
  readonly #base: URL;
  readonly #token: (() => Promise<string>) | undefined;
  #client: Promise<Centrifuge> | undefined;

  /** @param token fetches a connection token; absent means nobody in particular. */
  constructor(base: URL, token?: () => Promise<string>) {
    this.#base = base;
    this.#token = token;
  }

  /** Opens a channel. Loads the channel code on first use. */
  async open<T>(name: string, listeners: ChannelListeners<T> = {}): Promise<Channel<T>> {
    const client = await (this.#client ??= this.#connect());
    const options: Partial<SubscriptionOptions> = { recoverable: true, positioned: true, joinLeave: true };
    const known = client.getSubscription(name);
    if (known) client.removeSubscription(known);
    return new Channel(client, client.newSubscription(name, options), listeners);
  }

  /**
   * Publishes to a channel without listening to it. Resolves when the node has it (and, where the
   * namespace says so, its disk).
   */
  async publish(name: string, data: unknown): Promise<void> {
    const client = await (this.#client ??= this.#connect());
    try {
      await client.publish(name, data);
    } catch (thrown) {
      throw asChannelError(thrown);
    }
  }

  /** Ends the connection and every channel on it. */
  async close(): Promise<void> {
    (await this.#client)?.disconnect();
    this.#client = undefined;
  }

  async #connect(): Promise<Centrifuge> {
    const sdk = await import("centrifuge");
    const socket = new URL(this.#base);
    socket.protocol = socket.protocol.replace("http", "ws");
    const at = (path: string, of: URL) => new URL(path, of).href;
    const client = new sdk.Centrifuge(
      [
        { transport: "websocket", endpoint: at("/connection/websocket", socket) },
        { transport: "http_stream", endpoint: at("/connection/http_stream", this.#base) },
        { transport: "sse", endpoint: at("/connection/sse", this.#base) },
      ],
      {
        emulationEndpoint: at("/emulation", this.#base),
        ...(this.#token ? { getToken: this.#token } : {}),
        minReconnectDelay: 300,
        maxReconnectDelay: 5000,
      },
    );
    client.connect();
    return client;
  }
}

/** One open channel. */
export class Channel<T> {
  readonly name: string;
  readonly #client: Centrifuge;
  readonly #subscription: Subscription;

  constructor(client: Centrifuge, subscription: Subscription, listeners: ChannelListeners<T>) {
    this.name = subscription.channel;
    this.#client = client;
    this.#subscription = subscription;
    const { onMessage, onState, onPresence } = listeners;
    const inOrder = new InOrder<T>(listeners.past ?? 0, (limit) => this.history(limit), onMessage ?? (() => undefined));
    let recovered = 0;
    subscription.on("publication", (publication) => {
      recovered += 1;
      inOrder.came(asMessage(publication, false));
    });
    subscription.on("subscribing", () => {
      recovered = 0;
      onState?.({ status: "connecting" });
    });
    subscription.on("subscribed", ({ recovered: whole, wasRecovering, hasRecoveredPublications }) => {
      if (wasRecovering && !whole) inOrder.anew();
      // Recovered publications are handed out right after this event.
      queueMicrotask(() => {
        const count = hasRecoveredPublications ? recovered : 0;
        onState?.({ status: "live", caughtUp: wasRecovering && !whole ? null : count });
        void inOrder.live();
      });
    });
    subscription.on("unsubscribed", ({ code, reason }) => {
      inOrder.end();
      if (code !== 0) onState?.({ status: "ended", error: refused(code, reason) });
    });
    if (onPresence) subscription.on("join", onPresence).on("leave", onPresence);
    subscription.subscribe();
  }

  /** Resolves when the node has it (and, where the namespace says so, its disk). */
  async publish(data: T): Promise<void> {
    try {
      await this.#subscription.publish(data);
    } catch (thrown) {
      throw asChannelError(thrown);
    }
  }

  /** What was published before, oldest first. */
  async history(limit = 100): Promise<ChannelMessage<T>[]> {
    try {
      const { publications } = await this.#subscription.history({ limit, reverse: true });
      return publications.reverse().map((publication) => asMessage(publication, true));
    } catch (thrown) {
      throw asChannelError(thrown);
    }
  }

  /** How many connections hear it. */
  async audience(): Promise<number> {
    try {
      return (await this.#subscription.presenceStats()).numClients;
    } catch (thrown) {
      throw asChannelError(thrown);
    }
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#client.removeSubscription(this.#subscription);
  }
}

/** The past first, then what comes; each publication once. */
class InOrder<T> {
  readonly #past: number;
  readonly #read: (limit: number) => Promise<ChannelMessage<T>[]>;
  readonly #give: (message: ChannelMessage<T>) => void;
  /** What came while the past is being read; null when it has been. */
  #waiting: ChannelMessage<T>[] | null;
  #reading = false;
  #ended = false;
  #seen = 0;

  constructor(
    past: number,
    read: (limit: number) => Promise<ChannelMessage<T>[]>,
    give: (message: ChannelMessage<T>) => void,
  ) {
    this.#past = past;
    this.#read = read;
    this.#give = give;
    this.#waiting = past > 0 ? [] : null;
  }

  came(message: ChannelMessage<T>): void {
    if (this.#waiting) this.#waiting.push(message);
    else this.#hand(message);
  }

  /** The channel is heard: time to read the past, once. After a lost connection the node fills the hole by itself. */
  async live(): Promise<void> {
    if (!this.#waiting || this.#reading) return;
    this.#reading = true;
    let past: ChannelMessage<T>[] = [];
    try {
      past = await this.#read(this.#past);
    } catch (thrown) {
      // It is read again with the next connection; a channel without a past goes on at once.
      if (thrown instanceof TandemError && thrown.code === "unreachable") return;
    } finally {
      this.#reading = false;
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    [...past, ...waiting].forEach((message) => this.#hand(message));
  }

  /** The channel's places may count from one again. */
  anew(): void {
    this.#seen = 0;
  }

  end(): void {
    this.#ended = true;
  }

  #hand(message: ChannelMessage<T>): void {
    if (this.#ended || (message.offset > 0 && message.offset <= this.#seen)) return;
    this.#seen = Math.max(this.#seen, message.offset);
    this.#give(message);
  }
}

function asMessage<T>({ data, offset, info }: PublicationContext, past: boolean): ChannelMessage<T> {
  return {
    data: data as T,
    offset: Number(offset ?? 0),
    user: info?.user ?? "",
    client: info?.client ?? "",
    past,
  };
}

function refused(code: number, reason: string): TandemError {
  if (code === 103) return new TandemError("not_allowed", "This channel is not open to you.");
  if (code === 102) return new TandemError("not_found", "This node has no such channel.");
  return new TandemError("internal", `The channel ended: ${reason}.`);
}

function asChannelError(thrown: unknown): TandemError {
  const { code, message } = thrown as { code?: number; message?: string };
  if (code === 103) return new TandemError("not_allowed", "You may not do that in this channel.", { cause: thrown });
  if (code === 111) return new TandemError("busy", "Too fast for now; try again in a moment.", { cause: thrown });
  if (code === 1 || code === 2 || code === 3) {
    return new TandemError("unreachable", "The connection is interrupted; try again in a moment.", { cause: thrown });
  }
  return new TandemError("internal", message ?? "That did not work.", { cause: thrown });
}
