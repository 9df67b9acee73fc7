/**
 * Builds the command from its sources into dist/cli: few files, because Node takes longer to find and read the many modules of the
 * library than to run most commands. What only some of them need stays in files of its own, loaded when it is imported.
 */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const OUT = fileURLToPath(new URL('../../dist/cli/', import.meta.url));

rmSync(OUT, { recursive: true, force: true });
await build({
  entryPoints: ['main', 'worker', 'man-page'].map(name => `${HERE}${name}.ts`),
  outdir: OUT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  chunkNames: '[name]-[hash]',
  // Names stay: they are in the place of an internal error.
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
});
