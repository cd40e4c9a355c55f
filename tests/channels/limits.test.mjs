// What hostile, broken and slow clients get, and that nobody else notices.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { startServer } from '../lib/server.mjs';
import { TRANSPORTS, api, channelName, subscribed, until } from './clients.mjs';

const json = TRANSPORTS['websocket, JSON'];
const config = `
client: {ping_interval: 1s, pong_timeout: 500ms, stale_close_delay: 1s, channel_limit: 10000}
`;
let server;
beforeAll(async () => (server = await startServer({ suite: 'channels', config })));
afterAll(() => server.stop());

/** A socket without an SDK: what came, and how it ended. */
function raw(path = '/connection/websocket', options = {}) {
  const socket = new WebSocket(server.ws + path, options);
  const came = [];
  socket.on('message', (data) => came.push(...data.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line))));
  socket.on('error', () => {});
  const closed = new Promise((done) => socket.on('close', (code, reason) => done({ code, reason: reason.toString() })));
  const open = new Promise((done) => socket.on('open', done));
  const say = (...commands) => socket.send(commands.map((command) => JSON.stringify(command)).join('\n'));
  return { socket, came, closed, open, say };
}

describe('the protocol is kept', () => {
  test.each([
    ['a command before connect', [{ id: 1, subscribe: { channel: 'a' } }], 3501],
    ['connect twice', [{ id: 1, connect: {} }, { id: 2, connect: {} }], 3501],
    ['a pong nobody asked for', [{ id: 1, connect: {} }, {}], 3501],
    ['a command without anything', [{ id: 1, connect: {} }, { id: 2 }], 3501],
    ['a message outside channels', [{ id: 1, connect: {} }, { send: { data: 1 } }], 3508],
    ['a token that is none', [{ id: 1, connect: { token: 'x' } }], 3500],
  ])('%s', async (_, commands, code) => {
    const client = raw();
    await client.open;
    client.say(...commands);
    expect(await client.closed).toMatchObject({ code });
  });

  test('garbage ends the connection it came on and no other', async () => {
    const other = await subscribed(json, server, channelName('bystander'));
    for (const garbage of ['{', 'null', '[1', '\u0000', '{"id":1,"connect":{"token":5}}', 'x'.repeat(1000)]) {
      const client = raw();
      await client.open;
      client.socket.send(garbage);
      expect((await client.closed).code, garbage).toBe(3501);
    }
    const protobuf = raw('/connection/websocket', { protocol: 'centrifuge-protobuf' });
    await protobuf.open;
    protobuf.socket.send(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]));
    expect((await protobuf.closed).code).toBe(3501);
    await other.sub.publish({ still: 'here' });
    await until('the bystander', () => other.got.length === 1);
    other.client.disconnect();
  });

  test('messages are bounded', async () => {
    const client = raw();
    await client.open;
    client.socket.send('x'.repeat(70_000));
    expect((await client.closed).code).toBe(1009);
    const response = await fetch(`${server.http}/connection/http_stream`, { method: 'POST', body: 'x'.repeat(70_000) });
    expect(response.status).toBe(413);
  });

  test('a handshake with too much in its head is refused', async () => {
    const socket = connect(Number(new URL(server.http).port), '127.0.0.1');
    socket.on('error', () => {});
    const ended = new Promise((done) => socket.on('close', done));
    let answer = '';
    socket.on('data', (data) => (answer += data));
    socket.write(`GET /connection/websocket HTTP/1.1\r\nHost: x\r\n`);
    socket.write(`A: ${'b'.repeat(400_000)}\r\n\r\n`);
    await ended;
    expect(answer).toMatch(/^HTTP\/1\.1 4|^$/);
  });
});

describe('nobody stays who is not there', () => {
  test('who says nothing', async () => {
    const client = raw();
    expect(await client.closed).toEqual({ code: 3502, reason: 'stale' });
  });

  test('who does not answer pings', async () => {
    const client = raw();
    await client.open;
    client.say({ id: 1, connect: {} });
    expect(await client.closed).toEqual({ code: 3012, reason: 'no pong' });
    expect(client.came.some((reply) => Object.keys(reply).length === 0), 'a ping came').toBe(true);
  });

  test('who reads nothing is let go, and the others hear everything', async () => {
    const channel = channelName('slow');
    const fast = await subscribed(json, server, channel, { sub: {} });
    const slow = raw();
    await slow.open;
    slow.say({ id: 1, connect: {} }, { id: 2, subscribe: { channel } });
    await until('it has subscribed', () => slow.came.some((reply) => reply.id === 2));
    slow.socket._socket.pause();
    const data = { text: 'x'.repeat(50_000) };
    for (let n = 0; n < 300; n++) await api(server, 'publish', { channel, data });
    await until('everything', () => fast.got.length === 300);
    await until('it is gone', async () => (await api(server, 'presence_stats', { channel })).num_clients === 1);
    slow.socket.terminate();
    fast.client.disconnect();
  });
});

describe('many channels on one connection', () => {
  test('ten thousand, and not one more', async () => {
    const client = raw();
    await client.open;
    client.say({ id: 1, connect: {} });
    const pong = setInterval(() => client.came.splice(0).forEach((reply) => (Object.keys(reply).length === 0 ? client.say({}) : replies.push(reply))), 50);
    const replies = [];
    const prefix = channelName('many');
    for (let n = 0; n < 10_001; n += 100) {
      client.say(...Array.from({ length: Math.min(100, 10_001 - n) }, (_, i) => ({ id: n + i + 2, subscribe: { channel: `${prefix}-${n + i}` } })));
    }
    await until('all answers', () => replies.filter((reply) => reply.id > 1).length === 10_001, 30_000);
    expect(replies.filter((reply) => reply.error).map((reply) => reply.error.code)).toEqual([106]);
    clearInterval(pong);
    client.socket.close();
  });
});

describe('where pages come from', () => {
  test('other origins are refused, this one is not', async () => {
    const answer = (origin) => new Promise((done) => {
      const socket = new WebSocket(`${server.ws}/connection/websocket`, { origin });
      socket.on('open', () => (socket.close(), done(101)));
      socket.on('unexpected-response', (_, response) => done(response.statusCode));
      socket.on('error', () => {});
    });
    expect(await answer('https://elsewhere.example')).toBe(403);
    expect(await answer(server.http)).toBe(101);
  });
});

describe('clients that only listen', () => {
  test('over a WebSocket', async () => {
    const channel = channelName('uni');
    const client = raw('/connection/uni_websocket');
    await client.open;
    client.say({ subs: { [channel]: {} } });
    await until('connect', () => client.came.some((push) => push.connect?.subs?.[channel]));
    await api(server, 'publish', { channel, data: { a: 1 } });
    await until('the publication', () => client.came.some((push) => push.pub?.data.a === 1 && push.channel === channel));
    client.socket.close();
  });

  test.each(['uni_sse', 'uni_http_stream'])('over %s', async (transport) => {
    const channel = channelName('uni');
    const response = await fetch(`${server.http}/connection/${transport}`, { method: 'POST', body: JSON.stringify({ subs: { [channel]: {} } }) });
    const reader = response.body.getReader();
    let text = '';
    const read = (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text += Buffer.from(value).toString();
      }
    })();
    await until('connect', () => text.includes('"connect"'));
    await api(server, 'publish', { channel, data: { a: 1 } });
    await until('the publication', () => text.includes('"pub":{"data":{"a":1}'));
    await reader.cancel();
    await read;
  });
});

test('a batch before the first answer is served in order', async () => {
  const client = raw();
  await client.open;
  const prefix = channelName('optimistic');
  client.say({ id: 1, connect: {} }, ...Array.from({ length: 20 }, (_, i) => ({ id: i + 2, subscribe: { channel: `${prefix}-${i}` } })));
  await until('all answers', () => client.came.filter((reply) => reply.id).length === 21);
  expect(client.came.filter((reply) => reply.id).map((reply) => reply.id)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
  client.socket.close();
});

test('the API wants its key', async () => {
  await expect(api(server, 'info', {}, 'wrong')).rejects.toMatchObject({ status: 401 });
  await expect(api(server, 'unheard')).rejects.toMatchObject({ status: 404 });
  expect((await api(server, 'info')).nodes).toHaveLength(1);
});
