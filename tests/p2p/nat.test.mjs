// Calls where networks are in the way: symmetric NAT on both sides, and a firewall that lets no UDP out. In network namespaces.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TESTS } from '../lib/paths.mjs';

function call(one, other, kind) {
  const { stdout, stderr, status } = spawnSync(join(TESTS, 'p2p/nat.sh'), [process.execPath, join(TESTS, 'p2p/nat-run.mjs'), one, other, kind], { encoding: 'utf8', timeout: 90_000, killSignal: 'SIGKILL' });
  expect(status, stderr.slice(-1500)).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

test('two behind symmetric NAT see each other at once, and end up on the relay', () => {
  const { seen_ms, connected_ms, paths } = call('ana', 'ben', 'p2p');
  expect(paths).toEqual(['relay', 'relay']);
  expect(seen_ms).toBeLessThan(5000);
  expect(connected_ms).toBeLessThan(15_000);
}, 100_000);

test('one without UDP takes part in a call of two, by the relay over TCP', () => {
  const { seen_ms, paths } = call('ana', 'cleo', 'p2p');
  expect(paths).toEqual(['relay', 'relay']);
  expect(seen_ms).toBeLessThan(5000);
}, 100_000);

test('one without UDP takes part in a meeting', () => {
  expect(call('ana', 'cleo', 'sfu').seen_ms).toBeLessThan(5000);
}, 100_000);
