// The application's backend decides: connect, refresh, subscribe, publish, rpc.
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from '../lib/server.mjs';
import { TRANSPORTS, channelName, inSeconds, once, until } from './clients.mjs';

const json = TRANSPORTS['websocket, JSON'];
const asked = [];
let answers = {};
let backend;
let server;

beforeAll(async () => {
  backend = createServer((request, response) => {
    let body = '';
    request.on('data', (data) => (body += data));
    request.on('end', async () => {
      const event = request.url.slice(1);
      const question = JSON.parse(body);
      asked.push({ event, question, headers: request.headers });
      const answer = await answers[event]?.(question);
      response.statusCode = answer === undefined ? 500 : 200;
      response.end(JSON.stringify(answer ?? {}));
    });
  });
  await new Promise((done) => backend.listen(0, '127.0.0.1', done));
  const at = (event) => `http://127.0.0.1:${backend.address().port}/${event}`;
  server = await startServer({
    suite: 'channels',
    config: `
client:
  proxy:
    connect: {enabled: true, endpoint: "${at('connect')}", timeout: 2s, http_headers: [x-app]}
    refresh: {enabled: true, endpoint: "${at('refresh')}"}
channel:
  proxy:
    subscribe: {endpoint: "${at('subscribe')}"}
    publish: {endpoint: "${at('publish')}"}
  namespaces:
    - {name: asked, subscribe_proxy_enabled: true, publish_proxy_enabled: true}
rpc:
  proxy: {endpoint: "${at('rpc')}"}
`,
  });
});
afterAll(async () => {
  await server.stop();
  backend.close();
});

test('the backend says who it is, and commands wait for it in order', async () => {
  answers = {
    connect: async () => {
      await new Promise((done) => setTimeout(done, 300));
      return { result: { user: 'ana', info: { name: 'Ana' }, data: { hello: 1 }, channels: ['asked:server-side'] } };
    },
    subscribe: () => ({ result: { info: { role: 'x' }, data: { topic: 'y' } } }),
    publish: ({ data }) => (data.bad ? { error: { code: 1000, message: 'not this' } } : { result: { data: { ...data, seen: true } } }),
    rpc: ({ method, data, user }) => ({ result: { data: { method, data, user } } }),
  };
  asked.length = 0;
  const client = json.make(server, {});
  const sub = client.newSubscription(`asked:${channelName()}`);
  const got = [];
  sub.on('publication', (publication) => got.push(publication));
  sub.subscribe();
  const connected = once(client, 'connected');
  const subscribed = once(sub, 'subscribed');
  client.connect();
  expect(await connected).toMatchObject({ data: { hello: 1 } });
  expect(await subscribed).toMatchObject({ data: { topic: 'y' } });
  expect(asked.slice(0, 2).map(({ event }) => event)).toEqual(['connect', 'subscribe']);
  expect(asked[1].question).toMatchObject({ user: 'ana', transport: 'websocket', protocol: 'json' });
  await sub.publish({ a: 1 });
  await until('the publication', () => got.length === 1);
  expect(got[0]).toMatchObject({ data: { a: 1, seen: true }, info: { user: 'ana', chanInfo: { role: 'x' } } });
  await expect(sub.publish({ bad: 1 })).rejects.toMatchObject({ code: 1000, message: 'not this' });
  expect((await client.rpc('sum', { x: 1 })).data).toEqual({ method: 'sum', data: { x: 1 }, user: 'ana' });
  client.disconnect();
});

test('the backend throws out, refreshes and fails', async () => {
  answers = { connect: () => ({ disconnect: { code: 4500, reason: 'not today' } }) };
  const thrown = json.make(server, {});
  thrown.connect();
  expect(await once(thrown, 'disconnected')).toMatchObject({ code: 4500, reason: 'not today' });

  let refreshed = 0;
  answers = {
    connect: () => ({ result: { user: 'ben', expire_at: inSeconds(1) } }),
    refresh: () => ({ result: ++refreshed < 2 ? { expire_at: inSeconds(1) } : { expired: true } }),
  };
  const client = json.make(server, {});
  client.connect();
  await once(client, 'connected');
  expect(await once(client, 'connecting', 10_000)).toMatchObject({ code: 3005 });
  expect(refreshed).toBe(2);
  client.disconnect();

  // A backend that fails: the client tries again by itself.
  let tries = 0;
  answers = { connect: () => (++tries < 2 ? undefined : { result: { user: 'cem' } }) };
  const patient = json.make(server, { minReconnectDelay: 50, maxReconnectDelay: 200 });
  patient.connect();
  await once(patient, 'connected');
  expect(tries).toBe(2);
  patient.disconnect();
});
