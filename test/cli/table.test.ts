/** The table of `rfc2228 verify`: days and time zones, errors with what is around them, and the closing lines. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Closing } from '../../src/cli/closing.js';
import { runCommand } from '../../src/cli/command.js';
import { MissingKeys } from '../../src/cli/missing-keys.js';
import { capture, file, keytabOf, run } from './run.js';

const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
const ARGS = ['verify', capture(NAME), '--keytab', keytabOf(NAME)];

describe('times', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ['Asia/Kolkata', 'UTC+05:30', 330],
    ['America/St_Johns', 'UTC-03:30', -210],
    ['UTC', 'UTC', 0],
  ])('are those of the machine in %s', async (zone, named, minutes) => {
    const rows = async () =>
      (await run(...ARGS)).stdout
        .split('\n')
        .filter((_, i) => i !== 1)
        .slice(0, 2);
    vi.stubEnv('TZ', 'UTC');
    const [day, first] = await rows();
    vi.stubEnv('TZ', zone);
    const [ownDay, ownFirst] = await rows();
    expect(day).toMatch(/^2026-11-22 UTC$/);
    const own = new Date(Date.parse(`2026-11-22T${first!.slice(0, 8)}Z`) + 60_000 * minutes).toISOString();
    expect(ownDay).toBe(`${own.slice(0, 10)} ${named}`);
    expect(ownFirst).toBe(own.slice(11, 19) + first!.slice(8));
    const { stdout } = await run(...ARGS, '--utc');
    expect(stdout.split('\n').slice(0, 3)).toEqual([day, expect.stringMatching(/^time /), first]);
  });

  it('are left out where there are none', async () => {
    const { stdout } = await run('verify', file('plain.txt', 'S> 220 hello\nC> QUIT\nS> 221 bye\n'));
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      '# line by level         verdict        text',
      '1    1 S  clear         clear          220 hello',
    ]);
  });
});

it.each([72, 80, 100, 140])('is as wide as the terminal: %i columns', async columns => {
  let stdout = '';
  const write = (text: string) => (stdout += text);
  await runCommand([...ARGS, '--utc'], { stdout: { write, columns }, stderr: { write: () => undefined } });
  // Remarks in brackets are not cut, and are behind what was said.
  const said = stdout.split('\n').filter(line => /^\d\d:.* [CS] /.test(line) && !/ data of |\]$/.test(line));
  expect(said.length).toBeGreaterThan(100);
  expect(Math.max(...said.map(line => line.length))).toBe(columns);
  expect(said.find(line => line.includes('ADAT '))!.length).toBe(columns);
});

it('names the files of connections where there are several', async () => {
  const other = file('other.txt', 'S> 220 hello\nC> QUIT\nS> 221 bye\n');
  expect((await run(...ARGS, other)).stdout).toContain(`connection 2  ${other}  no security association`);
  expect((await run(...ARGS)).stdout).not.toContain(`connection 1  ${capture(NAME)}`);
});

it('names its columns once, above them', async () => {
  const lines = (await run(...ARGS, capture('probe-heimdal-nomutual'))).stdout.split('\n');
  const heads = lines.filter(line => /^time /.test(line));
  expect([heads.length, lines[1]]).toEqual([1, heads[0]]);
  const row = lines.find(line => line.endsWith('USER ftptester'))!;
  const values = { '#': '1', line: '   6', by: 'C', level: 'safe', verdict: 'verified', text: 'USER' };
  for (const [name, value] of Object.entries(values))
    expect([name, heads[0]!.indexOf(name)]).toEqual([name, row.indexOf(value, name === '#' ? 15 : 0)]);
  expect((await run(...ARGS, '--errors')).stdout).not.toMatch(/^time /m);
  expect((await run(...ARGS, '--summary')).stdout).not.toMatch(/^time /m);
});

describe('--errors', () => {
  it('shows what is wrong, and two rows around it', async () => {
    const ok = Array.from({ length: 10 }, (_, i) => `C> NOOP ${i}\nS> 200 ok ${i}\n`);
    const text = `S> 220 hello\n${ok.slice(0, 5).join('')}C> ENC x\nS> 503 no\n${ok.slice(5).join('')}`;
    const { status, stdout } = await run('verify', file('errors.txt', text), '--errors');
    expect(status).toBe(1);
    const rows = stdout.split('\n').filter(line => /^1 +\d+ [CS]/.test(line));
    expect(rows.map(row => row.slice(39))).toEqual([
      'NOOP 4',
      '200 ok 4',
      expect.stringMatching(/^ENC {2}\w+\/[\w-]+: /),
      '503 no',
      'NOOP 5',
    ]);
  });

  it('shows no row where nothing is wrong', async () => {
    const { status, stdout } = await run(...ARGS, '--errors');
    expect(status).toBe(0);
    expect(stdout).not.toMatch(/^.* 1 +\d* [CS] {2}/m);
    expect(stdout.split('\n')[0], 'no day without a row').toMatch(/^login: /);
    expect(stdout).toContain('114 verified');
  });
});

describe('the closing lines', () => {
  it('say who logged in, from where, and which files moved; --summary shows nothing else', async () => {
    const { status, stdout } = await run(...ARGS, '--summary');
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter(line => line.startsWith('login: '))).toEqual([
      expect.stringMatching(
        /^login: ftptester as ftptester@HEIM\.TEST by GSSAPI from 127\.0\.0\.1:\d+ {2}connection 1$/,
      ),
    ]);
    // The last file came under PROT C.
    const files = lines.filter(line => line.startsWith('file: '));
    expect(files.map(line => line.endsWith(': verified'))).toEqual([...Array(11).fill(true), false]);
    expect(files.at(-1)).toBe('file: RETR small.txt  connection 1: not protected');
    expect(lines).toContain('file: RETR bin20k.dat  connection 1, 20000 octets: verified');
    expect(lines.filter(line => !/^(login: |file: |high |medium |low |1 control connection)/.test(line))).toEqual([]);
  });

  it('name files that were not protected, and what failed', async () => {
    const plain = [
      'S> 220 hi',
      'C> USER me',
      'S> 230 in',
      'C> RETR a',
      'S> 150 go',
      'S> 226 done',
      'C> RETR b',
      'S> 550 no',
    ];
    const { stdout } = await run('verify', file('files.txt', plain.join('\n')), '--summary');
    expect(stdout).toContain('login: me  connection 1\n');
    expect(stdout).toContain('file: RETR a  connection 1: not protected\n');
    expect(stdout).not.toContain('RETR b');
    const name = 'curl733-mit163ftpd-safe-des3-cbc-sha1';
    const upload = await run('verify', capture(name), '--keytab', keytabOf(name), '--summary');
    expect(upload.stdout).toMatch(/^file: STOR from-curl\.txt .*22 octets: verified, but .*block of zero octets$/m);
  });

  it('say of a file that is not there only what is known', () => {
    const said = (client: string | null, ...more: object[]) => {
      const closing = new Closing();
      const answers = { message: 9, verb: 'STOR', argument: 'x' };
      const begun = { type: 'connection', connection: 1, mechanism: 'GSSAPI', client, client_name: null };
      const done = { type: 'reply', connection: 1, code: 226, answers, user: null, protection: 'private' };
      for (const record of [begun, ...more, done]) closing.add(record as never);
      return closing;
    };
    const missing = { type: 'finding', connection: 1, rule: 'data-not-captured', messages: [9, 11] };
    const captured = said('192.0.2.1:40000');
    // Between two servers, the other control connection has the record.
    expect(captured.lines).toEqual([]);
    captured.add(missing as never);
    expect(captured.lines).toEqual(['file: STOR x  connection 1: not in the capture']);
    expect(said(null).lines).toEqual(['file: STOR x  connection 1: not in the capture']);
    const tls = { code: 'security/no-key', message: 'TLS of its own' };
    const data = {
      type: 'data',
      connection: 1,
      message: 9,
      command: 'STOR',
      name: 'x',
      bytes: null,
      verdict: 'unkeyed',
    };
    const opened = (problem: object | null) => said('192.0.2.1:40000', { ...data, problem, error: null, whole: false });
    expect(opened(tls).lines).toEqual(['file: STOR x  connection 1: unkeyed: TLS of its own']);
    expect(opened(null).lines).toEqual(['file: STOR x  connection 1: unkeyed, but not whole in the capture']);
  });

  it('name no key of an exchange that did not get so far that it is known', () => {
    const lines = ['krb5', 'krb4', 'gsi', null].flatMap(variant => {
      const missing = new MissingKeys();
      const known = { type: 'connection', mechanism: 'GSSAPI', variant, keyed: false, server_name: null };
      missing.add({ ...known, problem: { code: 'security/no-key', message: 'no key' }, facts: {} } as never);
      return missing.lines;
    });
    expect(lines).toEqual([]);
  });

  it('show the first of very many, and how many are left', async () => {
    const transfers = Array.from({ length: 60 }, (_, i) => `C> RETR f${i}\nS> 226 done`);
    const { stdout } = await run('verify', file('many.txt', ['S> 220 hi', ...transfers].join('\n')), '--summary');
    expect(stdout).toContain('file: RETR f49  ');
    expect(stdout).not.toContain('file: RETR f50  ');
    expect(stdout).toContain('and 10 more files without protection\n');
  });
});
