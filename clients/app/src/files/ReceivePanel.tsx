import { memo, useEffect, useState, useSyncExternalStore } from "react";
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
/** Smaller files are in their folder before anybody has read that they are put there. */
const SHOWN_BYTES = 64 * 1024 * 1024;

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
  /** Chosen before the page was loaded again; the browser wants a click before it is written to anew. */
  const [before, setBefore] = useState<FileSystemDirectoryHandle | null>(null);
  const [saving, setSaving] = useState<Entry | null>(null);
  useEffect(() => announce(sentence(state)), [state.status]); // eslint-disable-line

  const done = (entry: Entry, file: File, isNew: boolean) => {
    const url = URL.createObjectURL(file);
    setReady((all) => [...all, { entry, url }]);
    if (isNew) download(url, entry.path);
  };
  const accept = async (offer: Offer) => {
    sessionStorage.setItem(ACCEPTED, await agreement(code, offer));
    await FolderSink.leave(offer);
    session.accept((await PrivateSink.isUsable()) ? new PrivateSink(done) : new MemorySink(done));
  };
  const toFolder = async (offer: Offer, folder: FileSystemDirectoryHandle) => {
    try {
      const sink = await FolderSink.into(folder, offer, setSaving);
      sessionStorage.setItem(ACCEPTED, await agreement(code, offer));
      session.accept(sink);
    } catch {
      notify("This browser cannot keep what it writes to a folder. Use “Save” instead.");
    }
  };
  const choose = async (offer: Offer) => {
    const folder = await pickFolder?.({ mode: "readwrite" }).catch(() => null);
    if (folder) await toFolder(offer, folder);
  };
  const askAgain = async (offer: Offer, folder: FileSystemDirectoryHandle) => {
    if (await FolderSink.mayWrite(folder, true)) await toFolder(offer, folder);
  };
  /** What was accepted before goes on; anything else is asked about. */
  const goOn = async (offer: Offer) => {
    if (sessionStorage.getItem(ACCEPTED) !== (await agreement(code, offer))) return;
    const folder = await FolderSink.chosenFor(offer);
    if (!folder) await accept(offer);
    else if (await FolderSink.mayWrite(folder, false)) await toFolder(offer, folder);
    else setBefore(folder);
  };
  useEffect(() => {
    if (state.status === "done" || state.status === "ended") sessionStorage.removeItem(ACCEPTED);
    if (state.status === "offered" && sessionStorage.getItem(ACCEPTED)) void goOn(state.offer);
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
            {before && (
              <button className="button primary" onClick={() => void askAgain(state.offer, before)}>
                Go on in “{before.name}”
              </button>
            )}
            <button className={before ? "button" : "button primary"} onClick={() => void accept(state.offer)}>
              <Icon name="down" size={18} /> Save
            </button>
            {pickFolder && (
              <button className="button" onClick={() => void choose(state.offer)}>
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
          {saving && saving.size > SHOWN_BYTES && <p>Putting {saving.path} into the folder…</p>}
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
          {ready.map((file) => (
            <Received key={file.entry.path} file={file} />
          ))}
        </ul>
      )}
    </div>
  );
}

/** There may be thousands, and one more does not change those before. */
const Received = memo(({ file: { entry, url } }: { file: Ready }) => (
  <li data-testid="received">
    <a href={url} download={entry.path.split("/").at(-1)} onClick={() => notify(`Saving ${entry.path}`)}>
      {entry.path}
    </a>{" "}
    <span className="soft">{bytesInWords(entry.size)}, checked</span>
  </li>
));

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
