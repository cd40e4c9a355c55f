// Pages for tests that run in either browser. On such a page tests call only what both drivers understand alike: `goto`,
// `evaluate` with one argument, `waitForFunction` without any.
import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchChromium } from './chromium.mjs';
import { firefoxes } from './firefox.mjs';
import { artifacts } from './paths.mjs';
import { until } from './wait.mjs';

export const BROWSERS = ['chromium', 'firefox'];
/** Who begins, and who answers. */
export const PAIRS = [['chromium', 'chromium'], ['firefox', 'firefox'], ['chromium', 'firefox'], ['firefox', 'chromium']];

const START = { chromium: startInChromium, firefox: startInFirefox };

async function startInChromium({ secure }) {
  const trusted = secure ? [`--unsafely-treat-insecure-origin-as-secure=${secure}`, '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,LocalNetworkAccessChecksWebSockets'] : [];
  const browser = await launchChromium(['--ignore-certificate-errors', ...trusted]);
  return {
    async open() {
      const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
      return { context, page: await context.newPage() };
    },
    async download(page, begin) {
      const [download] = await Promise.all([page.waitForEvent('download'), begin()]);
      return download.path();
    },
    upload: (page, selector, path) => page.locator(selector).setInputFiles([path]),
    stop: () => browser.close(),
  };
}

async function startInFirefox({ secure }) {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-downloads-'));
  const trusted = secure ? { 'dom.securecontext.allowlist': new URL(secure).hostname } : {};
  const { launch, stop } = await firefoxes({ 'browser.download.folderList': 2, 'browser.download.dir': folder, ...trusted });
  const browser = await launch();
  return {
    async open() {
      const context = await browser.createBrowserContext();
      // A window for each: Firefox draws nothing in a tab behind another.
      return { context, page: await context.newPage({ type: 'window' }) };
    },
    async download(page, begin, name) {
      await begin();
      // Until it is complete, an empty file keeps its place.
      const path = join(folder, name);
      await until(`the download of ${name}`, () => existsSync(path) && statSync(path).size > 0);
      return path;
    },
    upload: async (page, selector, path) => (await page.$(selector)).uploadFile(path),
    async stop() {
      await browser.close();
      stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * One browser of each kind, for the tests of one file. `open` gives a page that knows nothing of the others, `clear` closes
 * those a test has opened, `download` is the path of what `begin` makes the browser save. `secure` is an address over http
 * that is taken for a safe one.
 */
export async function startBrowsers(suite, { kinds = BROWSERS, secure = null } = {}) {
  const running = Object.fromEntries(await Promise.all(kinds.map(async (kind) => [kind, await START[kind]({ secure })])));
  const kindOf = new WeakMap();
  const contexts = [];
  const log = join(artifacts('logs', suite), 'console.log');
  return {
    async open(kind, url) {
      const { context, page } = await running[kind].open();
      contexts.push(context);
      kindOf.set(page, kind);
      page.on('console', (message) => appendFileSync(log, `${kind}: ${message.text()}\n`));
      await page.goto(url);
      return page;
    },
    download: (page, begin, name) => running[kindOf.get(page)].download(page, begin, name),
    upload: (page, selector, path) => running[kindOf.get(page)].upload(page, selector, path),
    async clear() {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
    },
    async stop() {
      await this.clear();
      await Promise.all(Object.values(running).map((browser) => browser.stop()));
    },
  };
}
