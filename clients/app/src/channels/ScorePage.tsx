import { useId, useState, type FormEvent } from "react";
import { announce, notify } from "../lib/announce";
import { navigate } from "../lib/router";
import { Icon } from "../ui/Icon";
import { PageHeader } from "../ui/PageHeader";
import { Live } from "./Live";
import { EVENTS, KICK_OFF, readScore, type Score } from "./score";
import { useChannel } from "./useChannel";
import "./channels.css";

export default function ScorePage({ match }: { match: string }) {
  const name = `scores:${match}`;
  const [score, setScore] = useState(KICK_OFF);
  const { channel, state, audience } = useChannel<unknown>(name, ({ data }) => {
    const next = readScore(data);
    if (!next) return;
    setScore(next);
    if (next.events[0]) announce(`${next.home} ${next.goals[0]}, ${next.away} ${next.goals[1]}. ${next.events[0]}`);
  });
  const publish = (next: Score) => {
    channel?.publish(next).catch((error: Error) => notify(error.message, "warning"));
  };
  return (
    <div className="page">
      <PageHeader />
      <main className="channel-main">
        <div className="channel-title">
          <h1>Live score</h1>
          <Live state={state} audience={audience} noun="watching" />
        </div>
        <section className="card board" aria-label="Scoreboard">
          <p className="board-minute">{score.minute > 0 ? `${score.minute}′` : "Before the match"}</p>
          <div className="board-teams">
            <span className="board-team">{score.home}</span>
            <output className="board-goals" data-testid="goals">
              {score.goals[0]} <span aria-label="to">:</span> {score.goals[1]}
            </output>
            <span className="board-team">{score.away}</span>
          </div>
          <ol className="board-events" aria-label="Last events">
            {score.events.map((line, index) => (
              <li key={`${line}-${index}`}>{line}</li>
            ))}
          </ol>
        </section>
        <div className="channel-columns">
          <Reporter score={score} disabled={state.status !== "live"} onPublish={publish} />
          <Elsewhere name={name} score={score} match={match} />
        </div>
      </main>
    </div>
  );
}

function Reporter({
  score,
  disabled,
  onPublish,
}: {
  score: Score;
  disabled: boolean;
  onPublish: (next: Score) => void;
}) {
  const [text, setText] = useState("");
  const id = useId();
  const minute = Math.min(score.minute + 1, 120);
  const tell = (goals: [number, number], line: string) =>
    onPublish({ ...score, goals, minute, events: [`${minute}′ ${line}`, ...score.events].slice(0, EVENTS) });
  const goal = (home: boolean) =>
    tell(
      [score.goals[0] + (home ? 1 : 0), score.goals[1] + (home ? 0 : 1)],
      `Goal for ${home ? score.home : score.away}`,
    );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim()) return;
    tell(score.goals, text.trim());
    setText("");
  };
  return (
    <section className="card" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>You are the reporter</h2>
      <p className="soft">Everybody who has this page open sees it at once.</p>
      <div className="channel-row">
        <button className="button primary" disabled={disabled} onClick={() => goal(true)}>
          Goal {score.home}
        </button>
        <button className="button primary" disabled={disabled} onClick={() => goal(false)}>
          Goal {score.away}
        </button>
      </div>
      <form className="field" onSubmit={submit}>
        <label htmlFor={id}>Something else happened</label>
        <div className="channel-row">
          <input id={id} className="input" value={text} maxLength={120} onChange={(e) => setText(e.target.value)} />
          <button className="button" disabled={disabled || !text.trim()}>
            Report
          </button>
        </div>
      </form>
      <button className="button" disabled={disabled} onClick={() => onPublish(KICK_OFF)}>
        Start over
      </button>
    </section>
  );
}

function Elsewhere({ name, score, match }: { name: string; score: Score; match: string }) {
  const id = useId();
  const [other, setOther] = useState("");
  const body = {
    channel: name,
    data: { ...score, goals: [score.goals[0] + 1, score.goals[1]], events: ["From a terminal"] },
  };
  const command = `curl -H 'X-API-Key: secret' -d '${JSON.stringify(body)}' ${location.origin}/api/publish`;
  const copy = () =>
    navigator.clipboard.writeText(command).then(
      () => notify("Copied"),
      () => notify("Select the line and copy it: this browser does not let pages copy.", "warning"),
    );
  return (
    <section className="card" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>Or from your own program</h2>
      <pre className="channel-code" tabIndex={0} aria-label="Command">
        {command}
      </pre>
      <button className="button" onClick={() => void copy()}>
        <Icon name="copy" size={18} /> Copy the command
      </button>
      <form
        className="field"
        onSubmit={(event) => {
          event.preventDefault();
          const slug = other
            .toLowerCase()
            .replace(/[^a-z0-9]+/g, "-")
            .replace(/^-|-$/g, "");
          if (slug) navigate(`/score/${slug}`);
        }}
      >
        <label htmlFor={id}>Watch another match than “{match}”</label>
        <div className="channel-row">
          <input id={id} className="input" value={other} maxLength={60} onChange={(e) => setOther(e.target.value)} />
          <button className="button" disabled={!other.trim()}>
            Watch
          </button>
        </div>
      </form>
    </section>
  );
}
