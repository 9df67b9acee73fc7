import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex } from '../../src/bytes.js';
import { CaptureFile } from '../../src/capture/capture-file.js';
import type { CapturedPacket } from '../../src/capture/packet.js';

import type { FtpSecurityError } from '../../src/errors.js';
import { ascii, errorOf } from '../helpers.js';
import { type FileRecord, pcapFile } from './helpers.js';

const RECORDS: FileRecord[] = [
  { time: 1_700_000_000_000_001_000n, data: ascii('first') },
  { time: 1_700_000_001_999_999_000n, data: ascii(''), originalLength: 60 },
  { time: 4_294_967_295_000_000_000n, data: ascii('third, cut'), originalLength: 1500 },
];

function packetsOf(file: Uint8Array): CapturedPacket[] {
  return [...new CaptureFile([file])];
}

function readCapture(file: Uint8Array): { packets: CapturedPacket[]; error: FtpSecurityError | undefined } {
  const capture = new CaptureFile([file]);
  return { packets: [...capture], error: capture.error };
}

describe('a file written down by hand', () => {
  const header = 'd4c3b2a1 0200 0400 00000000 00000000 00000400 01000000';
  const record = '0f000000 10000000 03000000 3c000000 616263';
  const file = fromHex((header + record).replaceAll(' ', ''));

  test('gives its packet', () => {
    expect(packetsOf(file)).toEqual([{ time: 15_000_016_000n, linkType: 1, data: ascii('abc'), originalLength: 60 }]);
    expect(readCapture(file).error).toBeUndefined();
  });

  test('gives it as often as it is asked', () => {
    const capture = new CaptureFile([file]);
    expect([...capture]).toEqual([...capture]);
  });

  test('gives views into the file, and no Buffer where a Buffer came in', () => {
    const whole = Buffer.concat([Buffer.alloc(7), file]);
    const [packet] = packetsOf(whole.subarray(7));
    expect(packet!.data.constructor).toBe(Uint8Array);
    expect(packet!.data.buffer).toBe(whole.buffer);
    expect(packet!.data).toEqual(ascii('abc'));
  });
});

describe.each([
  { littleEndian: true, nanoseconds: false },
  { littleEndian: true, nanoseconds: true },
  { littleEndian: false, nanoseconds: false },
  { littleEndian: false, nanoseconds: true },
])('pcap, %o', format => {
  test('gives every packet', () => {
    const expected = RECORDS.map(({ time, data, originalLength }) => ({
      time,
      linkType: 101,
      data,
      originalLength: originalLength ?? data.length,
    }));
    expect(packetsOf(pcapFile(RECORDS, { ...format, linkType: 101 }))).toEqual(expected);
  });

  test('has nanoseconds only where the file has', () => {
    const [packet] = packetsOf(pcapFile([{ time: 1_000_000_123n, data: ascii('x') }], format));
    expect(packet!.time).toBe(format.nanoseconds ? 1_000_000_123n : 1_000_000_000n);
  });

  test('whole records of a file that breaks off are given, at every octet', () => {
    const file = pcapFile(RECORDS, format);
    const ends = [24, 45, 61, 87];
    for (let length = 4; length <= file.length; length++) {
      const part = file.subarray(0, length);
      if (length < 24) {
        expect(errorOf(() => readCapture(part))).toMatchObject({ code: 'syntax/truncated', offset: 0 });
        continue;
      }
      const { packets, error } = readCapture(part);
      const whole = ends.filter(end => end <= length);
      expect([...packets]).toHaveLength(whole.length - 1);
      if (whole.at(-1) === length) expect(error).toBeUndefined();
      else expect(error).toMatchObject({ code: 'syntax/truncated', offset: whole.at(-1) });
    }
  });
});

test('a file without packets has none', () => {
  expect(packetsOf(pcapFile([]))).toEqual([]);
});

test.each([0, 65_535, 0x7fffffff, 0xffffffff])('the snapshot length says nothing: %i', snapshot => {
  expect(packetsOf(pcapFile(RECORDS, { snapshot }))).toHaveLength(3);
});

test('the link type is the low 16 bits: those above tell of a frame check sequence', () => {
  expect(packetsOf(pcapFile(RECORDS, { linkType: 0x1400_0001 }))[0]!.linkType).toBe(1);
});

describe('a record that no capture can hold', () => {
  const file = pcapFile(RECORDS);

  test.each([262_145, 0x7fffffff, 0xffffffff])(
    'of %i octets ends the file, and the packets before it are given',
    length => {
      const damaged = file.slice();
      new DataView(damaged.buffer).setUint32(45 + 8, length, true);
      const { packets, error } = readCapture(damaged);
      expect([...packets]).toHaveLength(1);
      expect(error).toMatchObject({ code: 'syntax/bad-file', offset: 45 });
    },
  );

  test('is longer than the longest', () => {
    const longest = pcapFile([{ time: 0n, data: new Uint8Array(262_144) }]);
    expect(readCapture(longest).error).toBeUndefined();
    expect(packetsOf(longest)).toHaveLength(1);
  });

  test('may claim more than the file has', () => {
    const damaged = file.slice();
    new DataView(damaged.buffer).setUint32(24 + 8, 262_144, true);
    expect(readCapture(damaged).error).toMatchObject({ code: 'syntax/truncated', offset: 24 });
  });
});

test('another version of pcap', () => {
  const file = pcapFile(RECORDS);
  file[6] = 5;
  expect(errorOf(() => readCapture(file))).toMatchObject({ code: 'syntax/bad-file', offset: 4 });
  file.set([3, 0, 4, 0], 4);
  expect(errorOf(() => readCapture(file)).message).toContain('3.4');
});

test('arbitrary octets behind any header give packets that lie in the file, or an error', () => {
  const octets = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), octets, (littleEndian, nanoseconds, body) => {
      const file = concat(pcapFile([], { littleEndian, nanoseconds }), body);
      const { packets, error } = readCapture(file);
      const total = [...packets].reduce((sum, { data }) => sum + 16 + data.length, 24);
      expect(total).toBe(error?.offset ?? file.length);
    }),
  );
});

test('a file is its packets', () => {
  const record = fc.record({
    time: fc.bigInt({ min: 0n, max: 0xffffffffn * 1_000_000_000n + 999_999_999n }),
    data: fc.uint8Array({ maxLength: 40 }),
    originalLength: fc.nat(0xffffffff),
  });
  fc.assert(
    fc.property(fc.array(record), fc.boolean(), fc.nat(0xffff), (records, littleEndian, linkType) => {
      const file = pcapFile(records, { littleEndian, nanoseconds: true, linkType });
      expect(packetsOf(file)).toEqual(records.map(it => ({ ...it, linkType })));
    }),
  );
});
