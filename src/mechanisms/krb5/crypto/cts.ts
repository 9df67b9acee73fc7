/**
 * CBC mode with ciphertext stealing (CBC-CS3; RFC 3962 §5, RFC 8009 §5, RFC 6803 §2): the ciphertext is as long as the
 * plaintext, and its last two blocks are always swapped. The initial vector is all zero bits.
 */
import type { BlockCipher } from '../../block-cipher.js';
import { consume, truncate } from './aes-hmac.js';

/** Encrypts at least one block. */
export function encryptCts(cipher: BlockCipher, plaintext: Uint8Array): Uint8Array {
  const { blockSize } = cipher;
  const blocks = new Uint8Array(Math.ceil(plaintext.length / blockSize) * blockSize);
  blocks.set(plaintext);
  const encrypted = consume(blocks, padded => cipher.encrypt(padded));
  // A single block is encrypted in plain CBC, as there is no second block to swap it with (RFC 3962 §5).
  if (plaintext.length > blockSize) swapLastBlocks(encrypted, blockSize);
  return encrypted.slice(0, plaintext.length);
}

/** Decrypts at least one block. */
export function decryptCts(cipher: BlockCipher, ciphertext: Uint8Array): Uint8Array {
  const { blockSize } = cipher;
  const { length } = ciphertext;
  if (length === blockSize) return cipher.decrypt(ciphertext);
  const blocks = new Uint8Array(Math.ceil(length / blockSize) * blockSize);
  blocks.set(ciphertext);
  // The last plaintext block was padded with zero bits. Its ciphertext block, now the last but one, therefore decrypts to the
  // "stolen" octets that are missing at the end of the other block.
  const lastButOne = blocks.length - 2 * blockSize;
  consume(cipher.decrypt(blocks.subarray(lastButOne, lastButOne + blockSize)), tail =>
    blocks.set(tail.subarray(blockSize - (blocks.length - length)), length),
  );
  swapLastBlocks(blocks, blockSize);
  return truncate(cipher.decrypt(blocks), length);
}

function swapLastBlocks(blocks: Uint8Array, blockSize: number): void {
  const last = blocks.slice(-blockSize);
  blocks.copyWithin(blocks.length - blockSize, blocks.length - 2 * blockSize, blocks.length - blockSize);
  blocks.set(last, blocks.length - 2 * blockSize);
}
