import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const TESTS = resolve(dirname(fileURLToPath(import.meta.url)), '..');
export const ROOT = resolve(TESTS, '..');
export const ARTIFACTS = process.env.TEST_ARTIFACTS ?? join(ROOT, 'test-artifacts');

/** A folder below `test-artifacts/`, made when missing. */
export function artifacts(...parts) {
  const dir = join(ARTIFACTS, ...parts);
  mkdirSync(dir, { recursive: true });
  return dir;
}
