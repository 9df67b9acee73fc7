import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../src/bytes.js';
import {
  application,
  constant,
  field,
  flag,
  formatDer,
  formatElement,
  generalString,
  int32,
  integer,
  kerberosFlags,
  kerberosTime,
  octetString,
  optional,
  parseDer,
  sequence,
  sequenceOf,
  type Type,
  uint32,
} from '../../src/mechanisms/der.js';
import { nameOctets, nameText } from '../../src/mechanisms/name-text.js';
import { ascii, errorOf, expectCode, onlyRefuses } from '../helpers.js';

const hex = <T>(type: Type<T>, value: T) => toHex(formatDer(type, value));
const read = <T>(type: Type<T>, text: string) => parseDer(type, fromHex(text));
const refuses = <T>(type: Type<T>, text: string, offset: number) => {
  const error = errorOf(() => read(type, text));
  expect([error.code, error.offset]).toEqual(['security/bad-token', offset]);
};

describe('values and their octets', () => {
  test.each([
    [0, '020100'],
    [5, '020105'],
    [127, '02017f'],
    [128, '02020080'],
    [255, '020200ff'],
    [256, '02020100'],
    [-1, '0201ff'],
    [-128, '020180'],
    [-129, '0202ff7f'],
    [2 ** 31 - 1, '02047fffffff'],
    [-(2 ** 31), '020480000000'],
  ])('INTEGER %d is %s', (value, octets) => {
    expect(hex(int32, value)).toBe(octets);
    expect(read(int32, octets)).toBe(value);
  });

  test.each([
    [2 ** 32 - 1, '020500ffffffff'],
    [2 ** 31, '02050080000000'],
    [271917352, '020410352128'],
  ])('UInt32 %d is %s', (value, octets) => {
    expect(hex(uint32, value)).toBe(octets);
    expect(read(uint32, octets)).toBe(value);
  });

  test('a negative number in place of a UInt32 is taken modulo 2^32', () => {
    expect(read(uint32, '0201ff')).toBe(2 ** 32 - 1);
    expect(read(uint32, '020480000000')).toBe(2 ** 31);
  });

  test.each([
    ['19700101000000Z', 0],
    ['20261122102149Z', 1795342909],
    ['00000101000000Z', -62167219200],
    ['00000229000000Z', Date.UTC(2000, 1, 29) / 1000 - 63113904000],
    ['99991231235959Z', 253402300799],
  ])('KerberosTime %s', (text, seconds) => {
    const octets = formatElement(0x18, ascii(text));
    expect(parseDer(kerberosTime, octets)).toBe(seconds);
    expect(formatDer(kerberosTime, seconds)).toEqual(octets);
  });

  test('flags are counted from the highest bit', () => {
    expect(read(kerberosFlags, '03050020000000')).toBe(flag(2));
    expect(hex(kerberosFlags, flag(2))).toBe('03050020000000');
    expect(hex(kerberosFlags, flag(0) + flag(31))).toBe('03050080000001');
    expect(hex(kerberosFlags, 0)).toBe('03050000000000');
  });

  test('missing flags are zero, and those from 32 on are dropped', () => {
    expect(read(kerberosFlags, '03020520')).toBe(flag(2));
    expect(read(kerberosFlags, '03020780')).toBe(flag(0));
    expect(read(kerberosFlags, '030100')).toBe(0);
    expect(read(kerberosFlags, '03060020000000ff')).toBe(flag(2));
  });

  test('lengths of 128 octets and more', () => {
    expect(hex(octetString, new Uint8Array(127)).slice(0, 4)).toBe('047f');
    expect(hex(octetString, new Uint8Array(128)).slice(0, 6)).toBe('048180');
    expect(hex(octetString, new Uint8Array(256)).slice(0, 8)).toBe('04820100');
    expect(hex(octetString, new Uint8Array(65536)).slice(0, 10)).toBe('0483010000');
    for (const size of [127, 128, 255, 256, 65536]) {
      expect(parseDer(octetString, formatDer(octetString, new Uint8Array(size))).length).toBe(size);
    }
  });

  test('SEQUENCE, SEQUENCE OF, application and context tags', () => {
    const type = application(1, 'Example', sequence({ a: field(0, int32), b: optional(1, sequenceOf(int32)) }));
    expect(hex(type, { a: 1 })).toBe('61073005a003020101');
    expect(hex(type, { a: 1, b: [2, 3] })).toBe('6111300fa003020101a1083006020102020103');
    expect(read(type, '61073005a003020101')).toEqual({ a: 1 });
    expect(read(type, '6111300fa003020101a1083006020102020103')).toEqual({ a: 1, b: [2, 3] });
  });

  test('octets of a Buffer are copied, and returned as a plain Uint8Array', () => {
    const input = Buffer.from('0403616263', 'hex');
    const value = parseDer(octetString, input);
    input.fill(0);
    expect(value).toEqual(ascii('abc'));
    expect(value.constructor).toBe(Uint8Array);
  });
});

describe('is refused with the offset:', () => {
  test.each([
    ['nothing', '', 0],
    ['another tag', '040105', 0],
    ['another tag, cut short', '0405', 0],
    ['no length', '02', 1],
    ['an indefinite length', '0280050000', 1],
    ['a length in more octets than needed', '02810105', 1],
    ['a length with a leading zero', '0282000105', 1],
    ['a length of five octets', '02850000000105', 1],
    ['a length cut short', '028201', 1],
    ['contents cut short', '020205', 2],
    ['octets after the end', '02010500', 3],
    ['an empty INTEGER', '0200', 2],
    ['an INTEGER with a leading 00', '02020005', 2],
    ['an INTEGER with a leading ff', '0202ff80', 2],
    ['an INTEGER out of range', '02050080000000', 2],
    ['an endless INTEGER', '020701000000000000', 2],
  ])('%s', (_, octets, offset) => refuses(int32, octets, offset));

  test.each([
    ['', 2],
    ['01', 2],
    ['0800', 2],
    ['08ff', 2],
    ['0120000001', 2],
    ['07207f', 2],
  ])('BIT STRING of %s', (contents, offset) =>
    refuses(kerberosFlags, toHex(formatElement(0x03, fromHex(contents))), offset),
  );

  test.each([
    '20261122102149',
    '20261122102149.0Z',
    '202611221021Z',
    '20261122102149+0000',
    '20260229000000Z',
    '20261322000000Z',
    '20261122240000Z',
    '20261122102160Z',
    ' 0261122102149Z',
  ])('KerberosTime %s', text => refuses(kerberosTime, toHex(formatElement(0x18, ascii(text))), 2));

  const pair = () => sequence({ a: field(0, int32), b: optional(1, int32) });
  test.each([
    ['no field', '3000', 2],
    ['a missing field', '3005a103020101', 2],
    ['a field twice', '300aa003020101a003020101', 7],
    ['the last field twice', '300fa003020101a103020101a103020101', 12],
    ['fields in another order', '300aa103020101a003020101', 2],
    ['a field of another class', '300a8003020101a103020101', 2],
    ['two values in a field', '3008a006020101020101', 7],
    ['an empty field', '3002a000', 4],
    ['a field longer than its SEQUENCE', '3005a004020101', 4],
    ['a tag number above 30 after the fields', '3008a003020101bf2000', 7],
    ['an element of another class after the fields', '3008a003020101020101', 7],
    ['an element of a private class after the fields', '3008a003020101e30101', 7],
    ['extensions that do not ascend', '3009a003020101a400a300', 9],
  ])('%s', (_, octets, offset) => refuses(pair(), octets, offset));

  test('a length with a leading zero, and then as many octets', () =>
    refuses(octetString, `04820080${'00'.repeat(128)}`, 1));

  test('a tag number above 30', () => refuses(sequenceOf(int32), '30031f2000', 2));

  test('a constant that has another value', () => {
    expect(read(constant(5), '020105')).toBe(5);
    refuses(constant(5), '020104', 2);
  });

  test('octets behind it, but for padding where that is allowed', () => {
    expectCode(() => parseDer(int32, fromHex('02010500')), 'security/bad-token');
    for (const padding of ['', '00', '0102', 'ffffff']) {
      expect(parseDer(int32, fromHex(`020105${padding}`), 0, 3)).toBe(5);
    }
    expectCode(() => parseDer(int32, fromHex('02010500000000'), 0, 3), 'security/bad-token');
    expectCode(() => parseDer(int32, fromHex('02020500'), 1, 3), 'security/bad-token');
    for (const [cut, offset] of [
      ['', 0],
      ['02', 1],
      ['0202', 2],
      ['020205', 2],
    ] as const) {
      const error = errorOf(() => parseDer(int32, fromHex(cut), 0, 3));
      expect([error.code, error.offset]).toEqual(['security/bad-token', offset]);
    }
    // The padding is not taken for the count of unused bits that is missing.
    expectCode(() => parseDer(kerberosFlags, fromHex('030000'), 0, 3), 'security/bad-token');
  });

  test('nesting deeper than the type', () => {
    let nested: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 2000; depth++) nested = formatElement(0x30, nested);
    expectCode(() => parseDer(sequenceOf(sequenceOf(int32)), nested), 'security/bad-token');
  });

  test('a list of more than 1000 elements', () => {
    const list = (count: number) => formatDer(sequenceOf(int32), new Array<number>(count).fill(7));
    expect(parseDer(sequenceOf(int32), list(1000)).length).toBe(1000);
    const error = errorOf(() => parseDer(sequenceOf(int32), list(1001)));
    expect([error.code, error.offset]).toEqual(['security/bad-token', 4 + 3 * 1000]);
    expect(() => formatDer(sequenceOf(int32), new Array<number>(300_000).fill(7))).not.toThrow();
  });

  test.each<[string, () => Type<unknown>, string]>([
    ['a [0]', pair, '3005a103020101'],
    ['SEQUENCE', pair, '0201ff'],
    ['SEQUENCE OF Int32', () => sequenceOf(int32), '0201ff'],
    ['INTEGER', () => integer(0, 9), '0400'],
    ['INTEGER from 0 to 9', () => integer(0, 9), '02010a'],
    ['a definite length', () => octetString, '0480610000'],
  ])('the error says that %s was expected, and no octets', (what, type, octets) => {
    expect(errorOf(() => read(type(), octets)).message).toBe(`DER: expected ${what}`);
  });

  test('values that a type cannot hold are misuse', () => {
    expect(() => formatDer(int32, 2 ** 31)).toThrow(RangeError);
    expect(() => formatDer(uint32, -1)).toThrow(RangeError);
    expect(() => formatDer(int32, 0.5)).toThrow(RangeError);
    expect(() => formatDer(kerberosTime, 253402300800)).toThrow(RangeError);
    expect(() => formatDer(kerberosTime, 0.5)).toThrow(RangeError);
    expect(() => formatDer(kerberosTime, -62167219201)).toThrow(RangeError);
    for (const flags of [2 ** 32, -1, 0.5]) expect(() => formatDer(kerberosFlags, flags)).toThrow(RangeError);
  });
});

describe('extensions (RFC 4120 §1.5.1)', () => {
  test('are kept as they came, and written again', () => {
    const type = sequence({ a: field(0, int32), b: optional(1, int32) });
    const octets = '300ea003020101a303020109a4020500';
    const value = read(type, octets);
    expect(value).toEqual({ a: 1, extensions: fromHex('a303020109a4020500') });
    expect(hex(type, value)).toBe(octets);
    const single = sequence({ a: field(0, int32) });
    expect(read(single, '300aa003020101a103020109')).toEqual({ a: 1, extensions: fromHex('a103020109') });
  });

  test('are not the fields of what is around the SEQUENCE', () => {
    const inner = sequence({ a: field(0, int32), b: optional(1, int32) });
    const type = sequence({ inner: field(0, inner), c: field(1, int32) });
    expect(read(type, '300ea0073005a003020101a103020102')).toEqual({ inner: { a: 1 }, c: 2 });
  });
});

describe('names', () => {
  test('are ASCII or UTF-8', () => {
    expect(read(generalString, '1b03667470')).toBe('ftp');
    expect(read(generalString, '1b02c3a9')).toBe('é');
    expect(hex(generalString, 'é')).toBe('1b02c3a9');
  });

  test('octets that are not UTF-8 are kept, and differ from all others', () => {
    expect(nameText(fromHex('e9'))).toBe('\udce9');
    expect(nameText(fromHex('80'))).toBe('\udc80');
    expect(nameText(fromHex('efbfbd'))).toBe('\ufffd');
    // The first three octets of a character of four, for which UTF-8 decoders give one U+FFFD.
    expect(nameText(fromHex('f09f98'))).toBe('\udcf0\udc9f\udc98');
    expect(hex(generalString, 'a\udce9')).toBe('1b0261e9');
  });

  test('every octet string is read as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array(), octets => {
        expect(nameOctets(nameText(octets))).toEqual(octets);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(nameText(nameOctets(text))).toBe(text);
      }),
    );
  });
});

describe('properties', () => {
  const octets = fc.uint8Array({ maxLength: 300 });
  const time = fc.integer({ min: -62167219200, max: 253402300799 });
  const shape = sequence({
    integer: field(0, integer(-(2 ** 47), 2 ** 47 - 1)),
    int32: field(1, int32),
    uint32: optional(2, uint32),
    octets: field(3, octetString),
    text: optional(4, generalString),
    time: field(5, kerberosTime),
    flags: field(30, kerberosFlags),
  });
  const value = fc.record(
    {
      integer: fc.integer({ min: -(2 ** 47), max: 2 ** 47 - 1 }),
      int32: fc.integer(),
      uint32: fc.nat({ max: 2 ** 32 - 1 }),
      octets,
      text: fc.string({ unit: 'grapheme' }),
      time,
      flags: fc.nat({ max: 2 ** 32 - 1 }),
    },
    { requiredKeys: ['integer', 'int32', 'octets', 'time', 'flags'], noNullPrototype: true },
  );
  const list = sequenceOf(shape);
  const values = fc.array(value, { maxLength: 4 });

  test('parse(format(x)) = x, from any offset', () => {
    fc.assert(
      fc.property(values, octets, (items, before) => {
        expect(parseDer(list, concat(before, formatDer(list, items)), before.length)).toEqual(items);
      }),
    );
  });

  test('a prefix is an error, and so is an octet more', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat({ max: 255 }), (items, cut, more) => {
        const whole = formatDer(list, items);
        expectCode(() => parseDer(list, whole.subarray(0, cut % whole.length)), 'security/bad-token');
        expectCode(() => parseDer(list, concat(whole, Uint8Array.of(more))), 'security/bad-token');
      }),
    );
  });

  test('arbitrary and damaged octets give a value or an error', () => {
    fc.assert(fc.property(octets, input => void onlyRefuses(() => parseDer(list, input))));
    fc.assert(
      fc.property(values, fc.nat(), fc.nat({ max: 255 }), (items, at, octet) => {
        const input = formatDer(list, items);
        input[at % input.length] = octet;
        onlyRefuses(() => parseDer(list, input));
      }),
    );
  });
});
