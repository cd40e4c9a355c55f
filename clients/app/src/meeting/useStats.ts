import { useEffect, useState } from "react";
import type { Room, Track } from "livekit-client";
import { displayName, everybody } from "./live";
import { emptyTotals, readReport, summarise, type Counters, type Row, type Totals } from "./stats";

const EVERY_MS = 2000;

export interface Stats {
  totals: Totals;
  rows: readonly Row[];
}

interface Reportable {
  getRTCStatsReport(): Promise<RTCStatsReport | undefined>;
}

function canReport(track: Track): track is Track & Reportable {
  return "getRTCStatsReport" in track;
}

/** Numbers about every track, refreshed while the component that uses it is on screen. */
export function useStats(room: Room): Stats {
  const [stats, setStats] = useState<Stats>({ totals: emptyTotals(), rows: [] });
  useEffect(() => {
    let before = new Map<string, Counters>();
    let stopped = false;
    let timer: ReturnType<typeof setTimeout>;
    const round = async () => {
      const counters = new Map<string, Counters>();
      const rows: Row[] = [];
      for (const participant of everybody(room)) {
        for (const publication of participant.trackPublications.values()) {
          const { track } = publication;
          if (!track || !canReport(track)) continue;
          const report = await track.getRTCStatsReport().catch(() => undefined);
          if (!report) continue;
          const key = publication.trackSid;
          const reading = readReport(report, participant.isLocal ? "up" : "down", before.get(key));
          counters.set(key, reading.counters);
          rows.push({
            key,
            who: displayName(participant),
            source: publication.source,
            kind: track.kind,
            ...reading.row,
          });
        }
      }
      if (stopped) return;
      before = counters;
      setStats({ rows, totals: summarise(rows) });
      timer = setTimeout(() => void round(), EVERY_MS);
    };
    void round();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [room]);
  return stats;
}
