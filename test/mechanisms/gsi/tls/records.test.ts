/** How octets are split into records, and the keys of directions. */
import { describe, expect, test } from 'vitest';
import { concat, toUtf8 } from '../../../../src/bytes.js';
import { TLS_1_3 } from '../../../../src/mechanisms/gsi/tls/key-schedule.js';
import {
  copyDirection,
  type Direction,
  destroyDirection,
  formatRecord,
  openRecord,
  parseRecords,
  sealRecord,
  updatedDirection,
} from '../../../../src/mechanisms/gsi/tls/records.js';
import { errorOf } from '../../../helpers.js';
import { directionsForBoth, PROTOCOLS } from '../pairs.js';

const TEXT = toUtf8('NOOP\r\n');
const RECORD = formatRecord(23, 0x0303, TEXT);

describe('records', () => {
  test('are of four types, with any minor version', () => {
    const types = [20, 21, 22, 23];
    const token = concat(...types.map(type => formatRecord(type, 0x0300 + type, TEXT)));
    expect(parseRecords(token)).toEqual(types.map(type => ({ type, version: 0x0300 + type, fragment: TEXT })));
  });

  const refusalOf = (token: Uint8Array) => {
    const { code, offset } = errorOf(() => parseRecords(token));
    expect(code).toBe('security/bad-token');
    return offset;
  };

  test.each([
    ['another type', formatRecord(19, 0x0303, TEXT)],
    ['another type', formatRecord(24, 0x0303, TEXT)],
    ['another type', formatRecord(0x80, 0x0303, TEXT)],
    ['another major version', formatRecord(22, 0x0203, TEXT)],
    ['another major version', formatRecord(22, 0x0403, TEXT)],
  ])('with %s are refused at their offset', (_, other) => {
    expect(refusalOf(concat(RECORD, other))).toBe(RECORD.length);
  });

  test('that are cut are refused at their offset', () => {
    for (let end = 1; end < RECORD.length; end++) {
      expect(refusalOf(concat(RECORD, RECORD.subarray(0, end)))).toBe(RECORD.length);
    }
    expect(refusalOf(new Uint8Array())).toBeUndefined();
  });

  test('longer than any protection makes them are refused at their length', () => {
    const ofLength = (length: number) => concat(RECORD, formatRecord(23, 0x0303, new Uint8Array(length)));
    expect(parseRecords(ofLength(2 ** 14 + 2048)).length).toBe(2);
    expect(refusalOf(ofLength(2 ** 14 + 2049))).toBe(RECORD.length + 3);
  });
});

/** Both sides of a direction after one record, which must open. */
function afterRecord(ours: Direction, theirs: Direction): [ours: Direction, theirs: Direction] {
  const { octets, next } = sealRecord(ours, { type: 23, content: TEXT });
  const opened = openRecord(theirs, parseRecords(octets)[0]!);
  expect(opened).toMatchObject({ type: 23, content: TEXT });
  return [next, opened.next];
}

test.each(PROTOCOLS)('$name: a copy of a direction goes on when the keys of the other are erased', protocol => {
  const [{ client }, { client: peer }] = directionsForBoth(protocol);
  const [original, theirs] = afterRecord(client, peer);
  const copied = copyDirection(original);
  destroyDirection(original);
  const sides = afterRecord(copied, theirs);
  if (protocol.version === TLS_1_3) afterRecord(updatedDirection(sides[0]), updatedDirection(sides[1]));
});
