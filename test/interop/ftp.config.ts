import { defineConfig } from 'vitest/config';
import { source } from '../source.js';

export default defineConfig({
  resolve: source,
  test: {
    include: ['test/interop/*.ftp.ts'],
    globalSetup: ['test/interop/ftp-setup.ts'],
    testTimeout: 120_000,
    maxWorkers: 2,
    maxConcurrency: 8,
    disableConsoleIntercept: true,
  },
});
