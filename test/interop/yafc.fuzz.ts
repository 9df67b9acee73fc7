/** yafc, as Debian has it, as a client under Kerberos: what it believes of a server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, inject, test } from 'vitest';
import { ownCache } from './ftp-realm.js';
import { fuzzed, SECONDS, SEED, tell } from './fuzz-command.js';

const SETTINGS = ['autologin on', 'autoreconnect off', 'quit_on_eof yes', 'read_netrc no', 'reverse_dns no'].join('\n');
const COMMANDS = ['pwd', 'cd one', 'pwd', 'cd two', 'pwd', 'rm three', 'pwd', 'quit'].join('\n');

const folder = mkdtempSync(join(tmpdir(), 'rfc2228-yafc-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('yafc', async () => {
  const realm = inject('ftp');
  const [settings, commands] = ['settings', 'commands'].map(name => join(folder, name)) as [string, string];
  writeFileSync(settings, `${SETTINGS}\n`);
  writeFileSync(commands, `${COMMANDS}\n`);
  const exec = `exec yafc -v -r ${settings} -W ${folder} -m krb5 ftp://user@localhost:$PORT < ${commands}`;
  const target = ['--mechanism', 'krb5', '--keytab', join(realm.folder, 'keytab'), '--exec', exec];
  // It speaks at level safe alone.
  const bounds = ['--level', 'safe', '--time', `${SECONDS}`, '--seed', `${SEED}`, '--limit', '1000'];
  const out = process.env['INTEROP_FUZZ_OUT'] ?? join(folder, 'findings');
  const ran = await fuzzed(['client', '--listen', '0', ...target, ...bounds, '--out', out], {
    ...ownCache(realm, 'yafc-fuzz-cache'),
    HOME: folder,
    TERM: 'dumb',
  });
  tell('yafc', ran);
  expect([ran.complaint, ran.status]).toEqual(['', 1]);
  const found = ran.findings.map(({ finding, name }) => `${finding}: ${name}`);
  for (const known of KNOWN) expect(found).toContain(known);
});

/** What it is known to do, and any run must find. */
const KNOWN = [
  'clear text accepted: phases: success in the clear',
  'gone on in the clear: phases: the exchange is refused',
];
