import { useCallback, useEffect, useRef, useState } from "react";
import type { Room } from "livekit-client";
import { Channels, type Channel, type RoomSession } from "tandem-client";
import { announce, notify } from "../lib/announce";
import { useSessionState } from "./useSessionState";

export interface ChatLine {
  id: string;
  from: string;
  mine: boolean;
  text: string;
  at: number;
}

/** A line as it travels in the room's channel. */
interface Said {
  type: "chat";
  id: string;
  text: string;
  name: string;
  identity: string;
  at: number;
}

/** The topic on which LiveKit's own components speak too: people there are answered there. */
const TOPIC = "lk.chat";
/** Names the line in the channel that a text on the topic repeats. */
const COPY_OF = "tandem.chat.id";
const TYPING = "tandem.typing";
const TYPING_FOR_MS = 3000;
const LONGEST = 4000;
/** Lines from before that whoever comes later is shown. */
const PAST = 100;

export interface Chat {
  lines: readonly ChatLine[];
  unread: number;
  /** Who is writing at the moment. */
  typing: readonly string[];
  /** One sentence when what is said cannot be kept at the moment. */
  trouble: string | null;
  /** Resolves to whether the line went out. */
  send: (text: string) => Promise<boolean>;
  /** Tells the others that something is being written; call it as often as keys are pressed. */
  write: () => void;
}

function readSaid(data: unknown): Said | null {
  const it = data as Partial<Said> | null;
  if (it?.type !== "chat" || typeof it.text !== "string" || typeof it.id !== "string") return null;
  const { id, name, identity, at } = it;
  return {
    type: "chat",
    id,
    text: it.text.slice(0, LONGEST),
    name: String(name ?? ""),
    identity: String(identity ?? ""),
    at: Number(at) || Date.now(),
  };
}

/**
 * The conversation of the room. It lives in the room's channel, so that whoever comes later or
 * loads the page again reads what was said before; what people say who have no channel, from
 * LiveKit's own components, comes in beside it.
 */
export function useChat(session: RoomSession, roomName: string, open: boolean): Chat {
  const { room } = session;
  const [lines, setLines] = useState<readonly ChatLine[]>([]);
  const [unread, setUnread] = useState(0);
  const isOpen = useRef(open);

  useEffect(() => {
    isOpen.current = open;
    if (open) setUnread(0);
  }, [open]);

  // What comes through the channel and as a copy on the topic is one line.
  const known = useRef(new Set<string>());
  const add = useCallback((line: ChatLine, isNews: boolean) => {
    if (known.current.has(line.id)) return;
    known.current.add(line.id);
    setLines((before) => [...before, line].sort((a, b) => a.at - b.at));
    if (!isNews || line.mine || isOpen.current) return;
    setUnread((count) => count + 1);
    notify(`${line.from}: ${line.text.length > 120 ? `${line.text.slice(0, 120)}…` : line.text}`);
  }, []);

  useEffect(() => {
    room.registerTextStreamHandler(TOPIC, (reader, { identity }) => {
      void reader.readAll().then(
        (text) => {
          const from = room.getParticipantByIdentity(identity)?.name || identity;
          const { id, timestamp, attributes } = reader.info;
          const line = { from, mine: false, text: text.slice(0, LONGEST), at: timestamp || Date.now() };
          add({ id: attributes?.[COPY_OF] ?? id, ...line }, true);
        },
        () => undefined,
      ); // A stream that breaks off is a message that nobody finished.
    });
    return () => room.unregisterTextStreamHandler(TOPIC);
  }, [room, add]);

  const { channel, trouble } = useRoomChannel(session, roomName, add);
  const { typing, write } = useTyping(room);

  const send = useCallback(
    async (text: string) => {
      const me = room.localParticipant;
      const line: Said = {
        type: "chat",
        id: crypto.randomUUID(),
        text,
        name: me.name || me.identity,
        identity: me.identity,
        at: Date.now(),
      };
      const copy = me.sendText(text, { topic: TOPIC, attributes: { [COPY_OF]: line.id } });
      const sent = await Promise.allSettled([
        channel.current?.publish(line) ?? Promise.reject(new Error("no channel")),
        copy,
      ]);
      if (sent.every(({ status }) => status === "rejected")) {
        notify("The message was not sent. Try again when the connection is back.", "warning");
        return false;
      }
      add({ id: line.id, from: line.name || "You", mine: true, text, at: line.at }, false);
      announce("Message sent");
      return true;
    },
    [room, channel, add],
  );

  return { lines, unread, typing, trouble, send, write };
}

/** The room's channel while the session is in the room. */
function useRoomChannel(session: RoomSession, roomName: string, add: (line: ChatLine, isNews: boolean) => void) {
  const channel = useRef<Channel<Said> | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const { status } = useSessionState(session);
  const inside = status === "connected" || status === "reconnecting";

  useEffect(() => {
    const admission = session.admission;
    if (!inside || !admission) return;
    const address = new URL(admission.url);
    address.protocol = address.protocol.replace("ws", "http");
    const connection = new Channels(address, async () => session.admission?.token ?? admission.token);
    let over = false;
    const opening = connection.open<Said>(`room:${roomName}`, {
      past: PAST,
      onMessage: ({ data, past }) => {
        const said = readSaid(data);
        if (!said || over) return;
        const mine = said.identity === session.room.localParticipant.identity;
        add({ id: said.id, from: said.name || said.identity, mine, text: said.text, at: said.at }, !past);
      },
      onState: ({ status }) => {
        if (over) return;
        setTrouble(
          status === "ended" ? "Messages of this room are not kept: those who come later will not see them." : null,
        );
      },
    });
    void opening.then((it) => {
      if (!over) channel.current = it;
    });
    return () => {
      over = true;
      channel.current = null;
      void connection.close();
    };
  }, [session, roomName, inside, add]);

  return { channel, trouble };
}

/** Who is writing: a word on the fast way, kept by nobody. */
function useTyping(room: Room) {
  const [typing, setTyping] = useState<readonly string[]>([]);
  const last = useRef(0);

  useEffect(() => {
    const timers = new Map<string, ReturnType<typeof setTimeout>>();
    const heard = (_: Uint8Array, from?: { identity: string; name?: string }, _kind?: unknown, topic?: string) => {
      if (topic !== TYPING || !from) return;
      const name = from.name || from.identity;
      clearTimeout(timers.get(name));
      setTyping((names) => (names.includes(name) ? names : [...names, name]));
      timers.set(
        name,
        setTimeout(() => setTyping((names) => names.filter((other) => other !== name)), TYPING_FOR_MS),
      );
    };
    room.on("dataReceived", heard);
    return () => {
      room.off("dataReceived", heard);
      timers.forEach((timer) => clearTimeout(timer));
    };
  }, [room]);

  const write = useCallback(() => {
    const now = Date.now();
    if (now - last.current < TYPING_FOR_MS / 2) return;
    last.current = now;
    // Nobody misses it if it does not arrive.
    room.localParticipant.publishData(new Uint8Array([1]), { reliable: false, topic: TYPING }).catch(() => undefined);
  }, [room]);

  return { typing, write };
}
