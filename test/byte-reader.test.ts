import { describe, expect, it } from 'vitest';
import { ByteReader } from '../src/byte-reader.js';
import { fromHex } from '../src/bytes.js';
import { errorOf } from './helpers.js';

const reader = (hex: string, options: { start?: number; end?: number; littleEndian?: boolean } = {}) =>
  new ByteReader(fromHex(hex), { what: 'sample', code: 'syntax/bad-file', ...options });

describe('ByteReader', () => {
  it('reads numbers in network order, one after another', () => {
    const it = reader('80ff018001fffffffe80000000');
    expect([it.uint8(), it.int16(), it.uint16(), it.int32(), it.uint32()]).toEqual([
      0x80, -255, 0x8001, -2, 0x80000000,
    ]);
    expect([it.left, it.offset]).toEqual([0, 13]);
  });

  it('reads numbers in either order, which may change on the way', () => {
    const it = reader('010001000000', { littleEndian: true });
    expect(it.uint16()).toBe(1);
    it.littleEndian = false;
    expect(it.uint32()).toBe(0x01000000);
  });

  it('hands out copies', () => {
    const bytes = fromHex('0102');
    const octets = new ByteReader(bytes, { what: 'sample', code: 'syntax/bad-file' }).octets(2);
    bytes.fill(0);
    expect(octets).toEqual(fromHex('0102'));
  });

  it('reads up to a NUL, which must come within the limit and before the end', () => {
    const it = reader('4142004300');
    expect([it.untilNul(3), it.offset, it.untilNul(40), it.left]).toEqual([fromHex('4142'), 3, fromHex('43'), 0]);
    expect(errorOf(() => reader('414200').untilNul(2)).message).toBe('sample: no NUL in the next 2 octets');
    expect(errorOf(() => reader('414200', { end: 2 }).untilNul(40)).code).toBe('syntax/bad-file');
  });

  it('never reads past its part, and gives the offset in the whole', () => {
    const whole = reader('000000010203', { start: 3 });
    const part = whole.part(2);
    expect([part.uint8(), whole.offset]).toEqual([1, 5]);
    const error = errorOf(() => part.uint16());
    expect([error.message, error.offset, part.offset]).toEqual(['sample: 2 octets expected, 1 left', 4, 4]);
    expect(() => whole.part(2)).toThrow('2 octets expected, 1 left');
  });

  it('rejects octets that are left', () => {
    const it = reader('0102');
    expect(errorOf(() => it.assertEnd()).message).toBe('sample: 2 octets after its end');
    it.octets(2);
    it.assertEnd();
  });
});
