import { defineConfig } from 'vitest/config';
import { source } from '../source.js';

export default defineConfig({
  resolve: source,
  test: {
    include: ['test/interop/*.gsi.ts'],
    globalSetup: ['test/interop/gsi-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    disableConsoleIntercept: true,
  },
});
