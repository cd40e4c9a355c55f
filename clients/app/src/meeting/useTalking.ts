import { useEffect } from "react";
import { Track, type Room } from "livekit-client";
import { notify } from "../lib/announce";
import { watchLevel } from "../prejoin/level";
import type { RoomSession } from "tandem-client";
import { takesKeys } from "./useShortcuts";

const LOUD = 0.45;
/** About a third of a second of speech; a cough or a door stays unmentioned. */
const LOUD_FRAMES = 20;

/** Tells people once per muting that they talk and nobody hears it. Listens only to what is open anyway. */
export function useMutedHint(room: Room, muted: boolean): void {
  useEffect(() => {
    const open = room.localParticipant.getTrackPublication(Track.Source.Microphone)?.track?.mediaStreamTrack;
    if (!muted || !open || open.readyState !== "live") return;
    // Muting silences the track; a copy still hears. It goes nowhere but into the meter.
    const copy = open.clone();
    copy.enabled = true;
    let frames = 0;
    let stopMeter: () => void = () => undefined;
    const stop = () => {
      stopMeter();
      copy.stop();
    };
    stopMeter = watchLevel(new MediaStream([copy]), (level) => {
      if (level < LOUD) return;
      frames += 1;
      if (frames !== LOUD_FRAMES) return;
      notify("You are talking, but your microphone is off. Press M to switch it on.");
      stop();
    });
    return stop;
  }, [room, muted]);
}

/** While the space bar is held, the microphone is on. Keys that mean something else keep their meaning. */
export function usePushToTalk(session: RoomSession, enabled: boolean): void {
  useEffect(() => {
    if (!enabled) return;
    let talking = false;
    const down = (event: KeyboardEvent) => {
      if (event.key !== " " || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      const onControl = event.target instanceof HTMLElement && event.target.closest("button, a, [tabindex]") !== null;
      if (onControl || takesKeys(event.target) || session.room.localParticipant.isMicrophoneEnabled) return;
      event.preventDefault();
      talking = true;
      session.setMicrophone(true).catch(() => notify("Your microphone did not open.", "warning"));
    };
    const up = (event?: Event) => {
      if (!talking || (event instanceof KeyboardEvent && event.key !== " ")) return;
      talking = false;
      void session.setMicrophone(false).catch(() => undefined);
    };
    addEventListener("keydown", down);
    addEventListener("keyup", up);
    // Another window took the focus and will get the key's release.
    addEventListener("blur", up);
    return () => {
      up();
      removeEventListener("keydown", down);
      removeEventListener("keyup", up);
      removeEventListener("blur", up);
    };
  }, [session, enabled]);
}
