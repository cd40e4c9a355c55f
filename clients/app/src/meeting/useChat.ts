import { useCallback, useEffect, useRef, useState } from "react";
import type { Room } from "livekit-client";
import { announce, notify } from "../lib/announce";

export interface ChatLine {
  id: string;
  from: string;
  mine: boolean;
  text: string;
  at: number;
}

/** The topic on which LiveKit's own components speak too. */
const TOPIC = "lk.chat";
const LONGEST = 4000;

export interface Chat {
  lines: readonly ChatLine[];
  unread: number;
  /** Resolves to whether the line went out. */
  send: (text: string) => Promise<boolean>;
}

/**
 * The conversation of the room. Lives as long as the meeting page and not only as long as a
 * connection, so that a rejoin loses nothing that was said before.
 */
export function useChat(room: Room, open: boolean): Chat {
  const [lines, setLines] = useState<readonly ChatLine[]>([]);
  const [unread, setUnread] = useState(0);
  const isOpen = useRef(open);

  useEffect(() => {
    isOpen.current = open;
    if (open) setUnread(0);
  }, [open]);

  useEffect(() => {
    room.registerTextStreamHandler(TOPIC, (reader, { identity }) => {
      void reader.readAll().then(
        (text) => {
          const from = room.getParticipantByIdentity(identity)?.name || identity;
          const { id, timestamp } = reader.info;
          setLines((before) => [
            ...before,
            { id, from, mine: false, text: text.slice(0, LONGEST), at: timestamp || Date.now() },
          ]);
          if (isOpen.current) return;
          setUnread((count) => count + 1);
          notify(`${from}: ${text.length > 120 ? `${text.slice(0, 120)}…` : text}`);
        },
        () => undefined,
      ); // A stream that breaks off is a message that nobody finished.
    });
    return () => room.unregisterTextStreamHandler(TOPIC);
  }, [room]);

  const send = useCallback(
    async (text: string) => {
      try {
        const info = await room.localParticipant.sendText(text, { topic: TOPIC });
        const from = room.localParticipant.name || "You";
        setLines((before) => [...before, { id: info.id, from, mine: true, text, at: Date.now() }]);
        announce("Message sent");
        return true;
      } catch {
        notify("The message was not sent. Try again when the connection is back.", "warning");
        return false;
      }
    },
    [room],
  );

  return { lines, unread, send };
}
