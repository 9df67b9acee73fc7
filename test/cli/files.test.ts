/** Folders of output files are made, also where Node's own way to make them never returns. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from '../../src/cli/files.js';
import { file, folder, run } from './run.js';

it('a folder is made with its missing parents, and may exist', () => {
  const deep = join(folder, 'a', 'b', 'c');
  makeFolder(deep);
  makeFolder(deep);
  expect(readdirSync(join(folder, 'a'))).toEqual(['b']);
  expect(existsSync(deep)).toBe(true);
});

it('a folder is not made in place of a file', () => {
  const taken = file('taken', '');
  expect(() => makeFolder(taken)).toThrow('EEXIST');
  expect(() => makeFolder(join(taken, 'a'))).toThrow(/ENOTDIR|EEXIST/);
});

it.runIf(existsSync('/proc/self')).each([
  ['verify', ['verify', file('short.txt', 'S> 220 ready\n'), '--extract', '/proc/none/files']],
  ['fuzz', ['fuzz', 'corpus', '/proc/none/seeds']],
])('%s ends with an error where the file system allows no new folders', async (_, args) => {
  const { status, stderr } = await run(...args);
  expect(status).toBe(2);
  expect(stderr).toMatch(/^rfc2228: \/proc\/none\/\w+: no such file[^\n]*\n$/);
});
