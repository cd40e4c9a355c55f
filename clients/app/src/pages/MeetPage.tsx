import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { Tandem, TandemError, type RoomSession } from "tandem-client";
import { notify } from "../lib/announce";
import { recall } from "../lib/remember";
import { kindIn, tokenIn } from "../lib/router";
import { Prejoin, type Entrance } from "../prejoin/Prejoin";
import { LeftPage } from "./LeftPage";

const Meeting = lazy(() => import("../meeting/Meeting"));

type Stage =
  | { at: "prejoin"; joining: boolean; error: TandemError | null }
  /** Coming back after leaving: the person has decided already and needs no mirror. */
  | { at: "returning" }
  | { at: "meeting"; session: RoomSession }
  | { at: "left"; error: TandemError | null };

/** The stay in a room: entering, leaving, and what to show meanwhile. */
function useStay(room: string) {
  const [stage, setStage] = useState<Stage>({ at: "prejoin", joining: false, error: null });
  const session = useRef<RoomSession | null>(null);
  const entrance = useRef<Entrance | null>(null);
  const failures = useRef(0);
  const attempt = useRef<AbortController | null>(null);

  // Following another link or going back in the history must not leave a ghost in the room.
  useEffect(
    () => () => {
      attempt.current?.abort();
      void session.current?.leave();
    },
    [],
  );

  const enter = useCallback(
    async (chosen: Entrance, returning = false) => {
      entrance.current = chosen;
      const { signal } = (attempt.current = new AbortController());
      setStage(returning ? { at: "returning" } : { at: "prejoin", joining: true, error: null });
      try {
        const opened = await openRoom(room, chosen.name);
        if (signal.aborted) return;
        session.current = opened;
        await opened.connect(chosen.wish, signal);
        setStage({ at: "meeting", session: opened });
      } catch (thrown) {
        if (signal.aborted) return;
        const error = thrown instanceof TandemError ? thrown : new TandemError("internal", String(thrown));
        failures.current += 1;
        setStage({ at: "prejoin", joining: false, error });
      }
    },
    [room],
  );

  const leave = useCallback((error: TandemError | null) => {
    const wish = session.current?.wish;
    if (entrance.current && wish) entrance.current = { ...entrance.current, wish };
    void session.current?.leave();
    session.current = null;
    setStage({ at: "left", error });
  }, []);

  const comeBack = () => {
    if (entrance.current) void enter(entrance.current, true);
  };
  return { stage, failures: failures.current, enter, leave, comeBack };
}

function openRoom(room: string, name: string): Promise<RoomSession> {
  const invitation = tokenIn(location.hash);
  const kind = kindIn(location.search);
  const join = { room, name, ...(invitation ? { invitation } : {}), ...(kind ? { kind } : {}) };
  return new Tandem(location.origin, { join }).room({
    relayOnly: new URLSearchParams(location.search).has("relay"),
    devices: { microphone: recall("microphone"), camera: recall("camera"), speaker: recall("speaker") },
    onDeviceError: (source, error) => notify(`Your ${source} is off: ${error.message}`, "warning"),
  });
}

/** One room from the door to the way out. */
export default function MeetPage({ room }: { room: string }) {
  const { stage, failures, enter, leave, comeBack } = useStay(room);
  switch (stage.at) {
    case "prejoin":
      // The key makes a fresh start after a failure: the devices were given back for the attempt.
      return (
        <Prejoin
          key={failures}
          room={room}
          joining={stage.joining}
          error={stage.error}
          onJoin={(chosen) => void enter(chosen)}
        />
      );
    case "returning":
      return (
        <div className="waiting" role="status">
          Joining…
        </div>
      );
    case "meeting":
      return (
        <Suspense
          fallback={
            <div className="waiting" role="status">
              Opening the meeting…
            </div>
          }
        >
          <Meeting session={stage.session} roomName={room} onLeft={leave} />
        </Suspense>
      );
    case "left":
      return <LeftPage room={room} error={stage.error} onRejoin={comeBack} />;
  }
}
