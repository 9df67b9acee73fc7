import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { source } from './test/source.js';

const complete = { branches: 100, functions: 100, lines: 100, statements: 100 };
const SLOW = 'test/**/*.slow.test.ts';
const ISOLATED = 'test/**/*.isolated.test.ts';

export default defineConfig({
  resolve: source,
  test: {
    globalSetup: ['test/global-setup.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    // Vitest's default leaves cores idle.
    maxWorkers: availableParallelism(),
    // What lives through several collections of new objects is moved again and again, which makes linear work look like more.
    execArgv: ['--max-semi-space-size=128'],
    // By the name of the file: `npm test` runs unit and isolated, `npm run test:slow` slow (test/README.md). The files of unit
    // share the modules of their process: loading the library for each file would take a third of the time.
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [SLOW, ISOLATED], isolate: false },
      },
      { extends: true, test: { name: 'isolated', include: [ISOLATED] } },
      { extends: true, test: { name: 'slow', include: [SLOW] } },
    ],
    coverage: {
      provider: 'v8',
      // Beside the results of mutation testing: this folder is emptied before each run.
      reportsDirectory: 'coverage/lines',
      include: ['src/**/*.ts'],
      exclude: ['src/cli/**'],
      reporter: ['text-summary', 'text'],
      thresholds: {
        'src/ftp/**': complete,
        'src/protection/**': complete,
        'src/session/**': complete,
        'src/mechanisms/**': complete,
      },
    },
  },
});
