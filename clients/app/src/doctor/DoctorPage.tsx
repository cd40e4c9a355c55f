import { useEffect, useState } from "react";
import { announce, notify } from "../lib/announce";
import { Icon } from "../ui/Icon";
import { PageHeader } from "../ui/PageHeader";
import { examine, verdict, type Finding } from "./checks";
import "../channels/channels.css";
import "./doctor.css";

const ICON = { good: "check", weak: "help", bad: "warning" } as const;
const WORD = { good: "works", weak: "could be better", bad: "does not work" } as const;

/** Tries what a call needs from where the visitor stands, and says what is wrong. */
export default function DoctorPage() {
  const [run, setRun] = useState(0);
  const [found, setFound] = useState<readonly Finding[]>([]);
  const [done, setDone] = useState(false);
  useEffect(() => {
    let over = false;
    setFound([]);
    setDone(false);
    void examine((finding) => !over && setFound((before) => [...before, finding])).then((all) => {
      if (over) return;
      setDone(true);
      announce(verdict(all));
    });
    return () => void (over = true);
  }, [run]);
  const copy = async () => {
    const text = found.map(({ name, state, sentence }) => `${name}: ${WORD[state]}. ${sentence}`).join("\n");
    try {
      await navigator.clipboard.writeText(`${text}\n${navigator.userAgent}`);
      notify("Copied. Send it to whoever helps you.");
    } catch {
      notify("Your browser does not let this page copy.", "warning");
    }
  };
  return (
    <div className="page">
      <PageHeader />
      <main className="channel-main">
        <h1>Does it work from here?</h1>
        <section className="card" aria-labelledby="verdict" data-testid="doctor" data-done={done || undefined}>
          <h2 id="verdict">{done ? verdict(found) : "Trying…"}</h2>
          <ul className="findings" aria-busy={!done}>
            {found.map(({ name, state, sentence }) => (
              <li key={name} data-name={name} data-state={state}>
                <Icon name={ICON[state]} />
                <span>
                  <b>
                    {name} <span className="visually-hidden">{WORD[state]}</span>
                  </b>
                  <span className="soft">{sentence}</span>
                </span>
              </li>
            ))}
          </ul>
          <div className="channel-row">
            <button className="button" disabled={!done} onClick={() => setRun((number) => number + 1)}>
              Try again
            </button>
            <button className="button" disabled={!done} onClick={() => void copy()}>
              <Icon name="copy" size={18} /> Copy as text
            </button>
          </div>
        </section>
      </main>
    </div>
  );
}
