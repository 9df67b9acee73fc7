/** `rfc2228 verify`: the table and the JSON lines, the exit statuses, and one line for every error. */
import { mkdtempSync, readFileSync, truncateSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { concatAll, copy, toHex, viewOf } from '../../src/bytes.js';
import { FINDING_RULES } from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { pcapFile, pcapOf, segmentsOf } from '../capture/helpers.js';
import { pskRecording } from './psk-recording.js';
import { capture, file, folder, keytabOf, ODD_KEYTAB, ONE_LINE, run, srvtabOf } from './run.js';

/** A file that takes no room on the disk. */
function sparse(name: string, length: number): string {
  const path = file(name, '');
  truncateSync(path, length);
  return path;
}

const keytab = (name: string) => ['--keytab', keytabOf(name)];
const recordsIn = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));

it.each([
  [0, 'everything is verified', 'krb5ftp-safe-aes256-sha1', true],
  [0, 'no line is protected', 'krb5ftp-noauth-plain', true],
  [1, 'a line has an error', 'probe-ftpd-aes256-sha1', true],
  [3, 'the key is missing', 'krb5ftp-safe-aes256-sha1', false],
])('exits with %i when %s', async (expected, _, name, keyed) => {
  const { status, stdout, stderr } = await run('verify', capture(name), ...(keyed ? keytab(name) : []));
  expect([status, stderr]).toEqual([expected, '']);
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^\d control connections?, \d+ lines; \d+ protected/);
});

it('leaves out of JSON what --errors and --summary leave out of the table; its times are in UTC in any case', async () => {
  const name = 'probe-ftpd-aes256-sha1';
  const args = ['verify', capture(name), ...keytab(name), '--json'];
  const all = await run(...args);
  const without = (isLeftOut: (record: { type: string; error?: unknown }) => boolean) => ({
    ...all,
    stdout: all.stdout
      .split(/(?<=\n)/)
      .filter(line => !isLeftOut(JSON.parse(line)))
      .join(''),
  });
  const isLine = (type: string) => type === 'message' || type === 'reply';
  const noLines = without(({ type }) => isLine(type));
  expect(noLines.stdout).toMatch(/^\{"type":"begin".*^\{"type":"summary"/ms);
  expect(await run(...args, '--summary')).toEqual(noLines);
  const wrong = without(({ type, error }) => isLine(type) && !error);
  expect(recordsIn(wrong.stdout).filter(({ type }) => type === 'message').length).toBeGreaterThan(1);
  expect(await run(...args, '--errors')).toEqual(wrong);
  expect(await run(...args, '--utc')).toEqual(all);
});

it('exits with 3, and says why, when there is nothing that it could look at', async () => {
  const name = 'krb5ftp-safe-aes256-sha1';
  const empty = file('empty.pcap', pcapFile([]));
  expect(await run('verify', empty)).toMatchObject({ status: 3, stderr: `rfc2228: ${empty}: no control connection\n` });
  const port = await run('verify', capture(name), ...keytab(name), '--port', '7');
  expect(port).toMatchObject({ status: 3, stderr: 'rfc2228: no connection has port 7\n' });
  expect(port.stdout).toContain('control connection');
  const only = await run('verify', capture(name), ...keytab(name), '--port', '7', '--only-port');
  expect(only).toMatchObject({ status: 3, stdout: expect.stringMatching(/^0 control connections/) });
  // Several recordings may have it in one of them.
  const text = file('other.txt', 'S> 220 hello\nC> QUIT\nS> 221 bye\n');
  const { control_port } = JSON.parse(readFileSync(capture(name).replace(/pcap$/, 'json'), 'utf8'));
  const both = await run('verify', text, capture(name), ...keytab(name), '--port', `${control_port}`);
  expect([both.status, both.stderr]).toEqual([0, '']);
  expect(await run('verify', capture(name), '--only-port')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--only-port needs --port'),
  });
});

it('exits with 3 where the exchange is missing, or TLS hides what was said, and says so in the table', async () => {
  const late = await run('verify', file('late.txt', 'C> MIC Zm9v\nS> 631 Zm9v\n'));
  expect(late).toMatchObject({ status: 3, stderr: '' });
  expect(late.stdout).toContain('no security association  the exchange is not in the capture\n');
  const start = 'S> 220 hello\nC> AUTH TLS\nS> 234 go on\n';
  const tls = await run('verify', file('tls.txt', `${start}C> \x16\x03\x01\x00\x02`));
  expect(tls).toMatchObject({ status: 3, stderr: '' });
  expect(tls.stdout).toContain('from here on TLS (RFC 4217): 7 octets');
  expect((await run('verify', file('no-tls.txt', `${start}C> USER me\n`))).status).toBe(1);
});

it('exits with 3 where a capture lacks the data of protected transfers, but not for a transcript, which never has them', async () => {
  const name = 'mit-client-abort';
  const path = capture(name);
  const { status, stdout, stderr } = await run('verify', path, ...keytab(name), '--json');
  expect([status, stderr]).toEqual([3, `rfc2228: ${path}: not in the capture: the data of 2 protected transfers\n`]);
  const records = recordsIn(stdout);
  expect(records.at(-1)).toMatchObject({ verified: 30, failed: 0, unkeyed: 0 });
  const spoken = records
    .filter(({ type }) => type === 'message')
    .map(({ from, wire, token, text }) => [from === 'client' ? 'C>' : 'S>', token === null ? text : wire, token ?? '']);
  const lines = spoken.map(([from, line, token]) => `${from} ${token === '' ? line : `${line.trimEnd()} ${token}`}`);
  const transcript = await run('verify', file('abort.txt', lines.join('\n')), ...keytab(name), '--json');
  expect([transcript.status, transcript.stderr]).toEqual([0, '']);
  expect(recordsIn(transcript.stdout).at(-1)).toMatchObject({ verified: 30, failed: 0 });
});

it('says how to find the data of a capture whose packets are not in the order of time', async () => {
  const name = 'heimdal-private-aes256-cts-hmac-sha384-192';
  const segments = segmentsOf(readFileSync(capture(name)));
  const [first] = segments;
  const isFirst = ({ source, destination }: Segment) =>
    [source, destination].sort().join() === [first!.source, first!.destination].sort().join();
  const path = file('parts.pcap', pcapOf([...segments.filter(isFirst), ...segments.filter(it => !isFirst(it))]));
  const { status, stderr } = await run('verify', path, ...keytab(name), '--summary');
  const missing = 'not in the capture: the data of 11 protected transfers';
  const remedy = 'its packets are not in the order of time: reordercap sorts them';
  expect([status, stderr]).toEqual([3, `rfc2228: ${path}: ${missing}; ${remedy}\n`]);
});

it('says that the capture has cut its packets, where something is missing', async () => {
  const name = 'heimdal-private-aes256-cts-hmac-sha384-192';
  const lengths: [length: number, status: number, stderr: RegExp][] = [
    [200, 1, /^rfc2228: \S+: packets are cut to 200 octets: capture them whole \(tcpdump -s 0\)\n$/],
    [3000, 3, /packets are cut to 3000 octets/], // control lines are whole, and files are not
    [65_535, 0, /^$/],
  ];
  for (const [length, expected, said] of lengths) {
    const path = file(`cut-${length}.pcap`, cutPackets(readFileSync(capture(name)), length));
    const { status, stderr } = await run('verify', path, ...keytab(name), '--summary');
    expect(stderr, `${length}`).toMatch(said);
    expect(status).toBe(expected);
  }
});

/** A pcap file in little-endian order as it would be with a snapshot length. */
function cutPackets(pcap: Uint8Array, length: number): Uint8Array {
  const view = viewOf(pcap);
  const parts = [pcap.subarray(0, 24)];
  for (let at = 24; at < pcap.length; at += 16 + view.getUint32(at + 8, true)) {
    const header = copy(pcap, at, at + 16);
    const kept = Math.min(length, view.getUint32(at + 8, true));
    viewOf(header).setUint32(8, kept, true);
    parts.push(header, pcap.subarray(at + 16, at + 16 + kept));
  }
  return concatAll(parts);
}

it('shows a table', async () => {
  const name = 'heimdal-safe-aes128-cts-hmac-sha1-96';
  const { stdout } = await run('verify', capture(name), ...keytab(name));
  expect(stdout).toContain('ftptester@HEIM.TEST → ftp/localhost@HEIM.TEST');
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{6} {2}1 {4}6 C {2}safe {10}verified {7}USER ftptester$/m);
});

it('takes a srvtab, and says that KERBEROS_V4 is weak, and why', async () => {
  const name = 'gssftp163-krb4-private';
  const { status, stdout, stderr } = await run('verify', capture(name), '--srvtab', srvtabOf(name));
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/ftptester@HEIM\.TEST → ftp\.ftphost@HEIM\.TEST {2}weak: single DES.*private messages/);
  expect(stdout).toMatch(/1 {2,3}\d+ C {2}private {7}verified {7}PWD {2}\[weak\]$/m);
  expect(stdout).toContain('119 protected: 119 verified, 0 failed, 0 without a key');
  expect((await run('verify', capture(name))).status).toBe(3);
});

it('takes a key by enctype number, and repeats no part of a wrong one', async () => {
  const name = 'probe-heimdal-nomutual';
  const key = toHex(parseKeytab(readFileSync(keytabOf(name))).find(({ enctype }) => enctype === 18)!.key);
  expect((await run('verify', capture(name), '--key', `18:${key}`)).status).toBe(0);
  for (const bad of [key, `18:${key}00`, `4711:${key}`, `18:${key.slice(1)}x`]) {
    const ran = await run('verify', capture(name), '--key', bad);
    expect(ran).toEqual(ONE_LINE);
    expect(ran.stderr).not.toContain(key.slice(1));
  }
});

it('tolerates no deviation with --strict', async () => {
  const name = 'krb5ftp-safe-aes256-sha1';
  expect((await run('verify', '--strict', capture(name), ...keytab(name))).status).toBe(1);
});

it('tolerates a deviation that is named, beside the usual ones or alone', async () => {
  const needed = ['integrity-under-632', 'unended-line-spans-outer'].flatMap(name => ['--tolerate', name]);
  const lines = async (...options: string[]) => {
    const { stdout } = await run('verify', '--json', capture('wzdftpd'), ...keytab('wzdftpd'), ...options);
    return recordsIn(stdout).filter(({ verdict, error }) => verdict === 'verified' && error !== null).length;
  };
  expect([await lines(), await lines('--strict')]).toEqual([15, 15]);
  expect([await lines(...needed), await lines('--strict', ...needed)]).toEqual([0, 0]);
  const wrong = await run('verify', capture('wzdftpd'), '--tolerate', 'everything');
  expect(wrong).toEqual(ONE_LINE);
  expect(wrong.stderr).toMatch(/^rfc2228: --tolerate must be one of .*integrity-under-632/);
});

it('uses the whole entries of a keytab that ends in other octets, and says so', async () => {
  const name = 'probe-heimdal-nomutual';
  const odd = file('newline.keytab', Buffer.concat([readFileSync(keytabOf(name)), Buffer.from('\n')]));
  const { status, stderr } = await run('verify', capture(name), '--keytab', odd);
  expect(status).toBe(0);
  expect(stderr).toMatch(ODD_KEYTAB);
});

it('numbers the connections of several files on, and ends with one summary', async () => {
  const names = ['probe-heimdal-nomutual', 'probe-heimdal-levels'];
  const { stdout, status } = await run('verify', '--json', ...names.map(capture), ...names.flatMap(keytab));
  const records = recordsIn(stdout);
  expect(status).toBe(1);
  expect(new Set(records.map(({ connection }) => connection))).toEqual(new Set([1, 2, undefined]));
  expect(records.filter(({ type }) => type === 'summary')).toEqual([
    expect.objectContaining({ connections: 2, protected: 41 }),
  ]);
  expect(records.at(-1).type).toBe('summary');
});

it('shows what a truncated file has, and says that it is truncated', async () => {
  const whole = readFileSync(capture('probe-heimdal-nomutual'));
  const { status, stdout, stderr } = await run('verify', file('cut.pcap', whole.subarray(0, -7)));
  expect(status).toBe(2);
  expect(stdout).toContain('1 control connection');
  expect(stderr).toMatch(/^rfc2228: .*cut\.pcap: syntax\/truncated: .*\n$/);
});

it('escapes control characters', async () => {
  const { stdout } = await run('verify', file('esc.txt', 'S> 220 \u001b[31mred\u0007 \u202e\n'));
  expect(stdout).toContain('220 \\u{1b}[31mred\\u{7} \\u{202e}');
});

const PLAIN = capture('krb5ftp-noauth-plain');

it.each([
  ['a file that is not a recording', () => [file('junk', 'junk')]],
  ['an empty file', () => [file('empty', '')]],
  [
    'a folder without a recording',
    () => [dirname(file(join(basename(mkdtempSync(join(folder, 'junk-'))), 'junk'), 'x'))],
  ],
  ['an empty folder', () => [mkdtempSync(join(folder, 'empty-'))]],
  ['a file larger than memory', () => [sparse('huge.pcap', 3 * 2 ** 30)]],
  ['a file that does not exist', () => [join(folder, 'none')]],
  ['no file', () => []],
  ['a wrong keytab', () => [PLAIN, '--keytab', file('no.keytab', 'x')]],
  ['a wrong srvtab', () => [PLAIN, '--srvtab', file('no.srvtab', 'x')]],
  ['an unknown option', () => [PLAIN, '--colour']],
  ['a port out of range', () => [PLAIN, '--port', '0']],
])('rejects %s in one line, with exit status 2', async (_, args) => {
  expect(await run('verify', ...args())).toEqual(ONE_LINE);
});

it('opens X-PSK with whichever shared key fits', async () => {
  const { key, lines } = await pskRecording();
  const recording = file('psk.txt', lines.join('\n'));
  const [own, other] = [file('own.hex', `${toHex(key)}\n`), file('other.hex', '00'.repeat(16))];
  const opened = await run('verify', recording, '--psk', other, '--psk', own);
  expect([opened.status, opened.stderr]).toEqual([0, '']);
  expect(opened.stdout).toMatch(/private +verified +PWD/);
  expect((await run('verify', recording, '--psk', other)).status).toBe(3);
  expect(await run('verify', recording, '--psk', file('short.hex', '00'))).toEqual(ONE_LINE);
});

it('lists findings at the end, the severe ones first, and --fail-on makes them errors', async () => {
  const name = 'heimdal-clear-aes128-cts-hmac-sha256-128';
  const verified = (...args: string[]) => run('verify', capture(name), ...keytab(name), ...args);
  const { status, stdout } = await verified();
  expect(status).toBe(0);
  const listed = stdout.split('\n').filter(line => /^(high|medium|low) /.test(line));
  expect(listed[0]).toMatch(/^high {4}password-unsealed {2}connection 1, line \d+: a password with integrity alone/);
  const severities = listed.map(line => line.split(' ')[0]);
  expect(severities).toEqual(
    [...severities].sort((a, b) => ['high', 'medium', 'low'].indexOf(a!) - ['high', 'medium', 'low'].indexOf(b!)),
  );
  expect((await verified('--fail-on', 'data-in-clear')).status).toBe(1);
  expect((await verified('--fail-on', 'replayed-token,data-truncated')).status).toBe(0);
  expect((await verified('--fail-on', 'replayed-token', '--fail-on', 'low')).status).toBe(1);
  expect((await verified('--fail-on', 'high')).status).toBe(1);
  const other = 'krb5ftp-otheruser-aes256-sha1';
  expect((await run('verify', capture(other), ...keytab(other), '--fail-on', 'medium')).status).toBe(0);
  expect((await run('verify', capture(other), ...keytab(other), '--fail-on', 'deviation/trailing-nul')).status).toBe(1);
  const unknown = await verified('--fail-on', 'everything');
  expect(unknown).toEqual(ONE_LINE);
  for (const rule of FINDING_RULES) expect(unknown.stderr).toContain(rule);
});
