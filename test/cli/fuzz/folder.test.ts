/** Where files are written: folders are made, and a place where none can be made is said to be none. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from '../../../src/cli/fuzz/folder.js';
import { folder, rfc2228 } from './command.js';

it('is made with those above it, and may be there', () => {
  const deep = join(folder, 'a', 'b', 'c');
  makeFolder(deep);
  makeFolder(deep);
  expect(readdirSync(join(folder, 'a'))).toEqual(['b']);
  expect(existsSync(deep)).toBe(true);
});

it.runIf(existsSync('/proc/self'))('is refused where the file system has its own', async () => {
  const { status, stderr } = await rfc2228(['corpus', '/proc/none/seeds']);
  expect(status).toBe(2);
  expect(stderr).toMatch(/^rfc2228: \/proc\/none\/seeds: ENOENT[^\n]*\n$/);
});
