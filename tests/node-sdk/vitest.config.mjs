import { defineConfig } from 'vitest/config';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const tests = resolve(dirname(fileURLToPath(import.meta.url)), '..');

// The suite is run where npm put it: its own files, untouched.
export default defineConfig({
  root: tests,
  test: {
    dir: resolve(tests, 'node_modules/@livekit/rtc-node/src/tests'),
    include: ['**/*.test.ts'],
    exclude: [],
    fileParallelism: false,
    pool: 'forks',
    server: { deps: { inline: [/@livekit\/rtc-node\/src\//] } },
  },
});
