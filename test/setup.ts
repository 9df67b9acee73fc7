/** Before and after each test file. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, inject, vi } from 'vitest';

fc.configureGlobal({ seed: inject('seed'), numRuns: Number(process.env['FC_RUNS'] ?? 200) });
// os.tmpdir() is then a folder of this file's own.
process.env['TMPDIR'] = mkdtempSync(join(inject('temporary'), 'file-'));
// Files of one project share a process.
afterAll(() => vi.unstubAllEnvs());
