import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTicketFile } from '../../../src/mechanisms/krb4/index.js';
import { errorOf, expectCode, onlyRefuses } from '../../helpers.js';
import { formatTicketFile, terminated } from './vectors.js';

const name = fc.string({ unit: fc.constantFrom(...'ftprcmdhost.TEST'), minLength: 1, maxLength: 39 });
const instance = fc.oneof(fc.constant(''), name);
const credential = fc.record({
  name,
  instance,
  realm: name,
  sessionKey: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  life: fc.nat(255),
  kvno: fc.nat(255),
  ticket: fc.uint8Array({ minLength: 1, maxLength: 1250, size: 'max' }),
  issued: fc.nat(0x7fffffff),
});
const file = fc.record({ name, instance, credentials: fc.array(credential, { maxLength: 3 }) });

/** A credential for a service, as far as its session key. */
const begun = [...terminated('anna', ''), ...terminated('ftp', 'host', 'A.TEST'), 1, 2, 3, 4, 5, 6, 7, 8];

describe('a ticket file', () => {
  it('names its client, and has one credential behind the other', () => {
    const octets = [...begun, 0, 0, 0, 96, 0, 0, 0, 3, 0, 0, 0, 2, 0xab, 0xcd, 0x6b, 2, 0xc1, 0xc4];
    expect(parseTicketFile(Uint8Array.from(octets))).toEqual({
      name: 'anna',
      instance: '',
      credentials: [
        {
          name: 'ftp',
          instance: 'host',
          realm: 'A.TEST',
          sessionKey: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
          life: 96,
          kvno: 3,
          ticket: Uint8Array.of(0xab, 0xcd),
          issued: 1_795_342_788,
        },
      ],
    });
  });

  it('is parsed to what was written, in either byte order, and no prefix is valid', () => {
    fc.assert(
      fc.property(file, fc.boolean(), (content, littleEndian) => {
        const octets = formatTicketFile(content, littleEndian);
        expect(parseTicketFile(Buffer.from(octets))).toEqual(content);
        expectCode(() => parseTicketFile(octets.subarray(0, -1)), 'syntax/bad-file');
      }),
    );
  });

  it.each([
    ['nothing', [], 0],
    ['a client without a name', terminated('', ''), 2],
    ['a service without a name', [...terminated('anna', '', '', '', 'R'), ...new Uint8Array(24)], 10],
    ['a service without a realm', [...terminated('anna', '', 'ftp', '', ''), ...new Uint8Array(24)], 12],
    ['a life of more than an octet', [...begun, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0], 42],
    ['a key version of more than an octet', [...begun, 0, 0, 0, 1, 0, 1, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0], 42],
    ['a ticket longer than any', [...begun, 0, 0, 0, 1, 0, 0, 0, 3, 1, 0, 0, 1], 42],
    ['an end before any number', begun, 22],
  ])('%s is refused with the offset', (_, octets, offset) => {
    const error = errorOf(() => parseTicketFile(Uint8Array.from(octets)));
    expect([error.code, error.offset]).toEqual(['syntax/bad-file', offset]);
  });

  it('may hold any octets, and they are refused at most', () => {
    const octets = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(fc.nat(begun.length), octets, (kept, more) => {
        onlyRefuses(() => parseTicketFile(Uint8Array.of(...begun.slice(0, kept), ...more)));
      }),
    );
    expect(() => parseTicketFile('anna' as never)).toThrow(TypeError);
  });
});
