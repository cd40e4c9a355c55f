import { useEffect, useRef, useState, useSyncExternalStore, type DragEvent } from "react";
import { SendSession, type Delivery } from "tandem-client";
import { announce, notify } from "../lib/announce";
import { Icon } from "../ui/Icon";
import { fromDrop, fromInput, type Picked } from "./pick";
import { ProgressBar } from "./ProgressBar";
import { options } from "./transfer";
import { bytesInWords } from "./words";

/** Choose, get a code, and watch it go. */
export function SendPanel() {
  const [session, setSession] = useState<SendSession | null>(null);
  const offer = async ({ entries, sources }: Picked) => {
    if (entries.length === 0) return;
    const opened = new SendSession(options(), entries, sources);
    try {
      announce(`The code is ${await opened.open()}`);
      setSession(opened);
    } catch (thrown) {
      notify(thrown instanceof Error ? thrown.message : "That did not work; try again.", "warning");
    }
  };
  useEffect(() => () => session?.close(), [session]);
  if (!session) return <Choose onPicked={(picked) => void offer(picked)} />;
  return <Offered session={session} onEnd={() => setSession(null)} />;
}

function Choose({ onPicked }: { onPicked: (picked: Picked) => void }) {
  const [over, setOver] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void fromDrop(event.dataTransfer).then(onPicked);
  };
  return (
    <section
      className="card file-drop"
      data-over={over || undefined}
      aria-label="Choose what to send"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Icon name="send" size={40} />
      <p>
        Drop files or folders here. They go straight to the other side where your networks allow it, and are never kept
        on the server.
      </p>
      <div className="channel-row">
        <button className="button primary" onClick={() => files.current?.click()}>
          Choose files
        </button>
        <button className="button" onClick={() => folder.current?.click()}>
          Choose a folder
        </button>
      </div>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        data-testid="files"
        onChange={({ target }) => onPicked(fromInput(target.files ?? []))}
      />
      <input
        ref={folder}
        type="file"
        multiple
        hidden
        {...{ webkitdirectory: "" }}
        onChange={({ target }) => onPicked(fromInput(target.files ?? []))}
      />
    </section>
  );
}

/** A value of a session that changes in place. */
function useVersion(session: SendSession): void {
  const version = useRef(0);
  useSyncExternalStore(
    (callback) =>
      session.subscribe(() => {
        version.current += 1;
        callback();
      }),
    () => version.current,
  );
}

function Offered({ session, onEnd }: { session: SendSession; onEnd: () => void }) {
  useVersion(session);
  const link = new URL(`/files/${session.code}`, location.origin).href;
  const total = session.entries.reduce((sum, { size }) => sum + size, 0);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      notify("Link copied.");
    } catch {
      notify(`The link is ${link}`);
    }
  };
  return (
    <section className="card" aria-labelledby="offered">
      <h2 id="offered">
        {session.entries.length === 1 ? session.entries[0]?.path : `${session.entries.length} files`},{" "}
        {bytesInWords(total)}
      </h2>
      <p>Give this code to whoever shall receive it. Keep this page open until it has arrived.</p>
      <p className="file-code" data-testid="code">
        {session.code}
      </p>
      <div className="channel-row">
        <button className="button" onClick={() => void copy()}>
          <Icon name="copy" size={18} /> Copy the link
        </button>
        <button className="button" onClick={onEnd}>
          Stop offering
        </button>
      </div>
      {session.deliveries.length > 0 && (
        <ul className="file-list" aria-label="Receivers">
          {session.deliveries.map((delivery, index) => (
            <DeliveryRow key={delivery.number} name={`Receiver ${index + 1}`} session={session} delivery={delivery} />
          ))}
        </ul>
      )}
    </section>
  );
}

const STATE: Record<Delivery["state"], string> = {
  connecting: "connecting…",
  asking: "has not answered yet",
  sending: "receives",
  done: "has everything",
  ended: "ended",
};

function DeliveryRow({ name, session, delivery }: { name: string; session: SendSession; delivery: Delivery }) {
  const { kind, progress, paused, state, error } = delivery;
  const way = kind === "direct" ? ", directly" : kind === "server" ? ", through the server" : "";
  return (
    <li data-testid="delivery" data-state={state} data-kind={kind ?? undefined}>
      <p>
        <b>{name}</b> {state === "ended" && error ? error.message : `${STATE[state]}${way}`}
        {paused && state === "sending" && " (paused)"}
      </p>
      {progress && <ProgressBar progress={progress} label={`Sent to ${name}`} />}
      {state === "sending" && (
        <div className="channel-row">
          <button className="button small" onClick={() => session.pause(delivery, !paused)}>
            <Icon name={paused ? "play" : "pause"} size={16} /> {paused ? "Go on" : "Pause"}
          </button>
          <button className="button small" onClick={() => session.cancel(delivery)}>
            Cancel
          </button>
        </div>
      )}
    </li>
  );
}
