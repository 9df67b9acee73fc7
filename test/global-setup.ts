/** Before all tests of a run: a folder for their temporary files, removed at the end, and one seed for their properties. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    temporary: string;
    seed: number;
  }
}

const seed = Number(process.env['FC_SEED'] ?? 2228);

export default function setup(project: TestProject): () => void {
  const temporary = mkdtempSync(join(tmpdir(), 'rfc2228-test-'));
  project.provide('temporary', temporary);
  project.provide('seed', seed);
  console.info(`fast-check seed ${seed} (set FC_SEED to change it, FC_RUNS for more runs)`);
  return () => rmSync(temporary, { recursive: true, force: true });
}
