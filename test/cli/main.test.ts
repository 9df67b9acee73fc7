/** The built command as a process: what only a process has, its arguments, streams and exit status. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { capture, keytabOf, ROOT } from './run.js';

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
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{6} {2}1 {4}6 C {2}safe {10}verified {7}USER ftptester$/m);
  expect(stdout).not.toContain('\u001b');
});

it('writes errors to standard error', () => {
  expect(start(['fly'])).toEqual({ status: 2, stdout: '', stderr: 'rfc2228: no command "fly" (see rfc2228 --help)\n' });
});

it('reads lines from standard input, and continues after a bad one', () => {
  const { status, stdout } = start(['decode', '-'], 'NOOP\r\nMIC Zm9*\r\n\r\n220 hi');
  expect(status).toBe(1);
  expect(stdout).toMatch(
    /NOOP: .*\nline 2: syntax\/bad-base64 at octet 7: argument of MIC: bad base 64: character.*\nline 3: syntax\/bad-command.*\n220 /,
  );
});

it('takes the line ends of a text file as they are', () => {
  const { status, stdout } = start(['decode'], '\nMIC Zm9v\n\n220 hi\n');
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^MIC: [\s\S]*\n220 /)]);
  expect(stdout).not.toContain('deviation');
  expect(start(['decode'], 'MIC Zm9v\n220 hi\r\n').stdout).toContain('bare-lf');
});

it('numbers the lines of a text file with its blank lines', () => {
  expect(start(['decode'], '\nNOOP\n\n  \nMIC Zm9*\n').stdout).toMatch(/^NOOP: .*\nline 5: syntax\/bad-base64 /);
});

it.each(['', '\n'])('needs a line to decode', input => {
  const stderr = 'rfc2228: decode needs a line (see rfc2228 decode --help)\n';
  expect(start(['decode'], input)).toEqual({ status: 2, stdout: '', stderr });
});

it('ends quietly, and not with success, when its reader closes the pipe early', () => {
  const many = Array(40).fill(capture('gssftp163-krb4-private'));
  const pipeline = `"$0" "$@" | head -n 1; exit "\${PIPESTATUS[0]}"`;
  const args = ['-c', pipeline, process.execPath, MAIN, 'verify', '--json', ...many];
  const { status, stdout, stderr } = spawnSync('bash', args, { cwd: ROOT, encoding: 'utf8' });
  expect([status, stderr]).toEqual([141, '']); // as by SIGPIPE
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
});
