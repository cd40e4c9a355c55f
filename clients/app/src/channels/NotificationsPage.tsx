import { useEffect, useId, useState, type FormEvent } from "react";
import { TandemError } from "tandem-client";
import { notify } from "../lib/announce";
import { Icon } from "../ui/Icon";
import { PageHeader } from "../ui/PageHeader";
import { Live } from "./Live";
import { tidyName, type Note } from "./notes";
import { startPush, stopPush } from "./push";
import { channels, useChannel } from "./useChannel";
import "./channels.css";

const NAME = "tandem.notify.name";
const KEPT = 50;

export default function NotificationsPage() {
  const [name, setName] = useState(() => localStorage.getItem(NAME) ?? "");
  const choose = (next: string) => {
    localStorage.setItem(NAME, next);
    setName(next);
  };
  return (
    <div className="page">
      <PageHeader />
      <main className="channel-main">
        <h1>Notifications</h1>
        {name ? <Inbox key={name} name={name} onRename={() => choose("")} /> : <ChooseName onChoose={choose} />}
        <Sender />
      </main>
    </div>
  );
}

function ChooseName({ onChoose }: { onChoose: (name: string) => void }) {
  const [typed, setTyped] = useState("");
  const id = useId();
  return (
    <form
      className="card field"
      onSubmit={(event) => {
        event.preventDefault();
        if (tidyName(typed)) onChoose(tidyName(typed));
      }}
    >
      <label htmlFor={id}>Who are you? Others send to this name.</label>
      <div className="channel-row">
        <input
          id={id}
          className="input"
          value={typed}
          maxLength={40}
          autoComplete="nickname"
          onChange={(e) => setTyped(e.target.value)}
        />
        <button className="button primary" disabled={!tidyName(typed)}>
          Listen
        </button>
      </div>
    </form>
  );
}

function Inbox({ name, onRename }: { name: string; onRename: () => void }) {
  const channel = `notify:${name}`;
  const [notes, setNotes] = useState<readonly Note[]>([]);
  const [unread, setUnread] = useState(0);
  const { state } = useChannel<Partial<Note>>(channel, ({ data, past }) => {
    if (typeof data?.title !== "string") return;
    const note = { title: data.title, body: String(data.body ?? ""), at: Number(data.at) || Date.now() };
    setNotes((before) => [note, ...before].slice(0, KEPT));
    if (past) return;
    notify(`${note.title}: ${note.body}`);
    if (document.hidden) {
      setUnread((count) => count + 1);
      if ("Notification" in window && Notification.permission === "granted")
        new Notification(note.title, { body: note.body });
    }
  });
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Notifications · Tandem` : "Notifications · Tandem";
    const seen = () => !document.hidden && setUnread(0);
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, [unread]);
  return (
    <section className="card" aria-labelledby="inbox">
      <div className="channel-title">
        <h2 id="inbox">For {name}</h2>
        <Live state={state} audience={null} noun="" />
      </div>
      <div className="channel-row">
        <AskPermission />
        <WhenClosed channel={channel} />
        <button className="button" onClick={onRename}>
          Another name
        </button>
      </div>
      {notes.length === 0 ? (
        <p className="soft">Nothing yet. Send yourself one below.</p>
      ) : (
        <ol className="notes" aria-label="Notifications">
          {notes.map((note, index) => (
            <li key={`${note.at}-${index}`} data-testid="note">
              <b>{note.title}</b>{" "}
              <time dateTime={new Date(note.at).toISOString()}>{new Date(note.at).toLocaleTimeString()}</time>
              <p>{note.body}</p>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function AskPermission() {
  const can = "Notification" in window;
  const [permission, setPermission] = useState(can ? Notification.permission : "denied");
  if (!can) return <p className="soft">This browser shows no notifications of pages; they appear here only.</p>;
  if (permission === "granted") return null;
  if (permission === "denied") {
    return (
      <p className="soft">
        Notifications are blocked for this page. Allow them in the address bar, then load it again.
      </p>
    );
  }
  return (
    <button className="button" onClick={() => void Notification.requestPermission().then(setPermission)}>
      <Icon name="bell" size={18} /> Show them when I look elsewhere
    </button>
  );
}

function WhenClosed({ channel }: { channel: string }) {
  const key = `tandem.push.${channel}`;
  const [on, setOn] = useState(() => localStorage.getItem(key) === "on");
  const [busy, setBusy] = useState(false);
  const toggle = async () => {
    setBusy(true);
    try {
      await (on ? stopPush(channel) : startPush(channel));
      localStorage.setItem(key, on ? "off" : "on");
      setOn(!on);
    } catch (thrown) {
      notify(thrown instanceof TandemError ? thrown.message : "That did not work. Try again.", "warning");
    } finally {
      setBusy(false);
    }
  };
  return (
    <button className="button" role="switch" aria-checked={on} disabled={busy} onClick={() => void toggle()}>
      {on ? "Closed pages: on" : "Also when this page is closed"}
    </button>
  );
}

function Sender() {
  const [to, setTo] = useState("");
  const [title, setTitle] = useState("");
  const [body, setBody] = useState("");
  const id = useId();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const note: Note = { title: title.trim(), body: body.trim(), at: Date.now() };
      await channels().publish(`notify:${tidyName(to)}`, note);
      setBody("");
      notify("Sent");
    } catch (thrown) {
      notify(thrown instanceof TandemError ? thrown.message : "It was not sent. Try again.", "warning");
    }
  };
  return (
    <form className="card field" onSubmit={(event) => void submit(event)} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>Send one</h2>
      <label htmlFor={`${id}-to`}>To</label>
      <input id={`${id}-to`} className="input" value={to} maxLength={40} onChange={(e) => setTo(e.target.value)} />
      <label htmlFor={`${id}-what`}>Title</label>
      <input
        id={`${id}-what`}
        className="input"
        value={title}
        maxLength={80}
        onChange={(e) => setTitle(e.target.value)}
      />
      <label htmlFor={`${id}-body`}>Text</label>
      <input
        id={`${id}-body`}
        className="input"
        value={body}
        maxLength={300}
        onChange={(e) => setBody(e.target.value)}
      />
      <div>
        <button className="button primary" disabled={!tidyName(to) || !title.trim()}>
          <Icon name="send" size={18} /> Send
        </button>
      </div>
    </form>
  );
}
