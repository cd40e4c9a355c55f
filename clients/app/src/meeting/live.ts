import { useSyncExternalStore } from "react";
import { ParticipantEvent, RoomEvent, Track, type Participant, type Room, type TrackPublication } from "livekit-client";

/**
 * LiveKit's objects change in place and say so by events; React wants values. A version number per
 * object connects the two. The listeners stay for the object's life, so that no event can fall
 * between a first render and its effect.
 */
interface Watch {
  version: number;
  callbacks: Set<() => void>;
}

interface Emitter {
  on(event: never, listener: () => void): unknown;
}

const watches = new WeakMap<object, Watch>();

function watch(emitter: Emitter, events: readonly string[]): Watch {
  const known = watches.get(emitter);
  if (known) return known;
  const fresh: Watch = { version: 0, callbacks: new Set() };
  const changed = () => {
    fresh.version += 1;
    for (const callback of fresh.callbacks) callback();
  };
  for (const event of events) emitter.on(event as never, changed);
  watches.set(emitter, fresh);
  return fresh;
}

function useVersion(emitter: Emitter, events: readonly string[]): void {
  const { callbacks } = watch(emitter, events);
  useSyncExternalStore(
    (callback) => {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    () => watch(emitter, events).version,
  );
}

const ROOM_EVENTS: readonly string[] = [
  RoomEvent.Connected,
  RoomEvent.Reconnected,
  RoomEvent.Disconnected,
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.ParticipantAttributesChanged,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.LocalTrackPublished,
  RoomEvent.LocalTrackUnpublished,
  RoomEvent.AudioPlaybackStatusChanged,
  RoomEvent.ActiveDeviceChanged,
];

const PARTICIPANT_EVENTS: readonly string[] = [
  ParticipantEvent.TrackMuted,
  ParticipantEvent.TrackUnmuted,
  ParticipantEvent.TrackPublished,
  ParticipantEvent.TrackUnpublished,
  ParticipantEvent.TrackSubscribed,
  ParticipantEvent.TrackUnsubscribed,
  ParticipantEvent.LocalTrackPublished,
  ParticipantEvent.LocalTrackUnpublished,
  ParticipantEvent.IsSpeakingChanged,
  ParticipantEvent.ConnectionQualityChanged,
  ParticipantEvent.AttributesChanged,
  ParticipantEvent.ParticipantNameChanged,
];

/** Renders again when who is here or what they show changes. */
export function useRoomChanges(room: Room): void {
  useVersion(room, ROOM_EVENTS);
}

/** Renders again when something about one participant changes. */
export function useParticipantChanges(participant: Participant): void {
  useVersion(participant, PARTICIPANT_EVENTS);
}

/** Everybody: oneself first, then in the order of arrival, so that tiles do not jump. */
export function everybody(room: Room): Participant[] {
  const others = [...room.remoteParticipants.values()].sort(
    (one, other) => (one.joinedAt?.getTime() ?? 0) - (other.joinedAt?.getTime() ?? 0),
  );
  return [room.localParticipant, ...others];
}

export const displayName = (participant: Participant): string => participant.name || participant.identity || "Guest";

/** A picture on the stage: a person, with or without a camera, or a screen. */
export interface Picture {
  /** Stays the same while tracks come and go. */
  id: string;
  participant: Participant;
  screen: boolean;
  publication: TrackPublication | undefined;
}

export function picturesOf(room: Room): Picture[] {
  return everybody(room).flatMap((participant) => {
    const camera = participant.getTrackPublication(Track.Source.Camera);
    const screen = participant.getTrackPublication(Track.Source.ScreenShare);
    const pictures: Picture[] = [
      { id: `${participant.identity}/camera`, participant, screen: false, publication: camera },
    ];
    if (screen?.track)
      pictures.push({ id: `${participant.identity}/screen`, participant, screen: true, publication: screen });
    return pictures;
  });
}
