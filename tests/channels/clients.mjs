// Official clients of the Centrifuge protocol over every transport, and a token maker.
import { Centrifuge } from 'centrifuge';
import { Centrifuge as CentrifugeProtobuf } from 'centrifuge/build/protobuf';
import EventSource from 'eventsource';
import { createHmac } from 'node:crypto';
import WebSocket from 'ws';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const http = (server, kind) => [{ transport: kind, endpoint: `${server.http}/connection/${kind}` }];
const emulated = (server) => ({ emulationEndpoint: `${server.http}/emulation`, fetch, readableStream: ReadableStream, eventsource: EventSource });

/** By name: how to make a client, and how it writes and reads data. */
export const TRANSPORTS = {
  'websocket, JSON': { make: (server, options) => new Centrifuge(`${server.ws}/connection/websocket`, { websocket: WebSocket, ...options }), json: true },
  'websocket, protobuf': { make: (server, options) => new CentrifugeProtobuf(`${server.ws}/connection/websocket`, { websocket: WebSocket, ...options }) },
  'http_stream, JSON': { make: (server, options) => new Centrifuge(http(server, 'http_stream'), { ...emulated(server), ...options }), json: true },
  'http_stream, protobuf': { make: (server, options) => new CentrifugeProtobuf(http(server, 'http_stream'), { ...emulated(server), ...options }) },
  sse: { make: (server, options) => new Centrifuge(http(server, 'sse'), { ...emulated(server), ...options }), json: true },
};
for (const transport of Object.values(TRANSPORTS)) {
  transport.encode = transport.json ? (data) => data : (data) => encoder.encode(JSON.stringify(data));
  transport.decode = transport.json ? (data) => data : (data) => JSON.parse(decoder.decode(data));
}

/** The next event of an emitter, or a failure that says which one did not come. */
export function once(emitter, event, ms = 10_000) {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`no "${event}" within ${ms} ms`)), ms);
    emitter.once(event, (context) => {
      clearTimeout(timer);
      done(context);
    });
  });
}

/** Waits until a condition holds. */
export async function until(what, condition, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** A token with these claims, HS256. */
export function jwt(claims, secret = 'secret') {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

export const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;

/** The server API; throws on an error in the answer. */
export async function api(server, method, body, key = 'secret') {
  const response = await fetch(`${server.http}/api/${method}`, { method: 'POST', headers: { 'X-API-Key': key }, body: JSON.stringify(body ?? {}) });
  if (response.status !== 200) throw Object.assign(new Error(`${response.status} ${await response.text()}`), { status: response.status });
  const answer = await response.json();
  if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.result;
}

let names = 0;
export const channelName = (label = 'channel') => `${label}-${process.pid}-${++names}`;

/** Connects and subscribes; what came in is collected in `got`. */
export async function subscribed(transport, server, channel, { client: options = {}, sub: subOptions = {} } = {}) {
  const client = transport.make(server, options);
  const sub = client.newSubscription(channel, subOptions);
  const got = [];
  sub.on('publication', (publication) => got.push(transport.decode(publication.data)));
  const ready = once(sub, 'subscribed');
  sub.subscribe();
  client.connect();
  const context = await ready;
  return { client, sub, got, context };
}
