import type { Centrifuge, Subscription, SubscriptionOptions } from "centrifuge";
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
}

export interface ChannelListeners<T> {
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
    let recovered = 0;
    subscription.on("publication", ({ data, offset, info }) => {
      recovered += 1;
      onMessage?.({ data: data as T, offset: Number(offset ?? 0), user: info?.user ?? "", client: info?.client ?? "" });
    });
    subscription.on("subscribing", () => {
      recovered = 0;
      onState?.({ status: "connecting" });
    });
    subscription.on("subscribed", ({ recovered: whole, wasRecovering, hasRecoveredPublications }) => {
      // Recovered publications are handed out right after this event.
      queueMicrotask(() => {
        const count = hasRecoveredPublications ? recovered : 0;
        onState?.({ status: "live", caughtUp: wasRecovering && !whole ? null : count });
      });
    });
    subscription.on("unsubscribed", ({ code, reason }) => {
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
      return publications.reverse().map(({ data, offset, info }) => ({
        data: data as T,
        offset: Number(offset ?? 0),
        user: info?.user ?? "",
        client: info?.client ?? "",
      }));
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
