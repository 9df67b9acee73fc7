/**
 * Mutation testing: Stryker changes the sources of a room in thousands of small ways, and counts the changes that the room's own
 * unit tests notice. `MUTATION_ROOM=ftp npm run mutation`; without it all four rooms, which takes hours.
 */
const { MUTATION_ROOM: room = '{ftp,protection,session,mechanisms}' } = process.env;

export default {
  mutate: [`src/${room}/**/*.ts`],
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  // Stryker does not know this version of TypeScript.
  tsconfigFile: 'none',
  coverageAnalysis: 'perTest',
  // Mutants in tables would take a run of all tests each.
  ignoreStatic: true,
  concurrency: 1,
  dryRunTimeoutMinutes: 60,
  tempDirName: 'coverage/stryker',
  reporters: ['progress-append-only', 'clear-text', 'json', 'html'],
  clearTextReporter: { logTests: false, reportTests: false },
  jsonReporter: { fileName: 'coverage/mutation.json' },
  htmlReporter: { fileName: 'coverage/mutation.html' },
  thresholds: { high: 95, low: 95, break: 95 },
};
