import { useCallback, useState } from "react";
import { TandemError, type Capture, type RoomSession } from "tandem-client";
import { announce, notify } from "../lib/announce";
import { useParticipantChanges } from "./live";

/** The attribute that says since when a hand is up; absent or empty means it is down. */
export const HAND = "hand";

export interface Controls {
  microphone: boolean;
  camera: boolean;
  sharing: boolean;
  hand: boolean;
  busy: Capture | "screen" | null;
  /** A device that did not open, waiting to be explained. */
  failure: { kind: Capture; error: TandemError } | null;
  clearFailure: () => void;
  toggleMicrophone: () => void;
  toggleCamera: () => void;
  toggleShare: () => void;
  toggleHand: () => void;
}

/** What one can switch about oneself, and whether it is on. */
export function useControls(session: RoomSession): Controls {
  const { room } = session;
  const me = room.localParticipant;
  useParticipantChanges(me);
  const hand = Boolean(me.attributes[HAND]);
  const [busy, setBusy] = useState<Controls["busy"]>(null);
  const [failure, setFailure] = useState<Controls["failure"]>(null);

  const toggleDevice = useCallback(
    async (kind: Capture, on: boolean) => {
      setBusy(kind);
      try {
        await (kind === "microphone" ? session.setMicrophone(on) : session.setCamera(on));
        announce(`${kind === "microphone" ? "Microphone" : "Camera"} ${on ? "on" : "off"}`);
      } catch (thrown) {
        if (thrown instanceof TandemError) setFailure({ kind, error: thrown });
      } finally {
        setBusy(null);
      }
    },
    [session],
  );

  const toggleShare = async () => {
    setBusy("screen");
    try {
      const shared = await session.setScreenShare(!me.isScreenShareEnabled);
      announce(shared ? "You are sharing your screen" : "You are not sharing your screen");
    } catch (thrown) {
      notify(thrown instanceof Error ? thrown.message : "The screen could not be shared.", "warning");
    } finally {
      setBusy(null);
    }
  };

  const toggleHand = async () => {
    try {
      await me.setAttributes({ [HAND]: hand ? "" : String(Date.now()) });
      announce(hand ? "Hand lowered" : "Hand raised");
    } catch {
      notify("Your hand could not be raised; the server did not accept it.", "warning");
    }
  };

  return {
    microphone: me.isMicrophoneEnabled,
    camera: me.isCameraEnabled,
    sharing: me.isScreenShareEnabled,
    hand,
    busy,
    failure,
    clearFailure: () => setFailure(null),
    toggleMicrophone: () => void toggleDevice("microphone", !me.isMicrophoneEnabled),
    toggleCamera: () => void toggleDevice("camera", !me.isCameraEnabled),
    toggleShare: () => void toggleShare(),
    toggleHand: () => void toggleHand(),
  };
}
