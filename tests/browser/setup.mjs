import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { joined, startStage } from '../lib/chromium.mjs';
import { startServer } from '../lib/server.mjs';
import { roomName } from '../lib/token.mjs';
import { until } from '../lib/wait.mjs';

/** v1: one peer connection, `/rtc/v1`. v0: two, `/rtc`. `MODES=v0` runs only these. */
export const MODES = (process.env.MODES ?? 'v1,v0').split(',');

/**
 * Defines the same tests for both connection modes. `define` gets
 * `{mode, server(), stage(), join(room, identity, options), room(label)}`.
 */
export function bothModes(title, define, { suite = 'browser', serverOptions = {} } = {}) {
  let stage;
  let server;
  beforeAll(async () => {
    server = await startServer({ suite, ...serverOptions });
    stage = await startStage(suite);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await stage.keep(`${task.suite?.name ?? ''} ${task.name}`);
    await stage.clear();
    expect(server.alive(), 'the server is alive').toBe(true);
  });
  afterAll(async () => {
    await stage?.stop();
    await server?.stop();
  });
  for (const mode of MODES) {
    describe(`${mode} ${title}`, () => {
      define({
        mode,
        stage: () => stage,
        server: () => server,
        room: (label) => roomName(`${mode}-${label}`),
        join: (room, identity, { settings = {}, ...rest } = {}) => joined(stage, server, room, identity, { settings: { mode, ...settings }, ...rest }),
      });
    });
  }
}

export const see = (page, identity, source) => page.evaluate(([i, s]) => H.see(i, s), [identity, source]);
export const hear = (page, identity, source) => page.evaluate(([i, s]) => H.hear(i, s), [identity, source]);
export const inbound = (page, identity, source) => page.evaluate(([i, s]) => H.inbound(i, s), [identity, source]);
export const roster = (page) => page.evaluate(() => H.roster());
export const count = (page, name, match = {}) => page.evaluate(([n, m]) => H.count(n, m), [name, match]);
export const events = (page, name) => page.evaluate((n) => H.events.filter((e) => e.name === n), name);

/** Waits for an event that the harness noted. `atLeast` counts from the beginning of the page. */
export function happened(page, name, match = {}, { atLeast = 1, timeoutMs = 15_000 } = {}) {
  return until(`${page.label}: ${name} ${JSON.stringify(match)}`, async () => (await count(page, name, match)) >= atLeast, {
    timeoutMs,
    describe: () => page.evaluate(() => H.events.slice(-15).map((e) => e.name)),
  });
}

/** The page shows the moving picture of `identity` with the publisher's number `id`. */
export async function sees(page, identity, id, { source = 'camera', timeoutMs = 15_000 } = {}) {
  const first = await until(
    `${page.label} to see ${identity}/${source}`,
    async () => {
      const now = await see(page, identity, source);
      return now.valid && now.id === id ? now : null;
    },
    { timeoutMs, describe: async () => ({ see: await see(page, identity, source), in: await inbound(page, identity, source), roster: await roster(page) }) },
  );
  return until(
    `${page.label}: the picture of ${identity}/${source} to move`,
    async () => {
      const now = await see(page, identity, source);
      return now.valid && now.id === id && now.counter !== first.counter ? now : null;
    },
    { timeoutMs, describe: async () => ({ first, now: await see(page, identity, source), in: await inbound(page, identity, source) }) },
  );
}

/** The page plays the tone of `identity`. */
export function hears(page, identity, frequency, { source = 'microphone', timeoutMs = 15_000 } = {}) {
  return until(
    `${page.label} to hear ${frequency} Hz from ${identity}/${source}`,
    async () => {
      const now = await hear(page, identity, source);
      return Math.abs(now.frequency - frequency) <= 12 && now.level > -50 ? now : null;
    },
    { timeoutMs, describe: async () => ({ hear: await hear(page, identity, source), in: await inbound(page, identity, source), roster: await roster(page) }) },
  );
}

/** Frames of `identity` keep being decoded: at least `frames` more within the timeout. */
export async function flows(page, identity, { source = 'camera', frames = 15, timeoutMs = 15_000 } = {}) {
  const before = (await inbound(page, identity, source))?.frames ?? 0;
  return until(`${page.label}: ${frames} more frames of ${identity}`, async () => ((await inbound(page, identity, source))?.frames ?? 0) >= before + frames, {
    timeoutMs,
    describe: () => inbound(page, identity, source),
  });
}

export const publishPicture = (page, what = {}) => page.evaluate((w) => H.publishPicture(w), what);
export const publishTone = (page, what = {}) => page.evaluate((w) => H.publishTone(w), what);
