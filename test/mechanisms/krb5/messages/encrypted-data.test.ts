/** EncryptedData: what may follow the value in its plaintext, and which keys open it. */
import { expect, test } from 'vitest';
import { concat } from '../../../../src/bytes.js';
import { formatDer } from '../../../../src/mechanisms/der.js';
import { ENCTYPES, enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { openData, sealData } from '../../../../src/mechanisms/krb5/messages/encrypted-data.js';
import { encApRepPart, USAGE } from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { expectCode } from '../../../helpers.js';

const options = { ciphers: nodeCiphers };
const part = { ctime: 1_795_342_909, cusec: 184_039 };
const written = formatDer(encApRepPart, part);

/** A key of fixed octets. */
function keyOf(keytype: number) {
  return { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)!.keyLength).fill(0x52) };
}

test.each(ENCTYPES)('less than a block of padding may follow the value: $name', ({ number, messageBlock }) => {
  const { keytype, keyvalue } = keyOf(number);
  const prepared = kerberosKey(keytype, keyvalue, options);
  const seen = new Set<boolean>();
  for (let further = 0; further <= 16; further++) {
    const cipher = prepared.encrypt(USAGE.apRep, concat(written, new Uint8Array(further)));
    const open = () => openData(encApRepPart, USAGE.apRep, { keytype, keyvalue }, { etype: keytype, cipher }, options);
    // Encryption itself may have added some.
    const padding = prepared.decrypt(USAGE.apRep, cipher).length - written.length;
    if (padding < messageBlock) expect(open()).toEqual(part);
    else expectCode(open, 'security/bad-token');
    seen.add(padding < messageBlock);
  }
  expect(seen.size).toBe(2);
});

test('the key must have the enctype of the ciphertext', () => {
  const sealed = sealData(encApRepPart, part, USAGE.apRep, keyOf(18), options);
  expect(openData(encApRepPart, USAGE.apRep, keyOf(18), sealed, options)).toEqual(part);
  expectCode(() => openData(encApRepPart, USAGE.apRep, keyOf(20), sealed, options), 'security/bad-token');
});
