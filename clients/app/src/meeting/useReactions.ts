import { useCallback, useEffect, useRef, useState } from "react";
import { RoomEvent, type RemoteParticipant, type Room } from "livekit-client";
import { announce } from "../lib/announce";

export const EMOJI = ["👏", "👍", "❤️", "😂", "😮", "🎉"] as const;

export interface Reaction {
  id: number;
  emoji: string;
  from: string;
  /** Where it rises, in percent of the stage's width. */
  left: number;
}

const TOPIC = "reaction";
const LIFETIME_MS = 4000;
/** Applause from twenty people must not keep a screen reader busy for a minute. */
const SPOKEN_EVERY_MS = 3000;

/** Emoji that rise over the stage, sent to everybody. */
export function useReactions(room: Room): { reactions: readonly Reaction[]; react: (emoji: string) => void } {
  const [reactions, setReactions] = useState<readonly Reaction[]>([]);
  const nextId = useRef(1);
  const spokenAt = useRef(new Map<string, number>());

  const show = useCallback((emoji: string, from: string) => {
    const id = nextId.current;
    nextId.current += 1;
    setReactions((before) => [...before.slice(-30), { id, emoji, from, left: 8 + Math.random() * 84 }]);
    setTimeout(() => setReactions((before) => before.filter((reaction) => reaction.id !== id)), LIFETIME_MS);
    const now = Date.now();
    if (now - (spokenAt.current.get(from) ?? 0) < SPOKEN_EVERY_MS) return;
    spokenAt.current.set(from, now);
    announce(`${from} reacts with ${emoji}`);
  }, []);

  useEffect(() => {
    const onData = (payload: Uint8Array, sender?: RemoteParticipant, _kind?: unknown, topic?: string) => {
      if (topic !== TOPIC || !sender) return;
      const emoji = emojiIn(payload);
      if (emoji) show(emoji, sender.name || sender.identity);
    };
    room.on(RoomEvent.DataReceived, onData);
    return () => void room.off(RoomEvent.DataReceived, onData);
  }, [room, show]);

  const react = useCallback(
    (emoji: string) => {
      show(emoji, "You");
      const payload = new TextEncoder().encode(JSON.stringify({ emoji }));
      void room.localParticipant.publishData(payload, { topic: TOPIC, reliable: true }).catch(() => undefined);
    },
    [room, show],
  );

  return { reactions, react };
}

/** The emoji of a message. Only known ones: the others' programs decide nothing about our screen. */
export function emojiIn(payload: Uint8Array): string | null {
  try {
    const message: unknown = JSON.parse(new TextDecoder().decode(payload));
    const emoji = typeof message === "object" && message !== null && "emoji" in message ? message.emoji : null;
    return typeof emoji === "string" && (EMOJI as readonly string[]).includes(emoji) ? emoji : null;
  } catch {
    return null;
  }
}
