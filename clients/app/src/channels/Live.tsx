import type { ChannelState } from "tandem-client";

/** Says in words whether what is shown is live. */
export function Live({ state, audience, noun }: { state: ChannelState; audience: number | null; noun: string }) {
  const people = audience === null ? "" : ` · ${audience} ${noun}`;
  if (state.status === "connecting") {
    return (
      <p className="live-state" data-state="connecting" role="status">
        Connecting…
      </p>
    );
  }
  if (state.status === "ended") {
    return (
      <p className="live-state" data-state="ended" role="alert">
        {state.error.message}
      </p>
    );
  }
  const news =
    state.caughtUp === null
      ? " · some updates were missed for good"
      : state.caughtUp > 0
        ? ` · caught up: ${state.caughtUp} ${state.caughtUp === 1 ? "update" : "updates"}`
        : "";
  return (
    <p className="live-state" data-state="live" role="status">
      <span className="live-dot" aria-hidden="true" /> Live{people}
      {news}
    </p>
  );
}
