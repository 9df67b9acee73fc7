/** A server's RSA key for recordings of TLS whose key exchange is RSA: Node decrypts, the padding is looked at elsewhere. */
import { constants, createPrivateKey, type KeyObject, privateDecrypt } from 'node:crypto';
import { assertBytes, copy, startsWith } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { RsaDecrypt } from '../mechanisms/gsi/index.js';

/**
 * For the option `rsaKeys` of `gsiObserver`.
 * @param file  a private key: PEM without a password, or PKCS #8 in DER
 * @throws TypeError if `file` is not a Uint8Array
 * @throws FtpSecurityError `syntax/bad-file`
 */
export function rsaDecrypt(file: Uint8Array): RsaDecrypt {
  assertBytes(file, 'file');
  const key = readKey(file);
  const length = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  return encrypted => {
    // Of another key, or no number that this one can decrypt.
    if (encrypted.length !== length) return undefined;
    try {
      return copy(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encrypted));
    } catch {
      return undefined;
    }
  };
}

function readKey(file: Uint8Array): KeyObject {
  const octets = Buffer.from(file);
  try {
    const isDer = startsWith(file, [0x30]);
    const key = createPrivateKey(isDer ? { key: octets, format: 'der', type: 'pkcs8' } : octets);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // Said below: the reason could show a part of the key.
  }
  throw new FtpSecurityError(
    'syntax/bad-file',
    'no RSA private key: PEM without a password, or PKCS #8 in DER, is read',
  );
}
