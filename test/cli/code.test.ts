/** `rfc2228 code`: what a reply code means. */
import { expect, it } from 'vitest';
import { ONE_LINE, run } from './run.js';

it.each([
  ['534', /permanent negative/],
  ['110', /another reply follows/],
  ['631', /protected/],
  ['10054', /winsock/],
  ['999', /unknown/],
])('says what %s means', async (number, expected) => {
  expect(await run('code', number)).toEqual({ status: 0, stdout: expect.stringMatching(expected), stderr: '' });
});

it.each([
  ['no number', []],
  ['a word', ['x']],
  ['two numbers', ['220', '221']],
])('rejects %s', async (_, args) => {
  expect(await run('code', ...args)).toEqual(ONE_LINE);
});
