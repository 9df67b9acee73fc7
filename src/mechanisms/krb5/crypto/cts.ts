/**
 * CBC mode with ciphertext stealing: the ciphertext is as long as the plaintext, and its last two blocks always change
 * places (CBC-CS3; RFC 3962 §5, RFC 8009 §5, RFC 6803 §2). The initial vector is all zero bits.
 */
import type { BlockCipher } from '../../block-cipher.js';
import { consume, cut } from './aes-hmac.js';

/** @param plaintext  one block or more */
export function encryptStealing(cipher: BlockCipher, plaintext: Uint8Array): Uint8Array {
  const { blockSize } = cipher;
  const blocks = new Uint8Array(Math.ceil(plaintext.length / blockSize) * blockSize);
  blocks.set(plaintext);
  const encrypted = consume(blocks, filled => cipher.encrypt(filled));
  // A single block has no other to change places with: plain CBC (RFC 3962 §5).
  if (plaintext.length > blockSize) swapLastBlocks(encrypted, blockSize);
  return encrypted.slice(0, plaintext.length);
}

/** @param ciphertext  one block or more */
export function decryptStealing(cipher: BlockCipher, ciphertext: Uint8Array): Uint8Array {
  const { blockSize } = cipher;
  const { length } = ciphertext;
  if (length === blockSize) return cipher.decrypt(ciphertext);
  const blocks = new Uint8Array(Math.ceil(length / blockSize) * blockSize);
  blocks.set(ciphertext);
  // The last plaintext block was filled up with zero bits: there, the decryption of its ciphertext block (now the last
  // but one) shows the octets that were cut off the other.
  const stolenFrom = blocks.length - 2 * blockSize;
  consume(cipher.decrypt(blocks.subarray(stolenFrom, stolenFrom + blockSize)), tail =>
    blocks.set(tail.subarray(blockSize - (blocks.length - length)), length),
  );
  swapLastBlocks(blocks, blockSize);
  return cut(cipher.decrypt(blocks), length);
}

function swapLastBlocks(blocks: Uint8Array, blockSize: number): void {
  const last = blocks.slice(-blockSize);
  blocks.copyWithin(blocks.length - blockSize, blocks.length - 2 * blockSize, blocks.length - blockSize);
  blocks.set(last, blocks.length - 2 * blockSize);
}
