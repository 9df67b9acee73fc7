/** The pages in Debian's Chromium (`npm run test:page`). */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/page/*.browser.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
