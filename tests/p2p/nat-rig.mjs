// What runs inside nat.sh: a server in the open, people behind their routers, and the routers themselves.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TESTS } from '../lib/paths.mjs';
import { binary } from '../lib/server.mjs';

const SERVER = 'http://10.9.0.1:7880';
const inside = (name, ...command) => spawn('ip', ['netns', 'exec', name, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
const linesOf = (child) => createInterface({ input: child.stdout })[Symbol.asyncIterator]();

/** Everything of somebody runs behind their router, also what drives the browser: it talks to it over loopback. */
function person(browser, name, kind) {
  const child = inside(name, process.execPath, join(TESTS, 'p2p/nat-person.mjs'), browser, SERVER, name, kind);
  const lines = linesOf(child);
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} is gone`);
    return JSON.parse(value);
  };
  return {
    name,
    ready: answer(),
    /** Lets them do one of the things that nat-person.mjs can; what comes of it. */
    ask(what, about) {
      child.stdin.write(`${JSON.stringify([what, about])}\n`);
      return answer();
    },
    gone: new Promise((done) => child.once('exit', done)),
  };
}

/** Two people in front of a room, who can go in. */
export async function two(browser, names, kind) {
  const people = names.map((name) => person(browser, name, kind));
  await Promise.all(people.map(({ ready }) => ready));
  return {
    people,
    /** Both do the same, about the other one. */
    both: (what) => Promise.all(people.map((it) => it.ask(what, names.find((name) => name !== it.name)))),
  };
}

const ADDRESS = { dan: '10.9.0.14', eve: '10.9.0.15' };
const rules = (name, text) => execFileSync('ip', ['netns', 'exec', `r-${name}`, 'nft', '-f', '-'], { input: text });

/** From now on no UDP passes between two people; each of them still reaches the server. */
export function cut(one, other) {
  for (const [name, away] of [[one, other], [other, one]])
    rules(name, `table ip cut { chain through { type filter hook forward priority -10; ip daddr ${ADDRESS[away]} meta l4proto udp drop; }; }`);
}

/** Runs `story` beside a server, prints what comes of it as JSON, and ends. */
export async function withServer(story) {
  const scratch = mkdtempSync(join(tmpdir(), 'tandem-nat-'));
  const server = inside('server', binary(), 'serve', '--dev', '--bind', '10.9.0.1', '--port', '7880', '--udp-port', '0', '--tcp-port', '0', '--turn-port', '3478', '--data', scratch);
  let failed = false;
  try {
    const { done } = await linesOf(server).next();
    if (done) throw new Error('the server did not start');
    console.log(JSON.stringify(await story()));
  } catch (error) {
    console.error(error);
    failed = true;
  } finally {
    server.kill('SIGKILL');
    rmSync(scratch, { recursive: true, force: true });
  }
  process.exit(failed ? 1 : 0);
}
