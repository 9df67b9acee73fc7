/** yafc, as Debian has it, against our server: it speaks at level safe, and its data goes in the clear. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, inject, test } from 'vitest';
import { madeOctets, ODD, sha256 } from './ftp-client.js';
import { mechanism, ownCache, shown, tickets } from './ftp-realm.js';
import { type FtpServer, startFtpServer } from './ftp-server.js';
import { run } from './program.js';

const SIZE = 3_000_001;
const SETTINGS = ['autologin on', 'autoreconnect off', 'quit_on_eof yes', 'read_netrc no', 'reverse_dns no'].join('\n');
/** With the line ends of Unix. */
const LINES = Buffer.from('one\n\xff\xff\ntwo\n'.repeat(5000), 'latin1');
const COMMANDS = [
  'ls',
  'get --type=binary served.bin',
  'put --type=binary local.bin',
  'get --type=ascii odd',
  'put --type=ascii lines',
  'mkdir made',
  'cd made',
  'put --type=binary local.bin -o inside.bin',
  'quote HELP',
  'get nothing',
  'cd ..',
  'rm local.bin',
  'quit',
];

const its = tickets();
const folder = mkdtempSync(join(tmpdir(), 'rfc2228-yafc-'));
let server: FtpServer | undefined;

afterAll(async () => {
  await server?.close();
  rmSync(folder, { recursive: true });
});

test('yafc -m krb5', () =>
  shown(
    {
      peer: 'yafc -m krb5',
      levels: 'safe, data clear',
      operation: 'ticket forwarded, MLSD, RETR, STOR, types A and I, MKD, HELP, wrong file, DELE',
      expected: 'same hashes',
    },
    async () => {
      const { server, printed } = await session();
      const served = sha256(readFileSync(join(folder, 'served/served.bin')));
      expect(sha256(readFileSync(join(folder, 'local/served.bin')))).toBe(served);
      const local = sha256(readFileSync(join(folder, 'local/local.bin')));
      expect(sha256(readFileSync(join(folder, 'served/made/inside.bin')))).toBe(local);
      // yafc loses a CR at the end of the file.
      expect(sha256(readFileSync(join(folder, 'local/odd')))).toBe(sha256(ODD.subarray(0, -1)));
      expect(sha256(readFileSync(join(folder, 'served/lines')))).toBe(sha256(LINES));
      expect(printed).toContain('served.bin');
      expect(printed).toContain('That is all.');

      const commands = server.noted.flatMap(it => (it.kind === 'command' ? [it] : []));
      expect(new Set(commands.map(({ level }) => level))).toEqual(new Set(['safe']));
      const verbs = new Set(commands.map(({ verb }) => verb));
      for (const verb of ['USER', 'PWD', 'PASV', 'MLSD', 'RETR', 'STOR', 'MKD', 'CWD', 'HELP', 'DELE', 'QUIT']) {
        expect(verbs).toContain(verb);
      }
      expect(verbs).not.toContain('PASS');
      expect(server.noted.filter(({ kind }) => kind === 'answered')).toEqual([]);
      return 'same hashes';
    },
  ));

async function session(): Promise<{ server: FtpServer; printed: string }> {
  const realm = inject('ftp');
  const [served, local] = ['served', 'local'].map(name => join(folder, name)) as [string, string];
  for (const path of [served, local]) mkdirSync(path);
  writeFileSync(join(served, 'served.bin'), madeOctets(SIZE, 2).source.read(SIZE));
  writeFileSync(join(local, 'local.bin'), madeOctets(SIZE, 3).source.read(SIZE));
  writeFileSync(join(served, 'odd'), ODD);
  writeFileSync(join(local, 'lines'), LINES);
  writeFileSync(join(folder, 'settings'), SETTINGS);
  server = await startFtpServer({
    folder: served,
    timeout: 10_000,
    mechanisms: [mechanism(its)],
    requireSecurity: true,
    mayLogIn: (user, { clientName }) => clientName === its.principal && user === 'user',
  });
  const url = `ftp://user@localhost:${server.port}`;
  const { output, complaint } = await run('yafc', ['-r', join(folder, 'settings'), '-W', folder, '-m', 'krb5', url], {
    environment: { ...ownCache(realm, 'yafc-cache'), HOME: folder, TERM: 'dumb' },
    folder: local,
    input: `${COMMANDS.join('\n')}\n`,
    limit: 30_000,
  });
  return { server, printed: output + complaint };
}
