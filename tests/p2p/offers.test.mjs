// What is offered: long lists, long names, and a sender that offers something else after a yes.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, startBrowsers } from '../lib/browsers.mjs';
import { binary, startServer } from '../lib/server.mjs';
import { until } from '../lib/wait.mjs';
import { press, read } from './app.mjs';
import { liar } from './liar.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'tandem-offers-'));
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

/** Says yes to one thing and is offered another under the same code; whether that was accepted. */
async function changesItsMind(sender, id) {
  const first = await sender.meet();
  first.offer('x', 'hello.txt');
  await first.heard('accept');
  first.end();
  const second = await sender.meet();
  second.offer(id, '.profile');
  await second.heard('cancel', 'decline');
  const accepted = second.said.some(({ type }) => type === 'accept');
  second.end();
  sender.end();
  return accepted;
}

describe.each(['x', 'y'])('a yes is for what was offered then; the other offer says it is "%s"', (id) => {
  test('in a terminal', async () => {
    const sender = await liar(server.ws);
    const to = mkdtempSync(join(scratch, 'to-'));
    const child = spawn(binary(), ['receive', '--yes', '--to', to, sender.code], { env: { ...process.env, TANDEM_SERVER: server.http }, stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(child);
    let said = '';
    child.stderr.on('data', (data) => (said += data));
    const over = new Promise((done) => child.on('exit', done));
    expect(await changesItsMind(sender, id)).toBe(false);
    expect(await over).toBe(1);
    expect(said).toContain('something else');
    expect(existsSync(join(to, '.profile'))).toBe(false);
    expect(readdirSync(to).filter((name) => name.startsWith('.profile'))).toEqual([]);
  });

  test.each(BROWSERS)('in a page of %s', async (kind) => {
    const sender = await liar(server.ws);
    const page = await browsers.open(kind, `${server.http}/files/${sender.code}`);
    const [accepted] = await Promise.all([changesItsMind(sender, id), press(page, 'Save')]);
    expect(accepted).toBe(false);
    await read(page, '[data-testid=receive] h2', /something else/);
  });
});

/** Chooses files of these names on the page; each says its name. */
const choose = (page, names) =>
  page.evaluate((all) => {
    const chosen = new DataTransfer();
    for (const name of all) chosen.items.add(new File([`this is ${name}`], name));
    const input = document.querySelector('[data-testid=files]');
    input.files = chosen.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }, names);

describe.each(BROWSERS)('from page to page in %s', (kind) => {
  async function offer(names) {
    const sender = await browsers.open(kind, `${server.http}/files`);
    await sender.waitForFunction(() => document.querySelector('[data-testid=files]'));
    await choose(sender, names);
    const code = await read(sender, '[data-testid=code]');
    return browsers.open(kind, `${server.http}/files/${code}`);
  }

  test('a list that is longer than a message of a data channel', async () => {
    const receiver = await offer(Array.from({ length: 4000 }, (_, n) => `${String(n).padStart(4, '0')}-${'long'.repeat(20)}.txt`));
    await read(receiver, '[data-testid=receive] h2', /offers you 4000 files/);
  });

  test('names that only differ where they begin', async () => {
    const names = ['1', '2'].map((first) => `${first}${'文'.repeat(40)}.txt`);
    const receiver = await offer(names);
    await press(receiver, 'Save');
    await until('both', () => receiver.evaluate(() => document.querySelectorAll('[data-testid=received]').length === 2));
    const contents = await receiver.evaluate(() => Promise.all([...document.querySelectorAll('[data-testid=received] a')].map(async (link) => [link.textContent, await (await fetch(link.href)).text()])));
    for (const name of names) expect(contents).toContainEqual([name, `this is ${name}`]);
  });
});

test('a list that the server does not take is refused in one sentence', async () => {
  const page = await browsers.open('chromium', `${server.http}/files`);
  await page.waitForFunction(() => document.querySelector('[data-testid=files]'));
  await choose(page, Array.from({ length: 6000 }, (_, n) => `${String(n).padStart(4, '0')}-${'long'.repeat(50)}.txt`));
  await until('the sentence', () => page.evaluate(() => document.body.innerText.includes('too many files for one offer')));
});
