import { useSyncExternalStore } from "react";
import type { RoomSession, RoomState } from "tandem-client";

export function useSessionState(session: RoomSession): RoomState {
  return useSyncExternalStore(session.subscribe, () => session.state);
}
