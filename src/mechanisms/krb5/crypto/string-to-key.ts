/** String-to-key of the AES encryption types: from a password to a long-term key (RFC 3962 §4, RFC 8009 §4). */
import { sha1 } from '@noble/hashes/legacy.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import { concat, toUtf8 } from '../../../bytes.js';
import { aes, consume } from './aes-hmac.js';
import { enctypeOf } from './enctypes.js';
import { deriveRandom, kdfHmacSha2 } from './key-derivation.js';

interface StringToKey {
  readonly hash: CHash;
  /** Default iteration count of PBKDF2. */
  readonly iterations: number;
  /** Whether the salt starts with the name of the encryption type (RFC 8009 §4). */
  readonly named: boolean;
}

const STRING_TO_KEY: ReadonlyMap<number, StringToKey> = new Map([
  [17, { hash: sha1, iterations: 4096, named: false }],
  [18, { hash: sha1, iterations: 4096, named: false }],
  [19, { hash: sha256, iterations: 32_768, named: true }],
  [20, { hash: sha384, iterations: 32_768, named: true }],
]);

/** The constant for deriving the key from the output of PBKDF2. */
const CONSTANT = toUtf8('kerberos');

/** Encryption types whose keys can be derived from a password. */
export const PASSWORD_ENCTYPES: readonly number[] = [...STRING_TO_KEY.keys()];

/**
 * Derives a key from a password.
 * @param enctype  one of PASSWORD_ENCTYPES
 * @param iterations  of PBKDF2; default that of the encryption type
 * @throws RangeError for another encryption type
 */
export function stringToKey(enctype: number, password: Uint8Array, salt: Uint8Array, iterations?: number): Uint8Array {
  const entry = STRING_TO_KEY.get(enctype);
  if (entry === undefined) throw new RangeError('keys are derived from passwords for enctypes 17 to 20 only');
  const { hash, named } = entry;
  const { name, keyLength } = enctypeOf(enctype)!;
  const salted = named ? concat(toUtf8(name), Uint8Array.of(0), salt) : salt;
  const stretched = pbkdf2(hash, password, salted, { c: iterations ?? entry.iterations, dkLen: keyLength });
  return consume(stretched, key => (named ? kdfHmacSha2(hash, key, CONSTANT, keyLength) : deriveKey(key)));
}

/** DK (RFC 3961 §5.1). */
function deriveKey(key: Uint8Array): Uint8Array {
  const cipher = aes(key);
  const derived = deriveRandom(cipher, CONSTANT, key.length);
  cipher.destroy();
  return derived;
}
