// The relay, with the client that coturn brings along: every transport, both kinds of credentials, and what must be refused.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { certificate } from '../lib/certificate.mjs';
import { startServer } from '../lib/server.mjs';
import { until } from '../lib/wait.mjs';

const CLIENT = 'turnutils_uclient';
const PEER = 'turnutils_peer';
const SECRET = 'a secret of some application';
const scratch = mkdtempSync(join(tmpdir(), 'tandem-turn-'));
let open;
let strict;
let peer;
let peerPort;
let tlsPort;

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

beforeAll(async () => {
  for (const command of [CLIENT, PEER]) expect(spawnSync('which', [command]).status, `${command} is here: run scripts/setup.sh test`).toBe(0);
  [peerPort, tlsPort] = [await freePort(), await freePort()];
  const credentials = `secrets: ["${SECRET}"], users: {t: t}`;
  open = await startServer({
    suite: 'p2p',
    args: ['--bind', '127.0.0.1'],
    config: `${certificate(scratch)}\nturn: {allow_private_peers: true, tls_port: ${tlsPort}, ${credentials}, user_quota: 100}\n`,
  });
  strict = await startServer({ suite: 'p2p', args: ['--bind', '127.0.0.1'], config: `turn: {${credentials}, user_quota: 2}\n` });
  peer = spawn(PEER, ['-L', '127.0.0.1', '-p', String(peerPort)], { stdio: 'ignore' });
});
afterAll(async () => {
  peer?.kill('SIGKILL');
  await open?.stop();
  await strict?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const metric = async (server, name) => {
  const text = await (await fetch(`${server.http}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`tandem_turn_${name}`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};

/** Runs the client; what it says at the end. Killed if it does not end. */
function run(server, flags, port = server.turn, timeout = 40_000, clients = 4) {
  const args = [...flags, '-e', '127.0.0.1', '-r', String(peerPort), '-l', '500', '-m', String(clients), '-n', '50', '-z', '5', '-c', '-p', String(port), '127.0.0.1'];
  const { stdout, stderr } = spawnSync(CLIENT, args, { encoding: 'utf8', timeout, killSignal: 'SIGKILL' });
  const said = `${stdout}${stderr}`;
  const last = (pattern) => Number([...said.matchAll(pattern)].at(-1)?.[1] ?? -1);
  return { said, sent: last(/tot_send_msgs=(\d+)/g), received: last(/tot_recv_msgs=(\d+)/g) };
}

const PLAIN = ['-u', 't', '-w', 't'];
test.each([
  ['UDP', PLAIN],
  ['UDP, by indications', [...PLAIN, '-s']],
  ['TCP', [...PLAIN, '-t']],
  ['UDP, with credentials that end', ['-u', 'ana', '-W', SECRET]],
  ['TCP, with credentials that end', ['-u', 'ana', '-W', SECRET, '-t']],
  ['UDP, from client to client', [...PLAIN, '-y']],
])('coturn’s client relays over %s', (_, flags) => {
  const { said, sent, received } = run(open, flags);
  expect(sent, said.slice(-600)).toBe(200);
  expect(received).toBe(200);
});

// The client reads one record each time its socket has something: of two that come together it leaves the second for later,
// and at the end behind. It does so with coturn's own server, too; so the server's counters say that all were sent.
test('coturn’s client relays over TLS', async () => {
  const before = await metric(open, 'packets_total{to="client"}');
  const { said, sent, received } = run(open, [...PLAIN, '-t', '-S'], tlsPort);
  expect(sent, said.slice(-600)).toBe(200);
  expect(received).toBeGreaterThan(150);
  await until('all of them on their way', async () => (await metric(open, 'packets_total{to="client"}')) - before >= 195);
});

test('a wrong password and a wrong secret get nowhere', async () => {
  const [before, refused] = [await metric(open, 'allocations_total'), await metric(open, 'unauthorized_total')];
  for (const flags of [['-u', 't', '-w', 'wrong'], ['-u', 'ana', '-W', 'wrong']]) expect(run(open, flags, open.turn, 5000).received).toBeLessThanOrEqual(0);
  await until('a refusal', async () => (await metric(open, 'unauthorized_total')) > refused);
  expect(await metric(open, 'allocations_total')).toBe(before);
});

test('nothing inside is reached unless the operator says so', async () => {
  expect(run(strict, PLAIN, strict.turn, 6000, 1).received).toBeLessThanOrEqual(0);
  await until('a peer is refused', async () => (await metric(strict, 'refused_peers_total{reason="loopback"}')) > 0);
  expect(await metric(strict, 'packets_total')).toBe(0);
});

test('quotas are kept', async () => {
  const before = await metric(strict, 'over_quota_total');
  run(strict, PLAIN, strict.turn, 6000);
  await until('a quota is reached', async () => (await metric(strict, 'over_quota_total')) > before);
});

test('the credentials of this node are good for its relay, and for nothing else', async () => {
  const ice = await (await fetch(`${open.http}/v1/ice`)).json();
  const { urls, username, credential } = ice.iceServers[1];
  expect(urls.some((url) => url.startsWith('turns:'))).toBe(true);
  expect(Number(username.split(':')[0])).toBeGreaterThan(Date.now() / 1000 + 3600);
  expect(run(open, ['-u', username, '-w', credential]).received).toBe(200);
  expect(run(strict, ['-u', username, '-w', credential], strict.turn, 4000).received).toBeLessThanOrEqual(0);
});
