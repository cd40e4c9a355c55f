import { useEffect, useRef, useState } from "react";
import type { Room } from "livekit-client";
import type { RoomSession, RoomState } from "tandem-client";
import { notify } from "../lib/announce";
import { Icon } from "../ui/Icon";
import { useRoomChanges } from "./live";

/** What stands over the stage while the connection is being repaired. */
export function ConnectionBanner({ session, state }: { session: RoomSession; state: RoomState }) {
  const troubled = useRef(false);
  useEffect(() => {
    if (state.status === "reconnecting" || state.status === "rejoining") troubled.current = true;
    else if (state.status === "connected" && troubled.current) {
      troubled.current = false;
      notify("You are connected again.");
    }
  }, [state.status]);

  if (state.status === "reconnecting") {
    return (
      <div className="banner" role="status" data-testid="banner">
        <Spinner /> <span>The connection is unstable. Repairing it…</span>
      </div>
    );
  }
  if (state.status !== "rejoining") return null;
  return (
    <div className="banner" role="status" data-testid="banner">
      <Spinner />
      <span>
        {state.cause.code === "unreachable" || state.cause.code === "timeout"
          ? "The server does not answer."
          : state.cause.message}{" "}
        {state.retryAt === null ? "Coming back…" : "Coming back with the same devices."}
        {state.retryAt !== null && <Countdown to={state.retryAt} />}
      </span>
      <button className="button small" disabled={state.retryAt === null} onClick={() => session.retryNow()}>
        Try now
      </button>
    </div>
  );
}

/** Hidden from screen readers: a number spoken every second helps nobody. */
function Countdown({ to }: { to: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((to - now) / 1000));
  return seconds > 1 ? <span aria-hidden="true"> Next attempt in {seconds} s.</span> : null;
}

function Spinner() {
  return <span className="spinner" aria-hidden="true" />;
}

/** Browsers keep a page silent until somebody clicks in it. */
export function SoundBanner({ room }: { room: Room }) {
  useRoomChanges(room);
  if (room.canPlaybackAudio) return null;
  return (
    <div className="banner" role="alert">
      <Icon name="volume" />
      <span>Your browser keeps this page silent until you allow sound.</span>
      <button className="button small primary" onClick={() => void room.startAudio()}>
        Start audio
      </button>
    </div>
  );
}
