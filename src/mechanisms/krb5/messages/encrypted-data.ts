/** Encryption and decryption of EncryptedData (RFC 4120 §5.2.9). Plaintexts contain keys, so they are erased after use. */
import { badToken } from '../../../errors.js';
import { formatDer, parseDer, type Type } from '../../der.js';
import { consume } from '../crypto/aes-hmac.js';
import type { CipherOptions } from '../crypto/enctypes.js';
import { type KerberosKey, kerberosKey } from '../crypto/kerberos-key.js';
import type { EncryptedData, EncryptionKey } from './kerberos.js';

/**
 * Encodes and encrypts a value.
 * @throws FtpSecurityError `security/no-key` if the key can't be used: see kerberosKey
 */
export function sealData<T>(
  type: Type<T>,
  value: T,
  usage: number,
  key: EncryptionKey,
  options: CipherOptions,
): EncryptedData {
  const cipher = consume(formatDer(type, value), plaintext =>
    withKey(key, options, prepared => prepared.encrypt(usage, plaintext)),
  );
  return { etype: key.keytype, cipher };
}

/**
 * Decrypts and decodes a value.
 * @throws FtpSecurityError `security/bad-checksum` if the key is wrong, `security/no-key` if it can't be used, `security/bad-token`
 *   if its enctype differs or the plaintext is malformed
 */
export function openData<T>(
  type: Type<T>,
  usage: number,
  key: EncryptionKey,
  { etype, cipher }: EncryptedData,
  options: CipherOptions,
): T {
  if (etype !== key.keytype) {
    throw badToken(`${type.name}: encrypted with enctype ${etype}, but the key has enctype ${key.keytype}`);
  }
  return withKey(key, options, prepared =>
    consume(prepared.decrypt(usage, cipher), plaintext =>
      parseDer(type, plaintext, 0, prepared.enctype.messageBlock - 1),
    ),
  );
}

function withKey<T>(
  { keytype, keyvalue }: EncryptionKey,
  options: CipherOptions,
  use: (prepared: KerberosKey) => T,
): T {
  const prepared = kerberosKey(keytype, keyvalue, options);
  try {
    return use(prepared);
  } finally {
    prepared.destroy();
  }
}
