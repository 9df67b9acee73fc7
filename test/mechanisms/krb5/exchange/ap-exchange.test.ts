/** Which key protects the messages: that of the acceptor, of the initiator, or of the ticket (RFC 4121 §2). */
import { describe, expect, test } from 'vitest';
import { enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { messageKey } from '../../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import type { Authenticator, EncryptionKey } from '../../../../src/mechanisms/krb5/messages/kerberos.js';

const TIME = { ctime: 1_795_342_909, cusec: 184_039 };
const CLIENT = { crealm: 'R', cname: { nameType: 1, nameString: ['user'] } };

/** A key of an enctype, all of whose octets are the same. */
function keyOf(keytype: number, octet: number): EncryptionKey {
  return { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)?.keyLength ?? 16).fill(octet) };
}

/** The key of the messages with these subkeys; the acceptor has none without an AP-REP. */
function chosen(initiatorSubkey: EncryptionKey | undefined, acceptorSubkey?: EncryptionKey) {
  const authenticator: Authenticator = { ...TIME, ...CLIENT, authenticatorVno: 5, subkey: initiatorSubkey };
  const request = { ticket: { key: keyOf(18, 1) }, authenticator };
  const { key, from } = messageKey(request, { ...TIME, subkey: acceptorSubkey });
  return [from, key.keytype, key.keyvalue[0]];
}

test('the acceptor’s subkey protects the messages, else the initiator’s, else the session key', () => {
  expect(chosen(keyOf(18, 2), keyOf(20, 3))).toEqual(['acceptor subkey', 20, 3]);
  expect(chosen(undefined, keyOf(20, 3))).toEqual(['acceptor subkey', 20, 3]);
  expect(chosen(keyOf(18, 2))).toEqual(['initiator subkey', 18, 2]);
  expect(chosen(undefined)).toEqual(['session key', 18, 1]);
});

describe('the initiator’s subkey, repeated by the acceptor,', () => {
  test.each([23, 16, 3, 1])('is still the initiator’s with tokens of RFC 1964: enctype %i', keytype => {
    expect(chosen(keyOf(keytype, 2), keyOf(keytype, 2))).toEqual(['initiator subkey', keytype, 2]);
    expect(chosen(keyOf(keytype, 2), keyOf(keytype, 3))).toEqual(['acceptor subkey', keytype, 3]);
    expect(chosen(undefined, keyOf(keytype, 2))).toEqual(['acceptor subkey', keytype, 2]);
  });

  test('is the acceptor’s with tokens of RFC 4121, which show whose it is', () => {
    for (const keytype of [17, 18, 19, 20, 25, 26])
      expect(chosen(keyOf(keytype, 2), keyOf(keytype, 2))).toEqual(['acceptor subkey', keytype, 2]);
  });

  test('is not repeated by the same octets as a key of another enctype', () => {
    expect(chosen(keyOf(1, 2), keyOf(3, 2))).toEqual(['acceptor subkey', 3, 2]);
    expect(chosen(keyOf(99, 2), keyOf(99, 2))).toEqual(['acceptor subkey', 99, 2]);
  });
});
