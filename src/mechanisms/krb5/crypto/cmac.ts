/** CMAC over a block cipher of 128 bits (NIST SP 800-38B), and the key derivation function built on it (RFC 6803 §3). */
import type { BlockCipher } from '../../../block-cipher.js';
import { equalConstantTime, u32be } from '../../../bytes.js';
import { totalLength } from '../../../work-memory.js';
import { consume, type Mac, truncate } from './aes-hmac.js';

const BLOCK = 16;

/** CMAC of 16 octets. Destroying it destroys the cipher. */
export function cmac(cipher: BlockCipher): Mac {
  // K1 is for a complete last block, K2 for a padded one (SP 800-38B §6.1).
  const k1 = consume(cipher.encrypt(new Uint8Array(BLOCK)), double);
  const k2 = double(k1);
  const mac: Mac = {
    digest(...parts) {
      const length = totalLength(parts);
      const blocks = new Uint8Array(Math.max(1, Math.ceil(length / BLOCK)) * BLOCK);
      let at = 0;
      for (const part of parts) {
        blocks.set(part, at);
        at += part.length;
      }
      const isComplete = length === blocks.length;
      if (!isComplete) blocks[length] = 0x80;
      const subkey = isComplete ? k1 : k2;
      const last = blocks.length - BLOCK;
      for (let i = 0; i < BLOCK; i++) blocks[last + i]! ^= subkey[i]!;
      return consume(
        consume(blocks, padded => cipher.encrypt(padded)),
        chained => chained.slice(-BLOCK),
      );
    },
    digestInto: ({ octets }, end, to, at) => to.set(mac.digest(octets.subarray(0, end)), at),
    matches: (memory, end, octets, at) =>
      equalConstantTime(mac.digest(memory.octets.subarray(0, end)), octets.subarray(at)),
    destroy() {
      k1.fill(0);
      k2.fill(0);
      cipher.destroy();
    },
  };
  return mac;
}

/** KDF-FEEDBACK-CMAC: derives `length` octets from the base key that `mac` holds (RFC 6803 §3). */
export function kdfFeedbackCmac(mac: Mac, constant: Uint8Array, length: number): Uint8Array {
  const derived = new Uint8Array(Math.ceil(length / BLOCK) * BLOCK);
  let block: Uint8Array = new Uint8Array(BLOCK);
  for (let count = 1; count * BLOCK <= derived.length; count++) {
    const next = mac.digest(block, u32be(count), constant, Uint8Array.of(0), u32be(8 * length));
    block.fill(0);
    block = next;
    derived.set(block, (count - 1) * BLOCK);
  }
  block.fill(0);
  return truncate(derived, length);
}

/** Doubles a block in GF(2^128). A mask takes the place of a branch, since the time must not depend on the secret block. */
function double(block: Uint8Array): Uint8Array {
  const carry = -(block[0]! >> 7);
  const doubled = block.map((octet, i) => (octet << 1) | ((block[i + 1] ?? 0) >> 7));
  doubled[BLOCK - 1]! ^= carry & 0x87;
  return doubled;
}
