/** `--help` in a terminal that is narrower than its lines. */
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../src/cli/command.js';
import { HELP } from '../../src/cli/help.js';
import { fitted } from '../../src/cli/help-width.js';

const wordsOf = (text: string) => text.split(/\s+/);

describe.each(Object.entries(HELP))('the help of %s', (_, help) => {
  it.each([60, 80, 100])('fits in %i columns, but for its examples, and keeps every word', columns => {
    const text = fitted(help, columns);
    expect(wordsOf(text)).toEqual(wordsOf(help));
    const long = text.split('\n').filter(line => line.length > columns);
    expect(long.filter(line => !/^ {2}(rfc2228|tcpdump) /.test(line))).toEqual([]);
  });

  it('is unchanged where there is room, and where there is no terminal', () => {
    expect(fitted(help, undefined)).toBe(help);
    expect(fitted(help, Math.max(...help.split('\n').map(line => line.length)))).toBe(help);
  });
});

it.each([
  ['a text', 'one two\nthree four', 9, 'one two\nthree\nfour'],
  ['texts with a blank line between', 'one two\n\nthree', 5, 'one\ntwo\n\nthree'],
  ['an example', '  cmd one two three', 9, '  cmd one two three'],
  ['examples', '  cmd one\n  cmd two three', 9, '  cmd one\n  cmd two three'],
  ['a description', '  --option  says what\n            it is for', 52, '  --option  says what\n            it is for'],
  ['one without room', '  --option  what it is for', 20, '  --option\n      what it is for'],
  ['one in lines', '  --a  x\n       y z', 9, '  --a\n      x y\n      z'],
  ['one below its option', '  --option\n        what for', 11, '  --option\n      what\n      for'],
])('breaks %s', (_, help, columns, text) => {
  expect(fitted(help, columns)).toBe(text);
});

it('is what the command shows', async () => {
  let stdout = '';
  const output = { columns: 80, write: (text: string) => (stdout += text) };
  expect(await runCommand(['verify', '--help'], { stdout: output, stderr: output })).toBe(0);
  expect(stdout).toBe(`${fitted(HELP.verify, 80)}\n`);
});
