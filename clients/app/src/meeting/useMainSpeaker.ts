import { useEffect, useState } from "react";
import { RoomEvent, type Participant, type Room } from "livekit-client";

/** A cough or a "yes" must not turn the picture around. */
const SWITCH_AFTER_MS = 700;

/** Whom to show large: the remote participant who speaks, or spoke last. Null before anybody spoke. */
export function useMainSpeaker(room: Room): string | null {
  const [speaking, setSpeaking] = useState<string | null>(null);
  const [main, setMain] = useState<string | null>(null);

  useEffect(() => {
    const onSpeakers = (speakers: Participant[]) => {
      setSpeaking(speakers.find((participant) => !participant.isLocal)?.identity ?? null);
    };
    room.on(RoomEvent.ActiveSpeakersChanged, onSpeakers);
    return () => void room.off(RoomEvent.ActiveSpeakersChanged, onSpeakers);
  }, [room]);

  useEffect(() => {
    if (speaking === null || speaking === main) return;
    const timer = setTimeout(() => setMain(speaking), main === null ? 0 : SWITCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [speaking, main]);

  return main;
}
