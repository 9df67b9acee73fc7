import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex, viewOf } from '../../../../src/bytes.js';
import { type KeytabEntry, parseKeytab, parseKeytabFile } from '../../../../src/mechanisms/krb5/files/keytab.js';
import { principalText, samePrincipal } from '../../../../src/mechanisms/krb5/messages/principal.js';
import { nameOctets } from '../../../../src/mechanisms/name-text.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { readKeytab } from '../exchange-vectors.js';

type Form = 'v2' | 'v1-big' | 'v1-little';

/** Writes a keytab. Before each entry is a hole of so many octets, or none if 0. */
function formatKeytab(entries: readonly KeytabEntry[], form: Form = 'v2', hole = 0): Uint8Array {
  const little = form === 'v1-little';
  const number = (size: 2 | 4, value: number) => {
    const octets = new Uint8Array(size);
    if (size === 2) viewOf(octets).setUint16(0, value & 0xffff, little);
    else viewOf(octets).setUint32(0, value >>> 0, little);
    return octets;
  };
  const counted = (octets: Uint8Array) => concat(number(2, octets.length), octets);
  const records = entries.map(({ principal: { name, realm, type }, kvno, enctype, key, timestamp }) => {
    const record = concat(
      number(2, name.length + (form === 'v2' ? 0 : 1)),
      ...[realm, ...name].map(part => counted(nameOctets(part))),
      ...(form === 'v2' ? [number(4, type)] : []),
      number(4, timestamp),
      Uint8Array.of(kvno),
      number(2, enctype),
      counted(key),
      number(4, kvno),
    );
    const deleted = hole === 0 ? [] : [number(4, -hole), new Uint8Array(hole)];
    return concat(...deleted, number(4, record.length), record);
  });
  return concat(Uint8Array.of(5, form === 'v2' ? 2 : 1), ...records);
}

const entry: KeytabEntry = {
  principal: { name: ['ftp', 'host'], realm: 'R', type: 1 },
  kvno: 3,
  enctype: 17,
  key: fromHex('00112233445566778899aabbccddeeff'),
  timestamp: 1795341757,
};
const key = '00112233445566778899aabbccddeeff';
const record = `0002${'000152'}${'0003667470'}${'0004686f7374'}${'00000001'}6b02bdbd030011${'0010'}${key}00000003`;
const v2 = `050200000031${record}`;

describe('keytabs of MIT and Heimdal', () => {
  test('are parsed: MIT Kerberos, two services', () => {
    const entries = parseKeytab(readKeytab('krb5ftp-safe-aes256-sha1'));
    expect(
      entries.map(({ principal, kvno, enctype, key }) => [principalText(principal), kvno, enctype, key.length]),
    ).toEqual([
      ['ftp/aes256-sha1.example.test@EXAMPLE.TEST', 1, 18, 32],
      ['host/aes256-sha1.example.test@EXAMPLE.TEST', 1, 18, 32],
    ]);
    expect(entries[0]).toEqual({
      principal: { name: ['ftp', 'aes256-sha1.example.test'], realm: 'EXAMPLE.TEST', type: 1 },
      kvno: 1,
      enctype: 18,
      key: fromHex('7e25bd86f969b608b20184b258c52a9b83b6f6c8191f14b6dc4f02933d45932a'),
      timestamp: 1795341757,
    });
  });

  test('are parsed: Heimdal, with four octets after the long version number', () => {
    const entries = parseKeytab(readKeytab('heimdal-private-aes256-cts-hmac-sha384-192'));
    expect(entries.map(({ principal, kvno, enctype }) => [principalText(principal), kvno, enctype])).toEqual([
      ['ftp/localhost@HEIM.TEST', 1, 20],
    ]);
  });

  test('are parsed even if an enctype is not supported', () => {
    expect(parseKeytab(readKeytab('krb5ftp-safe-des3')).map(({ enctype, key }) => [enctype, key.length])).toEqual([
      [16, 24],
      [16, 24],
    ]);
  });
});

describe('a keytab', () => {
  test('of version 2 is parsed', () => {
    expect(parseKeytab(fromHex(v2))).toEqual([entry]);
    expect(toHex(formatKeytab([entry]))).toBe(v2);
  });

  test('of version 1 is parsed in either byte order', () => {
    const untyped = { ...entry, principal: { ...entry.principal, type: 0 } };
    const big = `05010000002d${'0003000152'}${'0003667470'}${'0004686f7374'}6b02bdbd0300110010${key}00000003`;
    const little = `05012d000000${'0300010052'}${'0300667470'}${'0400686f7374'}bdbd026b0311001000${key}03000000`;
    expect(parseKeytab(fromHex(big))).toEqual([untyped]);
    expect(parseKeytab(fromHex(little))).toEqual([untyped]);
  });

  test('may have no entries', () => {
    for (const empty of ['0501', '0502', '050200000000', '050100000000'])
      expect(parseKeytab(fromHex(empty))).toEqual([]);
  });

  test('may have holes, and ends at a length of zero', () => {
    const first = v2.slice(4);
    expect(parseKeytab(fromHex(`0502fffffffe0000${first}fffffffcffffffff`))).toEqual([entry]);
    expect(parseKeytab(fromHex(`${v2}00000000${first}`))).toEqual([entry]);
  });

  test('has a key version of 32 bits if present and not zero, else of 8', () => {
    const ending = (end: string, length: string) => fromHex(`0502${length}${record.slice(0, -8)}${end}`);
    expect(parseKeytab(ending('', '0000002d'))[0]?.kvno).toBe(3);
    expect(parseKeytab(ending('ffff', '0000002f'))[0]?.kvno).toBe(3);
    expect(parseKeytab(ending('00000000', '00000031'))[0]?.kvno).toBe(3);
    expect(parseKeytab(ending('00010003', '00000031'))[0]?.kvno).toBe(65539);
  });

  test('may have negative enctypes', () => {
    expect(parseKeytab(formatKeytab([{ ...entry, enctype: -133 }]))[0]?.enctype).toBe(-133);
  });

  test.each([
    ['nothing', '', 0],
    ['another file', '7f454c46', 0],
    ['another file that begins as version 2 goes on', '0402', 0],
    ['version 3', '0503', 0],
    ['a length cut short', '05020000', 2],
    ['an entry longer than the file', '0502000000100000', 6],
    ['a hole longer than the file', '050280000000', 6],
    ['an entry cut inside a name', `0502000000050002000152${'00'}`, 11],
    ['a component longer than its entry', '0502000000060001ffff0000', 10],
    ['more components than octets', '0502000000060fff00000000', 12],
    ['a name without a realm', '0501020000000000', 6],
    ['version 2 in the other byte order', `050206000000${'000000000000'}`, 6],
  ])('refused: %s', (_, octets, offset) => {
    const error = errorOf(() => parseKeytab(fromHex(octets)));
    expect([error.code, error.offset]).toEqual(['syntax/bad-file', offset]);
  });

  test.each([
    ['7f454c46', 'not a keytab: it does not start with 05 01 or 05 02'],
    ['0501020000000000', 'keytab: an entry whose name has no realm'],
    ['05020000', 'keytab: 4 octets expected, 2 left'],
  ])('says why it refuses %s', (octets, why) => {
    expect(errorOf(() => parseKeytab(fromHex(octets))).message).toBe(why);
  });

  test.each([
    ['a newline', '0a', 55],
    ['a length cut short', '000000', 55],
    ['a cut entry', `00000031${record.slice(0, -2)}`, 59],
    ['a cut hole', 'fffffff0ffff', 59],
  ])('behind whole entries, %s is left out, and told', (_, end, offset) => {
    const { entries, error } = parseKeytabFile(fromHex(v2 + end));
    expect(entries).toEqual([entry]);
    expect([error?.code, error?.offset]).toEqual(['syntax/bad-file', offset]);
    expect(parseKeytab(fromHex(v2 + end))).toEqual([entry]);
    expect(parseKeytabFile(fromHex(v2))).toEqual({ entries: [entry] });
  });

  test('is refused if a complete entry is malformed', () => {
    expectCode(() => parseKeytab(fromHex(`${v2}00000006000100ff0000`)), 'syntax/bad-file');
  });

  test('must be a Uint8Array', () => {
    // @ts-expect-error: a caller without types
    expect(() => parseKeytab('0502')).toThrow(TypeError);
  });
});

describe('names', () => {
  test.each([
    [['ftpuser'], 'R', 'ftpuser@R'],
    [['ftp', 'host'], 'EXAMPLE.TEST', 'ftp/host@EXAMPLE.TEST'],
    [['a/b@c\\d'], 'X/Y@Z', 'a\\/b\\@c\\\\d@X\\/Y\\@Z'],
    [['\0\b\t\n'], 'R', '\\0\\b\\t\\n@R'],
    [[], '', '@'],
  ])('%j of %s is %s', (name, realm, text) => expect(principalText({ name, realm, type: 0 })).toBe(text));

  test('are equal even if their types differ', () => {
    const { principal } = entry;
    expect(samePrincipal(principal, { ...principal, type: 3 })).toBe(true);
    expect(samePrincipal(principal, { ...principal, realm: 'S' })).toBe(false);
    expect(samePrincipal(principal, { ...principal, name: ['ftp'] })).toBe(false);
    expect(samePrincipal(principal, { ...principal, name: ['ftp', 'other'] })).toBe(false);
  });
});

describe('properties', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 10 });
  const entries = fc.array(
    fc.record(
      {
        principal: fc.record(
          { name: fc.array(text, { maxLength: 3 }), realm: text, type: fc.integer() },
          { noNullPrototype: true },
        ),
        kvno: fc.nat(255),
        enctype: fc.integer({ min: -32768, max: 32767 }),
        key: fc.uint8Array({ maxLength: 40 }),
        timestamp: fc.nat(2 ** 32 - 1),
      },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 4 },
  );
  const form = fc.constantFrom<Form>('v2', 'v1-big', 'v1-little');
  /** A hole was an entry before, so it has more than one octet. */
  const hole = fc.constantFrom(0, 2, 60, 256, 257, 65535);
  const asRead = (items: KeytabEntry[], how: Form) =>
    how === 'v2' ? items : items.map(item => ({ ...item, principal: { ...item.principal, type: 0 } }));

  test('parse(format(x)) = x, with and without holes', () => {
    fc.assert(
      fc.property(entries, form, hole, (items, how, hole) => {
        expect(parseKeytab(formatKeytab(items, how, hole))).toEqual(asRead(items, how));
      }),
    );
  });

  test('a prefix has the first entries, or is an error', () => {
    fc.assert(
      fc.property(entries, form, fc.nat(), (items, how, cut) => {
        const whole = formatKeytab(items, how);
        const size = 2 + (cut % (whole.length - 2));
        const read = onlyRefuses(() => parseKeytab(whole.subarray(0, size)));
        if (read === undefined) expectCode(() => parseKeytab(whole.subarray(0, size)), 'syntax/bad-file');
        else expect(read).toEqual(asRead(items, how).slice(0, read.length));
        expect(read?.length).not.toBe(items.length);
      }),
    );
  });

  test('arbitrary and damaged octets give entries or an error', () => {
    fc.assert(
      fc.property(fc.constantFrom('0501', '0502'), fc.uint8Array({ maxLength: 300 }), (start, rest) => {
        onlyRefuses(() => parseKeytab(concat(fromHex(start), rest)));
      }),
    );
    fc.assert(
      fc.property(entries, form, fc.nat(), fc.nat(255), (items, how, at, octet) => {
        const octets = formatKeytab(items, how);
        octets[at % octets.length] = octet;
        onlyRefuses(() => parseKeytab(octets));
      }),
    );
  });
});
