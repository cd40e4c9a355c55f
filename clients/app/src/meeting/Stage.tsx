import { useState } from "react";
import type { Room } from "livekit-client";
import { Icon } from "../ui/Icon";
import { gridShape, mainPicture, tilesPerPage, useSize, type Layout } from "./grid";
import { InviteButton } from "./InviteButton";
import { picturesOf, useRoomChanges, type Picture } from "./live";
import { Tile } from "./Tile";
import { useMainSpeaker } from "./useMainSpeaker";
import "./stage.css";

interface Props {
  room: Room;
  roomName: string;
  layout: Layout;
  pinned: string | null;
  onPin: (id: string | null) => void;
}

const GAP = 10;

/** The pictures of the meeting, in the layout that was chosen. */
export function Stage({ room, roomName, layout, pinned, onPin }: Props) {
  useRoomChanges(room);
  const speaker = useMainSpeaker(room);
  const pictures = picturesOf(room);
  const main = mainPicture(pictures, layout, pinned, speaker);
  const props = { pinned, onPin };
  if (main && pictures.length > 1) {
    return (
      <div className="stage-focus" data-testid="stage" data-layout="speaker">
        <div className="stage-main">
          <Tile picture={main} pinned={pinned === main.id} onPin={onPin} />
        </div>
        <div className="stage-strip" role="group" aria-label="Other participants" tabIndex={0}>
          {pictures
            .filter((picture) => picture.id !== main.id)
            .map((picture) => (
              <Tile key={picture.id} picture={picture} pinned={pinned === picture.id} onPin={onPin} />
            ))}
        </div>
      </div>
    );
  }
  return <Grid pictures={pictures} roomName={roomName} {...props} />;
}

function Grid({
  pictures,
  roomName,
  pinned,
  onPin,
}: { pictures: readonly Picture[]; roomName: string } & Pick<Props, "pinned" | "onPin">) {
  const [element, size] = useSize();
  const [page, setPage] = useState(0);
  const perPage = tilesPerPage(size.width, size.height);
  const pages = Math.max(1, Math.ceil(pictures.length / perPage));
  const current = Math.min(page, pages - 1);
  const shown = pictures.slice(current * perPage, (current + 1) * perPage);
  const shape = gridShape(shown.length, size.width, size.height, GAP);
  const alone = pictures.length === 1;
  return (
    <div className="stage-grid" data-testid="stage" data-layout="grid">
      <div ref={element} className="stage-tiles">
        {shown.map((picture) => (
          <Tile
            key={picture.id}
            picture={picture}
            pinned={pinned === picture.id}
            onPin={onPin}
            style={{ width: shape.width, height: shape.height }}
          />
        ))}
      </div>
      {alone && (
        <div className="alone">
          <p>You are the only one here.</p>
          <InviteButton roomName={roomName} />
        </div>
      )}
      {pages > 1 && (
        <nav className="pager" aria-label="Pages of participants">
          <button
            className="icon-button"
            aria-label="Previous page"
            disabled={current === 0}
            onClick={() => setPage(current - 1)}
          >
            <Icon name="left" />
          </button>
          <span>
            {current + 1} / {pages}
          </span>
          <button
            className="icon-button"
            aria-label="Next page"
            disabled={current === pages - 1}
            onClick={() => setPage(current + 1)}
          >
            <Icon name="right" />
          </button>
        </nav>
      )}
    </div>
  );
}
