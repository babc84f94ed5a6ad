import { defineConfig } from 'vitest/config';

/** `npm run bench`: not part of the tests, because nothing here may fail for being slow. */
export default defineConfig({
  test: {
    include: ['test/bench/*.bench.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 3_600_000,
    fileParallelism: false,
    reporters: ['verbose'],
    disableConsoleIntercept: true,
  },
});
