// Files from terminal to terminal, between a terminal and the page, and from page to page.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, PAIRS, startBrowsers } from '../lib/browsers.mjs';
import { binary, startServer } from '../lib/server.mjs';
import { until } from '../lib/wait.mjs';
import { press, read } from './app.mjs';
import { liar } from './liar.mjs';

const MB = 1024 * 1024;
const scratch = mkdtempSync(join(tmpdir(), 'tandem-files-'));
let server;
let browsers;
const running = [];
beforeAll(async () => {
  server = await startServer({ suite: 'p2p' });
  browsers = await startBrowsers('p2p');
});
afterEach(() => browsers.clear());
afterAll(async () => {
  running.forEach((child) => child.kill('SIGKILL'));
  await browsers?.stop();
  await server?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const digest = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

function tandem(...args) {
  const child = spawn(binary(), args, { env: { ...process.env, TANDEM_SERVER: server.http }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let said = '';
  child.stderr.on('data', (data) => (said += data));
  const first = new Promise((done) => createInterface({ input: child.stdout }).once('line', done));
  const over = new Promise((done) => child.on('exit', (code) => done(code)));
  return { child, first, over, said: () => said };
}

function tree() {
  const root = mkdtempSync(join(scratch, 'out-'));
  const folder = join(root, 'photos');
  mkdirSync(join(folder, 'deep/er'), { recursive: true });
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'one.bin'), randomBytes(3 * MB + 17));
  writeFileSync(join(folder, 'deep/er/größe.txt'), 'hello');
  writeFileSync(join(folder, 'nothing'), '');
  return folder;
}

test('a folder goes from terminal to terminal, as it is', async () => {
  const folder = tree();
  const sender = tandem('send', folder);
  const code = await sender.first;
  expect(code).toMatch(/^\d{4}-[a-z]+-[a-z]+$/);
  const to = join(scratch, 'in');
  const receiver = tandem('receive', '--yes', '--to', to, ...code.split('-'));
  expect(await receiver.over, receiver.said()).toBe(0);
  expect(await sender.over, sender.said()).toBe(0);
  for (const path of ['one.bin', 'deep/er/größe.txt', 'nothing']) expect(digest(join(to, 'photos', path)), path).toBe(digest(join(folder, path)));
  expect(statSync(join(to, 'photos/empty')).isDirectory()).toBe(true);
  expect(readdirSync(join(to, 'photos')).sort()).toEqual(['deep', 'empty', 'nothing', 'one.bin']);
  expect(readdirSync(to)).toEqual(['photos']);
});

test('what breaks off goes on where it was', async () => {
  const file = join(scratch, 'big.bin');
  writeFileSync(file, randomBytes(120 * MB));
  const sender = tandem('send', '--keep', file);
  const code = await sender.first;
  const to = join(scratch, 'big-in');
  const first = tandem('receive', '--yes', '--to', to, code);
  // Its name has a mark of the offer.
  const part = () => existsSync(to) && readdirSync(to).filter((name) => /^big\.bin\.[0-9a-f]{8}\.part$/.test(name)).map((name) => join(to, name))[0];
  await until('a part of it', () => part() && statSync(part()).size > 4 * MB, { everyMs: 5 });
  first.child.kill('SIGKILL');
  await first.over;
  const before = (await (await fetch(`${server.http}/metrics`)).text()).match(/tandem_transfer_bytes_total (\d+)/)[1];
  const there = statSync(part()).size;
  expect(there).toBeLessThan(120 * MB);
  const second = tandem('receive', '--yes', '--to', to, code);
  expect(await second.over, second.said()).toBe(0);
  expect(digest(join(to, 'big.bin'))).toBe(digest(file));
  const after = (await (await fetch(`${server.http}/metrics`)).text()).match(/tandem_transfer_bytes_total (\d+)/)[1];
  expect(after - before, 'only what was missing').toBeLessThan(121 * MB - there + MB);
  sender.child.kill('SIGKILL');
});

describe.each(BROWSERS)('between a terminal and a page in %s', (kind) => {
  const file = join(scratch, `note-${kind}.bin`);
  beforeAll(() => writeFileSync(file, randomBytes(2 * MB + 3)));

  test('from the terminal', async () => {
    const sender = tandem('send', file);
    const page = await browsers.open(kind, `${server.http}/files/${await sender.first}`);
    const saved = await browsers.download(page, () => press(page, 'Save'), basename(file));
    expect(digest(saved)).toBe(digest(file));
    expect(await sender.over).toBe(0);
  });

  test('to the terminal', async () => {
    const page = await browsers.open(kind, `${server.http}/files`);
    await page.waitForFunction(() => document.querySelector('[data-testid=files]'));
    await browsers.upload(page, '[data-testid=files]', file);
    const to = join(scratch, `page-in-${kind}`);
    const receiver = tandem('receive', '--yes', '--to', to, await read(page, '[data-testid=code]'));
    expect(await receiver.over, receiver.said()).toBe(0);
    expect(digest(join(to, basename(file)))).toBe(digest(file));
  });

  test('a code that nobody has', async () => {
    const page = await browsers.open(kind, `${server.http}/files/1111-no-code`);
    await read(page, '[data-testid=receive] h2', /^There is no such code/);
  });
});

test.each(PAIRS)('straight from a page in %s to one in %s', async (from, to) => {
  const file = join(scratch, `film-${from}-${to}.bin`);
  writeFileSync(file, randomBytes(20 * MB + 3));
  const sender = await browsers.open(from, `${server.http}/files`);
  await sender.waitForFunction(() => document.querySelector('[data-testid=files]'));
  await browsers.upload(sender, '[data-testid=files]', file);
  const receiver = await browsers.open(to, `${server.http}/files/${await read(sender, '[data-testid=code]')}`);
  const saved = await browsers.download(receiver, () => press(receiver, 'Save'), basename(file));
  expect(digest(saved)).toBe(digest(file));
  await sender.waitForFunction(() => document.querySelector('[data-testid=delivery][data-state=done][data-kind=direct]'));
});

test('says in one sentence what is wrong', async () => {
  const unknown = tandem('receive', '--yes', '1111-no-code');
  expect(await unknown.over).toBe(1);
  expect(unknown.said()).toContain('There is no such code');
  const missing = tandem('send', '/no/such/file');
  expect(await missing.over).toBe(1);
  expect(missing.said()).toContain('/no/such/file');
  const nobody = tandem('receive', '--yes', '--server', 'http://127.0.0.1:1', 'x');
  expect(await nobody.over).toBe(1);
  expect(nobody.said()).toContain('cannot be reached');
});

test('a sender that lies, and paths that lead elsewhere, write nothing', async () => {
  const sender = await liar(server.ws);
  for (const path of ['../outside', '/tmp/outside', 'a/../../outside', 'con', 'x\\y']) {
    const to = mkdtempSync(join(scratch, 'lies-'));
    const receiver = tandem('receive', '--yes', '--to', to, sender.code);
    const meeting = await sender.meet();
    meeting.offer('x', path);
    expect(await receiver.over, path).toBe(1);
    expect(receiver.said(), path).toContain('does not speak');
    meeting.end();
  }
  expect(existsSync(join(scratch, 'outside'))).toBe(false);
  sender.end();
});
