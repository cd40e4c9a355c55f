import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.mjs'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real browsers on a small shared machine: in CI a second try tells a hiccup from a fault.
    retry: process.env.CI ? 1 : 0,
    bail: 0,
    passWithNoTests: false,
    pool: 'forks',
  },
});
