/** `--help`, `--version`, and what the command says when it is called wrongly. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPTIONS } from '../../src/cli/fuzz/options.js';
import { HELP } from '../../src/cli/help.js';
import { LAYERS } from '../../src/fuzz/mutation.js';
import { folder, ONE_LINE, ROOT, run } from './run.js';

const { all, ...OF_SUBCOMMANDS } = HELP;

it.each(Object.entries(OF_SUBCOMMANDS))(
  'help %s, and the option in both forms, show how to use it',
  async (name, text) => {
    for (const args of [
      ['help', name],
      [name, '--help'],
      [name, '-h'],
    ])
      expect(await run(...args)).toEqual({ status: 0, stdout: `${text}\n`, stderr: '' });
    expect(text).toContain(`rfc2228 ${name}`);
  },
);

it.each(['--help', '-h', 'help'])('%s shows every subcommand', async option => {
  expect(await run(option)).toEqual({ status: 0, stdout: `${all}\n`, stderr: '' });
  for (const name of Object.keys(OF_SUBCOMMANDS)) expect(all).toContain(`rfc2228 ${name} `);
});

it('names every option of fuzz, and every layer', () => {
  const ofOneSide = ['user', 'password-file', 'listen', 'at'];
  for (const name of [...Object.keys(OPTIONS), ...ofOneSide]) expect(HELP.fuzz).toMatch(new RegExp(`--${name}\\b`));
  const layers = /--only LAYER ([^;]*);/.exec(HELP.fuzz)![1]!;
  for (const layer of LAYERS.filter(it => it !== 'data')) expect(layers).toMatch(new RegExp(`\\b${layer}\\b`));
});

it('shows the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(await run('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

describe('wrong usage', () => {
  it.each([
    ['no command', [], 'no command given (see rfc2228 --help)'],
    ['a command that does not exist', ['fly'], 'no command "fly" (see rfc2228 --help)'],
    ['a property that every object has', ['toString'], 'no command "toString" (see rfc2228 --help)'],
    ['a subcommand called wrongly', ['fuzz'], 'fuzz needs server, client or corpus (see rfc2228 fuzz --help)'],
  ])('is told in one line that names the help: %s', async (_, args, complaint) => {
    expect(await run(...args)).toEqual({ ...ONE_LINE, stderr: `rfc2228: ${complaint}\n` });
  });

  it.each([
    ['corpus'],
    ['corpse', 'x'],
    ['corpus', 'x', 'y'],
    ['corpus', 'x', '--seed', '-1'],
    ['corpus', 'x', '--seed=a'],
    ['server'],
  ])('is told in one line: fuzz %s %s %s %s', async (...args) => {
    expect(await run('fuzz', ...args)).toEqual(ONE_LINE);
  });

  it('of fuzz corpus includes a folder that has files in it', async () => {
    expect(await run('fuzz', 'corpus', ROOT)).toEqual({ ...ONE_LINE, stderr: `rfc2228: ${ROOT} is not empty\n` });
    expect(folder).not.toBe(ROOT);
  });
});
