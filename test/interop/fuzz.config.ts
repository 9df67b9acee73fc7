import { defineConfig } from 'vitest/config';
import { source } from '../source.js';

export default defineConfig({
  resolve: source,
  test: {
    include: ['test/interop/*.fuzz.ts'],
    globalSetup: ['test/interop/global-setup.ts', 'test/interop/ftp-setup.ts'],
    testTimeout: 3_600_000,
    maxWorkers: 1,
    disableConsoleIntercept: true,
  },
});
