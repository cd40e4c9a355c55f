import { useEffect, useRef, useState } from "react";
import { PageHeader } from "../ui/PageHeader";
import { navigate } from "../lib/router";
import { ReceivePanel } from "./ReceivePanel";
import { SendPanel } from "./SendPanel";
import "../channels/channels.css";
import "./files.css";

/** Files of any size to somebody who has the code. */
export default function FilesPage({ code }: { code: string }) {
  const [typed, setTyped] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => setTyped(""), [code]);
  return (
    <div className="page">
      <PageHeader />
      <main className="channel-main">
        <h1>Send files</h1>
        {code ? (
          <ReceivePanel key={code} code={code} />
        ) : (
          <>
            <SendPanel />
            <form
              className="card field"
              onSubmit={(event) => {
                event.preventDefault();
                if (typed.trim()) navigate(`/files/${encodeURIComponent(typed.trim())}`);
                else field.current?.focus();
              }}
            >
              <h2>Receive</h2>
              <label htmlFor="files-code">The code you were given</label>
              <div className="channel-row">
                <input
                  id="files-code"
                  ref={field}
                  className="input"
                  value={typed}
                  placeholder="4821-maple-otter"
                  autoComplete="off"
                  autoCapitalize="none"
                  spellCheck={false}
                  onChange={(event) => setTyped(event.target.value)}
                />
                <button className="button primary">Receive</button>
              </div>
              <p className="soft">
                From a terminal: <code>tandem receive CODE</code>, and <code>tandem send FILE</code> the other way.
              </p>
            </form>
          </>
        )}
      </main>
    </div>
  );
}
