// Calls that may take no way but the relay, in both browsers: PeerJS, a room for two, a meeting, and the page that looks for it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hears, publishPicture, publishTone, sees } from '../browser/setup.mjs';
import { BROWSERS, PAIRS, startBrowsers } from '../lib/browsers.mjs';
import { certificate } from '../lib/certificate.mjs';
import { startServer } from '../lib/server.mjs';
import { startSite } from '../lib/site.mjs';
import { roomName, token } from '../lib/token.mjs';
import { until } from '../lib/wait.mjs';
import { join as goIn, prepare, read } from './app.mjs';
import { startPage } from './site.mjs';

const WAYS = ['udp', 'tcp', 'tls'];
const scratch = mkdtempSync(join(tmpdir(), 'tandem-relay-'));
let server;
/** The same server by a name: Firefox opens no TLS to a relay that is named by its address. */
let named;
let browsers;
let site;
let harness;
beforeAll(async () => {
  server = await startServer({ suite: 'p2p', config: `${certificate(scratch)}\nturn: {tls_port: 0}\n` });
  named = server.http.replace('127.0.0.1', 'localhost');
  [browsers, site, harness] = await Promise.all([startBrowsers('p2p'), startPage(), startSite()]);
});
afterEach(() => browsers.clear());
afterAll(async () => {
  await browsers?.stop();
  await site?.stop();
  await harness?.stop();
  await server?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** What a browser is told of the relay, with one way to it. */
async function configuration(way) {
  const { iceServers } = await (await fetch(`${named}/peerjs/ice`)).json();
  const fits = (url) => (way === 'tls' ? url.startsWith('turns:') : url.startsWith('turn:') && url.endsWith(way));
  const turn = iceServers.map(({ urls, ...rest }) => ({ ...rest, urls: urls.filter(fits) })).filter(({ urls }) => urls.length > 0);
  expect(turn.length, `the node offers ${way}`).toBe(1);
  return { iceServers: turn, iceTransportPolicy: 'relay' };
}

/** Packets so far: from clients to where they send, and to clients. */
async function relayed() {
  const text = await (await fetch(`${server.http}/metrics`)).text();
  return ['peer', 'client'].map((to) => Number(new RegExp(`^tandem_turn_packets_total\\{to="${to}"\\} (\\d+)`, 'm').exec(text)[1]));
}

const openPeer = async (page, way) => page.evaluate((it) => openPeer(it), { port: Number(new URL(server.http).port), config: await configuration(way) });
const taken = (page) => until('a way', () => page.evaluate(() => way(call.connection.peerConnection)));

describe.each(PAIRS)('PeerJS from %s to %s', (from, to) => {
  // Between different browsers one way is enough: what they say to the relay is the same.
  test.each(from === to ? WAYS : ['udp'])('calls through the relay over %s', async (by) => {
    const [ana, ben] = await Promise.all([from, to].map((kind) => browsers.open(kind, site.url)));
    const [, id] = await Promise.all([openPeer(ana, by), openPeer(ben, by)]);
    await ben.evaluate(() => answer());
    await ana.evaluate((it) => dial(it), id);
    for (const page of [ana, ben]) {
      await page.waitForFunction(() => globalThis.call?.sees());
      await page.waitForFunction(() => globalThis.call.hears());
      expect(await taken(page)).toEqual({ end: 'relay', by });
    }
  });
});

// Two in Chromium are among the tests of the app.
test.each(PAIRS.filter((kinds) => kinds.includes('firefox')))('a room for two, from %s to %s', async (...kinds) => {
  const room = roomName('relay');
  const pages = [];
  for (const [number, kind] of kinds.entries()) {
    const page = await browsers.open(kind, `${server.http}/meet/${room}?kind=p2p&relay`);
    await prepare(page, `${kind} ${number}`);
    await goIn(page);
    pages.push(page);
  }
  const moves = () => [...document.querySelectorAll('[data-testid=tile] video')].filter((video) => video.videoWidth > 0 && video.currentTime > 0.3).length === 2;
  for (const page of pages) {
    await read(page, '[data-testid=path][data-path=relay]');
    await page.waitForFunction(moves);
  }
});

test.each(BROWSERS)('nothing is wrong, says %s', async (kind) => {
  const page = await browsers.open(kind, `${named}/doctor`);
  await read(page, 'h2', /^Everything works from here\.$/);
  for (const name of ['UDP', 'TCP', 'TLS']) await read(page, `[data-name=${name}][data-state=good]`);
});

describe.each(['v1', 'v0'])('%s', (mode) => {
  test('a meeting of both browsers, each through the relay', async () => {
    const room = roomName(`relay-${mode}`);
    const before = await relayed();
    const join = async (kind) => {
      const page = await browsers.open(kind, harness.url);
      await page.waitForFunction(() => typeof H === 'object');
      page.label = kind;
      const settings = { mode, connect: { rtcConfig: { iceTransportPolicy: 'relay' } } };
      await page.evaluate(([url, jwt, settings]) => H.join(url, jwt, settings), [server.ws, await token(room, kind), settings]);
      return page;
    };
    const [chromium, firefox] = await Promise.all(BROWSERS.map(join));
    await Promise.all([publishPicture(chromium, { id: 9 }), publishPicture(firefox, { id: 3 })]);
    await Promise.all([publishTone(chromium, { frequency: 900 }), publishTone(firefox, { frequency: 500 })]);
    await Promise.all([sees(firefox, 'chromium', 9), hears(firefox, 'chromium', 900), sees(chromium, 'firefox', 3), hears(chromium, 'firefox', 500)]);
    // A second of each one's picture and sound, at the least.
    await until('both ways in the counters', async () => (await relayed()).every((packets, way) => packets - before[way] > 50));
  });
});
