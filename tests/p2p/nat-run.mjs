// Runs inside nat.sh: a server in the open and two people behind what NAME says. Prints what came of it as JSON.
//   node nat-run.mjs chromium ana ben p2p     node nat-run.mjs firefox ana cleo p2p     node nat-run.mjs firefox ana cleo sfu
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TESTS } from '../lib/paths.mjs';
import { binary } from '../lib/server.mjs';

const [browser, one, other, kind] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'tandem-nat-'));
const SERVER = 'http://10.9.0.1:7880';
const inside = (name, ...command) => spawn('ip', ['netns', 'exec', name, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
const linesOf = (child) => createInterface({ input: child.stdout })[Symbol.asyncIterator]();

/** Everything of somebody runs behind their router, also what drives the browser: it talks to it over loopback. */
function person(name, about) {
  const child = inside(name, process.execPath, join(TESTS, 'p2p/nat-person.mjs'), browser, SERVER, name, about, kind);
  const lines = linesOf(child);
  return {
    async said(step) {
      const { value } = await lines.next();
      if (value !== step) throw new Error(`${name} says "${value}" where "${step}" was to come`);
    },
    tell: () => child.stdin.write('go on\n'),
    gone: new Promise((done) => child.once('exit', done)),
  };
}

const server = inside('server', binary(), 'serve', '--dev', '--bind', '10.9.0.1', '--port', '7880', '--udp-port', '0', '--tcp-port', '0', '--turn-port', '3478', '--data', scratch);
let failed = false;
try {
  const { done } = await linesOf(server).next();
  if (done) throw new Error('the server did not start');
  const people = [person(one, other), person(other, one)];
  const all = (step) => Promise.all(people.map((it) => it.said(step)));
  await all('ready');
  people[0].tell();
  await people[0].said('in');
  const began = Date.now();
  people[1].tell();
  await people[1].said('in');
  await all('seen');
  const seen = Date.now() - began;
  if (kind === 'p2p') await all('relay');
  console.log(JSON.stringify({ seen_ms: seen, connected_ms: Date.now() - began, relayed: kind === 'p2p' }));
  people.forEach((it) => it.tell());
  await Promise.all(people.map((it) => it.gone));
} catch (error) {
  console.error(error);
  failed = true;
} finally {
  server.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
