// `tandem doctor` finds what is wrong, and says which setting or port is to be changed.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { binary, startServer } from '../lib/server.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'tandem-doctor-'));
let server;
beforeAll(async () => (server = await startServer({ suite: 'p2p' })));
afterAll(async () => {
  await server?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

async function doctor(...args) {
  const child = spawn(binary(), ['doctor', '--json', ...args], { cwd: scratch, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (data) => (out += data));
  const code = await new Promise((done) => child.on('exit', done));
  const findings = JSON.parse(out);
  return { code, bad: findings.filter(({ state }) => state === 'bad'), find: (name) => findings.find((finding) => finding.name === name) };
}

async function free() {
  const socket = createServer();
  await new Promise((done) => socket.listen(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise((done) => socket.close(done));
  return port;
}

let files = 0;
/** Settings with free ports, and what a test changes. */
async function settings(changes = {}) {
  const path = join(scratch, `tandem-${++files}.yaml`);
  const all = { bind: '127.0.0.1', data: join(scratch, 'data'), port: await free(), udp_port: await free(), tcp_port: await free(), turn_port: await free(), ...changes };
  writeFileSync(path, JSON.stringify(all));
  return path;
}

/** A proxy to the node, spoilt in one way. */
async function proxy(spoil) {
  const http = createHttp((incoming, outgoing) => {
    const { upgrade: _, ...asked } = incoming.headers;
    const forward = httpRequest(server.http + incoming.url, { method: incoming.method, headers: { ...asked, connection: 'close' } }, (answer) => {
      const { 'content-length': __, ...headers } = answer.headers;
      outgoing.writeHead(answer.statusCode, { ...headers, ...spoil.headers });
      let body = '';
      answer.on('data', (data) => (body += data));
      answer.on('end', () => outgoing.end(spoil.body ? spoil.body(incoming.url, body) : body));
    });
    forward.end();
  });
  // Without a listener for upgrades they are answered as requests.
  await new Promise((done) => http.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${http.address().port}`, stop: () => (http.closeAllConnections(), http.close()) };
}

test('a machine in order has nothing that is bad', async () => {
  const { code, bad } = await doctor('--config', await settings());
  expect(bad).toEqual([]);
  expect(code).toBe(0);
});

test.each([
  ['port', 'port-http', '--port'],
  ['tcp_port', 'port-media-tcp', '--tcp-port'],
  ['turn_port', 'port-turn-tcp', '--turn-port'],
])('a taken %s', async (setting, name, flag) => {
  const taken = createServer();
  await new Promise((done) => taken.listen(0, '127.0.0.1', done));
  const { code, find } = await doctor('--config', await settings({ [setting]: taken.address().port }));
  expect(code).toBe(1);
  expect(find(name)).toMatchObject({ state: 'bad', sentence: expect.stringContaining(flag) });
  taken.close();
});

test('a taken UDP port', async () => {
  const taken = createSocket('udp4');
  await new Promise((done) => taken.bind(0, '127.0.0.1', done));
  const { find } = await doctor('--config', await settings({ udp_port: taken.address().port }));
  expect(find('port-media-udp')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('--udp-port') });
  taken.close();
});

test('a certificate that is none', async () => {
  writeFileSync(join(scratch, 'cert.pem'), 'nonsense');
  const tls = { certificate: join(scratch, 'cert.pem'), key: join(scratch, 'missing.pem') };
  expect((await doctor('--config', await settings({ tls }))).find('certificate')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('.pem') });
  expect((await doctor('--config', await settings({ tls: { key: tls.key } }))).find('certificate').sentence).toContain('both');
});

test('a data directory that cannot be written', async () => {
  writeFileSync(join(scratch, 'file'), 'not a folder');
  chmodSync(join(scratch, 'file'), 0o400);
  expect((await doctor('--config', await settings({ data: join(scratch, 'file/data') }))).find('data')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('--data') });
});

test('a node that works, from outside', async () => {
  const { code, bad, find } = await doctor('--server', server.http);
  expect(bad).toEqual([]);
  expect(code).toBe(0);
  for (const name of ['server', 'websocket', 'relay-udp', 'relay-tcp']) expect(find(name).state, name).toBe('good');
});

test('a node that is not there', async () => {
  const { code, find } = await doctor('--server', `http://127.0.0.1:${await free()}`);
  expect(code).toBe(1);
  expect(find('server').sentence).toContain('cannot be reached');
});

test('a proxy that holds up WebSockets', async () => {
  const between = await proxy({});
  const { find } = await doctor('--server', between.url);
  expect(find('websocket')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('Upgrade') });
  between.stop();
});

test('clocks that are apart', async () => {
  const between = await proxy({ headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT' } });
  expect((await doctor('--server', between.url)).find('clock')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('NTP') });
  between.stop();
});

test('a firewall before the relay, and a node without one', async () => {
  // Where nothing answers: what a firewall looks like.
  const silent = createSocket('udp4');
  await new Promise((done) => silent.bind(0, '127.0.0.1', done));
  const closed = await free();
  const swap = (url, body) => (url.startsWith('/v1/ice') ? body.replaceAll(/turn:[^"?]+\?transport=udp/g, `turn:127.0.0.1:${silent.address().port}?transport=udp`).replaceAll(/turn:[^"?]+\?transport=tcp/g, `turn:127.0.0.1:${closed}?transport=tcp`) : body);
  const between = await proxy({ body: swap });
  const found = await doctor('--server', between.url);
  expect(found.find('relay-udp')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('/udp') });
  expect(found.find('relay-tcp')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('/tcp') });
  between.stop();
  silent.close();
  const without = await startServer({ suite: 'p2p', config: 'turn: {enabled: false}\n' });
  expect((await doctor('--server', without.http)).find('relay')).toMatchObject({ state: 'bad', sentence: expect.stringContaining('turn.enabled') });
  await without.stop();
});
