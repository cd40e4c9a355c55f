import { useEffect, useState, useSyncExternalStore } from "react";
import {
  FolderSink,
  MemorySink,
  PrivateSink,
  ReceiveSession,
  digestOfOffer,
  type Entry,
  type Offer,
  type ReceiveState,
} from "tandem-client";
import { announce, notify } from "../lib/announce";
import { navigate } from "../lib/router";
import { Icon } from "../ui/Icon";
import { ProgressBar } from "./ProgressBar";
import { options } from "./transfer";
import { bytesInWords } from "./words";

type PickFolder = (options: { mode: "readwrite" }) => Promise<FileSystemDirectoryHandle>;
const pickFolder = (globalThis as { showDirectoryPicker?: PickFolder }).showDirectoryPicker;
/** Accepted before the page was loaded again: it goes on by itself. */
const ACCEPTED = "tandem.files.accepted";
const LISTED = 100;

/** A file that is complete: the browser reads it from the disk when it is saved. */
interface Ready {
  entry: Entry;
  url: string;
}

const agreement = async (code: string, offer: Offer) => `${code} ${await digestOfOffer(offer)}`;

function download(url: string, path: string): void {
  const link = Object.assign(document.createElement("a"), { href: url, download: path.split("/").at(-1) ?? path });
  document.body.append(link);
  link.click();
  link.remove();
}

export function ReceivePanel({ code }: { code: string }) {
  const [session, setSession] = useState<ReceiveSession | null>(null);
  useEffect(() => {
    void PrivateSink.clean().catch(() => undefined);
    const opened = new ReceiveSession(options(), code);
    setSession(opened);
    return () => opened.close();
  }, [code]);
  return (
    <section className="card" aria-label="Receive files">
      {session && <Receiving session={session} code={code} />}
      <div>
        <button className="button" onClick={() => navigate("/files")}>
          Another code
        </button>
      </div>
    </section>
  );
}

function Receiving({ session, code }: { session: ReceiveSession; code: string }) {
  const state = useSyncExternalStore(session.subscribe, () => session.state);
  const [ready, setReady] = useState<readonly Ready[]>([]);
  useEffect(() => announce(sentence(state)), [state.status]); // eslint-disable-line

  const done = (entry: Entry, file: File) => {
    const url = URL.createObjectURL(file);
    setReady((before) => [...before, { entry, url }]);
    download(url, entry.path);
  };
  const accept = async (offer: Offer) => {
    sessionStorage.setItem(ACCEPTED, await agreement(code, offer));
    session.accept((await PrivateSink.isUsable()) ? new PrivateSink(done) : new MemorySink(done));
  };
  const toFolder = async () => {
    const folder = await pickFolder?.({ mode: "readwrite" }).catch(() => null);
    if (folder) session.accept(new FolderSink(folder));
  };
  useEffect(() => {
    if (state.status === "done" || state.status === "ended") sessionStorage.removeItem(ACCEPTED);
    if (state.status !== "offered" || !sessionStorage.getItem(ACCEPTED)) return;
    // What was accepted before goes on; anything else is asked about.
    const { offer } = state;
    void agreement(code, offer).then((text) => {
      if (sessionStorage.getItem(ACCEPTED) === text) void accept(offer);
    });
  }, [state.status]); // eslint-disable-line

  return (
    <div
      className="file-receive"
      data-testid="receive"
      data-state={state.status}
      data-kind={"kind" in state ? state.kind : undefined}
    >
      <h2>{sentence(state)}</h2>
      {state.status === "offered" && (
        <>
          <Listed offer={state.offer} />
          <div className="channel-row">
            <button className="button primary" onClick={() => void accept(state.offer)}>
              <Icon name="down" size={18} /> Save
            </button>
            {pickFolder && (
              <button className="button" onClick={() => void toFolder()}>
                Save to a folder…
              </button>
            )}
            <button className="button" onClick={() => session.decline()}>
              No, thanks
            </button>
          </div>
        </>
      )}
      {state.status === "receiving" && (
        <>
          {state.progress && <ProgressBar progress={state.progress} label="Received" />}
          <div className="channel-row">
            <button className="button small" onClick={() => session.pause(!state.paused)}>
              <Icon name={state.paused ? "play" : "pause"} size={16} /> {state.paused ? "Go on" : "Pause"}
            </button>
            <button className="button small" onClick={() => session.cancel()}>
              Cancel
            </button>
          </div>
        </>
      )}
      {state.status === "interrupted" && <p>{state.reason} It goes on where it was as soon as it can.</p>}
      {ready.length > 0 && (
        <ul className="file-list" aria-label="Received files">
          {ready.map(({ entry, url }) => (
            <li key={entry.path} data-testid="received">
              <a href={url} download={entry.path.split("/").at(-1)} onClick={() => notify(`Saving ${entry.path}`)}>
                {entry.path}
              </a>{" "}
              <span className="soft">{bytesInWords(entry.size)}, checked</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function sentence(state: ReceiveState): string {
  switch (state.status) {
    case "connecting":
      return "Looking for the sender…";
    case "offered":
      return `Somebody offers you ${amount(state.offer)}`;
    case "receiving":
      return `Receiving ${amount(state.offer)}${state.kind === "direct" ? ", directly" : ", through the server"}`;
    case "interrupted":
      return "The connection is interrupted";
    case "done":
      return `Everything is here: ${amount(state.offer)}`;
    case "ended":
      return state.error.message;
  }
}

const amount = ({ entries, total }: Offer) =>
  `${entries.length === 1 ? entries[0]?.path : `${entries.length} files`} (${bytesInWords(total)})`;

function Listed({ offer }: { offer: Offer }) {
  return (
    <ul className="file-list" aria-label="Offered files">
      {offer.entries.slice(0, LISTED).map(({ path, size }) => (
        <li key={path}>
          {path} <span className="soft">{bytesInWords(size)}</span>
        </li>
      ))}
      {offer.entries.length > LISTED && <li className="soft">and {offer.entries.length - LISTED} more</li>}
    </ul>
  );
}
