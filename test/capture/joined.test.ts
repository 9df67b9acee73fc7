/** Several files that are one capture: rotated, of several taps, or one for each connection. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes.js';
import { type Capture, CaptureFile, JoinedCapture } from '../../src/capture/capture-file.js';
import { verifyRecording, verifyRotated } from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import type { CapturedPacket } from '../../src/capture/packet.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { ascii } from '../helpers.js';
import { pcapngBlocks } from './file-formats.js';
import { latin1, pcapFile, pcapOf, realCapture, segmentsOf, vectorPath } from './helpers.js';

const BEGIN = 1_700_000_000_000_000_000n;

/** A file with packets that are named by their seconds, and what iterates it. */
function fileOf(name: string, ...seconds: number[]): CaptureFile & { ended: number } {
  const records = seconds.map(it => ({ time: BEGIN + BigInt(it) * 1_000_000_000n, data: ascii(`${name}${it}`) }));
  const whole = pcapFile(records);
  const file = new CaptureFile({
    *[Symbol.iterator]() {
      try {
        yield whole;
      } finally {
        file.ended++;
      }
    },
  }) as CaptureFile & { ended: number };
  file.ended = 0;
  return file;
}

const named = (packets: Iterable<CapturedPacket>) => Array.from(packets, ({ data }) => latin1(data)).join(' ');

describe('the packets of joined files', () => {
  it('of which each begins after the one before are those of one file after the other', () => {
    expect(named(new JoinedCapture([fileOf('b', 4, 5), fileOf('a', 1, 3), fileOf('c', 6)]))).toBe('a1 a3 b4 b5 c6');
  });

  it('are those of the files in the order of their first times, whatever order they are given in', () => {
    expect(named(new JoinedCapture([fileOf('b', 4, 5), fileOf('c', 6), fileOf('a', 1, 3)]))).toBe('a1 a3 b4 b5 c6');
    expect(named(new JoinedCapture([fileOf('c', 6), fileOf('b', 4, 7), fileOf('a', 1, 5)]))).toBe('a1 b4 a5 c6 b7');
  });

  it('of the same time are in the order of the files, however many', () => {
    const names = [...'abcdefgh'];
    const inOrder = names.flatMap(name => [`${name}1`, `${name}1`]).join(' ');
    expect(named(new JoinedCapture(names.map(name => fileOf(name, 1, 1))))).toBe(inOrder);
  });

  it('that overlap are in the order of time, and at the same time in that of the files', () => {
    const files = [fileOf('a', 1, 4, 5, 9), fileOf('b', 2, 4, 6), fileOf('c', 3, 7), fileOf('d', 8)];
    expect(named(new JoinedCapture(files))).toBe('a1 b2 c3 a4 b4 a5 b6 c7 d8 a9');
  });

  it('of one file keep their order, also where its times go back', () => {
    expect(named(new JoinedCapture([fileOf('a', 1, 5, 2, 6), fileOf('b', 3, 7)]))).toBe('a1 b3 a5 a2 a6 b7');
  });

  it('of a file that begins without a time come when its first time has', () => {
    const late = fileOf('b', 1, 5, 6);
    const file: Capture = {
      error: undefined,
      secrets: [],
      *[Symbol.iterator]() {
        for (const packet of late) yield latin1(packet.data) === 'b1' ? { ...packet, time: undefined } : packet;
      },
    };
    expect(named(new JoinedCapture([file, fileOf('a', 3, 7)]))).toBe('a3 b1 b5 b6 a7');
  });

  it('without a time come right behind the one before', () => {
    const without = {
      ...fileOf('b'),
      *[Symbol.iterator](): Generator<CapturedPacket> {
        for (const time of [undefined, 2, undefined, 4])
          yield {
            ...{ linkType: 1, originalLength: 1, data: ascii(`b${time ?? ''}`) },
            time: time === undefined ? undefined : BEGIN + BigInt(time) * 1_000_000_000n,
          };
      },
    };
    expect(named(new JoinedCapture([fileOf('a', 1, 3, 5), without as never]))).toBe('a1 b b2 b a3 b4 a5');
  });

  it('are read to the end, or no further: then all files are ended', () => {
    const files = [fileOf('a', 1, 4), fileOf('b', 2, 5), fileOf('c', 9)];
    for (const _ of new JoinedCapture(files)) break;
    // The first time of each was looked up before.
    expect(files.map(({ ended }) => ended)).toEqual([2, 1, 1]);
    for (const { data } of new JoinedCapture(files)) if (latin1(data) === 'b2') break;
    expect(files.map(({ ended }) => ended)).toEqual([4, 3, 2]);
  });
});

describe('a session in several files is the same as in one', () => {
  const name = 'heimdal-private-aes256-cts-hmac-sha384-192';
  const keys = parseKeytab(readFileSync(vectorPath(`${name}.keytab`)));
  const mechanisms = [krb5({ observer: { keys, ciphers: nodeCiphers } })];
  const segments = segmentsOf(realCapture(name));
  const whole = verifyRecording(pcapOf(segments), { mechanisms }).records;

  function partsBy(part: (segment: Segment) => string): Segment[][] {
    const parts = new Map<string, Segment[]>();
    for (const it of segments) parts.set(part(it), [...(parts.get(part(it)) ?? []), it]);
    return [...parts.values()];
  }

  it.each<[string, (segment: Segment) => string]>([
    ['for each direction, as two taps give them', ({ source, destination }) => `${source < destination}`],
    ['for each connection', ({ source, destination }) => [source, destination].sort().join()],
  ])('one %s', (_, part) => {
    const parts = partsBy(part);
    expect(parts.length).toBeGreaterThan(1);
    const { records } = verifyRotated(parts.map(it => pcapOf(it)).reverse(), { mechanisms });
    expect(records).toEqual(whole);
  });
});

describe('joined files', () => {
  it('have the error of the first that has one', () => {
    const whole = pcapFile([{ time: BEGIN, data: ascii('a') }]);
    const cut = new CaptureFile([whole.subarray(0, -1)]);
    const good = new CaptureFile([whole]);
    for (const [files, code] of [
      [[good, good], undefined],
      [[good, cut], 'syntax/truncated'],
      [[cut, good], 'syntax/truncated'],
    ] as const) {
      const capture = new JoinedCapture(files);
      for (const _packet of capture);
      expect(capture.error?.code).toBe(code);
    }
  });

  it('have the secrets of all', () => {
    const blocks = pcapngBlocks(true);
    const holding = (text: string) => new CaptureFile([concat(blocks.section(), blocks.secrets(1, ascii(text)))]);
    const capture = new JoinedCapture([holding('one'), holding('two')]);
    for (const _packet of capture);
    expect(capture.secrets.map(({ data }) => latin1(data))).toEqual(['one', 'two']);
    expect(new CaptureFile([]).secrets).toEqual([]);
  });
});
