import { chromium } from 'playwright-core';
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts } from './paths.mjs';
import { startSite } from './site.mjs';
import { token } from './token.mjs';

const ARGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
  '--autoplay-policy=no-user-gesture-required', '--auto-select-desktop-capture-source=Entire screen',
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];

export async function launchChromium(more = []) {
  const executablePath = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) throw new Error(`no Chromium at ${executablePath}: run scripts/setup.sh or set CHROMIUM_BIN`);
  // Playwright makes a new user data directory for every launch.
  return chromium.launch({ executablePath, headless: true, args: [...ARGS, ...more] });
}

/**
 * A browser with the test page, shared by the tests of one file. `open` gives a page with the harness loaded;
 * `close` ends every page a test has opened.
 */
export async function startStage(suite) {
  const [browser, site] = [await launchChromium(), await startSite()];
  let contexts = [];
  let number = 0;
  return {
    browser,
    site,
    async open(label = `page${++number}`, { fresh = true } = {}) {
      const context = fresh || contexts.length === 0 ? await browser.newContext({ permissions: ['camera', 'microphone'] }) : contexts.at(-1);
      if (!contexts.includes(context)) contexts.push(context);
      const page = await context.newPage();
      const log = join(artifacts('logs', suite), 'console.log');
      page.on('console', (message) => appendFileSync(log, `${label}: ${message.text()}\n`));
      page.on('pageerror', (error) => appendFileSync(log, `${label}: page error ${error}\n`));
      await page.goto(site.url + (process.env.CLIENT_LOG ? `?log=${process.env.CLIENT_LOG}` : ''));
      await page.waitForFunction(() => typeof H === 'object');
      page.label = label;
      return page;
    },
    pages: () => contexts.flatMap((context) => context.pages()),
    /** A picture of every open page and what happened in it, for a failed test. */
    async keep(name) {
      const dir = artifacts('browser', name.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 100));
      for (const page of this.pages()) {
        const label = page.label ?? 'page';
        await page.screenshot({ path: join(dir, `${label}.png`) }).catch(() => {});
        const events = await page.evaluate(() => JSON.stringify({ events: H.events, errors: H.errors }, null, 1)).catch(String);
        appendFileSync(join(dir, `${label}.json`), events);
      }
    },
    async clear() {
      const old = contexts;
      contexts = [];
      await Promise.all(old.map((context) => context.close().catch(() => {})));
    },
    async stop() {
      await this.clear();
      await browser.close();
      await site.stop();
    },
  };
}

/** A page whose participant has joined: `who` is the identity, `settings` go to the harness, `tokenOptions` to the token. */
export async function joined(stage, server, room, who, { settings = {}, tokenOptions = {}, open = {} } = {}) {
  const page = await stage.open(who, open);
  const jwt = await token(room, who, tokenOptions);
  page.joined = await page.evaluate(([url, jwt, settings]) => H.join(url, jwt, settings), [server.ws, jwt, settings]);
  return page;
}
