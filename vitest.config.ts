import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { source } from './test/source.js';

const complete = { branches: 100, functions: 100, lines: 100, statements: 100 };
const SLOW = 'test/**/*.slow.test.ts';

export default defineConfig({
  resolve: source,
  test: {
    setupFiles: ['test/seed.ts'],
    testTimeout: 60_000,
    // Vitest's default leaves cores idle.
    maxWorkers: availableParallelism(),
    // A file is slow by its name: `npm test` runs the others, `npm run test:slow` these (test/README.md).
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [SLOW] } },
      { extends: true, test: { name: 'slow', include: [SLOW] } },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/cli/**'],
      reporter: ['text-summary', 'text'],
      thresholds: { 'src/ftp/**': complete, 'src/protection/**': complete },
    },
  },
});
