/** Names of Kerberos V4: no two have the same text, and their octets are kept. */
import { expect, test } from 'vitest';
import { ByteReader } from '../../../src/byte-reader.js';
import { concat, fromHex } from '../../../src/bytes.js';
import { formatNames, principalText, readName } from '../../../src/mechanisms/krb4/principal.js';

test.each([
  ['ftp', 'host', 'REALM', 'ftp.host@REALM'],
  ['anna', '', 'REALM', 'anna@REALM'],
  ['rcmd', 'a.b', 'REALM', 'rcmd.a.b@REALM'],
  ['rcmd.a', 'b', 'REALM', 'rcmd\\.a.b@REALM'],
  ['root@REALM', '', 'OTHER', 'root\\@REALM@OTHER'],
  ['root', '@REALM', 'OTHER', 'root.\\@REALM@OTHER'],
  ['root', '', 'REALM@OTHER', 'root@REALM\\@OTHER'],
  ['a\\', 'b\\', 'c\\', 'a\\\\.b\\\\@c\\\\'],
])('%s, %s, %s: %s', (name, instance, realm, text) => {
  expect(principalText({ name, instance, realm })).toBe(text);
});

test('octets that are no UTF-8 are told apart, and kept', () => {
  const [one, other] = ['52656ee9', '52656ee8'].map(octets => concat(fromHex(octets), Uint8Array.of(0)));
  const read = (octets: Uint8Array) => readName(new ByteReader(octets, { what: 'name', code: 'security/bad-token' }));
  expect(read(one!)).not.toBe(read(other!));
  for (const octets of [one!, other!]) expect(formatNames(read(octets))).toEqual(octets);
});
