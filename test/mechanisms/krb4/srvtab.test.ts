import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSrvtab, type SrvtabEntry } from '../../../src/mechanisms/krb4/index.js';
import { errorOf, expectCode, onlyRefuses } from '../../helpers.js';
import { terminated } from './vectors.js';

function format(entries: readonly SrvtabEntry[]): Uint8Array {
  return Uint8Array.from(
    entries.flatMap(({ name, instance, realm, kvno, key }) => [...terminated(name, instance, realm), kvno, ...key]),
  );
}

const name = fc.string({ unit: fc.constantFrom(...'ftprcmdhost.TEST'), minLength: 1, maxLength: 39 });
const entry = fc.record({
  name,
  instance: fc.oneof(fc.constant(''), name),
  realm: name,
  kvno: fc.nat(255),
  key: fc.uint8Array({ minLength: 8, maxLength: 8 }),
});

describe('a srvtab', () => {
  it('has entries, one behind the other', () => {
    const key = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const entries = parseSrvtab(Uint8Array.of(...terminated('ftp', 'host', 'A.TEST'), 3, ...key));
    expect(entries).toEqual([{ name: 'ftp', instance: 'host', realm: 'A.TEST', kvno: 3, key }]);
  });

  it('is parsed to what was written, and no prefix is valid', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), entries => {
        const file = format(entries);
        expect(parseSrvtab(Buffer.from(file))).toEqual(entries);
        expectCode(() => parseSrvtab(file.subarray(0, -1)), 'syntax/bad-file');
      }),
    );
  });

  it.each([
    ['nothing', new Uint8Array(0), 0],
    ['a name too long', new Uint8Array(60).fill(0x61), 0],
    ['no name', Uint8Array.of(...terminated('', '', 'A.TEST'), 3, ...new Uint8Array(8)), 9],
    ['no realm', Uint8Array.of(...terminated('ftp', 'host', ''), 3, ...new Uint8Array(8)), 10],
    ['a key too short', Uint8Array.of(...terminated('ftp', '', 'A.TEST'), 3, 1, 2), 13],
  ])('%s is refused with the offset', (_, bytes, offset) => {
    const error = errorOf(() => parseSrvtab(bytes));
    expect([error.code, error.offset]).toEqual(['syntax/bad-file', offset]);
  });

  it('may hold any octets, and they are refused at most', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), octets => void onlyRefuses(() => parseSrvtab(octets))));
    expect(() => parseSrvtab('ftp' as never)).toThrow(TypeError);
  });
});
