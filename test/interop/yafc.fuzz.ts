/** yafc, as Debian has it, as a client under Kerberos: what it believes of a server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, inject, test } from 'vitest';
import type { Reproducer } from '../../src/fuzz/index.js';
import { ownCache } from './ftp-realm.js';
import { type Fuzzed, fuzzed, SECONDS, SEED, tell } from './fuzz-command.js';

const SETTINGS = ['autologin on', 'autoreconnect off', 'quit_on_eof yes', 'read_netrc no', 'reverse_dns no'].join('\n');
const COMMANDS = ['pwd', 'cd one', 'pwd', 'cd two', 'pwd', 'rm three', 'pwd', 'quit'].join('\n');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** @param bounds  which cases, and for how long */
async function fuzzYafc(bounds: readonly string[], typed = COMMANDS): Promise<Fuzzed> {
  const realm = inject('ftp');
  // It remembers PROT for a host.
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-yafc-fuzz-'));
  folders.push(folder);
  const [settings, commands] = ['settings', 'commands'].map(name => join(folder, name)) as [string, string];
  writeFileSync(settings, `${SETTINGS}\n`);
  writeFileSync(commands, `${typed}\n`);
  const exec = `exec yafc -v -r ${settings} -W ${folder} -m krb5 ftp://user@localhost:$PORT < ${commands}`;
  const target = ['--mechanism', 'krb5', '--keytab', join(realm.folder, 'keytab'), '--exec', exec, '--limit', '1000'];
  const out = process.env['INTEROP_FUZZ_OUT'] ?? join(folder, 'findings');
  const environment = { ...ownCache(realm, 'yafc-fuzz-cache'), HOME: folder, TERM: 'dumb' };
  const ran = await fuzzed(['client', '--listen', '0', ...target, ...bounds, '--out', out], environment);
  expect([ran.complaint, ran.status]).toEqual(['', 1]);
  return ran;
}

const titles = (findings: readonly Titled[]) => findings.map(({ finding, name }) => `${finding}: ${name}`);
type Titled = Pick<Reproducer, 'finding' | 'name'>;

test('yafc', async () => {
  // It speaks at level safe alone.
  const ran = await fuzzYafc(['--level', 'safe', '--time', `${SECONDS}`, '--seed', `${SEED}`]);
  tell('yafc', ran);
  for (const known of MUST_BE_FOUND) expect(titles(ran.findings)).toContain(known);
});

/** Of what is known, what the first cases of every run find. */
const MUST_BE_FOUND = [
  'crashed: phases: 631 before an association',
  'replay accepted: sequence: a message comes again',
];

test('yafc: what has been found shows again', async () => {
  const file = fileURLToPath(new URL('yafc-findings.json', import.meta.url));
  const known: Titled[] = JSON.parse(readFileSync(file, 'utf8'));
  const { findings } = await fuzzYafc(['--replay', file]);
  // One that it dies of as well has a second finding.
  expect(titles(findings)).toEqual(expect.arrayContaining(titles(known)));
});

test.each(['safe', 'private'])('yafc: under PROT it transfers nothing (%s)', async level => {
  const typed = [`prot ${level}`, 'ls', 'quit'].join('\n');
  const ran = await fuzzYafc(['--only', 'data', '--level', level, '--cases', '2'], typed);
  expect(ran.cases.map(({ outcome, detail }) => `${outcome}: ${detail}`)).toEqual([
    expect.stringContaining('sends data that is refused: syntax/bad-command: a data block on the control connection'),
    'skipped: no transfer comes',
  ]);
  // It dies when the connection ends.
  const name = 'data: valid blocks';
  expect(titles(ran.findings)).toEqual([`crashed: ${name}`, `bad data given: ${name}`]);
  const { file } = ran.findings[0]!;
  expect(titles((await fuzzYafc(['--replay', file], typed)).findings)).toEqual(titles(ran.findings));
});
