import { defineConfig } from 'vitest/config';
import { source } from './test/source.js';

const whole = { branches: 100, functions: 100, lines: 100, statements: 100 };

export default defineConfig({
  resolve: source,
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/seed.ts'],
    testTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/cli/**'],
      reporter: ['text-summary', 'text'],
      thresholds: { 'src/ftp/**': whole, 'src/secure/**': whole },
    },
  },
});
