/** How the keys of one usage encrypt, decrypt and make checksums: a function for each family of encryption types. */
import { sha1 } from '@noble/hashes/legacy.js';
import type { CHash } from '@noble/hashes/utils.js';
import { concat, copy, equalConstantTime } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { BlockCipher, NewBlockCipher } from '../../block-cipher.js';
import { aes, consume, keyedHmac, type Mac } from './aes-hmac.js';
import { cmac, kdfFeedbackCmac } from './cmac.js';
import { decryptStealing, encryptStealing } from './cts.js';
import { deriveRandom, KEY_KIND, kdfHmacSha2, keyConstant } from './key-derivation.js';

/** In octets. */
export interface Sizes {
  readonly keyLength: number;
  readonly confounderLength: number;
  /** Of a checksum, alone or in a ciphertext. */
  readonly checksumLength: number;
  /** A plaintext is filled up to a multiple of it, counted with what is encrypted before it (RFC 3961 §3). */
  readonly messageBlock: number;
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
export type Profile = (sizes: Sizes, key: Uint8Array, usage: number, newCipher: NewBlockCipher) => UsageKey;

/** AES-CTS with HMAC-SHA1 (RFC 3962 §6): keys by DK, the checksum over confounder and plaintext. */
export const aesSha1: Profile = (sizes, key, usage, newCipher) => {
  const base = newCipher(key);
  const derive = (kind: number) => deriveRandom(base, keyConstant(usage, kind), sizes.keyLength);
  const keys = sha1Keys(derive, newCipher, sizes);
  base.destroy();
  return macThenEncrypt(keys, sizes, STEALING);
};

/** A block cipher of 64 bits in plain CBC with HMAC-SHA1 (RFC 3961 §6.3): for triple DES, whose keys are made by `toKey`. */
export function paddedSha1(randomLength: number, toKey: (random: Uint8Array) => Uint8Array): Profile {
  return (sizes, key, usage, newCipher) => {
    const base = newCipher(key);
    const derive = (kind: number) => consume(deriveRandom(base, keyConstant(usage, kind), randomLength), toKey);
    const keys = sha1Keys(derive, newCipher, sizes);
    base.destroy();
    return macThenEncrypt(keys, sizes, PADDING);
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
  return macThenEncrypt(keys, sizes, STEALING);
};

/** AES-CTS with HMAC-SHA2 (RFC 8009 §5): the keys of its checksums are as long as the checksums. */
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

/** @throws FtpSecurityError `security/bad-token` when a ciphertext can't hold a confounder and a checksum */
export function checkLength(ciphertext: Uint8Array, { confounderLength, checksumLength }: Sizes): void {
  if (ciphertext.length < confounderLength + checksumLength) {
    throw badToken('ciphertext too short for a confounder and a checksum');
  }
}

/** @throws FtpSecurityError `security/bad-checksum` */
export function verifyChecksum(computed: Uint8Array, received: Uint8Array): void {
  if (!equalConstantTime(computed, received)) {
    throw new FtpSecurityError('security/bad-checksum', 'checksum mismatch in the ciphertext');
  }
}

/** Confounder and text in one, filled up with zero bits to a multiple of `block` octets. */
export function confound(confounder: Uint8Array, text: Uint8Array, block: number): Uint8Array {
  const confounded = new Uint8Array(Math.ceil((confounder.length + text.length) / block) * block);
  confounded.set(confounder);
  confounded.set(text, confounder.length);
  return confounded;
}

/** The keys of one usage (RFC 3961 §5.3), under their names there. */
interface SpecificKeys {
  ke: BlockCipher;
  ki: Mac;
  kc: Mac;
}

/** How a plaintext becomes blocks, and back. */
interface Mode {
  encrypt(cipher: BlockCipher, octets: Uint8Array): Uint8Array;
  decrypt(cipher: BlockCipher, octets: Uint8Array): Uint8Array;
}

const STEALING: Mode = { encrypt: encryptStealing, decrypt: decryptStealing };

const PADDING: Mode = {
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

/** The checksum covers confounder and plaintext, so it is verified after decryption (RFC 3961 §5.3). */
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
    ...checksumAndEnd(keys),
  };
}

/** The checksum covers cipher state and ciphertext, and nothing is decrypted before it holds (RFC 8009 §5). */
function encryptThenMac(keys: SpecificKeys, sizes: Sizes): UsageKey {
  const cipherState = new Uint8Array(keys.ke.blockSize);
  return {
    encrypt(plaintext, confounder) {
      const encrypted = consume(concat(confounder, plaintext), whole => encryptStealing(keys.ke, whole));
      return concat(encrypted, keys.ki.digest(cipherState, encrypted));
    },
    decrypt(ciphertext) {
      const [encrypted, checksum] = split(ciphertext, sizes);
      verifyChecksum(keys.ki.digest(cipherState, encrypted), checksum);
      return consume(decryptStealing(keys.ke, encrypted), whole => copy(whole, sizes.confounderLength));
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
  checkLength(ciphertext, sizes);
  const end = ciphertext.length - sizes.checksumLength;
  return [ciphertext.subarray(0, end), ciphertext.subarray(end)];
}
