/** The unit tests of the rooms that are mutated. */
import { defineConfig } from 'vitest/config';
import { source } from '../source.js';

const { MUTATION_ROOM: room = '{ftp,protection,session,mechanisms}' } = process.env;

export default defineConfig({
  resolve: source,
  test: {
    include: [`test/${room}/**/*.test.ts`],
    exclude: ['test/**/*.slow.test.ts', 'test/**/*.isolated.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 600_000,
  },
});
