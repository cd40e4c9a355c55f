// Whoever sits in the middle of a direct call cannot make the words agree that the two read to each other. In real browsers, with the link of the client.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BROWSERS, startBrowsers } from '../lib/browsers.mjs';
import { startPage } from './site.mjs';

let site;
let browsers;
beforeAll(async () => {
  [browsers, site] = await Promise.all([startBrowsers('p2p'), startPage('middle-page.mjs')]);
});
afterEach(() => browsers.clear());
afterAll(async () => {
  await browsers?.stop();
  await site?.stop();
});

describe.each(BROWSERS)('%s', (browser) => {
  test('two who reach each other read the same six words', async () => {
    const page = await browsers.open(browser, site.url);
    const [alice, bob] = await page.evaluate(() => honest());
    expect(alice.split(' ')).toHaveLength(6);
    expect(bob).toBe(alice);
  });

  test('with somebody in between both connect, and read different words', async () => {
    const page = await browsers.open(browser, site.url);
    const [alice, bob] = await page.evaluate(() => between());
    expect(alice.split(' ')).toHaveLength(6);
    expect(bob.split(' ')).toHaveLength(6);
    expect(bob).not.toBe(alice);
  });

  describe.each([['offers', true], ['answers', false]])('whoever %s', (_does, offers) => {
    test('keeps to the first certificate: a description with another one is not taken, and the words stay', async () => {
      const page = await browsers.open(browser, site.url);
      const { first, second, answers } = await page.evaluate((it) => changes(it), offers);
      expect(first.taken).toBe(true);
      expect(second).toEqual(first);
      expect(answers, 'one answer for each true offer').toBe(offers ? 0 : 2);
    });

    test('refuses a description that names two certificates', async () => {
      const page = await browsers.open(browser, site.url);
      const { first, second, answers } = await page.evaluate((it) => doubles(it), offers);
      expect(first.taken).toBe(true);
      expect(second).toEqual(first);
      expect(answers, 'one answer for each true offer').toBe(offers ? 0 : 2);
    });
  });
});
