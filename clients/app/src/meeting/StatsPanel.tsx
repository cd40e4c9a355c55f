import type { Room } from "livekit-client";
import { notify } from "../lib/announce";
import { useStats } from "./useStats";
import type { Row } from "./stats";

const SOURCE: Record<string, string> = {
  camera: "camera",
  microphone: "microphone",
  screen_share: "screen",
  screen_share_audio: "screen sound",
};

const dash = (value: number | null, unit: string, digits = 0) =>
  value === null ? "–" : `${value.toFixed(digits)}\u00a0${unit}`;
const rate = (kbps: number | null) =>
  kbps !== null && kbps >= 1000 ? `${(kbps / 1000).toFixed(1)}\u00a0Mb/s` : dash(kbps, "kb/s");

/** Numbers for those who want to know why something looks the way it does. */
export function StatsPanel({ room }: { room: Room }) {
  const { totals, rows } = useStats(room);
  return (
    <div className="stats" data-testid="stats">
      <dl className="stats-totals">
        <div>
          <dt>Sending</dt>
          <dd>{rate(totals.upKbps)}</dd>
        </div>
        <div>
          <dt>Receiving</dt>
          <dd>{rate(totals.downKbps)}</dd>
        </div>
        <div>
          <dt>Worst loss</dt>
          <dd>{dash(totals.lossPercent, "%", 1)}</dd>
        </div>
        <div>
          <dt>Round trip</dt>
          <dd>{dash(totals.rttMs, "ms")}</dd>
        </div>
      </dl>
      <button className="button small" onClick={() => void copy({ at: new Date().toISOString(), totals, rows })}>
        Copy as text
      </button>
      {rows.length === 0 && <p className="soft">Nobody sends sound or pictures now.</p>}
      <ul className="stats-rows">
        {rows.map((row) => (
          <TrackRow key={row.key} row={row} />
        ))}
      </ul>
    </div>
  );
}

/** For those who are asked what they see: JSON that a program can read too. */
async function copy(stats: object): Promise<void> {
  try {
    await navigator.clipboard.writeText(JSON.stringify(stats, null, 2));
    notify("Statistics copied.");
  } catch {
    notify("Your browser does not let this page copy.", "warning");
  }
}

function TrackRow({ row }: { row: Row }) {
  const size = row.width && row.height ? `${row.width}×${row.height}` : null;
  return (
    <li>
      <h3>
        <span aria-hidden="true">{row.direction === "up" ? "↑" : "↓"}</span>
        <span className="visually-hidden">{row.direction === "up" ? "Sent:" : "Received:"}</span> {row.who},{" "}
        {SOURCE[row.source] ?? row.source}
      </h3>
      <p>
        {[
          row.codec,
          rate(row.kbps),
          size,
          row.fps === null ? null : `${row.fps} fps`,
          `loss ${dash(row.lossPercent, "%", 1)}`,
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
    </li>
  );
}
