// Runs inside nat.sh: a server in the open and two people behind what NAME says. Prints what came of it as JSON.
//   node nat-run.mjs ana ben p2p     node nat-run.mjs ana cleo p2p     node nat-run.mjs ana cleo sfu
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { binary } from '../lib/server.mjs';

const [one, other, kind] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'tandem-nat-'));
const SERVER = 'http://10.9.0.1:7880';
const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required',
  `--unsafely-treat-insecure-origin-as-secure=${SERVER}`, '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,LocalNetworkAccessChecksWebSockets',
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];

const server = spawn('ip', ['netns', 'exec', 'server', binary(), 'serve', '--dev', '--bind', '10.9.0.1', '--port', '7880', '--udp-port', '0', '--tcp-port', '0', '--turn-port', '3478', '--data', scratch], { stdio: ['ignore', 'pipe', 'ignore'] });
await new Promise((done, fail) => {
  createInterface({ input: server.stdout }).once('line', done);
  server.once('exit', () => fail(new Error('the server did not start')));
});

async function person(name) {
  const wrapper = join(scratch, `chromium-${name}`);
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${name} ${process.env.CHROMIUM_BIN ?? '/usr/bin/chromium'} "$@"\n`);
  chmodSync(wrapper, 0o755);
  const browser = await chromium.launch({ executablePath: wrapper, headless: true, args: FLAGS });
  const page = await (await browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
  await page.goto(`${SERVER}/meet/nat${kind === 'p2p' ? '?kind=p2p' : ''}`);
  await page.getByLabel('Your name').fill(name);
  const ask = page.getByRole('button', { name: 'Use camera and microphone' });
  const open = page.getByText('With your microphone and camera on.');
  await open.or(ask).first().waitFor();
  if (await ask.isVisible()) await ask.click();
  await open.waitFor();
  return { name, browser, page };
}

const moving = (page, name) =>
  page.waitForFunction(
    (name) => {
      const video = document.querySelector(`[data-testid=tile][data-name="${name}"] video`);
      return video && video.videoWidth > 0 && video.currentTime > 0.2;
    },
    name,
    { timeout: 30_000, polling: 50 },
  );
const path = (page) => page.waitForFunction(() => /relay/.exec(document.querySelector('[data-testid=path]')?.dataset.path ?? '')?.[0], undefined, { timeout: 20_000, polling: 50 });

try {
  const [a, b] = await Promise.all([person(one), person(other)]);
  await a.page.getByRole('button', { name: 'Join the meeting' }).click();
  await a.page.getByTestId('meeting').waitFor();
  const began = Date.now();
  await b.page.getByRole('button', { name: 'Join the meeting' }).click();
  await Promise.all([moving(a.page, other), moving(b.page, one)]);
  const seen = Date.now() - began;
  const paths = kind === 'p2p' ? await Promise.all([path(a.page), path(b.page)].map(async (handle) => (await handle).jsonValue())) : [];
  console.log(JSON.stringify({ seen_ms: seen, connected_ms: Date.now() - began, paths }));
  await Promise.all([a.browser.close(), b.browser.close()]);
} finally {
  server.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(0);
