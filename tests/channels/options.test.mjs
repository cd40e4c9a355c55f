// What namespaces and settings switch on: cache recovery, numbers, rejection of holes, compression, conflation, budgets, personal channels.
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { startServer } from '../lib/server.mjs';
import { TRANSPORTS, api, channelName, inSeconds, jwt, once, subscribed, until } from './clients.mjs';

const json = TRANSPORTS['websocket, JSON'];
const config = `
websocket: {compression: true}
client:
  user_connection_limit: 2
  user_rate: {connects: {count: 3, per: 60s}, publications: {count: 4, per: 60s}, commands: {count: 12, per: 60s}}
  subscribe_to_user_personal_channel: {enabled: true, personal_channel_namespace: mine}
channel:
  without_namespace: {allow_subscribe_for_client: true, allow_subscribe_for_anonymous: true}
  namespaces:
    -
      name: cache
      history_size: 10
      history_ttl: 60s
      force_recovery: true
      force_recovery_mode: cache
      auto_cache_recover: true
      allow_subscribe_for_client: true
      allow_subscribe_for_anonymous: true
    - {name: stream, history_size: 3, history_ttl: 60s, force_recovery: true, allow_channel_compaction: true, allow_subscribe_for_client: true, allow_subscribe_for_anonymous: true}
    - {name: ticker, conflation: {mode: latest_per_key, tag: symbol, interval: 200ms}, allow_subscribe_for_client: true, allow_subscribe_for_anonymous: true}
    - {name: slow, publish_rate: {count: 3, per: 60s}, allow_subscribe_for_client: true, allow_subscribe_for_anonymous: true, allow_publish_for_client: true, allow_publish_for_anonymous: true}
    - {name: open, presence: true, allow_publish_for_client: true, allow_presence_for_client: true}
    - {name: mine, allow_user_limited_channels: true}
`;
let server;
beforeAll(async () => (server = await startServer({ suite: 'channels', config })));
afterAll(() => server.stop());

function raw(options) {
  const socket = new WebSocket(`${server.ws}/connection/websocket`, options);
  const came = [];
  socket.on('message', (data) => came.push(...data.toString().split('\n').map((line) => JSON.parse(line))));
  const say = (...commands) => socket.send(commands.map((command) => JSON.stringify(command)).join('\n'));
  return { socket, came, say, open: new Promise((done) => socket.on('open', done)) };
}

test('a cache gives the newest publication, once', async () => {
  const channel = `cache:${channelName()}`;
  for (let n = 0; n < 5; n++) await api(server, 'publish', { channel, data: { n } });
  const ana = await subscribed(json, server, channel);
  await until('the newest', () => ana.got.length === 1);
  expect(ana.got).toEqual([{ n: 4 }]);
  ana.client.disconnect();
  await api(server, 'publish', { channel, data: { n: 5 } });
  const again = once(ana.sub, 'subscribed');
  ana.client.connect();
  expect(await again).toMatchObject({ recovered: true });
  await until('the new one', () => ana.got.length === 2);
  expect(ana.got).toEqual([{ n: 4 }, { n: 5 }]);
  ana.client.disconnect();
});

test('a client may rather have an error than a hole', async () => {
  const channel = `stream:${channelName()}`;
  for (let n = 0; n < 6; n++) await api(server, 'publish', { channel, data: { n } });
  const { epoch } = await api(server, 'history', { channel });
  const client = raw();
  await client.open;
  const subscribe = (id, offset, flag) => ({ id, subscribe: { channel, recover: true, offset, epoch, flag } });
  client.say({ id: 1, connect: {} }, subscribe(2, 1, 2));
  await until('the error', () => client.came.some(({ id }) => id === 2));
  expect(client.came.find(({ id }) => id === 2).error.code).toBe(112);
  client.say(subscribe(3, 4, 3));
  await until('the answer', () => client.came.some(({ id }) => id === 3));
  const { subscribe: result } = client.came.find(({ id }) => id === 3);
  expect(result).toMatchObject({ recovered: true, publications: [{ data: { n: 4 }, offset: 5 }, { data: { n: 5 }, offset: 6 }] });
  // It asked for a number in place of the name.
  await api(server, 'publish', { channel, data: { n: 6 } });
  await until('the push', () => client.came.some(({ push }) => push));
  expect(client.came.find(({ push }) => push).push).toEqual({ id: result.id, pub: { data: { n: 6 }, offset: 7 } });
  client.socket.close();
});

test('messages are compressed where the client can take it', async () => {
  const channel = channelName('pressed');
  const client = raw({ perMessageDeflate: true });
  await client.open;
  expect(client.socket.extensions).toBe('permessage-deflate');
  client.say({ id: 1, connect: {} }, { id: 2, subscribe: { channel } });
  await until('it has subscribed', () => client.came.some(({ id }) => id === 2));
  const before = client.socket._socket.bytesRead;
  const data = { text: 'the same words again '.repeat(1000) };
  await api(server, 'publish', { channel, data });
  await until('the publication', () => client.came.some(({ push }) => push?.pub?.data.text === data.text));
  expect(client.socket._socket.bytesRead - before).toBeLessThan(1000);
  // The client compresses too; a second message proves that no context is expected.
  client.say({ id: 3, presence: { channel, note: 'x'.repeat(5000) } });
  await until('an answer', () => client.came.some(({ id }) => id === 3));
  client.socket.close();
});

test('a ticker sends the newest of each symbol', async () => {
  const channel = `ticker:${channelName()}`;
  const ana = await subscribed(json, server, channel);
  const commands = [];
  for (let n = 0; n < 50; n++) commands.push({ publish: { channel, data: { symbol: n % 2 ? 'A' : 'B', n }, tags: { symbol: n % 2 ? 'A' : 'B' } } });
  await api(server, 'batch', { commands });
  await until('the last of both', () => ana.got.some(({ n }) => n === 48) && ana.got.some(({ n }) => n === 49));
  expect(ana.got[0]).toEqual({ symbol: 'B', n: 0 });
  // Far from all; how many exactly is a matter of how long the batch took.
  expect(ana.got.length).toBeLessThan(50);
  ana.client.disconnect();
});

test('a client publishes no more than its budget', async () => {
  const channel = `slow:${channelName()}`;
  const ana = await subscribed(json, server, channel);
  for (let n = 0; n < 3; n++) await ana.sub.publish({ n });
  await expect(ana.sub.publish({ n: 3 })).rejects.toMatchObject({ code: 111 });
  ana.client.disconnect();
});

test('a user has one budget for all connections, and leaving does not refill it', async () => {
  const token = jwt({ sub: channelName('user'), exp: inSeconds(60) });
  const enter = async () => {
    const client = json.make(server, { token });
    const connected = once(client, 'connected');
    client.connect();
    await connected;
    return client;
  };
  const channel = `open:${channelName()}`;
  const clients = [await enter(), await enter()];
  for (let n = 0; n < 4; n++) await clients[n % 2].publish(channel, { n });
  for (const client of clients) await expect(client.publish(channel, {})).rejects.toMatchObject({ code: 111 });
  clients.shift().disconnect();
  clients.push(await enter());
  await expect(clients[1].publish(channel, {})).rejects.toMatchObject({ code: 111 });
  // Seven commands are spent; so are twelve.
  const rest = await Promise.allSettled(Array.from({ length: 7 }, () => clients[0].presenceStats(channel)));
  expect(rest.map(({ reason }) => reason?.code)).toEqual([undefined, undefined, undefined, undefined, undefined, 111, 111]);
  clients.shift().disconnect();
  const { client: fourth, error } = await new Promise((done) => {
    const client = json.make(server, { token });
    client.on('error', ({ error }) => done({ client, error }));
    client.connect();
  });
  expect(error).toMatchObject({ code: 111 });
  [fourth, ...clients].forEach((client) => client.disconnect());
});

test('a user hears a channel of their own, on as many connections as allowed', async () => {
  const user = channelName('user');
  const token = jwt({ sub: user, exp: inSeconds(60) });
  const clients = [json.make(server, { token }), json.make(server, { token })];
  const heard = clients.map((client) => once(client, 'publication'));
  const made = clients.map((client) => once(client, 'subscribed'));
  clients.forEach((client) => client.connect());
  expect((await Promise.all(made)).map(({ channel }) => channel)).toEqual([`mine:#${user}`, `mine:#${user}`]);
  await api(server, 'publish', { channel: `mine:#${user}`, data: { hello: 1 } });
  await Promise.all(heard);
  const third = json.make(server, { token });
  third.connect();
  expect(await once(third, 'disconnected')).toMatchObject({ code: 3504 });
  clients.forEach((client) => client.disconnect());
});

test('who is blocked is put out and kept out', async () => {
  const user = channelName('user');
  const token = jwt({ sub: user, exp: inSeconds(60) });
  const client = json.make(server, { token });
  client.connect();
  await once(client, 'connected');
  const out = once(client, 'disconnected');
  await api(server, 'block_user', { user });
  expect(await out).toMatchObject({ code: 3503 });
  const again = json.make(server, { token });
  again.connect();
  expect(await once(again, 'disconnected')).toMatchObject({ code: 3507 });
  await api(server, 'unblock_user', { user });
  const back = json.make(server, { token });
  back.connect();
  await once(back, 'connected');
  back.disconnect();
});
