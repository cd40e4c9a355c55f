import { useEffect, useRef, useState } from "react";
import { Channels, type Channel, type ChannelMessage, type ChannelState } from "tandem-client";

/** Publications of the past that a page shows. */
const PAST = 100;
const COUNT_EVERY_MS = 300;

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
    let counting: ReturnType<typeof setTimeout> | undefined;
    // Many may come at once; one question answers for all of them.
    const count = () => {
      counting ??= setTimeout(() => {
        counting = undefined;
        opened?.audience().then(
          (number) => !over && setAudience(number),
          () => undefined,
        );
      }, COUNT_EVERY_MS);
    };
    const opening = channels().open<T>(name, {
      past: PAST,
      onMessage: (message) => !over && latest.current(message),
      onState: (next) => {
        if (over) return;
        setState(next);
        if (next.status === "live") count();
      },
      onPresence: count,
    });
    void opening.then((it) => {
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
