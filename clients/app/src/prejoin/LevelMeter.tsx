import { useEffect, useRef } from "react";
import { watchLevel } from "./level";

const BARS = 12;

/** How loud the microphone is, live. Draws past React: sixty renders a second would be a waste. */
export function LevelMeter({ stream }: { stream: MediaStream | null }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = root.current;
    if (!stream || !element) return;
    let spokenAt = 0;
    return watchLevel(stream, (level) => {
      const lit = Math.round(level * BARS);
      [...element.children].forEach((bar, index) => bar.toggleAttribute("data-lit", index < lit));
      const now = performance.now();
      if (now - spokenAt < 500) return;
      spokenAt = now;
      element.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    });
  }, [stream]);
  return (
    <div
      ref={root}
      className="level"
      role="meter"
      aria-label="Microphone level"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
    >
      {Array.from({ length: BARS }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}
