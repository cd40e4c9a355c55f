// y-webrtc: the protocol from outside, and two pages that edit together without a server in between.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { PAIRS, startBrowsers } from '../lib/browsers.mjs';
import { startServer } from '../lib/server.mjs';
import { startPage } from './site.mjs';

let server;
let browsers;
let site;
beforeAll(async () => {
  server = await startServer({ suite: 'p2p' });
  [browsers, site] = await Promise.all([startBrowsers('p2p'), startPage()]);
});
afterEach(() => browsers.clear());
afterAll(async () => {
  await browsers?.stop();
  await site?.stop();
  await server?.stop();
});

async function connect() {
  const socket = new WebSocket(`${server.ws}/topics`);
  const came = [];
  const waiting = [];
  socket.on('message', (data) => (waiting.length ? waiting.shift()(JSON.parse(data)) : came.push(JSON.parse(data))));
  await new Promise((done) => socket.on('open', done));
  const next = () => (came.length ? Promise.resolve(came.shift()) : new Promise((done) => waiting.push(done)));
  return { socket, came, next, say: (message) => socket.send(JSON.stringify(message)), end: () => socket.terminate() };
}

test('everybody who hears a topic gets what is published, and how many they are', async () => {
  const [a, b] = [await connect(), await connect()];
  for (const it of [a, b]) {
    it.say({ type: 'subscribe', topics: ['room'] });
    it.say({ type: 'ping' });
    expect(await it.next()).toEqual({ type: 'pong' });
  }
  const message = { type: 'publish', topic: 'room', data: { type: 'announce', from: 'a' }, extra: { kept: [1] } };
  a.say(message);
  expect(await a.next()).toEqual({ ...message, clients: 2 });
  expect(await b.next()).toEqual({ ...message, clients: 2 });
  b.say({ type: 'publish', topic: 'room', data: { type: 'signal', from: 'b', to: 'a', signal: { sdp: 1 } } });
  expect((await a.next()).data.signal).toEqual({ sdp: 1 });
  b.say({ type: 'publish', topic: 'room', payload: { another: 'dialect' } });
  expect(await b.next(), 'the signal was for the other alone').toEqual({ topic: 'room', payload: { another: 'dialect' } });
  b.say({ type: 'unsubscribe', topics: ['room'] });
  b.socket.send('garbage');
  b.say({ type: 'ping' });
  expect(await b.next()).toEqual({ type: 'pong' });
  [a, b].forEach((it) => it.end());
});

describe.each(PAIRS)('from %s to %s', (...kinds) => {
  test.each([['openly', undefined], ['with a password', 'secret words']])('two pages edit together, %s', async (_, password) => {
    const room = `notes-${kinds.join('-')}-${password ? 'closed' : 'open'}`;
    const pages = [];
    for (const kind of kinds) {
      const page = await browsers.open(kind, site.url);
      pages.push(page);
      await page.evaluate(
        ([signaling, room, password]) => {
          globalThis.doc = new Y.Doc();
          const peerOpts = { config: { iceServers: [] } };
          globalThis.provider = new WebrtcProvider(room, doc, { signaling: [signaling], peerOpts, ...(password ? { password } : {}) });
          globalThis.text = () => doc.getText('t').toString();
        },
        [`${server.ws}/topics`, room, password],
      );
    }
    const [first, second] = pages;
    await first.evaluate(() => doc.getText('t').insert(0, 'hello'));
    await second.waitForFunction(() => text() === 'hello');
    await second.evaluate(() => doc.getText('t').insert(5, ' there'));
    await first.waitForFunction(() => text() === 'hello there');
    // Two pages of one browser could have found each other without any server.
    for (const page of pages) expect(await page.evaluate(() => [provider.room.webrtcConns.size, provider.room.bcConns.size])).toEqual([1, 0]);
  });
});
