import { expect, test } from 'vitest';
import { fromHex } from '../../../../src/bytes.js';
import { parseKeyText } from '../../../../src/mechanisms/krb5/files/key-text.js';

const HEX = '000102030405060708090a0b0c0d0e0f';

test('a key is typed with the number or a name of its encryption type', () => {
  for (const name of ['17', 'aes128-cts', 'AES128-CTS-HMAC-SHA1-96'])
    expect(parseKeyText(`${name}:${HEX}`)).toEqual({ enctype: 17, key: fromHex(HEX) });
  expect(parseKeyText(`23:${HEX.toUpperCase()}`)).toEqual({ enctype: 23, key: fromHex(HEX) });
});

test.each(['', HEX, `:${HEX}`, `99:${HEX}`, `aes:${HEX}`])('%j names no encryption type', text => {
  expect(() => parseKeyText(text)).toThrow(
    new RangeError('a key is ENCTYPE:HEX, with the number or name of a known enctype'),
  );
});

test.each([HEX.slice(2), `${HEX}00`, HEX.replace('0f', 'xy'), ''])(
  'a key of another length or form is refused without being quoted: %j',
  hex => {
    expect(() => parseKeyText(`17:${hex}`)).toThrow(
      new RangeError('a key of aes128-cts-hmac-sha1-96 is 32 hex digits'),
    );
  },
);
