/** Capture files of every format, in any chunks, cut anywhere, and damaged. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex } from '../../src/bytes.js';
import { CaptureFile, CaptureReader, compressionOf } from '../../src/capture/capture-file.js';
import type { CapturedPacket } from '../../src/capture/packet.js';
import { FtpSecurityError } from '../../src/errors.js';
import { ascii, errorOf, onlyRefuses } from '../helpers.js';
import { FILE_FORMATS, modifiedPcap, oldPcap, pcapng, pcapngBlocks } from './file-formats.js';
import { type FileRecord, pcapFile } from './helpers.js';

/** Times in whole microseconds, which every format can write. */
const RECORDS: FileRecord[] = [
  { time: 1_700_000_000_000_001_000n, data: ascii('first') },
  { time: 1_700_000_001_999_999_000n, data: ascii(''), originalLength: 60 },
  { time: 1_700_000_002_000_000_000n, data: ascii('the third, cut'), originalLength: 1500 },
  { time: 1_700_000_001_000_000_000n, data: ascii('an earlier one') },
];

const EXPECTED = RECORDS.map(({ time, data, originalLength }) => ({
  time,
  linkType: 101,
  data,
  originalLength: originalLength ?? data.length,
}));

function packetsOf(file: Uint8Array): CapturedPacket[] {
  return [...new CaptureFile([file])];
}

/** The packets and the error that a reader gives, when it gets the file in chunks that end at the given places. */
function readChunks(
  file: Uint8Array,
  ends: readonly number[],
): { packets: CapturedPacket[]; error?: FtpSecurityError } {
  const reader = new CaptureReader();
  const packets: CapturedPacket[] = [];
  const drain = () => {
    for (let it = reader.next(); it !== undefined; it = reader.next()) packets.push(it);
  };
  try {
    let at = 0;
    for (const end of [...ends].sort((a, b) => a - b)) {
      reader.push(file.subarray(at, end));
      at = Math.max(at, end);
      drain();
    }
    reader.push(file.subarray(at));
    reader.close();
    drain();
    return { packets };
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    expect(() => reader.next()).toThrow(error);
    return { packets, error };
  }
}

describe.each(Object.entries(FILE_FORMATS))('%s', (_name, write) => {
  const file = write(RECORDS, 101);

  test('gives every packet', () => {
    expect(packetsOf(file)).toEqual(EXPECTED);
  });

  test('gives the same in any chunks', () => {
    const every = Array.from(file, (_, i) => i);
    expect(readChunks(file, every).packets).toEqual(EXPECTED);
    fc.assert(
      fc.property(fc.array(fc.nat(file.length)), ends => {
        expect(readChunks(file, ends)).toEqual({ packets: EXPECTED });
      }),
    );
  });

  test('cut anywhere, it gives the whole packets before the cut, and says that it is cut', () => {
    let given = 0;
    const whole: number[] = [];
    const cutRecords = new Set<number>();
    for (let length = 4; length < file.length; length++) {
      const { packets, error } = readChunks(file.subarray(0, length), [length >> 1]);
      expect(packets).toEqual(EXPECTED.slice(0, packets.length));
      expect(packets.length).toBeGreaterThanOrEqual(given);
      given = packets.length;
      if (error === undefined) {
        whole.push(length);
        continue;
      }
      expect(error.code).toBe('syntax/truncated');
      expect(error.offset).toBeLessThanOrEqual(length);
      cutRecords.add(error.offset!);
      // The file up to there is whole.
      if (error.offset! > 0) expect(readChunks(file.subarray(0, error.offset), [])).toEqual({ packets });
    }
    // It is whole only where the next record begins.
    expect(whole.filter(length => !cutRecords.has(length))).toEqual([]);
    expect(given).toBeGreaterThanOrEqual(EXPECTED.length - 1);
  });

  test('with octets changed, nothing but typed errors, and packets inside the file', () => {
    const octet = fc.record({ at: fc.nat(file.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(octet, { minLength: 1, maxLength: 8 }), changes => {
        const damaged = file.slice();
        for (const { at, value } of changes) damaged[at] = value;
        const { packets } = readChunks(damaged, [damaged.length >> 1]);
        expect(packets.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThan(file.length);
      }),
    );
  });
});

test.each([{ nanoseconds: true }, { nanoseconds: false }])('times are as fine as the file has them: %o', format => {
  const [packet] = packetsOf(pcapFile([{ time: 1_000_000_123n, data: ascii('x') }], format));
  expect(packet!.time).toBe(format.nanoseconds ? 1_000_000_123n : 1_000_000_000n);
});

test.each([
  [9, 0n, 1_234_567_891n, 1_234_567_891n],
  [0, 0n, 2n, 2_000_000_000n],
  [3, 5n, 1n, 5_001_000_000n],
  [127, 0n, (1n << 64n) - 1n, 0n],
  [0x80, 0n, 3n, 3_000_000_000n],
  [0x80 | 1, -1n, 5n, 1_500_000_000n],
  // No date: before 1970, and after 9999.
  [6, -(2n ** 63n), 0n, undefined],
  [0, 0n, 253_402_300_800n, undefined],
  [9, 253_402_300_799n, 999_999_999n, 253_402_300_799_999_999_999n],
])('if_tsresol %i and if_tsoffset %i make of %i the time %s', (resolution, offset, ticks, expected) => {
  const blocks = pcapngBlocks(true);
  const packet = { id: 0, ticks, data: ascii('x'), originalLength: 1, chatty: false };
  const file = concat(
    blocks.section(),
    blocks.describe(1, 0, { resolution, offset }),
    blocks.packet('enhanced', packet),
  );
  expect(packetsOf(file)[0]!.time).toBe(expected);
});

describe('pcapng', () => {
  const blocks = pcapngBlocks(true);
  const packet = { id: 0, ticks: 0n, data: ascii('abcde'), originalLength: 5, chatty: false };
  const head = concat(blocks.section(), blocks.describe(1, 0));
  const OFFSET_OF_4 = fromHex('0e00040000000000');
  const errorIn = (...parts: Uint8Array[]) => {
    const capture = new CaptureFile(parts);
    expect([...capture]).toEqual([]);
    return capture.error;
  };

  test('simple packet blocks have no time, and are cut at the snapshot length of the first interface', () => {
    const file = pcapng([{ time: 0n, data: ascii('abc'), originalLength: 1500 }], { block: 'simple', snapshot: 3 });
    expect(packetsOf(file)).toEqual([{ time: undefined, linkType: 1, data: ascii('abc'), originalLength: 1500 }]);
    const whole = pcapng([{ time: 0n, data: ascii('abc') }], { block: 'simple', snapshot: 0 });
    expect(packetsOf(whole)[0]!.data).toEqual(ascii('abc'));
  });

  test('every interface has a link type of its own, and every section its own interfaces', () => {
    const file = concat(
      ...[blocks.section(), blocks.describe(1, 0), blocks.describe(101, 0)],
      ...[blocks.packet('enhanced', { ...packet, id: 1 }), blocks.packet('obsolete', packet)],
      ...[blocks.section(), blocks.describe(113, 0), blocks.packet('enhanced', packet)],
    );
    expect(packetsOf(file).map(({ linkType }) => linkType)).toEqual([101, 1, 113]);
  });

  test.each(['enhanced', 'obsolete', 'simple'] as const)('a packet of an interface without a description: %s', kind => {
    const [found] = packetsOf(concat(blocks.section(), blocks.packet(kind, packet)));
    expect(found).toMatchObject({ linkType: undefined, time: undefined, data: ascii('abcde') });
  });

  test('decryption secrets are kept', () => {
    const reader = new CaptureReader();
    expect(reader.secrets).toEqual([]);
    reader.push(concat(head, blocks.secrets(0x544c534b, ascii('CLIENT_RANDOM 00 11')), blocks.secrets(7, ascii(''))));
    expect(reader.next()).toBeUndefined();
    expect(reader.secrets).toEqual([
      { type: 0x544c534b, data: ascii('CLIENT_RANDOM 00 11') },
      { type: 7, data: ascii('') },
    ]);
  });

  test('secrets without end do not fill the memory', () => {
    const reader = new CaptureReader();
    reader.push(head);
    const block = blocks.secrets(1, new Uint8Array(2 ** 23));
    for (let i = 0; i < 10; i++) {
      reader.push(block);
      reader.next();
    }
    expect(reader.secrets).toHaveLength(4);
  });

  test.each([
    ['two lengths that differ', concat(head, blocks.block(4).fill(16, 8))],
    [
      'a length that is no multiple of four',
      concat(head, fromHex('04000000 0d000000 00 0d000000'.replaceAll(' ', ''))),
    ],
    ['a length that is less than its own', concat(head, fromHex('04000000 08000000 08000000'.replaceAll(' ', '')))],
    ['a length over 2^24', concat(head, fromHex('0400000004000001'))],
    [
      'more octets captured than the block has',
      concat(head, blocks.block(6, new Uint8Array(12), fromHex('08000000'), new Uint8Array(8))),
    ],
    ['a packet block without its fields', concat(head, blocks.block(6, new Uint8Array(8)))],
    ['an option that is too long', concat(head, blocks.block(1, new Uint8Array(8), fromHex('09000900')))],
    ['an interface whose offset of times is too short', concat(head, blocks.block(1, new Uint8Array(8), OFFSET_OF_4))],
    ['a section without its fields', concat(head, fromHex('0a0d0d0a100000004d3c2b1a10000000'))],
    ['a section without a byte order', concat(head, blocks.section().fill(0, 8, 12))],
    ['a section of either order without it', concat(head, pcapngBlocks(false).section().fill(0, 8, 12))],
    ['a section of another version', concat(head, blocks.section().fill(2, 12, 13))],
  ])('%s ends the file', (_, file) => {
    expect(errorIn(file)).toMatchObject({ code: 'syntax/bad-file', offset: head.length });
  });

  test('what follows the end of the options is none of them', () => {
    const file = concat(
      blocks.section(),
      blocks.block(1, fromHex('7100000000000000'), fromHex('00000000'), fromHex('09000900')),
      blocks.packet('enhanced', packet),
    );
    expect(packetsOf(file)).toMatchObject([{ linkType: 0x71, data: ascii('abcde') }]);
  });

  test('a block of 2^24 octets is read', () => {
    const file = concat(head, blocks.block(4, new Uint8Array(2 ** 24 - 12)), blocks.packet('enhanced', packet));
    expect(packetsOf(file)).toHaveLength(1);
  });

  test('interfaces without end are damage', () => {
    const many = new Uint8Array(70_000 * 20);
    const one = blocks.describe(1, 0);
    for (let i = 0; i < 70_000; i++) many.set(one, i * 20);
    expect(errorIn(blocks.section(), many)).toMatchObject({
      code: 'syntax/bad-file',
      message: 'more than 65536 interfaces',
    });
  });

  test('a first section that is damaged is no capture at all', () => {
    const file = concat(blocks.section().fill(2, 12, 13), blocks.describe(1, 0));
    expect(errorOf(() => packetsOf(file))).toMatchObject({ code: 'syntax/bad-file', offset: 0 });
  });
});

describe('other files are refused, and the message says what to do', () => {
  test.each([
    ['1f8b0800000000000003', 'gzip -dc'],
    ['28b52ffd', 'zstd -dc'],
    ['fd377a585a000004', 'xz -dc'],
    ['425a6839', 'bzip2 -dc'],
    ['04224d18', 'lz4 -dc'],
    ['736e6f6f7000000000000002', 'snoop file: convert it to pcapng (editcap FILE NEW.pcapng)'],
    ['474d4255', 'Network Monitor'],
    ['a1b234cd', 'convert'],
    ['', 'not a capture file'],
    ['d4c3b2', 'not a capture file'],
    ['504b0304', 'not a capture file'],
  ])('%s', (hex, word) => {
    const error = errorOf(() => packetsOf(fromHex(hex)));
    expect(error).toMatchObject({ code: 'syntax/bad-file', offset: 0 });
    expect(error.message).toContain(word);
    expect(readChunks(fromHex(hex), [1, 2, 3])).toEqual({ packets: [], error });
  });

  test('a compressed file is known by its first octets', () => {
    expect(compressionOf(fromHex('1f8b08'))).toBe('gzip');
    expect(compressionOf(pcapFile([]))).toBeUndefined();
  });
});

test('the whole packets of a file that is 1 MB long are read in linear time, octet by octet too', () => {
  const records = [{ time: 0n, data: new Uint8Array(262_144) }];
  const file = oldPcap([...records, ...records, ...records, ...records], 4);
  const reader = new CaptureReader();
  let packets = 0;
  const start = process.cpuUsage();
  for (let at = 0; at < file.length; at++) {
    reader.push(file.subarray(at, at + 1));
    if (reader.next() !== undefined) packets++;
  }
  expect(packets).toBe(4);
  const { user, system } = process.cpuUsage(start);
  expect(user + system).toBeLessThan(10_000_000);
});

test('the iterator of the chunks is ended where no more are needed: an iteration ends early, or the file is damaged', () => {
  const file = pcapFile(RECORDS);
  for (const isDamaged of [true, false]) {
    let ended = 0;
    function* chunks() {
      try {
        yield isDamaged ? file.slice().fill(0xff, 24) : file;
        yield file;
      } finally {
        ended++;
      }
    }
    const packets = new CaptureFile({ [Symbol.iterator]: chunks });
    for (const _packet of packets) break;
    expect(ended).toBe(1);
  }
});

test('arbitrary octets behind any header give packets, or a typed error', () => {
  const heads = [...Object.values(FILE_FORMATS).map(write => write([], 1)), modifiedPcap([]), new Uint8Array(0)];
  fc.assert(
    fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 200 }), (head, body) => {
      onlyRefuses(() => packetsOf(concat(head, body)));
    }),
  );
});
