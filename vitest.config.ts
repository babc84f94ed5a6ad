import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is waited for may come late on a machine that is busy; the second that is the default is too short.
    expect: { poll: { timeout: 20_000, interval: 10 } },
    // Real web servers and child processes: more files at once than cores only makes them slow.
    maxWorkers: 2,
  },
});
