/**
 * Takes the comments out of dist's JavaScript, a fifth of it: the declarations have those of exports, and the sources, which are in the
 * package too, have all.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

const names = readdirSync(DIST, { recursive: true }).filter(name => name.endsWith('.js'));
for (const path of names.map(name => join(DIST, name))) {
  const text = readFileSync(path, 'utf8');
  const { code } = transformSync(text, { target: 'es2022', legalComments: 'none', charset: 'utf8' });
  if (code !== text) writeFileSync(path, code);
}
