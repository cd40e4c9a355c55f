// PeerJS: the protocol from outside, and the official client in a browser.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { launchChromium } from '../lib/chromium.mjs';
import { startServer } from '../lib/server.mjs';
import { startPage } from './site.mjs';

let server;
let quick;
let locked;
beforeAll(async () => {
  server = await startServer({ suite: 'p2p' });
  quick = await startServer({ suite: 'p2p', config: 'peer: {alive_timeout: 1s, expire_timeout: 300ms, concurrent_limit: 2, allow_discovery: true}\n' });
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
  let browser;
  let site;
  let contexts = [];
  beforeAll(async () => {
    [browser, site] = [await launchChromium(), await startPage()];
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await site?.stop();
  });

  async function page() {
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
    contexts.push(context);
    const opened = await context.newPage();
    await opened.goto(site.url);
    return opened;
  }

  /** Opens a peer in a page; its id. */
  const peer = (where, { id, token, kind = 'Peer' } = {}) =>
    where.evaluate(
      ([port, wanted, secret, constructor]) =>
        new Promise((done, fail) => {
          const options = { host: '127.0.0.1', port, path: '/', config: { iceServers: [] }, ...(secret ? { token: secret } : {}) };
          const made = wanted ? new globalThis[constructor](wanted, options) : new globalThis[constructor](options);
          globalThis.peer = made;
          globalThis.errors = [];
          made.on('open', done);
          made.on('error', (error) => (globalThis.errors.push(error.type), fail(new Error(error.type))));
        }),
      [Number(new URL(server.http).port), id, token, kind],
    );

  /** Both directions of a data connection; what arrived. */
  async function exchange(from, to, id, serialization, data) {
    const arrived = to.evaluate(
      () =>
        new Promise((done) => {
          globalThis.peer.on('connection', (connection) =>
            connection.on('data', (came) => {
              const plain = came instanceof ArrayBuffer || ArrayBuffer.isView(came) ? [...new Uint8Array(came.buffer ?? came)] : came;
              connection.send('thanks');
              done(plain);
            }),
          );
        }),
    );
    const answered = from.evaluate(
      ([id, serialization, data]) =>
        new Promise((done) => {
          const connection = globalThis.peer.connect(id, { reliable: true, serialization });
          connection.on('open', () => connection.send(data));
          connection.on('data', done);
        }),
      [id, serialization, data],
    );
    return Promise.all([arrived, answered]);
  }

  test.each([
    ['binary', 'Peer', { text: 'héllo', list: [1, 2.5, null], deep: { yes: true } }],
    ['json', 'Peer', { text: 'héllo', list: [1, 2.5, null] }],
    ['binary-utf8', 'Peer', { text: 'héllo' }],
    ['raw', 'Peer', 'héllo'],
  ])('sends data as %s', async (serialization, kind, data) => {
    const [ana, ben] = [await page(), await page()];
    const [, id] = await Promise.all([peer(ana, { kind }), peer(ben, { kind })]);
    const [arrived, answered] = await exchange(ana, ben, id, serialization, data);
    expect(arrived).toEqual(data);
    expect(answered).toBe('thanks');
  });

  test('calls with sound and picture', async () => {
    const [ana, ben] = [await page(), await page()];
    const [, id] = await Promise.all([peer(ana), peer(ben)]);
    const answered = ben.evaluate(() =>
      navigator.mediaDevices.getUserMedia({ audio: true, video: true }).then((own) => {
        globalThis.peer.on('call', (call) => call.answer(own));
      }),
    );
    await answered;
    const size = await ana.evaluate(async (id) => {
      const own = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
      const call = globalThis.peer.call(id, own);
      const remote = await new Promise((done) => call.on('stream', done));
      const video = Object.assign(document.createElement('video'), { srcObject: remote, muted: true });
      document.body.append(video);
      await video.play();
      while (!video.videoWidth) await new Promise((done) => requestAnimationFrame(done));
      return [video.videoWidth > 0, remote.getAudioTracks().length];
    }, id);
    expect(size).toEqual([true, 1]);
  });

  test('comes back under its id after the connection is lost', async () => {
    const ana = await page();
    const id = await peer(ana);
    const again = await ana.evaluate(
      () =>
        new Promise((done) => {
          globalThis.peer.on('disconnected', () => globalThis.peer.reconnect());
          globalThis.peer.on('open', done);
          globalThis.peer.socket._socket.close();
        }),
    );
    expect(again).toBe(id);
  });

  test('is told that somebody is not there, and that an id is taken', async () => {
    const [ana, ben] = [await page(), await page()];
    const id = await peer(ana);
    const type = await ana.evaluate(
      () =>
        new Promise((done) => {
          globalThis.peer.on('error', (error) => done(error.type));
          globalThis.peer.connect('nobody-has-this-id');
        }),
    );
    expect(type).toBe('peer-unavailable');
    await expect(peer(ben, { id })).rejects.toThrow('unavailable-id');
  });
});
