/** CMAC over a block cipher of 128 bits (NIST SP 800-38B), and the key derivation that uses it (RFC 6803 §3). */
import { u32be } from '../../../bytes.js';
import type { BlockCipher } from '../../block-cipher.js';
import { consume, cut, type Mac } from './aes-hmac.js';

const BLOCK = 16;

/** The whole block of 16 octets. The cipher is destroyed with the checksum. */
export function cmac(cipher: BlockCipher): Mac {
  // The last block is masked: by one key where it is whole, by the other where it was filled up.
  const wholeMask = consume(cipher.encrypt(new Uint8Array(BLOCK)), double);
  const filledMask = double(wholeMask);
  return {
    digest(...parts) {
      let length = 0;
      for (const part of parts) length += part.length;
      const blocks = new Uint8Array(Math.max(1, Math.ceil(length / BLOCK)) * BLOCK);
      let at = 0;
      for (const part of parts) {
        blocks.set(part, at);
        at += part.length;
      }
      const isWhole = length === blocks.length;
      if (!isWhole) blocks[length] = 0x80;
      const mask = isWhole ? wholeMask : filledMask;
      const last = blocks.length - BLOCK;
      for (let i = 0; i < BLOCK; i++) blocks[last + i]! ^= mask[i]!;
      return consume(
        consume(blocks, filled => cipher.encrypt(filled)),
        chained => chained.slice(-BLOCK),
      );
    },
    destroy() {
      wholeMask.fill(0);
      filledMask.fill(0);
      cipher.destroy();
    },
  };
}

/** KDF-FEEDBACK-CMAC: `length` octets from the base key that `mac` holds (RFC 6803 §3). */
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
  return cut(derived, length);
}

/** Twice a block in the field of 2^128 elements; the mask in place of a branch, since the block is a secret. */
function double(block: Uint8Array): Uint8Array {
  const carry = -(block[0]! >> 7);
  const doubled = block.map((octet, i) => (octet << 1) | ((block[i + 1] ?? 0) >> 7));
  doubled[BLOCK - 1]! ^= carry & 0x87;
  return doubled;
}
