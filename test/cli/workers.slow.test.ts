/** Many recordings verified by workers: the same results in the same order, and a failure that stays with its file. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { TranscriptRecord } from '../../src/capture/index.js';
import { ParallelVerifier } from '../../src/cli/verifiers.js';
import { pcapFile } from '../capture/helpers.js';
import { capture, file, folder, keytabOf, ROOT, run } from './run.js';

const NAMES = ['heimdal-safe-aes128-cts-hmac-sha1-96', 'krb5ftp-safe-aes256-sha1', 'gssftp163-krb4-private'];
const KEYS = NAMES.slice(0, 2).flatMap(name => ['--keytab', keytabOf(name)]);

function directoryOfMany(): string {
  const directory = join(folder, 'many');
  mkdirSync(directory);
  for (const [i, name] of [...NAMES, ...NAMES].entries())
    writeFileSync(join(directory, `${i}.pcap`), readFileSync(capture(name)));
  writeFileSync(join(directory, '1b.txt'), 'S> 220 ready\nC> QUIT\nS> 221 bye\n');
  writeFileSync(join(directory, '2b.keytab'), 'no recording');
  return directory;
}

it('gives the same as one thread, in the same order, whatever the files are', async () => {
  const names = [
    directoryOfMany(),
    join(folder, 'none.pcap'),
    file('link.pcap', pcapFile([{ time: 0n, data: Uint8Array.of(1) }], { linkType: 195 })),
    file('junk.pcap', 'junk'),
    capture(NAMES[0]!),
  ];
  for (const options of [['--json'], ['--utc'], ['--summary', '--fail-on', 'low'], ['--json', '--port', '99']]) {
    const args = ['verify', ...names, ...KEYS, ...options];
    const [one, several] = [await run(...args, '--jobs', '1'), await run(...args, '--jobs', '3')];
    expect(several).toEqual(one);
    expect(one.stdout.length).toBeGreaterThan(1000);
  }
});

it('gives the keys of a pipe, and of a password, to every worker', () => {
  const name = NAMES[0]!;
  const command = `"$0" dist/cli/main.js verify "$1" "$1" "$1" --jobs 2 --summary --keytab <(cat "$2")`;
  const args = ['-c', command, process.execPath, capture(name), keytabOf(name)];
  const { status, stdout, stderr } = spawnSync('bash', args, { cwd: ROOT, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain('342 verified');
});

it.each(['0', '-1', '1.5', 'two'])('refuses --jobs %s', async jobs => {
  expect(await run('verify', capture(NAMES[0]!), `--jobs=${jobs}`)).toMatchObject({ status: 2, stdout: '' });
});

it('keeps the failure of a worker at its file', async () => {
  const session = 'S> 220 ready\nC> QUIT\nS> 221 bye\n';
  const names = ['a.txt', 'throw.txt', 'b.txt', 'exit.txt', 'c.txt', 'd.txt'];
  const recordings = names.map(name => [{ file: file(name, session), directory: undefined }]);
  const keys = { keytab: [], key: [], 'password-stdin': false, srvtab: [], keylog: [], 'rsa-key': [], psk: [] };
  const start = {
    keys,
    keyFiles: new Map(),
    options: { hashes: false },
    shared: new Int32Array(new SharedArrayBuffer(12)),
  };
  const url = new URL('failing-worker.mjs', import.meta.url);
  const verifier = new ParallelVerifier(recordings, start, { count: 0 }, url);
  const found: unknown[] = [];
  for (const index of recordings.keys()) {
    const records: TranscriptRecord[] = [];
    const receiver = { record: (record: TranscriptRecord) => records.push(record), read: () => undefined };
    const outcome = await verifier.verify(index, receiver);
    found.push([outcome?.problem?.record ?? null, records.filter(({ type }) => type === 'message').length]);
  }
  verifier.close();
  expect(found).toEqual([
    [null, 3],
    [{ code: 'internal', message: 'RangeError: out of range' }, 0],
    [null, 3],
    [{ code: 'internal', message: 'Error: a worker ended with exit code 7' }, 0],
    [null, 3],
    [null, 3],
  ]);
});

it('leaves whole results of what was begun at Ctrl-C', { timeout: 60_000 }, async () => {
  const names = Array.from({ length: 400 }, (_, i) => capture(NAMES[i % 2]!));
  const args = ['dist/cli/main.js', 'verify', '--json', '--jobs', '2', ...names, ...KEYS];
  const process_ = spawn(process.execPath, args, { cwd: ROOT });
  let [stdout, stderr] = ['', ''];
  process_.stderr.on('data', text => (stderr += text));
  process_.stdout.on('data', text => {
    if (stdout === '') process_.kill('SIGINT');
    stdout += text;
  });
  const status = await new Promise(resolve => process_.on('close', resolve));
  expect([status, stderr]).toEqual([130, 'rfc2228: interrupted; the rest was not read\n']);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  const files = records.filter(({ type }) => type === 'file');
  expect(files.map(({ file }) => file)).toEqual(names);
  const errors = files.map(({ error }) => error?.code);
  expect(new Set(errors)).toEqual(new Set([undefined, 'unfinished']));
  const sum = (name: string) => files.reduce((sum, it) => sum + it[name], 0);
  expect(records.at(-1)).toMatchObject({ type: 'summary', messages: sum('messages'), verified: sum('verified') });
  expect(records.filter(({ type }) => type === 'message')).toHaveLength(sum('messages'));
});
