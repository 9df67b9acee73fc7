/** MIT's GSS-API library, scripted in Python, in the forms that MIT, Heimdal and Globus have: as client, and as server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { withTimeout } from '../../src/node/timeout.js';
import { hashing, type Level, loggedIn, madeOctets, ODD, ODD_LINES, sha256 } from './ftp-client.js';
import { mechanism, ownCache, SERVICE, shown, tickets } from './ftp-realm.js';
import { startFtpServer } from './ftp-server.js';
import { PYTHON, run, script } from './program.js';

const SIZE = 700_001;
/** More than sockets hold. */
const LARGE = 100_000_000;
const LIMIT = 30_000;
const LEVELS: readonly Level[] = ['safe', 'private'];

const its = tickets();
const folder = mkdtempSync(join(tmpdir(), 'rfc2228-gssapi-'));
const served = join(folder, 'served');
const local = join(folder, 'local');

beforeAll(() => {
  for (const path of [served, local]) mkdirSync(path);
  writeFileSync(join(served, 'served.bin'), madeOctets(SIZE, 4).source.read(SIZE));
  writeFileSync(join(local, 'local.bin'), madeOctets(SIZE, 5).source.read(SIZE));
  writeFileSync(join(local, 'empty'), '');
  writeFileSync(join(served, 'odd'), ODD);
  writeFileSync(join(served, 'large'), '');
  truncateSync(join(served, 'large'), LARGE);
});
afterAll(() => rmSync(folder, { recursive: true }));

// As client

const FORMS = { mit: 'one NUL', heimdal: 'no end', crlf: 'CRLF' } as const;
const CLIENTS = LEVELS.flatMap(level => (Object.keys(FORMS) as (keyof typeof FORMS)[]).map(form => ({ form, level })));

const COMMANDS = `PWD
TYPE I
PROT S
PUT local.bin s.bin
GET s.bin s.back
GET served.bin s.served
LIST s.list
PROT P
PUT local.bin p.bin
ABORT large
GET p.bin p.back
PUT empty empty
GET empty empty.back
GET odd odd.octets
TYPE A
GET odd odd.lines
PUT odd.lines odd.back
TYPE I
PROT C
GET served.bin c.served
SIZE served.bin
HELP
GET nothing nothing
PROT P
CCC
PWD
GET served.bin after.ccc
QUIT
`;
const TRANSFER = [229, 150, 226];
const CODES = [
  [232, 200, 257, 200],
  [200, ...TRANSFER, ...TRANSFER, ...TRANSFER, ...TRANSFER],
  [200, ...TRANSFER, 229, 150, 426, 226, ...TRANSFER, ...TRANSFER, ...TRANSFER],
  [...TRANSFER, 200, ...TRANSFER, ...TRANSFER, 200],
  [200, ...TRANSFER, 213, 214, 229, 550],
  [200, 200, 257, ...TRANSFER, 221],
].flat();

test.each(CLIENTS)('client, commands in the form $form, $level', ({ form, level }) =>
  shown(
    {
      peer: 'python3-gssapi client',
      levels: `${level}, data safe, private, clear`,
      operation: `commands with ${FORMS[form]}; STOR, RETR, types A and I, LIST, SIZE, HELP, wrong file, ABOR, CCC`,
      expected: 'same hashes',
    },
    async () => {
      const server = await startFtpServer({
        folder: served,
        timeout: LIMIT,
        mechanisms: [mechanism(its)],
        require: level,
        ccc: 'allowed',
        mayLogIn: (user, { clientName }) => clientName === its.principal && user === 'user',
      });
      const { code, output, complaint } = await run(
        PYTHON,
        [script('client.py'), '127.0.0.1', `${server.port}`, SERVICE, form, level],
        { environment: ownCache(inject('ftp'), 'client-cache'), folder: local, input: COMMANDS, limit: LIMIT },
      );
      await server.close();
      expect([complaint, code]).toEqual(['', 0]);
      const replies = output
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { level: string; code: number });
      expect(replies.map(reply => reply.code)).toEqual(CODES);
      const commands = server.noted.flatMap(it => (it.kind === 'command' ? [it] : []));
      const behindCcc = commands.slice(-4);
      expect(behindCcc.map(it => `${it.level} ${it.verb}`)).toEqual(
        ['PWD', 'EPSV', 'RETR', 'QUIT'].map(it => `clear ${it}`),
      );
      expect(new Set(commands.slice(0, -4).map(it => it.level))).toEqual(new Set([level]));
      expect(new Set(commands.flatMap(it => it.tolerated))).toEqual(new Set(form === 'mit' ? ['trailing-nul'] : []));
      for (const [one, other] of PAIRS) expect(hashOf(one), one).toBe(hashOf(other));
      expect(hashOf('local/odd.lines')).toBe(sha256(ODD_LINES));
      expect(readFileSync(join(local, 's.list'), 'latin1')).toContain('served.bin');
      return 'same hashes';
    },
  ),
);

const PAIRS = [
  ['local/local.bin', 'served/s.bin'],
  ['local/local.bin', 'served/p.bin'],
  ['local/local.bin', 'local/s.back'],
  ['local/local.bin', 'local/p.back'],
  ['local/empty', 'local/empty.back'],
  ['served/served.bin', 'local/s.served'],
  ['served/served.bin', 'local/c.served'],
  ['served/served.bin', 'local/after.ccc'],
  ['served/odd', 'local/odd.octets'],
  ['served/odd', 'served/odd.back'],
] as const;

function hashOf(path: string): string {
  return sha256(readFileSync(join(folder, path)));
}

// As server

const REPLIES = {
  mit: 'a token for each line, without CRLF',
  heimdal: 'a reply for each line, CRLF inside',
  whole: 'whole replies in one token, CRLF NUL',
} as const;
const SERVERS = LEVELS.flatMap(level =>
  (Object.keys(REPLIES) as (keyof typeof REPLIES)[]).map(form => ({ form, level })),
);

test.each(SERVERS)('server, replies in the form $form, $level', ({ form, level }) =>
  shown(
    {
      peer: 'python3-gssapi server',
      levels: `${level}, data ${level}`,
      operation: `${REPLIES[form]}; STOR, RETR, types A and I, REST, LIST, SIZE, MDTM, HELP, wrong file, CCC`,
      expected: 'same hashes',
    },
    async () => {
      const { environment } = inject('ftp');
      const child = spawn(PYTHON, [script('server.py'), served, form], { env: environment, timeout: LIMIT });
      const heard: { level: string; text: string }[] = [];
      const output = createInterface(child.stdout);
      const [port] = (await withTimeout(LIMIT, 'the port', once(output, 'line'))) as [string];
      output.on('line', line => heard.push(JSON.parse(line)));
      let complaint = '';
      child.stderr.on('data', text => (complaint += text));
      try {
        await useServer(Number(port), level, form === 'heimdal');
      } finally {
        child.kill();
      }
      await once(child, 'close');
      expect(complaint).toBe('');
      const verb = level === 'safe' ? 'MIC' : 'ENC';
      const ccc = heard.findIndex(({ text }) => text.startsWith('CCC'));
      const levels = (from: number, to: number) => [...new Set(heard.slice(from, to).map(it => it.level))];
      expect(levels(0, 2)).toEqual(['clear']);
      expect(levels(2, ccc + 1)).toEqual([verb]);
      expect(levels(ccc + 1, -1)).toEqual([form === 'heimdal' ? verb : 'clear']);
      return 'same hashes';
    },
  ),
);

async function useServer(port: number, level: Level, refusesCcc: boolean): Promise<void> {
  const client = await loggedIn(its, { port, level, bufferSize: 20_000 });
  const up = madeOctets(SIZE, 6);
  await client.uploadFrom(up.source, 'ours.bin'); // after TYPE I: this server, too, starts with type A
  const sent = up.hash();
  expect(hashOf('served/ours.bin')).toBe(sent);
  const down = hashing();
  await client.downloadTo(down.sink, 'ours.bin');
  expect(down.hash()).toBe(sent);
  const rest = hashing();
  await client.downloadTo(rest.sink, 'served.bin', 100_000);
  expect(rest.hash()).toBe(sha256(readFileSync(join(served, 'served.bin')).subarray(100_000)));
  await client.send('TYPE A');
  const lines = hashing();
  await client.downloadTo(lines.sink, 'odd');
  expect(lines.hash()).toBe(sha256(ODD_LINES));
  await client.uploadFrom(Readable.from([ODD_LINES]), 'odd.ours');
  expect(hashOf('served/odd.ours')).toBe(sha256(ODD));
  await client.send('TYPE I');
  expect((await client.list()).map(({ name }) => name)).toContain('served.bin');
  expect(await client.size('served.bin')).toBe(SIZE);
  expect((await client.lastMod('served.bin')).getTime()).toBeGreaterThan(0);
  expect((await client.send('HELP')).message.split('\n')).toHaveLength(4);
  await expect(client.downloadTo(hashing().sink, 'nothing')).rejects.toMatchObject({ code: 550 });
  if (refusesCcc) await expect(client.send('CCC')).rejects.toMatchObject({ code: 534 });
  else await client.send('CCC');
  expect(await client.pwd()).toBe('/');
  const after = hashing();
  await client.downloadTo(after.sink, 'ours.bin');
  expect(after.hash()).toBe(sent);
  await client.send('QUIT');
  client.close();
}
