/** Encryption, decryption and checksums with the keys of one usage: a function for each family of encryption types. */
import { sha1 } from '@noble/hashes/legacy.js';
import type { CHash } from '@noble/hashes/utils.js';
import { concat, copy, equalConstantTime } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { BlockCipher, NewBlockCipher } from '../../block-cipher.js';
import { aes, consume, keyedHmac, type Mac } from './aes-hmac.js';
import { cmac, kdfFeedbackCmac } from './cmac.js';
import { decryptCts, encryptCts } from './cts.js';
import { deriveRandom, KEY_KIND, kdfHmacSha2, keyConstant } from './key-derivation.js';

/** Sizes of an encryption type, in octets (RFC 3961 §3). */
export interface Sizes {
  /** Length of a protocol key. */
  readonly keyLength: number;
  /** Length of the random octets that are encrypted in front of each plaintext. */
  readonly confounderLength: number;
  /** Length of a checksum, in a ciphertext or on its own. */
  readonly checksumLength: number;
  /** What is encrypted, confounder included, is padded to a multiple of this; 1 means no padding. */
  readonly messageBlock: number;
}

/** The keys derived for one usage, and the operations with them. */
export interface UsageKey {
  encrypt(plaintext: Uint8Array, confounder: Uint8Array): Uint8Array;
  /** @throws FtpSecurityError `security/bad-token` if the length is impossible, `security/bad-checksum` */
  decrypt(ciphertext: Uint8Array): Uint8Array;
  checksum(data: Uint8Array): Uint8Array;
  /** Overwrites the keys. */
  destroy(): void;
}

/** Derives the keys of a usage number from a protocol key of `sizes.keyLength` octets. */
export type Profile = (sizes: Sizes, key: Uint8Array, usage: number, newCipher: NewBlockCipher) => UsageKey;

/** AES-CTS with HMAC-SHA1 (RFC 3962 §6). Keys are derived with DK; the checksum covers confounder and plaintext. */
export const aesSha1: Profile = (sizes, key, usage, newCipher) => {
  const base = newCipher(key);
  const derive = (kind: number) => deriveRandom(base, keyConstant(usage, kind), sizes.keyLength);
  const keys = sha1Keys(derive, newCipher, sizes);
  base.destroy();
  return macThenEncrypt(keys, sizes, CTS);
};

/**
 * A block cipher in plain CBC with HMAC-SHA1, for triple DES (RFC 3961 §6.3).
 * @param randomLength  octets that DR derives for each key
 * @param toKey  random-to-key
 */
export function paddedSha1(randomLength: number, toKey: (random: Uint8Array) => Uint8Array): Profile {
  return (sizes, key, usage, newCipher) => {
    const base = newCipher(key);
    const derive = (kind: number) => consume(deriveRandom(base, keyConstant(usage, kind), randomLength), toKey);
    const keys = sha1Keys(derive, newCipher, sizes);
    base.destroy();
    return macThenEncrypt(keys, sizes, CBC);
  };
}

/** Camellia-CTS with CMAC (RFC 6803 §3 to §5). */
export const camelliaCmac: Profile = (sizes, key, usage, newCipher) => {
  const base = cmac(newCipher(key));
  const derive = (kind: number) => consume(kdfFeedbackCmac(base, keyConstant(usage, kind), sizes.keyLength), newCipher);
  const keys: SpecificKeys = {
    ke: derive(KEY_KIND.encryption),
    ki: cmac(derive(KEY_KIND.integrity)),
    kc: cmac(derive(KEY_KIND.checksum)),
  };
  base.destroy();
  return macThenEncrypt(keys, sizes, CTS);
};

/** AES-CTS with HMAC-SHA2 (RFC 8009 §5). Ki and Kc are as long as the checksum. */
export function aesSha2(hash: CHash): Profile {
  return (sizes, key, usage) => {
    const derive = (kind: number, length: number) => kdfHmacSha2(hash, key, keyConstant(usage, kind), length);
    const { keyLength, checksumLength } = sizes;
    const mac = (octets: Uint8Array) => keyedHmac(hash, octets, checksumLength);
    const keys: SpecificKeys = {
      ke: consume(derive(KEY_KIND.encryption, keyLength), aes),
      ki: consume(derive(KEY_KIND.integrity, checksumLength), mac),
      kc: consume(derive(KEY_KIND.checksum, checksumLength), mac),
    };
    return encryptThenMac(keys, sizes);
  };
}

/** @throws FtpSecurityError `security/bad-token` if a ciphertext is too short for a confounder and a checksum */
export function checkLength(ciphertext: Uint8Array, { confounderLength, checksumLength }: Sizes): void {
  if (ciphertext.length < confounderLength + checksumLength) {
    throw badToken(`ciphertext of ${ciphertext.length} octets is too short for a confounder and a checksum`);
  }
}

/** @throws FtpSecurityError `security/bad-checksum` */
export function verifyChecksum(computed: Uint8Array, received: Uint8Array): void {
  if (!equalConstantTime(computed, received)) {
    throw new FtpSecurityError('security/bad-checksum', 'checksum mismatch in the ciphertext');
  }
}

/** Concatenates confounder and plaintext, and pads them with zero bits to a multiple of `block` octets. */
export function confound(confounder: Uint8Array, plaintext: Uint8Array, block: number): Uint8Array {
  const confounded = new Uint8Array(Math.ceil((confounder.length + plaintext.length) / block) * block);
  confounded.set(confounder);
  confounded.set(plaintext, confounder.length);
  return confounded;
}

/** The keys of one usage: Ke, Ki and Kc of RFC 3961 §5.3. */
interface SpecificKeys {
  ke: BlockCipher;
  ki: Mac;
  kc: Mac;
}

/** The cipher's mode of operation. */
interface Mode {
  encrypt(cipher: BlockCipher, octets: Uint8Array): Uint8Array;
  decrypt(cipher: BlockCipher, octets: Uint8Array): Uint8Array;
}

const CTS: Mode = { encrypt: encryptCts, decrypt: decryptCts };

const CBC: Mode = {
  encrypt: (cipher, octets) => cipher.encrypt(octets),
  decrypt(cipher, octets) {
    if (octets.length % cipher.blockSize !== 0) {
      throw badToken('ciphertext is not a whole number of blocks');
    }
    return cipher.decrypt(octets);
  },
};

function sha1Keys(
  derive: (kind: number) => Uint8Array,
  newCipher: NewBlockCipher,
  { checksumLength }: Sizes,
): SpecificKeys {
  const mac = (octets: Uint8Array) => keyedHmac(sha1, octets, checksumLength);
  return {
    ke: consume(derive(KEY_KIND.encryption), newCipher),
    ki: consume(derive(KEY_KIND.integrity), mac),
    kc: consume(derive(KEY_KIND.checksum), mac),
  };
}

/** The checksum covers confounder and plaintext, so it can only be verified after decryption (RFC 3961 §5.3). */
function macThenEncrypt(keys: SpecificKeys, sizes: Sizes, mode: Mode): UsageKey {
  return {
    encrypt(plaintext, confounder) {
      return consume(confound(confounder, plaintext, sizes.messageBlock), confounded =>
        concat(mode.encrypt(keys.ke, confounded), keys.ki.digest(confounded)),
      );
    },
    decrypt(ciphertext) {
      const [encrypted, checksum] = split(ciphertext, sizes);
      return consume(mode.decrypt(keys.ke, encrypted), confounded => {
        verifyChecksum(keys.ki.digest(confounded), checksum);
        return copy(confounded, sizes.confounderLength);
      });
    },
    ...checksumAndDestroy(keys),
  };
}

/** The checksum covers cipher state and ciphertext, and is verified before decryption (RFC 8009 §5). */
function encryptThenMac(keys: SpecificKeys, sizes: Sizes): UsageKey {
  const cipherState = new Uint8Array(keys.ke.blockSize);
  return {
    encrypt(plaintext, confounder) {
      const encrypted = consume(concat(confounder, plaintext), confounded => encryptCts(keys.ke, confounded));
      return concat(encrypted, keys.ki.digest(cipherState, encrypted));
    },
    decrypt(ciphertext) {
      const [encrypted, checksum] = split(ciphertext, sizes);
      verifyChecksum(keys.ki.digest(cipherState, encrypted), checksum);
      return consume(decryptCts(keys.ke, encrypted), confounded => copy(confounded, sizes.confounderLength));
    },
    ...checksumAndDestroy(keys),
  };
}

function checksumAndDestroy({ ke, ki, kc }: SpecificKeys): Pick<UsageKey, 'checksum' | 'destroy'> {
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
  checkLength(ciphertext, sizes);
  const end = ciphertext.length - sizes.checksumLength;
  return [ciphertext.subarray(0, end), ciphertext.subarray(end)];
}
