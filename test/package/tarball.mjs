/**
 * The package as people get it: packed, installed into an empty folder, and used there. What takes minutes is done only if it is
 * named: `global`, `runtimes`, `types`, `bundlers` (and a browser), `git`, `jsr`, or `--all`. A failure ends it with exit status 1.
 */
import { rmSync } from 'node:fs';
import { withAllBundlers, withEsbuild } from './bundlers.mjs';
import { toJsr } from './jsr.mjs';
import { FOLDER, fromGit, globally, packAndInstall } from './project.mjs';
import { inAllRuntimes, inThisNode } from './runtimes.mjs';
import { inAllCompilers, inSomeCompilers } from './types.mjs';

const QUICK = [globally, inThisNode, inSomeCompilers, withEsbuild];
const THOROUGH = {
  global: globally,
  runtimes: inAllRuntimes,
  types: inAllCompilers,
  bundlers: withAllBundlers,
  git: fromGit,
  jsr: toJsr,
};

const named = process.argv.slice(2);
const unknown = named.find(name => name !== '--all' && !Object.hasOwn(THOROUGH, name));
if (unknown !== undefined) throw new Error(`no check ${unknown}: ${Object.keys(THOROUGH).join(', ')} or --all`);
const chosen = named.includes('--all') ? Object.values(THOROUGH) : named.map(name => THOROUGH[name]);

try {
  packAndInstall();
  for (const check of chosen.length > 0 ? chosen : QUICK) await check();
} finally {
  rmSync(FOLDER, { recursive: true, force: true });
}
