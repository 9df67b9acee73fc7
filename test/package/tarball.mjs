/**
 * The package as people get it: packed, installed into an empty folder, and used there. `--all` adds what takes minutes: every
 * supported runtime, compiler and bundler, a browser, and an installation from git. Each failure ends it, with exit status 1.
 */
import { rmSync } from 'node:fs';
import { withAllBundlers, withEsbuild } from './bundlers.mjs';
import { FOLDER, fromGit, packAndInstall } from './project.mjs';
import { inAllRuntimes, inThisNode } from './runtimes.mjs';
import { inAllCompilers, inSomeCompilers } from './types.mjs';

try {
  packAndInstall();
  if (process.argv.includes('--all')) {
    inAllRuntimes();
    inAllCompilers();
    await withAllBundlers();
    fromGit();
  } else {
    inThisNode();
    inSomeCompilers();
    withEsbuild();
  }
} finally {
  rmSync(FOLDER, { recursive: true, force: true });
}
