/** Recordings as they lie on a disk: compressed, in directories, on standard input; each is read, or said to be unread. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as zlib from 'node:zlib';
import { Ajv } from 'ajv';
import { describe, expect, test, vi } from 'vitest';
import { CaptureFile } from '../../src/capture/capture-file.js';
import { decompress } from '../../src/cli/decompression.js';
import { listFiles, openRecording } from '../../src/cli/recordings.js';
import { pcapng } from '../capture/file-formats.js';
import { pcapFile } from '../capture/helpers.js';
import { capture, file, folder, keytabOf, ROOT, run } from './run.js';

const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
const CAPTURE = readFileSync(capture(NAME));
const KEYTAB = ['--keytab', keytabOf(NAME)];

/** As a process, which has a standard input. */
function runWith(input: string | Uint8Array, ...args: string[]) {
  const options = { cwd: ROOT, input, encoding: 'utf8', maxBuffer: 1e8 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli/main.js', 'verify', ...args], options);
  return { status, stdout, stderr };
}

function recordsOf(stdout: string) {
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
}

/** What a file gives, and why it ended early. */
async function read(path: string) {
  const recording = await openRecording(path);
  const [first, again] = [Buffer.concat([...recording.chunks]), Buffer.concat([...recording.chunks])];
  expect(again.equals(first)).toBe(true);
  recording.close();
  return { octets: first, error: recording.error, behind: recording.behind };
}

describe('a file is opened', () => {
  test('as it is', async () => {
    const { octets, error } = await read(file('plain.pcap', CAPTURE));
    expect([octets.equals(CAPTURE), error]).toEqual([true, undefined]);
  });

  test('decompressed, in several members too', async () => {
    const half = CAPTURE.length >> 1;
    const members = [zlib.gzipSync(CAPTURE.subarray(0, half)), zlib.gzipSync(CAPTURE.subarray(half))];
    const { octets, error } = await read(file('whole.pcap.gz', Buffer.concat(members)));
    expect([octets.equals(CAPTURE), error]).toEqual([true, undefined]);
  });

  test.runIf('zstdCompressSync' in zlib)('decompressed from zstd', async () => {
    const compress = (zlib as unknown as { zstdCompressSync: (octets: Uint8Array) => Uint8Array }).zstdCompressSync;
    const { octets } = await read(file('whole.pcap.zst', compress(CAPTURE)));
    expect(octets.equals(CAPTURE)).toBe(true);
  });

  test('with what comes before the end of gzip data that was cut', async () => {
    const whole = zlib.gzipSync(CAPTURE);
    const { octets, error } = await read(file('cut.pcap.gz', whole.subarray(0, whole.length >> 1)));
    expect(error).toMatchObject({ code: 'syntax/truncated', message: 'gzip data that ends early' });
    expect(octets.length).toBeGreaterThan(CAPTURE.length / 4);
    expect(octets.equals(CAPTURE.subarray(0, octets.length))).toBe(true);
  });

  test.each([1, 512, 2 ** 19])('without the %i zeros behind gzip data', async count => {
    const padded = Buffer.concat([zlib.gzipSync(CAPTURE), Buffer.alloc(count)]);
    const { octets, error } = await read(file('padded.pcap.gz', padded));
    expect([octets.equals(CAPTURE), error]).toEqual([true, undefined]);
  });

  test.each([1, 512, 2 ** 19])('with what follows %i zeros behind gzip data', async count => {
    const half = CAPTURE.length >> 1;
    const [one, two] = [zlib.gzipSync(CAPTURE.subarray(0, half)), zlib.gzipSync(CAPTURE.subarray(half))];
    const padded = file('padded.pcap.gz', Buffer.concat([one, Buffer.alloc(count), two]));
    const { octets, error, behind } = await read(padded);
    expect([octets.equals(CAPTURE), error, behind]).toEqual([true, undefined, 0]);
  });

  test.each([
    ['a text', Buffer.from('garbage\n'), 8],
    ['the first octets of a member', Buffer.from('1f8b', 'hex'), 2],
    ['a member of another method', Buffer.from('1f8b0700000000000000ff', 'hex'), 11],
    ['a text between zeros', Buffer.concat([Buffer.alloc(600), Buffer.from('a\0b'), Buffer.alloc(600)]), 3],
    ['a long one', Buffer.alloc(2 ** 20, 'ab'), 2 ** 20],
  ])('whole, with the number of octets behind it that are no gzip data: %s', async (_, garbage, count) => {
    const { octets, error, behind } = await read(
      file('garbage.pcap.gz', Buffer.concat([zlib.gzipSync(CAPTURE), garbage])),
    );
    expect([octets.equals(CAPTURE), error, behind]).toEqual([true, undefined, count]);
  });

  test('decompressed, whatever its header has, and in chunks of any size', async () => {
    const [first, second] = [CAPTURE.subarray(0, 9000), CAPTURE.subarray(9000, 12_000)];
    // RFC 1952 §2.3: every field, in the order in which they are there.
    const header = Buffer.concat([
      Buffer.from('1f8b081e000000000003', 'hex'),
      Buffer.from('0300616263', 'hex'),
      Buffer.from(`${'n'.repeat(100)}\0`),
      Buffer.from('a comment\0'),
      Buffer.from('0000', 'hex'),
    ]);
    const members = [Buffer.concat([header, zlib.gzipSync(first).subarray(10)]), zlib.gzipSync(second)];
    const whole = Buffer.concat([...members, Buffer.from('rest')]);
    for (const size of [1, 7, 512, whole.length]) {
      const chunks = async function* () {
        for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
      };
      const parts: Uint8Array[] = [];
      const result = await decompress('gzip', chunks(), octets => parts.push(octets));
      expect([result, Buffer.concat(parts).equals(CAPTURE.subarray(0, 12_000))]).toEqual([{ behind: 4 }, true]);
    }
    for (let length = 0; length < header.length; length++) {
      const path = file('header.pcap.gz', Buffer.concat([zlib.gzipSync(CAPTURE), header.subarray(0, length)]));
      const { octets, error, behind } = await read(path);
      const isMember = length >= 3;
      expect([octets.equals(CAPTURE), error?.code, behind]).toEqual([
        true,
        isMember ? 'syntax/truncated' : undefined,
        isMember ? 0 : length,
      ]);
    }
  });

  const zstd = (zlib as unknown as { zstdCompressSync: (octets: Uint8Array) => Uint8Array }).zstdCompressSync;
  test.runIf('zstdCompressSync' in zlib)(
    'decompressed from zstd in several frames, and what is behind them',
    async () => {
      const half = CAPTURE.length >> 1;
      const frames = [
        zstd(CAPTURE.subarray(0, half)),
        Buffer.from('502a4d1803000000616263', 'hex'),
        zstd(CAPTURE.subarray(half)),
      ];
      const { octets, error, behind } = await read(file('frames.zst', Buffer.concat([...frames, Buffer.from('rest')])));
      expect([octets.equals(CAPTURE), error, behind]).toEqual([true, undefined, 4]);
    },
  );

  test('unless nothing of it can be decompressed', async () => {
    const path = file('head.pcap.gz', zlib.gzipSync(CAPTURE).subarray(0, 9));
    await expect(openRecording(path)).rejects.toMatchObject({ code: 'syntax/truncated' });
  });

  test('with what comes before damage', async () => {
    const damaged = zlib.gzipSync(CAPTURE, { level: 0 });
    damaged[damaged.length - 5]! ^= 1;
    const { octets, error } = await read(file('damaged.pcap.gz', damaged));
    expect(error).toMatchObject({ code: 'syntax/bad-file' });
    expect(error!.message).toMatch(/^damaged gzip data: /);
    expect(octets.equals(CAPTURE)).toBe(true);
    const inside = zlib.gzipSync(CAPTURE);
    inside.fill(0xff, inside.length - 400, inside.length - 300);
    const early = await read(file('damaged.pcap.gz', inside));
    expect(early.error).toMatchObject({ code: 'syntax/bad-file' });
    // Node gives nothing of the last 16 KiB when damage is among them.
    expect(early.octets.length).toBeGreaterThan(CAPTURE.length - 2 ** 15);
  });
});

describe('a compression that Node has not got is left to the program of its name', () => {
  const MAGIC = Buffer.from('fd377a585a00', 'hex');
  /** A program `xz`, whose compression puts six octets before the others. */
  function program(name: string, after = ''): void {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'xz'), `#!/bin/sh\nPATH=/usr/bin:/bin\ntail -c +7\n${after}\n`, { mode: 0o755 });
    vi.stubEnv('PATH', ['', 'relative', path].join(delimiter));
  }
  const compressed = Buffer.concat([MAGIC, CAPTURE]);

  test('which gives the octets', async () => {
    program('working');
    const { octets, error, behind } = await read(file('whole.pcap.xz', compressed));
    expect([octets.equals(CAPTURE), error, behind]).toEqual([true, undefined, 0]);
  });

  test.each([
    ["echo 'xz: (stdin): Unexpected end of input' >&2; exit 1", 'Unexpected end of input'],
    [
      "printf '\\nbzip2: Compressed file ends unexpectedly;\\nperhaps\\n' >&2; exit 1",
      'Compressed file ends unexpectedly',
    ],
    ["printf '/*stdin*\\\\ : Read error (39) : \\033' >&2; exit 1", 'Read error (39) : ?'],
    ['exit 1', "xz can't read them"],
    ['kill $$', "xz can't read them"],
  ])('which may say that they are damaged: %s', async (after, reason) => {
    program('damaged', after);
    const { octets, error } = await read(file('damaged.pcap.xz', compressed));
    expect(octets.equals(CAPTURE)).toBe(true);
    expect(error).toMatchObject({ code: 'syntax/bad-file', message: `damaged xz data: ${reason}` });
  });

  test('which may not take all of it', async () => {
    program('early', 'exit 0');
    writeFileSync(join(folder, 'early', 'xz'), '#!/bin/sh\nexit 3\n');
    const path = file('long.pcap.xz', Buffer.concat([MAGIC, Buffer.alloc(2 ** 20)]));
    await expect(openRecording(path)).rejects.toMatchObject({ code: 'syntax/bad-file' });
  });

  test('which may not run', async () => {
    program('unable');
    writeFileSync(join(folder, 'unable', 'xz'), '#!/no/such/program\n');
    await expect(openRecording(file('whole.pcap.xz', compressed))).rejects.toMatchObject({ code: 'syntax/bad-file' });
  });

  test('which may be missing', async () => {
    vi.stubEnv('PATH', '');
    const { status, stderr } = await run('verify', file('whole.pcap.xz', compressed));
    expect([status, stderr]).toEqual([2, expect.stringContaining('decompress it first (xz -dc FILE)')]);
  });
});

describe('directories', () => {
  const directory = join(folder, 'directory');
  mkdirSync(join(directory, 'b'), { recursive: true });
  writeFileSync(join(directory, 'c.pcap'), CAPTURE);
  writeFileSync(join(directory, 'b', 'z.pcap.gz'), zlib.gzipSync(CAPTURE));
  writeFileSync(join(directory, 'a.txt'), 'S> 220 ready\nC> QUIT\nS> 221 bye\n');
  writeFileSync(join(directory, 'd.keytab'), 'no recording');
  writeFileSync(join(directory, 'e.gz'), zlib.gzipSync('no recording either'));
  symlinkSync('.', join(directory, 'loop'));

  test('give their files by name, those of directories in them too', () => {
    const names = listFiles([directory, 'x', '-']).map(({ file }) => file.replace(directory, ''));
    expect(names).toEqual(['/a.txt', '/b/z.pcap.gz', '/c.pcap', '/d.keytab', '/e.gz', 'x', '-']);
  });

  test('are verified: one record for each recording, in that order, and a total; other files are named', async () => {
    const { status, stdout, stderr } = await run('verify', directory, '--json', ...KEYTAB);
    expect([status, stderr]).toEqual([0, `rfc2228: ${directory}: not a recording: 2 files in it, left out\n`]);
    const records = recordsOf(stdout);
    const files = records.filter(({ type }) => type === 'file');
    expect(files.map(({ file, status, verified, error }) => [file, status, verified, error])).toEqual([
      [join(directory, 'a.txt'), 0, 0, null],
      [join(directory, 'b/z.pcap.gz'), 0, 114, null],
      [join(directory, 'c.pcap'), 0, 114, null],
    ]);
    expect(records.at(-1)).toMatchObject({ type: 'summary', connections: 3, verified: 228, unread: {} });
    const connections = records.filter(({ type }) => type === 'connection');
    expect(connections.map(({ connection, file }) => [connection, file])).toEqual([
      [1, join(directory, 'a.txt')],
      [2, join(directory, 'b/z.pcap.gz')],
      [3, join(directory, 'c.pcap')],
    ]);
    const schema = JSON.parse(readFileSync(join(ROOT, 'src/capture/transcript.schema.json'), 'utf8'));
    const validate = new Ajv().compile(schema);
    for (const record of records) expect([validate(record), record, validate.errors]).toEqual([true, record, null]);
  });
});

test('files of a rotated capture are one recording, in whatever order they are given', async () => {
  const packets = [...new CaptureFile([CAPTURE])].map(({ time, data }) => ({ time: time!, data }));
  const third = Math.ceil(packets.length / 3);
  const parts = [0, 1, 2].map(i => packets.slice(i * third, (i + 1) * third));
  const files = [
    file('rotated-2.pcap', pcapFile(parts[1]!)),
    file('rotated-1.pcapng', pcapng(parts[0]!, { littleEndian: false, resolution: 9 })),
    file('rotated-3.pcap.gz', zlib.gzipSync(pcapFile(parts[2]!))),
  ];
  const { status, stdout, stderr } = await run('verify', '--json', '--join', ...files, ...KEYTAB);
  expect([status, stderr]).toEqual([0, '']);
  const whole = await run('verify', '--json', capture(NAME), ...KEYTAB);
  const said = (text: string) => recordsOf(text).map(({ file, ...rest }) => rest);
  expect(said(stdout)).toEqual(said(whole.stdout));
  expect((await run('verify', '--join', ...files.slice(0, 2), file('no.pcap', 'junk'))).status).toBe(2);
});

test('a keytab may be given as tools of MIT take it', async () => {
  const { status } = await run('verify', capture(NAME), '--keytab', `FILE:${keytabOf(NAME)}`);
  expect(status).toBe(0);
});

describe('standard input', () => {
  test.each([
    ['a capture', CAPTURE],
    ['a compressed capture', zlib.gzipSync(CAPTURE)],
  ])('%s', (_, input) => {
    const { status, stdout, stderr } = runWith(input, '-', ...KEYTAB);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('114 verified');
  });

  test('a file that is no recording', () => {
    const { status, stdout, stderr } = runWith('junk', '-');
    const reason = 'not a capture file, packets in hex or a text transcript (octet 0)';
    expect([status, stdout, stderr]).toEqual([2, '', `rfc2228: -: syntax/bad-file: ${reason}\n`]);
  });
});

describe('what can not be read is said, and the rest is there', () => {
  test('packets of a link type that is not known: status 3, and how many', async () => {
    const path = file('link195.pcap', pcapFile([{ time: 0n, data: Uint8Array.of(1) }], { linkType: 195 }));
    const { status, stdout, stderr } = await run('verify', path, '--json');
    expect([status, stderr]).toEqual([3, `rfc2228: ${path}: 1 packet not read: link type 195\n`]);
    expect(recordsOf(stdout).at(-1)).toMatchObject({ type: 'summary', unread: { 'link type 195': 1 } });
    expect((await run('verify', path)).stdout).toContain('1 packet not read');
  });

  test('a cut compressed file has what came before the cut', async () => {
    const whole = zlib.gzipSync(CAPTURE);
    const path = file('cut-in-half.pcap.gz', whole.subarray(0, whole.length >> 1));
    const { status, stdout, stderr } = await run('verify', path, ...KEYTAB);
    expect([status, stderr]).toEqual([2, `rfc2228: ${path}: syntax/truncated: gzip data that ends early\n`]);
    expect(stdout).toMatch(/1 control connection, \d\d lines; \d+ protected: [1-9]\d* verified, 0 failed/);
  });

  test('octets behind compressed data: status 3, and how many', async () => {
    const path = file('behind.pcap.gz', Buffer.concat([zlib.gzipSync(CAPTURE), Buffer.from('garbage')]));
    const { status, stdout, stderr } = await run('verify', path, ...KEYTAB);
    expect([status, stderr]).toEqual([3, `rfc2228: ${path}: 7 octets not read: octet behind the compressed data\n`]);
    expect(stdout).toMatch(/114 verified, 0 failed, 0 without a key; 7 octets not read\n$/);
  });

  test('of several files, those that can be read', async () => {
    vi.stubEnv('PATH', '');
    const paths = [
      join(folder, 'none.pcap'),
      file('one.pcap', CAPTURE),
      file('two.xz', Buffer.from('fd377a585a0000', 'hex')),
    ];
    const { status, stdout, stderr } = await run('verify', '--json', ...paths, ...KEYTAB);
    const files = recordsOf(stdout).filter(({ type }) => type === 'file');
    expect(status).toBe(2);
    expect(files.map(it => [it.file, it.status, it.verified, it.error?.code])).toEqual([
      [paths[0], 2, 0, 'unreadable'],
      [paths[1], 0, 114, undefined],
      [paths[2], 2, 0, 'syntax/bad-file'],
    ]);
    expect(stderr).toMatch(
      /no such file.*\n.*two\.xz: syntax\/bad-file: compressed with xz: decompress it first \(xz -dc FILE\)/,
    );
  });
});
