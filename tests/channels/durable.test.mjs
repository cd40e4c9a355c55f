// What a crash may not take: everything acknowledged, in order, in the same epoch.
import { spawn } from 'node:child_process';
import { once as event } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import WebSocket from 'ws';
import { binary } from '../lib/server.mjs';
import { TRANSPORTS, api, once, subscribed, until } from './clients.mjs';

const json = TRANSPORTS['websocket, JSON'];
const CONFIG = `
http_api: {key: secret}
client: {allow_anonymous_connect_without_token: true, history_max_publication_limit: 0, recovery_max_publication_limit: 0}
channel:
  without_namespace:
    durability: disk
    history_size: 100000
    history_ttl: 1h
    force_recovery: true
    allow_subscribe_for_client: true
    allow_subscribe_for_anonymous: true
    allow_publish_for_client: true
    allow_publish_for_anonymous: true
`;

/** A server that can be killed and started again with the same data on the same port. */
async function start(data, port = 0) {
  writeFileSync(join(data, 'tandem.yaml'), CONFIG);
  const args = ['serve', '--bind', '127.0.0.1', '--port', String(port), '--udp-port', '0', '--tcp-port', '0', '--data', data, '--config', join(data, 'tandem.yaml')];
  const child = spawn(binary(), args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await event(createInterface({ input: child.stdout }), 'line');
  const { http } = JSON.parse(line);
  return { child, http, ws: http.replace('http', 'ws'), port: Number(new URL(http).port) };
}

/** Publishes numbers as fast as `window` open publications allow; `acknowledged` says which ones were. */
async function publisher(server, channel, window) {
  const socket = new WebSocket(`${server.ws}/connection/websocket`);
  socket.on('error', () => {});
  await event(socket, 'open');
  const acknowledged = [];
  let next = 0;
  const more = () => {
    const lines = [];
    while (next - acknowledged.length < window) {
      lines.push(JSON.stringify({ id: next + 2, publish: { channel, data: { n: next } } }));
      next++;
    }
    if (lines.length > 0 && socket.readyState === 1) socket.send(lines.join('\n'));
  };
  socket.on('message', (data) => {
    for (const line of data.toString().split('\n')) {
      const reply = JSON.parse(line);
      if (reply.publish) acknowledged.push(reply.id - 2);
    }
    more();
  });
  socket.send(JSON.stringify({ id: 1, connect: {} }));
  more();
  return { acknowledged, channel, socket };
}

test('kill -9 under ten thousand publications a second', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tandem-kill-'));
  try {
    let server = await start(data);
    const listener = await subscribed(json, server, 'kill-0');
    const before = await api(server, 'history', { channel: 'kill-0' });
    const publishers = await Promise.all(Array.from({ length: 8 }, (_, i) => publisher(server, `kill-${i}`, 200)));
    const count = () => publishers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    await until('twenty thousand publications', () => count() > 20_000, 20_000);
    server.child.kill('SIGKILL');
    await event(server.child, 'exit');
    const again = once(listener.sub, 'subscribed', 30_000);
    server = await start(data, server.port);
    for (const { channel, acknowledged } of publishers) {
      const history = await api(server, 'history', { channel, limit: -1 });
      const numbers = history.publications.map((publication) => publication.data.n);
      expect(numbers, 'in order, without a hole').toEqual([...Array(numbers.length).keys()]);
      expect(numbers.length).toBeGreaterThanOrEqual(acknowledged.length);
      expect(history.publications.map((publication) => publication.offset)).toEqual(numbers.map((n) => n + 1));
      if (channel === 'kill-0') expect(history.epoch).toBe(before.epoch);
    }
    // Whoever listened goes on where it was: nothing twice, nothing left out.
    expect(await again).toMatchObject({ recovered: true });
    const total = (await api(server, 'history', { channel: 'kill-0' })).offset;
    await until('the listener has everything', () => listener.got.length >= total);
    expect(listener.got.map(({ n }) => n)).toEqual([...Array(total).keys()]);
    listener.client.disconnect();
    publishers.forEach(({ socket }) => socket.terminate());
    server.child.kill('SIGTERM');
    await event(server.child, 'exit');
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});

test('restart storms: fifty clients come back five times', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tandem-storm-'));
  let server = await start(data);
  const options = { client: { minReconnectDelay: 50, maxReconnectDelay: 300 } };
  const clients = await Promise.all(Array.from({ length: 50 }, () => subscribed(json, server, 'storm', options)));
  let published = 0;
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 20; i++) await api(server, 'publish', { channel: 'storm', data: { n: published++ } });
    await until('everybody has everything', () => clients.every(({ got }) => got.length === published), 20_000);
    server.child.kill(round % 2 ? 'SIGTERM' : 'SIGKILL');
    await event(server.child, 'exit');
    server = await start(data, server.port);
  }
  await api(server, 'publish', { channel: 'storm', data: { n: published++ } });
  await until('everybody is back', () => clients.every(({ got }) => got.length === published), 30_000);
  for (const { got } of clients) expect(got.map(({ n }) => n)).toEqual([...Array(published).keys()]);
  clients.forEach(({ client }) => client.disconnect());
  server.child.kill('SIGTERM');
  await event(server.child, 'exit');
  rmSync(data, { recursive: true, force: true });
});
