/** The errors of the command: one line with a remedy, whatever the subcommand. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture, file, folder, keytabOf, run } from './run.js';

const RECORDING = capture('probe-heimdal-nomutual');

describe('a word that is misspelt', () => {
  it.each([
    ['an option', ['verify', RECORDING, '--keytb', 'x'], "Unknown option '--keytb': did you mean --keytab?"],
    ['an option without its hyphen', ['verify', RECORDING, '--failon', 'x'], 'did you mean --fail-on?'],
    ['an option that is cut short', ['verify', RECORDING, '--pass'], 'did you mean --password-stdin?'],
    ['an option of another tool', ['verify', RECORDING, '-k', 'x'], "Unknown option '-k'"],
    ['an option that resembles none', ['verify', RECORDING, '--colour'], "Unknown option '--colour'"],
    ['an option with two letters exchanged', ['decode', '--jsno', 'x'], 'did you mean --json?'],
    ['a subcommand', ['verfy', RECORDING], 'no command "verfy": did you mean verify?'],
    ['a subcommand that resembles none', ['fly'], 'no command "fly"'],
  ])('is answered by one that it resembles: %s', async (_, args, text) => {
    const { status, stderr } = await run(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^rfc2228: .* \(see rfc2228 (\w+ )?--help\)\n$/);
    expect(stderr).toContain(text.endsWith('?') ? text : `${text} (see`);
  });
});

describe('a file that can not be used', () => {
  const directory = join(folder, 'a directory');
  mkdirSync(directory);
  const taken = file('taken', '');

  it.each([
    ['a recording', ['verify', '/nowhere.pcap'], '/nowhere.pcap: no such file or directory'],
    ['a keytab', ['keytab', '/nowhere.keytab'], '/nowhere.keytab: no such file or directory'],
    ['a directory', ['keytab', directory], `${directory}: illegal operation on a directory`],
    ['the page to write', ['page', '/nowhere/page.html'], '/nowhere/page.html: no such file or directory'],
    ['the page of a report', ['verify', RECORDING, '--html', '/nowhere/a.html'], '/nowhere/a.html: no such file or'],
    ['a folder to write to', ['verify', RECORDING, '--extract', taken], `${taken}: file already exists`],
    ['a file that is no keytab', ['keytab', RECORDING], `${RECORDING}: syntax/bad-file: not a keytab`],
    [
      'a file that is no recording',
      ['verify', keytabOf('probe-heimdal-nomutual')],
      'keytab: syntax/bad-file: not a cap',
    ],
  ])('is named, before the reason: %s', async (_, args, text) => {
    const { status, stderr } = await run(...args);
    expect([status, stderr.match(/\n/g)?.length]).toEqual([2, 1]);
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/ENOENT|EISDIR|EEXIST|dist\//);
  });
});
