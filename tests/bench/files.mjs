// Files from page to page beside a bare data channel between the same two pages, in one run: bytes a second, and the memory of the
// receiving browser while a file larger than it comes in.
//   node tests/bench/files.mjs     SIZE_MB=512 ROUNDS=3 BIG_MB=4096
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startServer } from '../lib/server.mjs';

const MB = 1024 * 1024;
const SIZE = Number(process.env.SIZE_MB ?? 512) * MB;
const BIG = Number(process.env.BIG_MB ?? 4096) * MB;
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const scratch = mkdtempSync(join(tmpdir(), 'tandem-files-bench-'));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];

function sparse(name, size) {
  const path = join(scratch, name);
  const file = openSync(path, 'w');
  ftruncateSync(file, size);
  closeSync(file);
  return path;
}

/** Resident memory of a process and all below it, bytes. */
function memory(pid) {
  const parents = new Map();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), Number(entry)]);
    } catch {
      // It has ended.
    }
  }
  const below = (root) => [root, ...(parents.get(root) ?? []).flatMap(below)];
  const kb = (one) => {
    try {
      return Number(/^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))[1]);
    } catch {
      return 0;
    }
  };
  return below(pid).reduce((sum, one) => sum + kb(one), 0) * 1024;
}

const server = await startServer({ suite: 'bench' });
const mark = `--bench-role=receiver-${process.pid}`;
// With a profile on the disk: a private window keeps the files of its pages in memory.
const launch = (name, ...args) =>
  chromium.launchPersistentContext(join(scratch, name), { executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium', headless: true, args: ['--headless=new', '--no-sandbox', '--disable-gpu', ...args] });
const browsers = [await launch('sender'), await launch('receiver', mark)];
const receiverPid = Number(readdirSync('/proc').find((name) => {
  if (!/^\d+$/.test(name)) return false;
  try {
    const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
    return words.includes(mark) && !words.some((word) => word.startsWith('--type='));
  } catch {
    return false;
  }
}));
const page = async (index, path) => {
  const opened = await browsers[index].newPage();
  await opened.goto(`${server.http}${path}`);
  return opened;
};

/** A file through the page; seconds, and, where it is watched, what memory the receiver had each second. */
async function transfer(path, watched = false) {
  const sender = await page(0, '/files');
  await sender.getByTestId('files').setInputFiles([path]);
  const receiver = await page(1, `/files/${await sender.getByTestId('code').innerText()}`);
  const save = receiver.getByRole('button', { name: 'Save', exact: true });
  await save.waitFor();
  const seen = [];
  // Looking takes time of the two cores the browsers share.
  const watch = watched ? setInterval(() => seen.push(memory(receiverPid)), 1000) : undefined;
  const began = performance.now();
  await save.click();
  await receiver.locator('[data-testid=receive][data-state=done]').waitFor({ timeout: 900_000 });
  const seconds = (performance.now() - began) / 1000;
  clearInterval(watch);
  await Promise.all([sender, receiver].map((one) => one.close()));
  return { seconds, seen };
}

/** The same number of bytes through nothing but a data channel. */
async function bare() {
  const [a, b] = [await page(0, '/healthz'), await page(1, '/healthz')];
  const gather = (one, remote) =>
    one.evaluate(async (remote) => {
      const pc = (globalThis.pc ??= new RTCPeerConnection());
      globalThis.channel ??= pc.createDataChannel('x', { negotiated: true, id: 0 });
      if (remote) await pc.setRemoteDescription(remote);
      await pc.setLocalDescription();
      while (pc.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20));
      return pc.localDescription.toJSON();
    }, remote);
  const answer = await gather(b, await gather(a));
  await a.evaluate((answer) => globalThis.pc.setRemoteDescription(answer), answer);
  const received = b.evaluate(
    (size) =>
      new Promise((done) => {
        let got = 0;
        globalThis.channel.onmessage = ({ data }) => (got += data.byteLength ?? data.size) >= size && done();
      }),
    SIZE,
  );
  const began = performance.now();
  await a.evaluate(async (size) => {
    const { channel } = globalThis;
    while (channel.readyState !== 'open') await new Promise((done) => setTimeout(done, 10));
    channel.bufferedAmountLowThreshold = 1024 * 1024;
    const piece = new Uint8Array(64 * 1024);
    for (let sent = 0; sent < size; sent += piece.length) {
      if (channel.bufferedAmount > 4 * 1024 * 1024) await new Promise((done) => channel.addEventListener('bufferedamountlow', done, { once: true }));
      channel.send(piece);
    }
  }, SIZE);
  await received;
  const seconds = (performance.now() - began) / 1000;
  await Promise.all([a, b].map((one) => one.close()));
  return seconds;
}

let failed = false;
try {
  console.log(`machine   ${cpus().length} x ${cpus()[0]?.model}\nwork      ${SIZE / MB} MB from page to page, ${ROUNDS} round(s)\n`);
  const [ours, theirs] = [[], []];
  for (let round = 1; round <= ROUNDS; round++) {
    theirs.push(SIZE / MB / (await bare()));
    // A new file each time: what is known already is not sent again.
    ours.push(SIZE / MB / (await transfer(sparse(`file-${round}`, SIZE))).seconds);
    console.log(`round ${round}: a bare channel ${theirs.at(-1).toFixed(1)} MB/s, files ${ours.at(-1).toFixed(1)} MB/s`);
  }
  const ratio = median(ours) / median(theirs);
  console.log(`\nfiles x bare channel        ${ratio.toFixed(2)}   limit 0.80   ${ratio >= 0.8 ? 'PASS' : 'FAIL'}`);
  const { seconds, seen } = await transfer(sparse('big', BIG), true);
  // The connection, the worker and their first garbage are there after an eighth of the way.
  const eighth = Math.ceil(seen.length / 8);
  const [early, late] = [median(seen.slice(0, eighth)), median(seen.slice(-eighth))];
  const flat = late - early < 64 * MB && Math.max(...seen) - early < 128 * MB;
  const mb = (bytes) => (bytes / MB).toFixed(0);
  console.log(`${BIG / MB} MB in ${seconds.toFixed(0)} s: the receiver has ${mb(early)} MB early, ${mb(late)} MB late, ${mb(Math.max(...seen))} MB at most   limit +64 late, +128 at most   ${flat ? 'PASS' : 'FAIL'}`);
  failed = ratio < 0.8 || !flat;
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
