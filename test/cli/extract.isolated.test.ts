/** `rfc2228 verify --extract`: files under safe names, a manifest, and nothing that is not whole. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DataRecord, TransferSink } from '../../src/capture/index.js';
import { ExtractDirectory } from '../../src/cli/extract.js';
import { capture, file, folder, keytabOf, ONE_LINE, run } from './run.js';

/** What the file system refuses. */
const failing = vi.hoisted(() => ({
  write: (_name: string): boolean => false,
  link: false,
  names: new Map<number, string>(),
}));

vi.mock('node:fs', async importOriginal => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const refuse = (code: string, why: string) => Object.assign(new Error(`${code}: ${why}`), { code });
  return {
    ...fs,
    openSync: (...args: Parameters<typeof fs.openSync>) => {
      const descriptor = fs.openSync(...args);
      failing.names.set(descriptor, String(args[0]));
      return descriptor;
    },
    writeSync: (descriptor: number, octets: Uint8Array, at: number) => {
      if (failing.write(failing.names.get(descriptor) ?? '')) throw refuse('EFBIG', 'file too large');
      return fs.writeSync(descriptor, octets, at);
    },
    linkSync: (...args: Parameters<typeof fs.linkSync>) => {
      if (failing.link) throw refuse('EPERM', 'operation not permitted');
      fs.linkSync(...args);
    },
  };
});

afterEach(() => Object.assign(failing, { write: () => false, link: false }));

const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
const UPLOADS = 'curl733-mit163ftpd-safe-des3-cbc-sha1';

let made = 0;
const newDirectory = () => join(folder, `extract-${made++}`);

const manifestOf = (directory: string, name = 'manifest.jsonl') =>
  readFileSync(join(directory, name), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));

it('writes the files of a session, with their names, and a manifest of all', async () => {
  const directory = newDirectory();
  const { status, stderr } = await run('verify', capture(NAME), '--keytab', keytabOf(NAME), '--extract', directory);
  expect([status, stderr]).toEqual([0, '']);
  const manifest = manifestOf(directory);
  expect(manifest).toHaveLength(11);
  for (const { file, octets, sha256, verdict, user, connection, recording } of manifest) {
    const content = readFileSync(join(directory, file));
    expect([content.length, createHash('sha256').update(content).digest('hex')]).toEqual([octets, sha256]);
    expect([verdict, user, connection, recording]).toEqual(['verified', 'ftptester', 1, capture(NAME)]);
  }
  expect(readdirSync(directory).sort()).toEqual(['manifest.jsonl', ...manifest.map(it => it.file)].sort());
});

it('keeps nothing of a file without its end, and says so in the manifest', async () => {
  const directory = newDirectory();
  const { status } = await run('verify', capture(UPLOADS), '--keytab', keytabOf(UPLOADS), '--extract', directory);
  expect(status).toBe(1);
  const [upload] = manifestOf(directory).filter(({ command }) => command === 'STOR');
  expect(upload).toMatchObject({ file: null, name: 'from-curl.txt', octets: 22, error: { code: 'syntax/truncated' } });
  expect(readdirSync(directory)).not.toContain('from-curl.txt');
  expect(readdirSync(directory).filter(name => name.endsWith('.part'))).toEqual([]);
});

it('overwrites nothing when it is run again', async () => {
  const directory = newDirectory();
  const args = ['verify', capture(NAME), '--keytab', keytabOf(NAME), '--extract', directory];
  await run(...args);
  const first = readdirSync(directory);
  const contents = first.map(name => readFileSync(join(directory, name)));
  expect((await run(...args)).status).toBe(0);
  expect(readdirSync(directory)).toHaveLength(2 * first.length);
  expect(first.map(name => readFileSync(join(directory, name)))).toEqual(contents);
  expect(manifestOf(directory, 'manifest-2.jsonl')).toHaveLength(11);
});

it('says in one line that the directory is a file', async () => {
  expect(await run('verify', capture(NAME), '--extract', file('no-directory', ''))).toEqual(ONE_LINE);
});

describe('a file that can not be written', () => {
  const args = (directory: string) =>
    ['verify', capture(NAME), '--keytab', keytabOf(NAME), '--json'].concat('--extract', directory);
  const partsIn = (directory: string) => readdirSync(directory).filter(name => name.endsWith('.part'));

  it('changes nothing in the transcript, is in the manifest with the reason, and leaves no part', async () => {
    const expected = await run(...args(newDirectory()));
    const directory = newDirectory();
    failing.write = name => name.endsWith('.part');
    const { status, stdout, stderr } = await run(...args(directory));
    expect([status, stdout]).toEqual([2, expected.stdout]);
    expect(stderr).toMatch(/^(rfc2228: .*\.part: EFBIG: file too large\n)+(rfc2228: .*1 more errors.*\n)?$/);
    const manifest = manifestOf(directory);
    expect(manifest).toHaveLength(11);
    const failed = manifest.filter(({ octets }) => octets > 0);
    expect(failed.map(({ file, error }) => [file, error.code])).toEqual(failed.map(() => [null, 'unwritable']));
    expect(partsIn(directory)).toEqual([]);
  });

  it('is an error even if only the manifest is concerned', async () => {
    failing.write = name => name.endsWith('manifest.jsonl');
    const { status, stderr } = await run(...args(newDirectory()));
    expect(status).toBe(2);
    expect(stderr).toContain('manifest.jsonl: EFBIG');
  });

  it('is copied where the file system has no links', async () => {
    const directory = newDirectory();
    failing.link = true;
    expect((await run(...args(directory))).status).toBe(0);
    for (const { file, octets } of manifestOf(directory))
      expect(readFileSync(join(directory, file))).toHaveLength(octets);
    expect(partsIn(directory)).toEqual([]);
  });
});

it('says in the manifest which part of a file was transferred', () => {
  const directory = newDirectory();
  const extract = new ExtractDirectory(directory);
  for (const offset of [0, 1000, null]) {
    const transfer = {
      name: 'a',
      command: 'RETR',
      connection: 1,
      from: 'server',
      user: null,
      level: 'safe',
      offset,
    } as const;
    const sink = extract.sink(transfer, 'a.pcap', 0);
    sink.end({ ...transfer, verdict: 'verified', whole: true, error: null } as DataRecord);
  }
  extract.close(process.stderr);
  expect(manifestOf(directory).map(({ offset, partial }) => [offset, partial])).toEqual([
    [0, false],
    [1000, true],
    [null, true],
  ]);
});

describe('a name', () => {
  const known = { connection: 2, verdict: 'verified', error: null, lost: 0, command: 'RETR', offset: 0 } as const;
  const whole = { ...known, whole: true } as unknown as DataRecord;

  function extracted(
    directory: string,
    name: string | null,
    record: Partial<DataRecord> = {},
    command = 'RETR',
  ): string | null {
    const extract = new ExtractDirectory(directory);
    const about = { connection: 2, from: 'server', user: null, level: 'safe' } as const;
    const transfer = { ...about, name, command, offset: 0 };
    const sink: TransferSink = extract.sink(transfer, 'a.pcap', 3);
    sink.write(Uint8Array.of(1, 2));
    sink.write(Uint8Array.of(3));
    sink.end({ ...whole, ...record, name });
    extract.close(process.stderr);
    const manifest = readdirSync(directory).filter(it => it.startsWith('manifest'));
    const [entry] = manifestOf(directory, manifest.at(-1));
    expect(entry).toMatchObject({ name, connection: 5, recording: 'a.pcap' });
    return entry.file;
  }

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['/absolute/file.txt', 'file.txt'],
    ['..\\..\\windows\\file.txt', 'file.txt'],
    ['..', 'retr'],
    ['.hidden', 'hidden'],
    ['-rf', 'rf'],
    ['a b\0\u001b[31m;c', 'a_b___31m_c'],
    ['Grüße', 'Gr__e'],
    ['', 'retr'],
    [null, 'retr'],
    ['con.txt', '_con.txt'],
    ['manifest.jsonl', '_manifest.jsonl'],
    [`${'x'.repeat(300)}.bin`, `${'x'.repeat(96)}.bin`],
    ['trailing...', 'trailing'],
    [`a${'.'.repeat(300)}b`, 'b'],
    [`..${'x'.repeat(300)}`, 'x'.repeat(100)],
  ])('%j becomes %j', (name, expected) => {
    const directory = newDirectory();
    expect(extracted(directory, name)).toBe(expected);
    expect([...readFileSync(join(directory, expected))]).toEqual([1, 2, 3]);
    expect(readdirSync(directory).sort()).toEqual([expected, 'manifest.jsonl'].sort());
  });

  it.each([
    ['LIST', '-a', 'list'],
    ['NLST', '-l -a', 'nlst'],
    ['LIST', '-la pub/new files', 'new_files'],
    ['LIST', 'pub/-a', 'a'],
    ['RETR', '-a', 'a'],
  ])('%s %s becomes %s: options of a listing are no name', (command, name, expected) => {
    expect(extracted(newDirectory(), name, {}, command)).toBe(expected);
  });

  it('that is taken gets a number, also where a link is in its place', () => {
    const directory = newDirectory();
    mkdirSync(directory);
    const outside = file('outside.txt', 'mine');
    symlinkSync(outside, join(directory, 'a.txt'));
    symlinkSync(join(folder, 'nowhere'), join(directory, '.a.txt.part'));
    writeFileSync(join(directory, 'a-2.txt'), 'there');
    expect(extracted(directory, 'a.txt')).toBe('a-3.txt');
    expect(readFileSync(outside, 'utf8')).toBe('mine');
    expect(readdirSync(folder)).not.toContain('nowhere');
  });

  it.each([
    { verdict: 'decrypted' },
    { verdict: 'failed', bytes: null },
    { lost: 3, whole: false },
    { error: { code: 'security/replayed', message: '' }, whole: false },
  ] as Partial<DataRecord>[])('is given to no file with %j', record => {
    const directory = newDirectory();
    expect(extracted(directory, 'a.txt', record)).toBeNull();
    expect(readdirSync(directory)).toEqual(['manifest.jsonl']);
  });
});
