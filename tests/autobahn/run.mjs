// Our port of the case list of the Autobahn test suite (what is sent and what must come back), against a server that
// echoes: the binary's /v1/echo, or ECHO_URL. Arguments choose cases: `node autobahn/run.mjs 6.4 7`.
import { isUtf8 } from 'node:buffer';
import { report } from '../lib/results.mjs';
import { startServer } from '../lib/server.mjs';
import { basics } from './cases/basics.mjs';
import { closing } from './cases/close.mjs';
import { compression } from './cases/deflate.mjs';
import { limits } from './cases/limits.mjs';
import { utf8 } from './cases/utf8.mjs';
import { bytes, close } from './frames.mjs';
import { Peer } from './peer.mjs';

const AT_ONCE = 6;
const groups = [...basics, ...utf8, ...closing, ...limits, ...compression].sort((a, b) => parseFloat(a.title) - parseFloat(b.title) || 0);
const wanted = process.argv.slice(2);
const chosen = (id) => wanted.length === 0 || wanted.some((prefix) => id === prefix || id.startsWith(`${prefix}.`));

const show = (data) => (data.length > 24 ? `${data.length} bytes from ${data.toString('hex', 0, 12)}…` : isUtf8(data) ? JSON.stringify(String(data)) : data.toString('hex'));
const name = ({ kind, data, code }) => (kind === 'close' ? `close ${code ?? 'without a code'} ${data}` : data ? `${kind} ${show(data)}` : kind);

/**
 * Runs a case: sends `send` (bytes, `{ await: event }`, `{ quiet: ms }`) in pieces of `chop` bytes, or frame by frame;
 * then exactly `expect` must come, and the end: a close frame with a code of `refused`, or, when we close (or did,
 * `closing`), one of `codes`; then the server ends the connection. `run` does the middle part itself.
 */
async function run(url, test) {
  const { send = [], expect: events = [], chop = 0, refused, closing: closed, codes = [1000, null], offers = null, timeoutMs = 10_000 } = { ...test, ...test.make?.() };
  const peer = await Peer.open(url, { offers });
  const check = (holds, why) => {
    if (!holds) throw new Error(why);
  };
  const expect = async ([kind, data]) => {
    const want = { kind, data: bytes(data) };
    const got = await peer.next(name(want), timeoutMs);
    check(got.kind === kind && got.data.equals(want.data), `${name(got)} came instead of ${name(want)}`);
  };
  try {
    if (chop) {
      for (const step of send) await take(step, chop === 'frame' ? Infinity : chop);
    } else {
      for (const step of gathered(send)) await take(step, 0);
    }
    for (const event of events) await expect(event);
    await test.run?.(peer, { expect, check });
    if (!refused && !closed) await peer.send(close(1000));
    const allowed = refused ?? codes;
    const end = await peer.next('a close frame', timeoutMs);
    check(end.kind === 'close' && allowed.includes(end.code), `${name(end)} came instead of a close frame with ${allowed.map((code) => code ?? 'no code').join(' or ')}`);
    const last = await peer.next('the end of the connection', 3000);
    check(last.kind === 'end', `${name(last)} came instead of the end of the connection`);
  } finally {
    peer.drop();
  }

  async function take(step, size) {
    if (step.await) await expect(step.await);
    else if (step.quiet) {
      await new Promise((done) => setTimeout(done, step.quiet));
      check(peer.quiet, 'something came although nothing was wrong yet');
    } else await peer.send(step, size);
  }
}

/** Frames that follow each other go out in one write. */
function gathered(steps) {
  const out = [];
  let open = [];
  for (const step of [...steps, null]) {
    if (Buffer.isBuffer(step)) open.push(step);
    else {
      if (open.length) out.push(open.length === 1 ? open[0] : Buffer.concat(open));
      open = [];
      if (step) out.push(step);
    }
  }
  return out;
}

/** Handshakes that are no handshakes. */
async function handshakes(url) {
  const wrong = {
    'own.21 no key': { 'Sec-WebSocket-Key': null },
    'own.22 a short key': { 'Sec-WebSocket-Key': 'c2hvcnQ=' },
    'own.23 version 8': { 'Sec-WebSocket-Version': '8' },
    'own.24 no version': { 'Sec-WebSocket-Version': null },
    'own.25 no upgrade': { Upgrade: null, Connection: null },
  };
  const failures = [];
  for (const [id, headers] of Object.entries(wrong)) {
    const { status } = await Peer.refused(url, headers);
    if (status < 400 || status > 499) failures.push(`${id}: answered with status ${status}`);
  }
  return { passed: Object.keys(wrong).length - failures.length, failures };
}

async function all(url) {
  let passed = 0;
  const failures = [];
  for (const { title, cases } of groups) {
    const todo = cases.filter(({ id }) => chosen(id));
    if (todo.length === 0) continue;
    const began = Date.now();
    const here = [];
    const queue = [...todo];
    const worker = async () => {
      for (let test = queue.shift(); test; test = queue.shift()) {
        const { id } = test;
        await run(url, test).catch((error) => here.push([todo.indexOf(test), `${id}: ${error.message}`]));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const lines = here.sort(([a], [b]) => a - b).map(([, line]) => line);
    console.log(`${title}: ${todo.length - lines.length} of ${todo.length} in ${((Date.now() - began) / 1000).toFixed(1)} s`);
    for (const line of lines) console.log(`  ${line}`);
    passed += todo.length - lines.length;
    failures.push(...lines);
  }
  if (wanted.length === 0) {
    const { passed: more, failures: lines } = await handshakes(url);
    console.log(`own: handshakes: ${more} of ${more + lines.length}`);
    for (const line of lines) console.log(`  ${line}`);
    passed += more;
    failures.push(...lines);
  }
  return { passed, failures };
}

const began = Date.now();
const server = process.env.ECHO_URL ? null : await startServer({ suite: 'autobahn' });
const url = process.env.ECHO_URL ?? `${server.ws}/v1/echo`;
const { passed, failures } = await all(url);
if (server) await server.stop().catch((error) => failures.push(String(error)));
const seconds = (Date.now() - began) / 1000;
if (server) report('autobahn', { passed, failed: failures.length, seconds, failures });
console.log(`${passed} of ${passed + failures.length} cases passed in ${seconds.toFixed(1)} s`);
process.exit(failures.length > 0 || passed === 0 ? 1 : 0);
