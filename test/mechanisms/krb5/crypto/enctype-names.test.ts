import { expect, it } from 'vitest';
import { enctypeNumber } from '../../../../src/mechanisms/krb5/crypto/enctype-names.js';
import { ENCTYPES } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';

it.each(ENCTYPES)('knows $name by its number and its name', ({ number, name }) => {
  expect([`${number}`, name, name.toUpperCase()].map(enctypeNumber)).toEqual([number, number, number]);
});

// The names that krb5.conf(5) of MIT has for them.
it.each([
  ['aes256-cts', 18],
  ['AES128-SHA1', 17],
  ['aes128-sha2', 19],
  ['aes256-sha2', 20],
  ['rc4-hmac', 23],
  ['arcfour-hmac-md5', 23],
  ['des3-cbc-sha1', 16],
  ['camellia256-cts', 26],
])('knows %s as another name', (name, number) => {
  expect(enctypeNumber(name)).toBe(number);
});

it.each(['', '0', '018', 'aes', '99'])('does not know %j', text => {
  expect(enctypeNumber(text)).toBeUndefined();
});
