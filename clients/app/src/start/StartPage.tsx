import { useId, useState, type FormEvent } from "react";
import { friendlyRoomName, readInvitation, tidyRoomName } from "../lib/names";
import { meetPath, navigate } from "../lib/router";
import { Icon } from "../ui/Icon";
import { PageHeader } from "../ui/PageHeader";
import { Illustration } from "./Illustration";
import "./start.css";

const MORE = [
  { path: "/files", icon: "send", title: "Send files", words: "Of any size, straight to the other side" },
  { path: "/doctor", icon: "help", title: "Does it work?", words: "Tries what a call needs from here" },
  { path: "/score", icon: "flag", title: "Live score", words: "One publishes, thousands watch" },
  { path: "/dashboard", icon: "stats", title: "Dashboard", words: "Prices that never fall behind" },
  { path: "/notifications", icon: "bell", title: "Notifications", words: "Reach people who are away" },
] as const;

/** Where people arrive who have no link yet. */
export function StartPage() {
  return (
    <div className="page start">
      <PageHeader />
      <main className="start-main">
        <div className="start-words">
          <h1>
            Face to face, <br />
            on your own server.
          </h1>
          <p className="start-lead">
            Video meetings that start with a link. No account, nothing to install, and nobody in between but the server
            that sent you this page.
          </p>
          <div className="card start-card">
            <NewMeeting />
            <div className="start-or" role="separator">
              or
            </div>
            <OpenInvitation />
          </div>
        </div>
        <Illustration />
      </main>
      <nav className="start-more" aria-labelledby="start-more">
        <h2 id="start-more">More than meetings</h2>
        <ul>
          {MORE.map(({ path, icon, title, words }) => (
            <li key={path}>
              <a
                className="start-more-card"
                href={path}
                onClick={(event) => {
                  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                  event.preventDefault();
                  navigate(path);
                }}
              >
                <span className="start-more-icon">
                  <Icon name={icon} size={26} />
                </span>
                <span>
                  <b>{title}</b>
                  <span className="soft">{words}</span>
                </span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <footer className="start-footer">
        <ul>
          <li>
            <Icon name="link" size={20} /> Anyone with the link can come in
          </li>
          <li>
            <Icon name="ear" size={20} /> Listen without a camera or microphone
          </li>
          <li>
            <Icon name="help" size={20} /> Works with keyboard and screen reader
          </li>
        </ul>
      </footer>
    </div>
  );
}

function NewMeeting() {
  const [typed, setTyped] = useState("");
  const [suggestion, setSuggestion] = useState(friendlyRoomName);
  const [direct, setDirect] = useState(false);
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    navigate(meetPath({ room: tidyRoomName(typed) || suggestion, ...(direct ? { kind: "p2p" } : {}) }));
  };
  return (
    <form className="start-form" onSubmit={submit}>
      <div className="field">
        <label htmlFor={id}>Name of the room</label>
        <div className="start-row">
          <div className="start-input">
            <input
              id={id}
              className="input"
              value={typed}
              placeholder={suggestion}
              maxLength={100}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              onChange={(event) => setTyped(event.target.value)}
            />
            <button
              type="button"
              className="icon-button small"
              aria-label="Suggest another name"
              title="Suggest another name"
              onClick={() => {
                setTyped("");
                setSuggestion(friendlyRoomName());
              }}
            >
              <Icon name="dice" size={18} />
            </button>
          </div>
          <button className="button primary">Start a meeting</button>
        </div>
      </div>
      <label className="start-check">
        <input type="checkbox" checked={direct} onChange={(event) => setDirect(event.target.checked)} />
        <span>
          Connect directly while we are two <span className="soft">(nothing passes through the server)</span>
        </span>
      </label>
    </form>
  );
}

function OpenInvitation() {
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const invitation = readInvitation(typed);
    if (invitation) navigate(meetPath(invitation));
    else setWrong(true);
  };
  return (
    <form className="start-form" onSubmit={submit} noValidate>
      <div className="field">
        <label htmlFor={id}>Your invitation</label>
        <div className="start-row">
          <input
            id={id}
            className="input"
            value={typed}
            placeholder="Paste a link or a room name"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            aria-invalid={wrong}
            aria-describedby={wrong ? `${id}-wrong` : undefined}
            onChange={(event) => {
              setTyped(event.target.value);
              setWrong(false);
            }}
          />
          <button className="button">Open</button>
        </div>
        {wrong && (
          <p id={`${id}-wrong`} className="start-wrong" role="alert">
            That does not look like an invitation. It ends in /meet/ and the name of a room.
          </p>
        )}
      </div>
    </form>
  );
}
