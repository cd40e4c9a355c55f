import type { Participant, Room } from "livekit-client";
import type { CSSProperties } from "react";
import { hueOf, initials } from "../lib/names";
import { Icon } from "../ui/Icon";
import { InviteButton } from "./InviteButton";
import { displayName, everybody, useParticipantChanges, useRoomChanges } from "./live";
import { Quality } from "./Tile";
import { HAND } from "./useControls";

/** Everybody, those with a raised hand first and in the order in which the hands went up. */
export function PeoplePanel({ room, roomName }: { room: Room; roomName: string }) {
  useRoomChanges(room);
  const people = everybody(room);
  const raised = people
    .filter((participant) => participant.attributes[HAND])
    .sort((one, other) => Number(one.attributes[HAND]) - Number(other.attributes[HAND]));
  const others = people.filter((participant) => !participant.attributes[HAND]);
  return (
    <div className="people">
      {raised.length > 0 && (
        <>
          <h3>Raised hands</h3>
          <ol>
            {raised.map((participant, index) => (
              <Person key={participant.identity} participant={participant} place={index + 1} />
            ))}
          </ol>
          <h3>Others</h3>
        </>
      )}
      <ul>
        {others.map((participant) => (
          <Person key={participant.identity} participant={participant} />
        ))}
      </ul>
      <InviteButton roomName={roomName} />
    </div>
  );
}

function Person({ participant, place }: { participant: Participant; place?: number }) {
  useParticipantChanges(participant);
  const name = displayName(participant);
  const microphone = participant.isMicrophoneEnabled;
  const camera = participant.isCameraEnabled;
  return (
    <li className="person" data-testid="person">
      <span
        className="tile-initials small"
        style={{ "--hue": hueOf(participant.identity) } as CSSProperties}
        aria-hidden="true"
      >
        {initials(name)}
      </span>
      <span className="person-name">
        {name}
        {participant.isLocal && <span className="soft"> (you)</span>}
      </span>
      {place !== undefined && (
        <span className="person-hand" role="img" aria-label={`hand raised, number ${place}`}>
          <Icon name="hand" size={16} /> {place}
        </span>
      )}
      <Quality participant={participant} />
      <span
        role="img"
        aria-label={microphone ? "microphone on" : "microphone off"}
        className={microphone ? "" : "soft"}
      >
        <Icon name={microphone ? "mic" : "micOff"} size={18} />
      </span>
      <span role="img" aria-label={camera ? "camera on" : "camera off"} className={camera ? "" : "soft"}>
        <Icon name={camera ? "camera" : "cameraOff"} size={18} />
      </span>
    </li>
  );
}
