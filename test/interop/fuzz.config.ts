import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/interop/*.fuzz.ts'],
    globalSetup: ['test/interop/global-setup.ts', 'test/interop/ftp-setup.ts'],
    testTimeout: 3_600_000,
    maxWorkers: 1,
    disableConsoleIntercept: true,
  },
});
