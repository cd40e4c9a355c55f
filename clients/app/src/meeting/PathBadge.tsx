import { useEffect, useState } from "react";
import type { DirectState, RoomSession } from "tandem-client";
import { announce } from "../lib/announce";
import { Dialog } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { useDirectState } from "./direct";

const WORDS: Record<DirectState["path"], string> = {
  direct: "Direct",
  relay: "Through a relay",
  server: "Through the server",
};

const MEANING: Record<DirectState["path"], string> = {
  direct: "Sound and pictures go straight from one of you to the other. The server only helped you find each other.",
  relay:
    "Your networks do not let you reach each other, so a relay passes sound and pictures on. They are encrypted from one of you to the other; the relay cannot open them.",
  server: "Sound and pictures pass through the server, which sends them on to everybody.",
};

/** Says which way the media takes, where it can take more than one. */
export function PathBadge({ session }: { session: RoomSession }) {
  const state = useDirectState(session);
  const [open, setOpen] = useState(false);
  const words = state.connecting ? "Connecting directly…" : WORDS[state.path];
  useEffect(() => announce(`Connection: ${words}`), [words]);
  return (
    <>
      <button
        className="button small path-badge"
        data-testid="path"
        data-path={state.path}
        title="How you are connected"
        onClick={() => setOpen(true)}
      >
        <Icon name="link" size={16} /> {words}
      </button>
      {open && (
        <Dialog title={words} onClose={() => setOpen(false)}>
          <p>{MEANING[state.path]}</p>
          {state.phrase && (
            <>
              <p>Read these words to each other. If they are the same on both sides, nobody sits in between.</p>
              <p className="phrase" data-testid="phrase">
                {state.phrase.join(" ")}
              </p>
            </>
          )}
        </Dialog>
      )}
    </>
  );
}
