// PeerJS: the protocol from outside, and the official client in both browsers.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { BROWSERS, PAIRS, startBrowsers } from '../lib/browsers.mjs';
import { API_KEY, API_SECRET, startServer } from '../lib/server.mjs';
import { rawToken } from '../protocol/client.mjs';
import { startPage } from './site.mjs';

let server;
let quick;
let locked;
beforeAll(async () => {
  server = await startServer({ suite: 'p2p' });
  quick = await startServer({ suite: 'p2p', config: 'peer: {alive_timeout: 1s, expire_timeout: 300ms, concurrent_limit: 2, allow_discovery: true}\n' });
  locked = await startServer({ suite: 'p2p', dev: false, config: `keys: {${API_KEY}: ${API_SECRET}}\n` });
});
afterAll(async () => {
  await Promise.all([server, quick, locked].map((it) => it?.stop()));
});

/** A client that is a bare WebSocket. `silent` answers no pings. */
function connect(to, query, { silent = false } = {}) {
  const params = new URLSearchParams({ key: 'peerjs', version: '1.5.5', ...query });
  const socket = new WebSocket(`${to.ws}/peerjs?${params}`, { autoPong: !silent });
  const came = [];
  const waiting = [];
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString());
    const waiter = waiting.shift();
    if (waiter) waiter(message);
    else came.push(message);
  });
  const closed = new Promise((done) => socket.on('close', (code) => done(code)));
  socket.on('error', () => {});
  const next = () => (came.length ? Promise.resolve(came.shift()) : new Promise((done) => waiting.push(done)));
  return { socket, came, closed, next, say: (message) => socket.send(JSON.stringify(message)), end: () => socket.terminate() };
}
let number = 0;
const name = () => `peer-${process.pid}-${++number}`;

describe('signalling', () => {
  test('says what it is, gives ids, and pages of other hosts may ask', async () => {
    expect((await (await fetch(`${server.http}/peerjs`)).json()).name).toBe('PeerJS Server');
    const response = await fetch(`${server.http}/peerjs/id?ts=1`, { headers: { origin: 'https://app.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.text()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect((await fetch(`${server.http}/peerjs/peers`)).status).toBe(401);
    const ice = await (await fetch(`${server.http}/peerjs/ice`)).json();
    expect(ice.iceServers[1].urls[0]).toMatch(/^turn:/);
  });

  test('passes messages on under the sender’s own id', async () => {
    const [a, b] = [name(), name()];
    const [ana, ben] = [connect(server, { id: a, token: 't' }), connect(server, { id: b, token: 't' })];
    expect(await ana.next()).toEqual({ type: 'OPEN' });
    expect(await ben.next()).toEqual({ type: 'OPEN' });
    ana.say({ type: 'OFFER', src: 'eve', dst: b, payload: { sdp: { a: [1, null] } }, extra: 1 });
    expect(await ben.next()).toEqual({ type: 'OFFER', src: a, dst: b, payload: { sdp: { a: [1, null] } } });
    ana.say({ type: 'HEARTBEAT' });
    ana.say({ type: 'NONSENSE', dst: b });
    ana.say({ type: 'LEAVE', dst: b });
    expect((await ben.next()).type).toBe('LEAVE');
    ana.socket.send('x'.repeat(70_000));
    expect((await ana.next()).type).toBe('ERROR');
    ana.say({ type: 'ANSWER', dst: b, payload: 1 });
    expect((await ben.next()).type, 'it stays').toBe('ANSWER');
    [ana, ben].forEach((it) => it.end());
  });

  test('keeps letters for a moment, in order, and says once that nobody came', async () => {
    const [a, b] = [name(), name()];
    const ana = connect(server, { id: a, token: 't' });
    await ana.next();
    for (const n of [1, 2, 3]) ana.say({ type: 'CANDIDATE', dst: b, payload: n });
    const ben = connect(server, { id: b, token: 't' });
    expect((await ben.next()).type).toBe('OPEN');
    for (const n of [1, 2, 3]) expect((await ben.next()).payload).toBe(n);
    const nobody = name();
    for (const n of [1, 2]) ana.say({ type: 'CANDIDATE', dst: nobody, payload: n });
    expect(await ana.next()).toEqual({ type: 'EXPIRE', src: nobody, dst: a });
    ana.say({ type: 'OFFER', dst: b, payload: 'next' });
    expect((await ben.next()).payload).toBe('next');
    expect(ana.came).toEqual([]);
    [ana, ben].forEach((it) => it.end());
  });

  test('an id is given to another when its holder is dead, and at once to the same client', async () => {
    const id = name();
    const first = connect(server, { id, token: 'one' });
    await first.next();
    const rival = connect(server, { id, token: 'two' });
    expect(await rival.next()).toEqual({ type: 'ID-TAKEN', payload: { msg: 'ID is taken' } });
    await rival.closed;
    const again = connect(server, { id, token: 'one' });
    expect((await again.next()).type).toBe('OPEN');
    await first.closed;
    again.end();
    const dead = connect(server, { id: `${id}-x`, token: 'one' }, { silent: true });
    await dead.next();
    const heir = connect(server, { id: `${id}-x`, token: 'two' });
    expect((await heir.next()).type).toBe('OPEN');
    await dead.closed;
    heir.end();
  });

  test('says inside the connection what is wrong with it', async () => {
    for (const query of [{ token: 't' }, { id: name() }, { id: name(), token: 't', key: 'other' }, { id: 'not/an id', token: 't' }]) {
      const it = connect(server, query);
      expect((await it.next()).type, JSON.stringify(query)).toBe('ERROR');
      await it.closed;
    }
  });

  test('silence ends a connection, and there are no more than there may be', async () => {
    const ids = [name(), name(), name()];
    const [one, two] = ids.slice(0, 2).map((id) => connect(quick, { id, token: 't' }));
    await Promise.all([one.next(), two.next()]);
    expect(await (await fetch(`${quick.http}/peerjs/peers`)).json()).toEqual(expect.arrayContaining(ids.slice(0, 2)));
    const three = connect(quick, { id: ids[2], token: 't' });
    expect(await three.next()).toMatchObject({ type: 'ERROR' });
    const talking = setInterval(() => two.say({ type: 'HEARTBEAT' }), 200);
    await one.closed;
    expect(two.socket.readyState).toBe(WebSocket.OPEN);
    clearInterval(talking);
    two.end();
  });

  test('garbage hurts nobody else', async () => {
    const id = name();
    const ana = connect(server, { id, token: 't' });
    await ana.next();
    const eve = connect(server, { id: name(), token: 't' });
    await eve.next();
    for (const text of ['{', '[]', 'null', '{"type":{}}', '\u0000', '{"type":"OFFER","dst":5}']) eve.socket.send(text);
    eve.socket.send(Buffer.alloc(1000));
    eve.say({ type: 'OFFER', dst: id, payload: 'still here' });
    expect((await ana.next()).payload).toBe('still here');
    [ana, eve].forEach((it) => it.end());
  });
});

describe('the official client', () => {
  let browsers;
  let site;
  beforeAll(async () => {
    [browsers, site] = await Promise.all([startBrowsers('p2p'), startPage()]);
  });
  afterEach(() => browsers.clear());
  afterAll(async () => {
    await browsers?.stop();
    await site?.stop();
  });

  const open = (...kinds) => Promise.all(kinds.map((kind) => browsers.open(kind, site.url)));
  const peer = (page, { at = server, ...options } = {}) => page.evaluate((it) => openPeer(it), { port: Number(new URL(at.http).port), ...options });
  const ask = (page, id, serialization, items) => page.evaluate((it) => ask(it), { id, serialization, items });

  const TREE = { text: 'héllo', list: [1, 2.5, null], deep: { yes: true } };
  const LONG = { bytes: 200_000 };

  describe.each(PAIRS)('from %s to %s', (from, to) => {
    test.each([
      ['binary', 'Peer', [TREE, LONG, 'ünd']],
      ['binary-utf8', 'Peer', [TREE, LONG, 'ünd']],
      ['json', 'Peer', [TREE, 'ünd']],
      ['raw', 'Peer', ['héllo', { bytes: 5000 }]],
      ['MsgPack', 'MsgPackPeer', [TREE, LONG, 'ünd']],
    ])('sends data as %s', async (serialization, kind, items) => {
      const [ana, ben] = await open(from, to);
      const [, id] = await Promise.all([peer(ana, { kind }), peer(ben, { kind })]);
      await ben.evaluate(() => echo());
      expect(await ask(ana, id, serialization, items)).toEqual(items);
      expect(await ben.evaluate(() => heard)).toEqual(items);
    });

    test('calls with sound and picture', async () => {
      const [ana, ben] = await open(from, to);
      const [, id] = await Promise.all([peer(ana), peer(ben)]);
      await ben.evaluate(() => answer());
      await ana.evaluate((it) => dial(it), id);
      for (const page of [ana, ben]) {
        await page.waitForFunction(() => globalThis.call?.sees());
        await page.waitForFunction(() => globalThis.call.hears());
      }
      await ana.evaluate(() => call.connection.close());
      await ben.waitForFunction(() => globalThis.call.over);
    });
  });

  describe.each(BROWSERS)('in %s', (kind) => {
    test('comes back under its id after the connection is lost, and can be reached', async () => {
      const [ana, ben] = await open(kind, kind);
      const [, id] = await Promise.all([peer(ana), peer(ben)]);
      await ben.evaluate(() => echo());
      expect(await ask(ana, id, 'json', ['before'])).toEqual(['before']);
      const again = await ben.evaluate(
        () =>
          new Promise((done) => {
            peer.on('disconnected', () => peer.reconnect());
            peer.on('open', done);
            peer.socket._socket.close();
          }),
      );
      expect(again).toBe(id);
      expect(await ana.evaluate(() => connection.open), 'what stands does not need the server').toBe(true);
      expect(await ask(ana, id, 'json', ['after'])).toEqual(['after']);
    });

    test('is told that somebody is not there', async () => {
      const [ana] = await open(kind);
      await peer(ana);
      const type = await ana.evaluate(
        () =>
          new Promise((done) => {
            peer.on('error', (error) => done(error.type));
            peer.connect('nobody-has-this-id');
          }),
      );
      expect(type).toBe('peer-unavailable');
    });

    test('is told that an id is taken', async () => {
      const [ana, ben] = await open(kind, kind);
      const id = await peer(ana);
      await expect(peer(ben, { id })).rejects.toThrow('unavailable-id');
    });

    test('needs a token that is right, where one is needed', async () => {
      const [ana] = await open(kind);
      const id = name();
      const claims = { iss: API_KEY, sub: id, peer: true };
      const wrong = {
        none: undefined,
        nonsense: 'nonsense',
        'of another secret': rawToken(claims, { secret: 'another' }),
        'without the claim': rawToken({ ...claims, peer: undefined }),
        expired: rawToken({ ...claims, exp: 1_000_000_000 }),
      };
      for (const [why, token] of Object.entries(wrong)) await expect(peer(ana, { at: locked, id, token }), why).rejects.toThrow('server-error: The token is missing or not valid');
      await expect(peer(ana, { at: locked, id: name(), token: rawToken(claims) })).rejects.toThrow('server-error: This id is not the one in the token');
      expect(await peer(ana, { at: locked, id, token: rawToken(claims) })).toBe(id);
    });
  });
});
