import { createContext, useContext, type CSSProperties } from "react";
import { ConnectionQuality, type Participant } from "livekit-client";
import { hueOf, initials } from "../lib/names";
import { Icon } from "../ui/Icon";
import { displayName, useParticipantChanges, type Picture } from "./live";
import { useDirectTrack } from "./direct";
import { DirectVideo, Video } from "./MediaElements";
import { HAND } from "./useControls";
import "./tile.css";

/**
 * Whether other people's cameras are hidden to save data. Not showing a video is enough: adaptive
 * streams notice that nobody looks and ask the node to stop sending.
 */
export const SavingData = createContext(false);

interface Props {
  picture: Picture;
  pinned: boolean;
  onPin: (id: string | null) => void;
  style?: CSSProperties;
}

/** One person or one screen. */
export function Tile({ picture, pinned, onPin, style }: Props) {
  const { participant, screen, publication } = picture;
  useParticipantChanges(participant);
  const name = displayName(participant);
  const you = participant.isLocal ? " (you)" : "";
  const label = `${name}${you}${screen ? ", screen" : ""}`;
  const savingData = useContext(SavingData) && !participant.isLocal && !screen;
  const track = publication?.track && !publication.isMuted && !savingData ? publication.track : undefined;
  const direct = useDirectTrack(participant.identity, screen ? "screen_share" : "camera");
  const speaking = participant.isSpeaking && !screen;
  const fit = `${screen ? " contain" : ""}${participant.isLocal && !screen ? " mirrored" : ""}`;
  return (
    <article
      className="tile"
      style={style}
      aria-label={label}
      data-testid="tile"
      data-identity={participant.identity}
      data-name={name}
      data-kind={screen ? "screen" : "person"}
      data-speaking={speaking || undefined}
    >
      {track && direct ? (
        <DirectVideo track={direct} className={`tile-video${fit}`} />
      ) : track ? (
        <Video track={track} className={`tile-video${fit}`} />
      ) : (
        <div className="tile-empty" aria-hidden="true">
          <span className="tile-initials" style={{ "--hue": hueOf(participant.identity) } as CSSProperties}>
            {initials(name)}
          </span>
        </div>
      )}
      <div className="tile-foot">
        <span className="tile-name">
          {screen ? <Icon name="screen" size={16} /> : !participant.isMicrophoneEnabled && <MutedMark />}
          <span className="tile-text">
            {name}
            {you}
          </span>
        </span>
        {!screen && <Quality participant={participant} />}
      </div>
      {!screen && participant.attributes[HAND] && (
        <span className="tile-hand" role="img" aria-label="hand raised" title="Hand raised">
          <Icon name="hand" size={20} />
        </span>
      )}
      <button
        className="tile-pin"
        aria-pressed={pinned}
        aria-label={pinned ? `Stop showing ${label} large` : `Show ${label} large`}
        title={pinned ? "Unpin" : "Show large"}
        onClick={() => onPin(pinned ? null : picture.id)}
      >
        <Icon name="pin" size={18} />
      </button>
    </article>
  );
}

export function MutedMark() {
  return (
    <span className="muted-mark" role="img" aria-label="muted" title="Microphone off">
      <Icon name="micOff" size={16} />
    </span>
  );
}

const QUALITY: Partial<Record<ConnectionQuality, [bars: number, words: string]>> = {
  [ConnectionQuality.Excellent]: [3, "good connection"],
  [ConnectionQuality.Good]: [2, "fair connection"],
  [ConnectionQuality.Poor]: [1, "weak connection"],
  [ConnectionQuality.Lost]: [0, "connection lost"],
};

/** Three bars and, for those who cannot see them, words. Unknown quality shows nothing. */
export function Quality({ participant }: { participant: Participant }) {
  const known = QUALITY[participant.connectionQuality];
  if (!known) return null;
  return (
    <span className="quality" role="img" aria-label={known[1]} title={known[1]} data-bars={known[0]}>
      <i />
      <i />
      <i />
    </span>
  );
}
