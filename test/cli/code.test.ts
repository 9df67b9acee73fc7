/** `rfc2228 code`: what a reply code means. */
import { expect, it } from 'vitest';
import { classify, REPLY_CODES } from '../../src/ftp/reply-codes.js';
import { ONE_LINE, run } from './run.js';

it.each(REPLY_CODES)('says what %i means, and where that is laid down', async (code, meaning, source) => {
  const { status, stdout, stderr } = await run('code', `${code}`);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(classify(code).kind.replace('-', ' '));
  expect(stdout).toContain(meaning);
  expect(stdout).toContain(`(${source})`);
});

it('gives the same as JSON', async () => {
  const { status, stdout } = await run('code', '534', '--json');
  expect([status, JSON.parse(stdout)]).toEqual([0, classify(534)]);
});

it('says of a code that is in no table what its first digit says', async () => {
  expect((await run('code', '599')).stdout).toMatch(/^599 {2}permanent negative\n/);
  expect((await run('code', '999')).stdout).toMatch(/^999 {2}unknown\n/);
});

it('says that another reply follows a preliminary one', async () => {
  expect((await run('code', '110')).stdout).toContain('; another reply follows');
});

it.each([
  ['no number', []],
  ['a word', ['x']],
  ['two numbers', ['220', '221']],
])('rejects %s', async (_, args) => {
  expect(await run('code', ...args)).toEqual(ONE_LINE);
});

it.each(['110', '100'])('says so once, of %s', async code => {
  expect((await run('code', code)).stdout.match(/another reply follows/g)).toHaveLength(1);
});
