/** Bundles the loop with the source that it watches into one script, whose coverage is then all there is, and runs it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
// As deep below the root as the targets, so that they find the vectors.
const outfile = fileURLToPath(new URL('../../node_modules/.cache/fuzz/loop.mjs', import.meta.url));

await build({
  entryPoints: [`${here}loop.ts`],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
});
const { status } = spawnSync(process.execPath, [outfile, '--folder', here, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
