import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/browser/**/*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Every file runs a browser of its own; beside each other they starve on small machines.
    fileParallelism: false,
    // In CI a second try tells a hiccup of the machine from a fault.
    retry: process.env.CI ? 1 : 0,
  },
});
