import { useEffect, useRef } from "react";
import type { Room, Track } from "livekit-client";
import { useRoomChanges } from "./live";

interface VideoProps {
  track: Track;
  className: string;
}

/** Shows a video track. LiveKit watches the element's size and asks the sender for no more pixels than that. */
export function Video({ track, className }: VideoProps) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    track.attach(target);
    return () => void track.detach(target);
  }, [track]);
  return <video ref={element} className={className} autoPlay playsInline muted aria-hidden="true" />;
}

/** Plays everybody else's sound: microphones and the sound of shared screens. */
export function Sound({ room }: { room: Room }) {
  useRoomChanges(room);
  const tracks = [...room.remoteParticipants.values()].flatMap((participant) =>
    [...participant.audioTrackPublications.values()].flatMap((publication) => publication.track ?? []),
  );
  return (
    <div hidden>
      {tracks.map((track) => (
        <AudioTrack key={track.sid} track={track} />
      ))}
    </div>
  );
}

function AudioTrack({ track }: { track: Track }) {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    track.attach(target);
    return () => void track.detach(target);
  }, [track]);
  return <audio ref={element} />;
}
