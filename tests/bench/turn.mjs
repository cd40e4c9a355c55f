// The relay against Debian's coturn, in one run on this machine: CPU of the server's process per relayed packet, interleaved round by
// round; packets one by one under coturn's own client, and in bursts under ours; memory per allocation.
//   node tests/bench/turn.mjs      ROUNDS=3
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from '../lib/paths.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const BIN = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release');
const scratch = mkdtempSync(join(tmpdir(), 'tandem-turn-bench-'));
const running = [];
const pin = (core, command, args) => (cpus().length > 1 ? ['taskset', ['-c', String(core), command, ...args]] : [command, args]);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const cpu = (pid) => readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0);

async function tandem() {
  const config = join(scratch, 'tandem.yaml');
  writeFileSync(config, 'log: {level: error}\nturn: {allow_private_peers: true, users: {t: t}, user_quota: 100000, ip_quota: 100000, total_quota: 100000}\n');
  const [program, args] = pin(0, join(BIN, 'tandem'), ['serve', '--dev', '--bind', '127.0.0.1', '--port', '0', '--udp-port', '0', '--tcp-port', '0', '--turn-port', '0', '--data', mkdtempSync(join(scratch, 'data-')), '--config', config]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  running.push(child);
  const ready = await new Promise((done) => createInterface({ input: child.stdout }).once('line', (line) => done(JSON.parse(line))));
  return { name: 'tandem', child, pid: child.pid, port: ready.turn };
}

async function coturn() {
  const port = await freePort();
  const [program, args] = pin(0, 'turnserver', ['-n', '-L', '127.0.0.1', '-E', '127.0.0.1', '-p', String(port), '--no-tls', '--no-dtls', '--no-cli', '-a', '-u', 't:t', '-r', 'bench', '--allow-loopback-peers', '--min-port', '50000', '--max-port', '59999', '-m', '1', '--no-stdout-log', '--log-file', '/dev/null', '--pidfile', join(scratch, 'pid'), '--db', join(scratch, 'db.sqlite'), '--simple-log']);
  const child = spawn(program, args, { stdio: 'ignore' });
  running.push(child);
  for (let i = 0; i < 100 && spawnSync('turnutils_stunclient', ['-p', String(port), '127.0.0.1'], { timeout: 500 }).status !== 0; i++) await delay(100);
  return { name: 'coturn', child, pid: child.pid, port };
}

async function stop({ child }) {
  child.kill('SIGTERM');
  await Promise.race([new Promise((done) => child.once('exit', done)), delay(2000)]);
  child.kill('SIGKILL');
}

/** coturn's own client, packets one by one: each of so many clients sends one every four milliseconds, so the server rests in between. */
function oneByOne(server, peer, length, clients) {
  const before = cpu(server.pid);
  const [program, args] = pin(1, 'turnutils_uclient', ['-u', 't', '-w', 't', '-p', String(server.port), '-e', '127.0.0.1', '-r', String(peer), '-l', String(length), '-m', String(clients), '-n', '1600', '-z', '4', '-c', '127.0.0.1']);
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  const last = (pattern) => Number([...`${stdout}${stderr}`.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const [sent, received] = [last(/tot_send_msgs=(\d+)/g), last(/tot_recv_msgs=(\d+)/g)];
  return { us: (cpu(server.pid) - before) / 1e3 / (sent + received), loss: 1 - received / Math.max(1, sent) };
}

function load(server, work) {
  return turnload(1, ['--server', `127.0.0.1:${server.port}`, '--user', 't', '--password', 't', '--pid', String(server.pid), ...work]);
}

/** The system calls alone, at the pace of `oneByOne`, on the same cores (it chooses them itself): what any relay of one packet per call must pay here. */
const bound = (length, clients) => turnload(undefined, ['bound', '--clients', String(clients), '--size', String(length), '--every-ms', '4']).cpu_us_per_packet;

function turnload(core, work) {
  const [program, args] = core === undefined ? [join(BIN, 'turnload'), work] : pin(core, join(BIN, 'turnload'), work);
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 120_000 });
  if (!stdout.startsWith('{')) throw new Error(stderr.slice(0, 300));
  return JSON.parse(stdout);
}

if (!existsSync('/usr/bin/turnserver')) {
  console.log('coturn is not here: apt install coturn');
  process.exit(1);
}
const model = /model name\s*:\s*(.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
console.log(`machine   ${cpus().length} x ${model}\nkernel    ${release()}\nload      ${loadavg().map((n) => n.toFixed(2)).join(' ')}\n`);
// A round that lost more is not counted: what was lost cost processor time too.
const MOST_LOSS = 0.001;
const ONE_BY_ONE = [['one by one, 1200 bytes', 1200, 100], ['one by one, 172 bytes', 172, 100]];
const table = new Map();
const note = (work, name, us) => table.set(work, (table.get(work) ?? new Map()).set(name, [...(table.get(work)?.get(name) ?? []), us]));
let failed = false;
try {
  const peerPort = await freePort();
  running.push(spawn(...pin(1, 'turnutils_peer', ['-L', '127.0.0.1', '-p', String(peerPort)]), { stdio: 'ignore' }));
  const rows = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const up of [tandem, coturn]) {
      const server = await up();
      for (const [work, length, clients] of ONE_BY_ONE) {
        const { us, loss } = oneByOne(server, peerPort, length, clients);
        console.log(`round ${round}, ${work}, ${server.name}: ${us.toFixed(2)} us per packet, loss ${(loss * 100).toFixed(2)} %`);
        if (loss < MOST_LOSS) note(work, server.name, us);
      }
      for (const [work, together] of [['bursts of 16', 4], ['bursts of 16, each alone', 1]]) {
        const burst = load(server, ['bursts', '--burst', '16', '--together', String(together)]);
        console.log(`round ${round}, ${work}, ${server.name}: ${burst.cpu_us_per_packet.toFixed(2)} us per packet, loss ${(burst.loss * 100).toFixed(2)} %`);
        if (burst.loss < MOST_LOSS) note(work, server.name, burst.cpu_us_per_packet);
      }
      await stop(server);
    }
    for (const [work, length, clients] of ONE_BY_ONE) note(work, 'bound', bound(length, clients));
  }
  for (const [work, limit] of [['one by one, 1200 bytes', 0.6], ['one by one, 172 bytes', 0.6], ['bursts of 16', 0.25], ['bursts of 16, each alone', undefined]]) {
    const [ours, theirs, least] = ['tandem', 'coturn', 'bound'].map((name) => median(table.get(work)?.get(name) ?? []));
    // Without a round that lost nothing there is nothing to compare.
    rows.push([`${work}: us per packet (coturn ${theirs?.toFixed(2)})`, ours?.toFixed(2) ?? 'none', '', '']);
    rows.push([`${work}: x coturn`, (ours / theirs).toFixed(2), limit ?? '', limit === undefined ? '' : ours / theirs <= limit]);
    if (least !== undefined) {
      rows.push([`${work}: x the system calls alone (${least.toFixed(2)})`, (ours / least).toFixed(2), '', '']);
      rows.push([`${work}: the system calls alone x coturn`, (least / theirs).toFixed(2), '', '']);
    }
  }
  const server = await tandem();
  const held = load(server, ['allocations', '--count', '5000']);
  rows.push(['allocations held', String(held.held), '5000', held.held >= 5000]);
  rows.push(['bytes per allocation', String(held.bytes_each), 20_480, held.bytes_each <= 20_480]);
  rows.push(['allocations made in a second', held.per_second.toFixed(0), '', '']);
  await stop(server);
  console.log(`\n${''.padEnd(70)}${'measured'.padStart(12)}${'limit'.padStart(10)}`);
  for (const [name, value, limit, ok] of rows) {
    console.log(`${name.padEnd(70)}${value.padStart(12)}${String(limit).padStart(10)}  ${ok === '' ? '' : ok ? 'PASS' : 'FAIL'}`);
    failed ||= ok === false;
  }
} finally {
  running.forEach((child) => child.kill('SIGKILL'));
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
