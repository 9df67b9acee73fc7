import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/interop/*.differential.ts'],
    globalSetup: ['test/interop/global-setup.ts'],
    testTimeout: 3_600_000,
    maxWorkers: 2,
    disableConsoleIntercept: true,
  },
});
