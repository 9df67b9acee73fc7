/** EncryptedData (RFC 4120 §5.2.9): what is sealed under a key for one usage, and opened. What is in between holds keys, and is erased. */
import { badToken } from '../../../errors.js';
import { formatDer, parseDer, type Type } from '../../der.js';
import { consume } from '../crypto/aes-hmac.js';
import { type CipherOptions, type KerberosKey, kerberosKey } from '../crypto/enctypes.js';
import type { EncryptedData, EncryptionKey } from './kerberos.js';

/** @throws FtpSecurityError `security/no-key` when there are no keys of such an encryption type or length */
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

/** @throws FtpSecurityError `security/bad-checksum` when the key is another, `no-key`, `bad-token` */
export function openData<T>(
  type: Type<T>,
  usage: number,
  key: EncryptionKey,
  { etype, cipher }: EncryptedData,
  options: CipherOptions,
): T {
  if (etype !== key.keytype) {
    throw badToken(`${type.name}: enctype ${etype} under a key of ${key.keytype}`);
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
