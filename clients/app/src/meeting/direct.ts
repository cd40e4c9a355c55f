import { createContext, useContext, useSyncExternalStore } from "react";
import type { DirectCall, DirectSource, DirectState, RoomSession } from "tandem-client";

const THROUGH_SERVER: DirectState = { path: "server", connecting: false, phrase: null };
const never = () => () => undefined;

/** The direct connections of the meeting; null where the room has none. */
export const Direct = createContext<DirectCall | null>(null);

export function useDirectState(session: RoomSession): DirectState {
  const { direct } = session;
  return useSyncExternalStore(direct?.subscribe ?? never, () => direct?.state ?? THROUGH_SERVER);
}

/** What comes directly from somebody, played or not yet. */
export function useIncomingTrack(identity: string, source: DirectSource): MediaStreamTrack | null {
  const direct = useContext(Direct);
  return useSyncExternalStore(direct?.subscribe ?? never, () => direct?.incoming(identity, source) ?? null);
}

/** What comes directly from somebody, to be played in place of what the node forwards; null for that. */
export function useDirectTrack(identity: string, source: DirectSource): MediaStreamTrack | null {
  const direct = useContext(Direct);
  return useSyncExternalStore(direct?.subscribe ?? never, () => direct?.playing(identity, source) ?? null);
}
