/**
 * The cryptography of Kerberos V4: PCBC mode over a DES cipher that the caller provides, and the checksum of safe messages.
 *
 * PCBC (propagating cipher block chaining) is CBC over a plaintext in which each block has been XORed with the one before it. A
 * change in one block changes all later ones by the same pattern. But if two neighbouring blocks are swapped, the blocks after
 * them decrypt correctly, so PCBC does not protect integrity.
 *
 * The checksum, quad_cksum, reads pairs of octets as little-endian numbers. It is not a cryptographic hash: it does not use DES,
 * and its two words are made from squares modulo 2^31 - 1.
 */
import { type BlockCipher, type BlockCiphers, missingCipher } from '../../block-cipher.js';
import { copy, viewOf } from '../../bytes.js';

/** A key and its cipher. In Kerberos V4 the key is also the initial vector. */
export interface DesKey {
  octets: Uint8Array;
  cipher: BlockCipher;
}

export const BLOCK = 8;
export const KEY_LENGTH = 8;

/**
 * Prepares a DES key for use; its octets are copied.
 * @throws RangeError if the key has the wrong length
 * @throws FtpSecurityError `security/no-key` if DES is missing in `ciphers`
 */
export function desKey(key: Uint8Array, { des }: BlockCiphers = {}): DesKey {
  if (key.length !== KEY_LENGTH) throw new RangeError(`a DES key must have ${KEY_LENGTH} octets`);
  if (des === undefined) throw missingCipher('KERBEROS_V4', 'des');
  const octets = copy(key);
  return { octets, cipher: des(octets) };
}

/** Overwrites a key. */
export function eraseKey({ octets, cipher }: DesKey): void {
  cipher.destroy();
  octets.fill(0);
}

/** Passes a prepared key to `use`, and overwrites it afterwards. Throws the same errors as {@link desKey}. */
export function withDesKey<T>(key: Uint8Array, ciphers: BlockCiphers, use: (prepared: DesKey) => T): T {
  const prepared = desKey(key, ciphers);
  try {
    return use(prepared);
  } finally {
    eraseKey(prepared);
  }
}

/** Encrypts in PCBC mode; the last block is padded with zeros. */
export function pcbcEncrypt({ octets, cipher }: DesKey, plaintext: Uint8Array): Uint8Array {
  const blocks = new Uint8Array(Math.ceil(plaintext.length / BLOCK) * BLOCK);
  blocks.set(plaintext);
  for (let i = blocks.length - 1; i >= BLOCK; i--) blocks[i]! ^= blocks[i - BLOCK]!;
  return cipher.encrypt(blocks, octets);
}

/** Decrypts whole blocks in PCBC mode. */
export function pcbcDecrypt({ octets, cipher }: DesKey, sealed: Uint8Array): Uint8Array {
  const blocks = cipher.decrypt(sealed, octets);
  for (let i = BLOCK; i < blocks.length; i++) blocks[i]! ^= blocks[i - BLOCK]!;
  return blocks;
}

const MODULUS = 0x7fffffff;
const ADDEND = 83_653_421;

/**
 * quad_cksum: returns the two words after each round, in order. Each round starts with the words of the round before.
 * @param seed  8 octets, the session key
 */
export function quadCksum(seed: Uint8Array, input: Uint8Array, rounds: number): number[] {
  const view = viewOf(seed);
  let [first, second] = [view.getUint32(0, true), view.getUint32(4, true)];
  const words: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < input.length; i += 2) {
      const x = (first + input[i]! + ((input[i + 1] ?? 0) << 8)) >>> 0;
      // Arithmetic has 32 bits as in the original C: the products wrap before the remainder is taken.
      first = ((Math.imul(x, x) + Math.imul(second, second)) >>> 0) % MODULUS;
      second = (Math.imul(x, second + ADDEND) >>> 0) % MODULUS;
    }
    words.push(first, second);
  }
  return words;
}
