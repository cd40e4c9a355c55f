import { useEffect } from "react";
import {
  RoomEvent,
  Track,
  type Participant,
  type RemoteParticipant,
  type RemoteTrackPublication,
  type Room,
} from "livekit-client";
import { notify } from "../lib/announce";
import { displayName } from "./live";
import { HAND } from "./useControls";

/** Says who comes, goes, raises a hand or shows a screen. */
export function useRoomNews(room: Room): void {
  useEffect(() => {
    const joined = (who: RemoteParticipant) => notify(`${displayName(who)} joined`);
    const left = (who: RemoteParticipant) => notify(`${displayName(who)} left`);
    const attributes = (changed: Record<string, string>, who: Participant) => {
      if (!who.isLocal && changed[HAND]) notify(`${displayName(who)} raised a hand`);
    };
    const published = (publication: RemoteTrackPublication, who: RemoteParticipant) => {
      if (publication.source === Track.Source.ScreenShare) notify(`${displayName(who)} shares a screen`);
    };
    const lost = () => notify("A device stopped working. Look at your camera and microphone.", "warning");
    room
      .on(RoomEvent.ParticipantConnected, joined)
      .on(RoomEvent.ParticipantDisconnected, left)
      .on(RoomEvent.ParticipantAttributesChanged, attributes)
      .on(RoomEvent.TrackPublished, published)
      .on(RoomEvent.MediaDevicesError, lost);
    return () => {
      room
        .off(RoomEvent.ParticipantConnected, joined)
        .off(RoomEvent.ParticipantDisconnected, left)
        .off(RoomEvent.ParticipantAttributesChanged, attributes)
        .off(RoomEvent.TrackPublished, published)
        .off(RoomEvent.MediaDevicesError, lost);
    };
  }, [room]);
}
