/** The command as a process: its output, its exit statuses, and one line for every fault. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { OPTIONS } from '../../src/cli/fuzz/options.js';
import { LAYERS } from '../../src/fuzz/mutation.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CAPTURES = join(ROOT, 'vectors/captures');
const folder = mkdtempSync(join(tmpdir(), 'rfc2228-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run(args: string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: ROOT,
    input,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  return { status, stdout, stderr };
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A file that takes no room. */
function sparse(name: string, length: number): string {
  const path = file(name, '');
  truncateSync(path, length);
  return path;
}

const capture = (name: string) => join(CAPTURES, `${name}.pcap`);
const keytab = (name: string) => ['--keytab', join(CAPTURES, `${name}.keytab`)];

describe('verify', () => {
  it.each([
    ['all verified', 'krb5ftp-safe-aes256-sha1', true, 0],
    ['no protected line at all', 'krb5ftp-noauth-plain', true, 0],
    ['a line with an error', 'probe-ftpd-aes256-sha1', true, 1],
    ['no key', 'krb5ftp-safe-aes256-sha1', false, 3],
  ])('%s', (_, name, keyed, expected) => {
    const { status, stdout, stderr } = run(['verify', capture(name), ...(keyed ? keytab(name) : [])]);
    expect([status, stderr]).toEqual([expected, '']);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^\d control connections?, \d+ lines; \d+ protected/);
  });

  it('shows a table without colours where nobody looks', () => {
    const name = 'heimdal-safe-aes128-cts-hmac-sha1-96';
    const { stdout } = run(['verify', capture(name), ...keytab(name)]);
    expect(stdout).toContain('ftptester@HEIM.TEST → ftp/localhost@HEIM.TEST');
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{6} {2}1 C {2}safe {10}verified {7}USER ftptester$/m);
    expect(stdout).not.toContain('\u001b');
  });

  it('takes a srvtab, and says that KERBEROS_V4 is weak, and why', () => {
    const name = 'gssftp163-krb4-private';
    const srvtab = ['--srvtab', join(CAPTURES, `${name}.srvtab`)];
    const { status, stdout, stderr } = run(['verify', capture(name), ...srvtab]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/ftptester@HEIM\.TEST → ftp\.ftphost@HEIM\.TEST {2}weak: single DES.*private messages/);
    expect(stdout).toMatch(/1 C {2}private {7}verified {7}PWD {2}\[weak\]$/m);
    expect(stdout).toContain('119 protected: 119 verified, 0 failed, 0 without a key');
    expect(run(['verify', capture(name)]).status).toBe(3);
  });

  it('takes a key itself, and does not repeat it', () => {
    const { stdout } = run(['keytab', join(CAPTURES, 'probe-heimdal-nomutual.keytab')]);
    expect(stdout).toMatch(/aes256-cts-hmac-sha1-96 {2}ftp\//);
    const bytes = readFileSync(join(CAPTURES, 'probe-heimdal-nomutual.keytab'));
    const at = bytes.indexOf(Buffer.from([0, 18, 0, 32])) + 4;
    const key = bytes.subarray(at, at + 32).toString('hex');
    expect(stdout).not.toContain(key);
    expect(run(['verify', capture('probe-heimdal-nomutual'), '--key', `18:${key}`]).status).toBe(0);
    for (const bad of [key, `18:${key}00`, `4711:${key}`, `18:${key.slice(1)}x`]) {
      const { status, stderr } = run(['verify', capture('probe-heimdal-nomutual'), '--key', bad]);
      expect(status).toBe(2);
      expect(stderr).not.toContain(key.slice(1));
    }
  });

  it('is strict when asked', () => {
    const name = 'krb5ftp-safe-aes256-sha1';
    expect(run(['verify', '--strict', capture(name), ...keytab(name)]).status).toBe(1);
  });

  it('counts connections on over several files, with one summary', () => {
    const names = ['probe-heimdal-nomutual', 'probe-heimdal-levels'];
    const { stdout, status } = run(['verify', '--json', ...names.map(capture), ...names.flatMap(keytab)]);
    const records = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(status).toBe(1);
    expect(new Set(records.map(({ connection }) => connection))).toEqual(new Set([1, 2, undefined]));
    expect(records.filter(({ type }) => type === 'summary')).toEqual([
      expect.objectContaining({ connections: 2, protected: 41 }),
    ]);
    expect(records.at(-1).type).toBe('summary');
  });

  it('shows what a cut file has, and says that it is cut', () => {
    const whole = readFileSync(capture('probe-heimdal-nomutual'));
    const { status, stdout, stderr } = run(['verify', file('cut.pcap', whole.subarray(0, -7))]);
    expect(status).toBe(2);
    expect(stdout).toContain('1 control connection');
    expect(stderr).toMatch(/^rfc2228: .*cut\.pcap: syntax\/truncated: .*\n$/);
  });

  it('makes nothing of control characters', () => {
    const { stdout } = run(['verify', file('esc.txt', 'S> 220 \u001b[31mred\u0007 \u202e\n')]);
    expect(stdout).toContain('220 \\u{1b}[31mred\\u{7} \\u{202e}');
  });

  it.each([
    ['a file that is none', () => [file('junk', 'junk')]],
    ['an empty file', () => [file('empty', '')]],
    ['an empty folder', () => [mkdtempSync(join(folder, 'empty-'))]],
    [
      'a folder without a recording',
      () => [dirname(file(join(basename(mkdtempSync(join(folder, 'junk-'))), 'junk'), 'x'))],
    ],
    ['a file larger than memory', () => [sparse('huge.pcap', 3 * 2 ** 30)]],
    ['no such file', () => [join(folder, 'none')]],
    ['no file', () => []],
    ['a keytab that is none', () => [capture('krb5ftp-noauth-plain'), '--keytab', file('no.keytab', 'x')]],
    ['a srvtab that is none', () => [capture('krb5ftp-noauth-plain'), '--srvtab', file('no.srvtab', 'x')]],
    ['an option that is none', () => [capture('krb5ftp-noauth-plain'), '--colour']],
    ['a port that is none', () => [capture('krb5ftp-noauth-plain'), '--port', '0']],
  ])('%s: one line, status 2', (_, args) => {
    const { status, stderr, stdout } = run(['verify', ...args()]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^rfc2228: [^\n]+\n$/);
    expect(stderr).not.toContain('internal error');
  });
});

describe('decode', () => {
  it.each([
    ['MIC BQQE/wAMAAwAAAAAGeXPAo/lqtyAG9eL4Fn6vlVTRVIgZnRwdGVzdGVy', ['level safe', 'wrap', 'rrc']],
    [
      '632-BQQH/wAAABwAAAAAPVTxk8/pqEK7jBmSUR5XpBykpIZxoxeQCWTlB6SXIkIWhpJ0D4llCkRI208p6cSlaya8ZO4diJM=',
      ['private', 'multi-line', 'sealed'],
    ],
    ['235 ADAT=BA4AAAAEAABoDbUKTQACawLMHjMsqDlWitmsCLFhNXjnARA=', ['safe message', 'weak                 true']],
    ['633 Zm9v', ['confidential', '3 octets', 'not known here']],
    ['335 ADAT=', ['positive intermediate', '0 octets']],
    ['235 done', ['positive completion']],
    ['530 no', ['permanent negative', 'authentication']],
    ['PASS secret', ['in the clear', 'secret']],
    ['NOOP', ['no argument']],
  ])('%s', (line, words) => {
    const { status, stdout } = run(['decode', ...line.split(' ')]);
    expect(status).toBe(0);
    for (const word of words) expect(stdout.toLowerCase()).toContain(word.toLowerCase());
  });

  it('reads lines from standard input, and goes on after a bad one', () => {
    const { status, stdout } = run(['decode', '-'], 'NOOP\r\nMIC Zm9*\r\n\r\n220 hi');
    expect(status).toBe(1);
    expect(stdout).toMatch(/NOOP: .*\nsyntax\/bad-base64 at octet 7: character.*\nsyntax\/bad-command.*\n220 /);
  });

  it('opens the frame of security data', () => {
    const text = readFileSync(capture('probe-heimdal-nomutual')).toString('latin1');
    const adat = /ADAT [A-Za-z0-9+/=]{100,}/.exec(text)![0];
    expect(run(['decode', adat]).stdout).toMatch(/AP-REQ[\s\S]*ftp\//);
  });
});

describe('code', () => {
  it.each([
    ['534', /permanent negative/],
    ['110', /another reply follows/],
    ['631', /protected/],
    ['10054', /winsock/],
    ['999', /unknown/],
  ])('%s', (number, expected) => {
    const { status, stdout } = run(['code', number]);
    expect([status, expected.test(stdout)]).toEqual([0, true]);
  });

  it('wants a number', () => {
    expect(run(['code', 'x']).status).toBe(2);
    expect(run(['code']).status).toBe(2);
  });
});

describe('fuzz corpus', () => {
  it('writes one case per file, named by its content, and tells what each is', () => {
    const seeds = join(folder, 'seeds');
    const { status, stdout } = run(['fuzz', 'corpus', seeds, '--seed', '7']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/client: \d{4} files\n.*server: \d{4} files\n.*data: \d+ files\n/);
    expect(stdout).toMatch(/server-exchange: \d{3} files\n.*client-exchange: \d{3} files\n$/);
    const index = readFileSync(join(seeds, 'index.jsonl'), 'utf8').trim().split('\n');
    for (const line of index) {
      const { file, keys, case: its } = JSON.parse(line);
      const [, name] = file.split('/');
      const octets = readFileSync(join(seeds, file));
      expect(createHash('sha256').update(octets).digest('hex').startsWith(name)).toBe(true);
      expect(keys).toMatch(/key [0-9a-f]+/);
      if (its.layer === 'phases' && its.to === 'server') expect(its.owed[0]).toBeGreaterThanOrEqual(431);
      else expect(its.expected.verdict).toMatch(/^(accept|refuse|either)$/);
    }
    expect(readdirSync(seeds, { recursive: true }).length).toBe(index.length + 6);
  });

  it('touches no directory that has something in it', () => {
    const { status, stderr } = run(['fuzz', 'corpus', folder]);
    expect([status, stderr]).toEqual([2, `rfc2228: ${folder} is not empty\n`]);
  });

  it.each([
    [],
    ['corpus'],
    ['corpse', 'x'],
    ['corpus', 'x', 'y'],
    ['corpus', 'x', '--seed', '-1'],
    ['corpus', 'x', '--seed=a'],
  ])('says what is wrong with fuzz %j', (...args) => {
    const { status, stderr } = run(['fuzz', ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^rfc2228: [^\n]+\n$/);
  });
});

describe('help', () => {
  it.each([
    ['--help'],
    ['help', 'verify'],
    ['verify', '--help'],
    ['decode', '-h'],
    ['code', '--help'],
    ['keytab', '--help'],
  ])('%s %s', (...args) => {
    const { status, stdout } = run(args);
    expect(status).toBe(0);
    expect(stdout).toContain('rfc2228 ');
  });

  it('names every option of fuzz, and every layer', () => {
    const { stdout } = run(['fuzz', '--help']);
    const ofOneSide = ['user', 'password-file', 'listen', 'at'];
    for (const name of [...Object.keys(OPTIONS), ...ofOneSide]) expect(stdout).toMatch(new RegExp(`--${name}\\b`));
    const layers = /--only LAYER ([^;]*);/.exec(stdout)![1]!;
    for (const layer of LAYERS.filter(it => it !== 'data')) expect(layers).toMatch(new RegExp(`\\b${layer}\\b`));
  });

  it('is pointed to by complaints', () => {
    expect(run(['fuzz', 'server']).stderr).toMatch(/ \(see rfc2228 fuzz --help\)\n$/);
  });

  it('has a version, and no command has none', () => {
    expect(run(['--version']).stdout).toBe('0.1.0\n');
    expect(run([]).status).toBe(2);
    expect(run(['fly']).stderr).toBe('rfc2228: no command "fly" (see rfc2228 --help)\n');
  });
});
