/** The built command as a process: what only a process has, its arguments, streams and exit status. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { capture, folder, keytabOf, ROOT } from './run.js';

const MAIN = 'dist/cli/main.js';

function start(args: string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    input,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  return { status, stdout, stderr };
}

it('writes to standard output, without colours where that is no terminal, and exits with the status', () => {
  const name = 'heimdal-safe-aes128-cts-hmac-sha1-96';
  const { status, stdout, stderr } = start(['verify', capture(name), '--keytab', keytabOf(name)]);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{6} {2}1 C {2}safe {10}verified {7}USER ftptester$/m);
  expect(stdout).not.toContain('\u001b');
});

it('writes errors to standard error', () => {
  expect(start(['fly'])).toEqual({ status: 2, stdout: '', stderr: 'rfc2228: no command "fly" (see rfc2228 --help)\n' });
});

it('reads lines from standard input, and continues after a bad one', () => {
  const { status, stdout } = start(['decode', '-'], 'NOOP\r\nMIC Zm9*\r\n\r\n220 hi');
  expect(status).toBe(1);
  expect(stdout).toMatch(/NOOP: .*\nsyntax\/bad-base64 at octet 7: character.*\nsyntax\/bad-command.*\n220 /);
});

it('ends with success when its reader closes the pipe early', () => {
  const many = Array(40).fill(capture('gssftp163-krb4-private'));
  const pipeline = `"$0" "$@" | head -n 1; exit "\${PIPESTATUS[0]}"`;
  const args = ['-c', pipeline, process.execPath, MAIN, 'verify', '--json', ...many];
  const { status, stdout, stderr } = spawnSync('bash', args, { cwd: ROOT, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
});

it('writes one fuzz case to a file, named by its content, and an index that describes each', () => {
  const seeds = join(folder, 'seeds');
  const { status, stdout } = start(['fuzz', 'corpus', seeds, '--seed', '7']);
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
