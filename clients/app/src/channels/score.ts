/** The whole state in every publication: whoever comes late needs only the last one. */
export interface Score {
  home: string;
  away: string;
  goals: [number, number];
  minute: number;
  events: string[];
}

export const KICK_OFF: Score = { home: "Harbour", away: "Hillside", goals: [0, 0], minute: 0, events: [] };
export const EVENTS = 8;

/** What a publication shows; anything else in the channel is left out. */
export function readScore(data: unknown): Score | null {
  const { home, away, goals, minute, events } = (data ?? {}) as Partial<Score>;
  if (typeof home !== "string" || typeof away !== "string" || !Array.isArray(goals)) return null;
  const [a, b] = goals.map(Number);
  const lines = Array.isArray(events) ? events.filter((line) => typeof line === "string").slice(0, EVENTS) : [];
  return { home, away, goals: [a || 0, b || 0], minute: Number(minute) || 0, events: lines };
}
