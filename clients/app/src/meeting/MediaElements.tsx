import { useEffect, useRef } from "react";
import type { Room, Track } from "livekit-client";
import type { DirectSource } from "tandem-client";
import { useDirectTrack, useIncomingTrack } from "./direct";
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

/** Shows what came another way than through the node. */
export function DirectVideo({ track, className }: { track: MediaStreamTrack; className: string }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    target.srcObject = new MediaStream([track]);
    return () => void (target.srcObject = null);
  }, [track]);
  return (
    <video
      data-testid="direct-video"
      ref={element}
      className={className}
      autoPlay
      playsInline
      muted
      aria-hidden="true"
    />
  );
}

/** Plays everybody else's sound: microphones and the sound of shared screens. */
export function Sound({ room }: { room: Room }) {
  useRoomChanges(room);
  const sounds = [...room.remoteParticipants.values()].flatMap(({ identity, audioTrackPublications }) =>
    [...audioTrackPublications.values()].flatMap(({ track, source }) => (track ? { identity, source, track } : [])),
  );
  return (
    <div hidden>
      {sounds.map(({ identity, source, track }) => (
        <AudioTrack key={track.sid} identity={identity} source={source as DirectSource} track={track} />
      ))}
    </div>
  );
}

/** Both ways are open while they change; one of them is heard. */
function AudioTrack({ identity, source, track }: { identity: string; source: DirectSource; track: Track }) {
  const element = useRef<HTMLAudioElement>(null);
  const direct = useDirectTrack(identity, source);
  const incoming = useIncomingTrack(identity, source);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    track.attach(target);
    return () => void track.detach(target);
  }, [track]);
  useEffect(() => {
    if (element.current) element.current.muted = direct !== null;
  }, [direct]);
  return (
    <>
      <audio ref={element} />
      {incoming && <DirectAudio track={incoming} muted={direct === null} />}
    </>
  );
}

function DirectAudio({ track, muted }: { track: MediaStreamTrack; muted: boolean }) {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    target.srcObject = new MediaStream([track]);
    target.play().catch(() => undefined); // The room asks for the click that lets sound play.
    return () => void (target.srcObject = null);
  }, [track]);
  return <audio ref={element} muted={muted} data-testid="direct-audio" />;
}
