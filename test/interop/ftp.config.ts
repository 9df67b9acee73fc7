import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/interop/*.ftp.ts'],
    globalSetup: ['test/interop/ftp-setup.ts'],
    testTimeout: 120_000,
    maxWorkers: 2,
    maxConcurrency: 8,
    disableConsoleIntercept: true,
  },
});
