/** One seed for every property of a run: printed, and taken from FC_SEED to run a failure again. */
import fc from 'fast-check';

const seed = Number(process.env['FC_SEED'] ?? 2228);
fc.configureGlobal({ seed, numRuns: Number(process.env['FC_RUNS'] ?? 200) });
if (process.env['VITEST_POOL_ID'] === '1' && process.env['VITEST_WORKER_ID'] === '1') {
  console.info(`fast-check seed ${seed} (set FC_SEED to change it, FC_RUNS for more runs)`);
}
