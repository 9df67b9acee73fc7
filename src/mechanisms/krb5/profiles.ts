/** How the keys of one usage encrypt, decrypt and make checksums: a function for each family of encryption types. */
import { sha1 } from '@noble/hashes/legacy.js';
import type { CHash } from '@noble/hashes/utils.js';
import { concat, copy, equalConstantTime } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { decryptStealing, encryptStealing } from './ciphertext-stealing.js';
import { deriveRandom, KEY_KIND, kdfHmacSha2, keyConstant } from './derivation.js';
import { aes, type BlockCipher, keyedHmac, type Mac } from './primitives.js';

/** In octets. */
export interface Sizes {
  readonly keyLength: number;
  readonly confounderLength: number;
  /** Of a checksum, alone or at the end of a ciphertext. */
  readonly checksumLength: number;
}

/** What a key does in one usage; the keys derived for it are inside. */
export interface UsageKey {
  encrypt(plaintext: Uint8Array, confounder: Uint8Array): Uint8Array;
  /** @throws FtpSecurityError `security/bad-token` too short, `security/bad-checksum` */
  decrypt(ciphertext: Uint8Array): Uint8Array;
  checksum(data: Uint8Array): Uint8Array;
  destroy(): void;
}

/** Derives what a usage number needs from a key of `sizes.keyLength` octets. */
export type Profile = (sizes: Sizes, key: Uint8Array, usage: number) => UsageKey;

/** AES-CTS with HMAC-SHA1 (RFC 3962 §6): keys by DK, the checksum over confounder and plaintext. */
export const aesSha1: Profile = (sizes, key, usage) => {
  const base = aes(key);
  const derive = (kind: number) => deriveRandom(base, keyConstant(usage, kind), sizes.keyLength);
  const keys: SpecificKeys = {
    ke: aes(derive(KEY_KIND.encryption)),
    ki: keyedHmac(sha1, derive(KEY_KIND.integrity), sizes.checksumLength),
    kc: keyedHmac(sha1, derive(KEY_KIND.checksum), sizes.checksumLength),
  };
  base.destroy();
  return macThenEncrypt(keys, sizes);
};

/** AES-CTS with HMAC-SHA2 (RFC 8009 §5): the keys of its checksums are as long as the checksums. */
export function aesSha2(hash: CHash): Profile {
  return (sizes, key, usage) => {
    const derive = (kind: number, length: number) => kdfHmacSha2(hash, key, keyConstant(usage, kind), length);
    const { keyLength, checksumLength } = sizes;
    const keys: SpecificKeys = {
      ke: aes(derive(KEY_KIND.encryption, keyLength)),
      ki: keyedHmac(hash, derive(KEY_KIND.integrity, checksumLength), checksumLength),
      kc: keyedHmac(hash, derive(KEY_KIND.checksum, checksumLength), checksumLength),
    };
    return encryptThenMac(keys, sizes);
  };
}

/** The keys of one usage (RFC 3961 §5.3), under their names there. */
interface SpecificKeys {
  ke: BlockCipher;
  ki: Mac;
  kc: Mac;
}

/** The checksum covers confounder and plaintext, so it is verified after decryption (RFC 3961 §5.3). */
function macThenEncrypt(keys: SpecificKeys, sizes: Sizes): UsageKey {
  return {
    encrypt(plaintext, confounder) {
      const confounded = concat(confounder, plaintext);
      return concat(encryptStealing(keys.ke, confounded), keys.ki.digest(confounded));
    },
    decrypt(ciphertext) {
      const [encrypted, checksum] = split(ciphertext, sizes);
      const confounded = decryptStealing(keys.ke, encrypted);
      verify(keys.ki.digest(confounded), checksum);
      return copy(confounded, sizes.confounderLength);
    },
    ...checksumAndEnd(keys),
  };
}

/** The checksum covers cipher state and ciphertext, and nothing is decrypted before it holds (RFC 8009 §5). */
function encryptThenMac(keys: SpecificKeys, sizes: Sizes): UsageKey {
  const cipherState = new Uint8Array(keys.ke.blockSize);
  return {
    encrypt(plaintext, confounder) {
      const encrypted = encryptStealing(keys.ke, concat(confounder, plaintext));
      return concat(encrypted, keys.ki.digest(cipherState, encrypted));
    },
    decrypt(ciphertext) {
      const [encrypted, checksum] = split(ciphertext, sizes);
      verify(keys.ki.digest(cipherState, encrypted), checksum);
      return copy(decryptStealing(keys.ke, encrypted), sizes.confounderLength);
    },
    ...checksumAndEnd(keys),
  };
}

function checksumAndEnd({ ke, ki, kc }: SpecificKeys): Pick<UsageKey, 'checksum' | 'destroy'> {
  return {
    checksum: data => kc.digest(data),
    destroy() {
      ke.destroy();
      ki.destroy();
      kc.destroy();
    },
  };
}

function split(ciphertext: Uint8Array, sizes: Sizes): [encrypted: Uint8Array, checksum: Uint8Array] {
  const end = ciphertext.length - sizes.checksumLength;
  if (end < sizes.confounderLength) {
    throw new FtpSecurityError('security/bad-token', 'ciphertext too short for a confounder and a checksum');
  }
  return [ciphertext.subarray(0, end), ciphertext.subarray(end)];
}

function verify(computed: Uint8Array, received: Uint8Array): void {
  if (!equalConstantTime(computed, received)) {
    throw new FtpSecurityError('security/bad-checksum', 'the checksum of the ciphertext does not hold');
  }
}
