import { useEffect, useRef } from "react";
import type { TandemError } from "tandem-client";
import { navigate } from "../lib/router";
import { PageHeader } from "../ui/PageHeader";

interface Props {
  room: string;
  /** Why the session ended if the person did not end it. */
  error: TandemError | null;
  onRejoin: () => void;
}

export function LeftPage({ room, error, onRejoin }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  // The button that had the focus is gone; screen readers continue from the new heading.
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className="page">
      <PageHeader />
      <main className="centred">
        <div className="card card-narrow">
          <h1 ref={heading} tabIndex={-1}>
            {error ? "The meeting ended for you" : "You left"}
          </h1>
          <p className="soft">{error ? error.message : `The meeting “${room}” goes on without you.`}</p>
          <button className="button primary wide" onClick={onRejoin}>
            Join again
          </button>
          <button className="button wide" onClick={() => navigate("/")}>
            Go to the start page
          </button>
        </div>
      </main>
    </div>
  );
}
