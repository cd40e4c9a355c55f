// Calls where networks are in the way: symmetric NAT on both sides, a firewall that lets no UDP out, and a way that breaks while
// people talk. In network namespaces.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BROWSERS } from '../lib/browsers.mjs';
import { TESTS } from '../lib/paths.mjs';

function inside(script, ...what) {
  const { stdout, stderr, status } = spawnSync(join(TESTS, 'p2p/nat.sh'), [process.execPath, join(TESTS, 'p2p', script), ...what], { encoding: 'utf8', timeout: 90_000, killSignal: 'SIGKILL' });
  expect(status, stderr.slice(-1500)).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}
const call = (...what) => inside('nat-run.mjs', ...what);

/** Browsers take 4 to 10 seconds to notice that a path is gone; people do not wait for that. */
const NOTICED_MS = 6000;
/** So soon everything is there again once the page says so. */
const BACK_MS = 2000;

describe.each(BROWSERS)('%s', (browser) => {
  test('two behind symmetric NAT see each other at once, and end up on the relay', () => {
    const { seen_ms, connected_ms, relayed } = call(browser, 'ana', 'ben', 'p2p');
    expect(relayed).toBe(true);
    expect(seen_ms).toBeLessThan(5000);
    expect(connected_ms).toBeLessThan(15_000);
  }, 100_000);

  test('one without UDP takes part in a call of two, by the relay over TCP', () => {
    const { seen_ms, relayed } = call(browser, 'ana', 'cleo', 'p2p');
    expect(relayed).toBe(true);
    expect(seen_ms).toBeLessThan(5000);
  }, 100_000);

  test('one without UDP takes part in a meeting', () => {
    expect(call(browser, 'ana', 'cleo', 'sfu').seen_ms).toBeLessThan(5000);
  }, 100_000);

  test('a direct path that breaks leaves nobody alone, and the page says which way it is', () => {
    for (const { picture, sound, words, statuses } of inside('nat-cut.mjs', browser)) {
      const all = JSON.stringify({ picture, sound, words });
      // The browser may need a moment for its first picture on the new way.
      const more = Math.max(0, ...[picture, sound].flatMap((all) => all.slice(1).map(({ ms }) => ms)));
      expect(more, `interrupted again for ${more} ms: ${all}`).toBeLessThan(BACK_MS);
      const away = Math.max(picture[0].ms, sound[0].ms);
      expect(away, `seen and heard again after ${away} ms: ${all}`).toBeLessThan(NOTICED_MS);
      const says = words.map((it) => it.says);
      expect(says, all).toEqual(['Direct', ...(says.length > 2 ? ['Connecting directly…'] : []), 'Through a relay']);
      const noticed = words.find((it) => it.says === 'Connecting directly…')?.at ?? Infinity;
      const late = Math.max(...[picture[0], sound[0]].map(({ at, ms }) => at + ms)) - noticed;
      expect(late, `seen and heard again ${late} ms after it was noticed: ${all}`).toBeLessThan(BACK_MS);
      expect(statuses, 'in the meeting all the time').toEqual(['connected']);
    }
  }, 100_000);
});
