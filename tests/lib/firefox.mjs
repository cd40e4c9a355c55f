import puppeteer from 'puppeteer-core';
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { artifacts } from './paths.mjs';
import { startSite } from './site.mjs';
import { startSound } from './sound.mjs';

const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.autoplay.block-webaudio': false,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.cubeb.sandbox': false,
  'media.gmp-manager.updateEnabled': false,
  'media.suspend-background-video.enabled': false,
  'dom.min_background_timeout_value': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  'network.dns.disablePrefetch': true,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'app.update.auto': false,
  'app.normandy.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'services.settings.server': 'http://127.0.0.1:9/none',
};

/** A way to start Firefoxes that share one sound server. `preferences` come on top of the usual ones. */
export async function firefoxes(preferences = {}) {
  const executablePath = process.env.FIREFOX_BIN ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
  if (!executablePath) throw new Error('no Firefox: run scripts/setup.sh or set FIREFOX_BIN');
  const sound = await startSound();
  const launch = () => puppeteer.launch({
    env: { ...process.env, ...sound.env },
    browser: 'firefox', protocol: 'webDriverBiDi', executablePath, headless: true, acceptInsecureCerts: true,
    extraPrefsFirefox: { ...PREFERENCES, ...preferences }, args: ['--width=1280', '--height=800'],
  });
  return { launch, stop: () => sound.stop() };
}

/** A Firefox with the test page: the same interface as the stage of Chromium. One page per browser, so none is in the background. */
export async function startFirefox(suite) {
  const { launch, stop: silence } = await firefoxes();
  const site = await startSite();
  const idle = [await launch()];
  let busy = [];
  let number = 0;
  return {
    site,
    async open(label = `firefox${++number}`) {
      const browser = idle.pop() ?? (await launch());
      const page = (await browser.pages())[0] ?? (await browser.newPage());
      busy.push({ browser, page });
      const log = join(artifacts('logs', suite), 'console.log');
      page.removeAllListeners('console');
      page.on('console', (message) => appendFileSync(log, `${label}: ${message.text()}\n`));
      await page.goto(site.url + (process.env.CLIENT_LOG ? `?log=${process.env.CLIENT_LOG}` : ''));
      await page.waitForFunction(() => typeof H === 'object');
      page.label = label;
      return page;
    },
    async keep(name) {
      const dir = artifacts(suite, name.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 100));
      for (const { page } of busy) {
        await page.screenshot({ path: join(dir, `${page.label}.png`) }).catch(() => {});
        appendFileSync(join(dir, `${page.label}.json`), await page.evaluate(() => JSON.stringify({ events: H.events, errors: H.errors }, null, 1)).catch(String));
      }
    },
    async clear() {
      const done = busy;
      busy = [];
      for (const { browser, page } of done) {
        await page.goto('about:blank').catch(() => {});
        idle.push(browser);
      }
    },
    async stop() {
      for (const browser of [...busy.map((entry) => entry.browser), ...idle]) await browser.close().catch(() => {});
      await site.stop();
      silence();
    },
  };
}
