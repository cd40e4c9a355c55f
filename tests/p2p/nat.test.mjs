// Calls where networks are in the way: symmetric NAT on both sides, and a firewall that lets no UDP out. In network namespaces.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BROWSERS } from '../lib/browsers.mjs';
import { TESTS } from '../lib/paths.mjs';

function call(...what) {
  const { stdout, stderr, status } = spawnSync(join(TESTS, 'p2p/nat.sh'), [process.execPath, join(TESTS, 'p2p/nat-run.mjs'), ...what], { encoding: 'utf8', timeout: 90_000, killSignal: 'SIGKILL' });
  expect(status, stderr.slice(-1500)).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

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
});
