import { useEffect, useRef, useState } from "react";
import { Channels, type Channel, type ChannelMessage, type ChannelState } from "tandem-client";

/** One connection for all pages of this visit. */
let shared: Channels | undefined;
export function channels(): Channels {
  return (shared ??= new Channels(new URL(location.origin)));
}

export interface OpenChannel<T> {
  channel: Channel<T> | null;
  state: ChannelState;
  /** How many hear it; null until known. */
  audience: number | null;
}

/**
 * A channel for as long as the component lives. `onMessage` is called for the past first (what the
 * node kept, oldest first) and then for everything that comes, each publication once.
 */
export function useChannel<T>(name: string, onMessage: (message: ChannelMessage<T>) => void): OpenChannel<T> {
  const [channel, setChannel] = useState<Channel<T> | null>(null);
  const [state, setState] = useState<ChannelState>({ status: "connecting" });
  const [audience, setAudience] = useState<number | null>(null);
  const latest = useRef(onMessage);
  useEffect(() => {
    latest.current = onMessage;
  });

  useEffect(() => {
    let over = false;
    let opened: Channel<T> | undefined;
    let seen = 0;
    let counting: ReturnType<typeof setTimeout> | undefined;
    const take = (message: ChannelMessage<T>) => {
      if (over || (message.offset > 0 && message.offset <= seen)) return;
      seen = Math.max(seen, message.offset);
      latest.current(message);
    };
    // Many may come at once; one question a second answers for all of them.
    const count = () => {
      counting ??= setTimeout(() => {
        counting = undefined;
        opened?.audience().then(
          (number) => !over && setAudience(number),
          () => undefined,
        );
      }, 300);
    };
    let past: Promise<void> | undefined;
    const waiting: ChannelMessage<T>[] = [];
    const live = (next: ChannelState) => {
      if (over) return;
      setState(next);
      if (next.status !== "live") return;
      count();
      // The past is read once; after a lost connection the node fills the hole by itself.
      past ??= (async () => {
        const kept = (await opened?.history().catch(() => [])) ?? [];
        kept.forEach(take);
        past = Promise.resolve();
        waiting.splice(0).forEach(take);
        ready = true;
      })();
    };
    let ready = false;
    void channels()
      .open<T>(name, {
        onMessage: (message) => (ready ? take(message) : waiting.push(message)),
        onState: live,
        onPresence: count,
      })
      .then((it) => {
        if (over) return it.close();
        opened = it;
        setChannel(it);
      });
    return () => {
      over = true;
      clearTimeout(counting);
      opened?.close();
      setChannel(null);
    };
  }, [name]);

  return { channel, state, audience };
}
