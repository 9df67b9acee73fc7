import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/interop/*.machines.ts'],
    globalSetup: ['test/interop/machines-setup.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    disableConsoleIntercept: true,
  },
});
