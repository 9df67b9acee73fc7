/**
 * Mutation testing: Stryker changes the sources of a room in thousands of small ways, and counts the changes that the room's own
 * unit tests notice. `MUTATION_ROOM=ftp npm run mutation`. A room is a folder of `src`, or one file of it.
 */
const { MUTATION_ROOM: room = 'ftp' } = process.env;
const name = room.replaceAll('/', '-');

export default {
  mutate: [room.endsWith('.ts') ? `src/${room}` : `src/${room}/**/*.ts`],
  testRunner: 'room',
  plugins: [new URL('runner.mjs', import.meta.url).pathname],
  ignorers: ['messages'],
  // Stryker does not know this version of TypeScript.
  tsconfigFile: 'none',
  coverageAnalysis: 'perTest',
  // Mutants in tables would need a process each.
  ignoreStatic: true,
  incremental: true,
  incrementalFile: `coverage/mutation-${name}-incremental.json`,
  concurrency: 1,
  timeoutMS: 10_000,
  dryRunTimeoutMinutes: 10,
  tempDirName: 'coverage/stryker',
  reporters: ['progress-append-only', 'clear-text', 'json'],
  clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
  jsonReporter: { fileName: `coverage/mutation-${name}.json` },
  thresholds: { high: 95, low: 95, break: 95 },
};
