/** A server's RSA key: its forms, and what it does not decrypt. */
import { constants, createPrivateKey, createPublicKey, publicEncrypt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rsaDecrypt } from '../../src/node/index.js';
import { ascii, errorOf } from '../helpers.js';

const file = (name: string) => readFileSync(new URL(`../../vectors/gsi/${name}`, import.meta.url));
const key = createPrivateKey(file('certificates/rsa.key'));
const padded = Uint8Array.from({ length: 256 }, (_, i) => (i === 0 ? 0 : i * 7));
const encrypted = publicEncrypt({ key: createPublicKey(key), padding: constants.RSA_NO_PADDING }, padded);

describe('rsaDecrypt', () => {
  it.each([
    ['PKCS #8 in PEM', Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }))],
    ['PKCS #8 in DER', key.export({ type: 'pkcs8', format: 'der' })],
    ['PKCS #1 in PEM', Buffer.from(key.export({ type: 'pkcs1', format: 'pem' }))],
  ])('takes %s, and gives the text with its padding, in a plain Uint8Array', (_, octets) => {
    const decrypted = rsaDecrypt(octets)(encrypted);
    expect(decrypted).toEqual(padded);
    expect(decrypted?.constructor).toBe(Uint8Array);
  });

  it('gives undefined for what it can not decrypt', () => {
    const decrypt = rsaDecrypt(file('certificates/rsa.key'));
    expect(decrypt(new Uint8Array(128))).toBeUndefined();
    expect(decrypt(new Uint8Array(0))).toBeUndefined();
    // Not less than the modulus.
    expect(decrypt(new Uint8Array(256).fill(255))).toBeUndefined();
  });

  it.each([
    ['a key of another kind', file('certificates/ecdsa.key')],
    ['a certificate', file('certificates/rsa.crt')],
    [
      'a key under a password',
      Buffer.from(key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' })),
    ],
    ['other text', ascii('-----BEGIN PRIVATE KEY-----')],
    ['nothing', new Uint8Array()],
    ['octets that are not DER', Uint8Array.of(0x30, 0x82, 1, 2)],
  ])('rejects %s', (_, octets) => {
    const error = errorOf(() => rsaDecrypt(octets));
    expect([error.code, error.message]).toEqual([
      'syntax/bad-file',
      'no RSA private key: PEM without a password, or PKCS #8 in DER, is read',
    ]);
  });
});
