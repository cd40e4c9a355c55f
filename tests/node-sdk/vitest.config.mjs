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
    // One of the tests compares megabytes and holds the event loop for seconds; what runs beside it runs out of time.
    maxConcurrency: 1,
    // In CI a second try tells a hiccup of the machine from a fault.
    retry: process.env.CI ? 1 : 0,
    pool: 'forks',
    server: { deps: { inline: [/@livekit\/rtc-node\/src\//] } },
  },
});
