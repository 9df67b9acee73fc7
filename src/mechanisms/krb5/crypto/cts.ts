/**
 * CBC mode with ciphertext stealing (CBC-CS3; RFC 3962 §5, RFC 8009 §5, RFC 6803 §2): the ciphertext is as long as the
 * plaintext, and its last two blocks are always swapped. The initial vector is all zero bits. The work is done in place.
 */
import type { BlockCipher } from '../../../block-cipher.js';
import type { WorkMemory } from '../../../work-memory.js';

/** A block cipher in CBC mode that works where the blocks are. */
export interface InPlaceCipher {
  /** In octets. */
  readonly blockSize: number;
  /** Encrypts the whole blocks from `start` to `end`; the initial vector is zero if `start` is. */
  encryptInPlace(memory: WorkMemory, start: number, end: number): void;
  decryptInPlace(memory: WorkMemory, start: number, end: number): void;
  /** Overwrites the key. */
  destroy(): void;
}

/** Makes a cipher that gives new arrays work in place too. */
export function inPlace(cipher: BlockCipher): InPlaceCipher {
  const { blockSize } = cipher;
  const ivBefore = (octets: Uint8Array, start: number) =>
    start === 0 ? undefined : octets.subarray(start - blockSize, start);
  return {
    blockSize,
    encryptInPlace({ octets }, start, end) {
      octets.set(cipher.encrypt(octets.subarray(start, end), ivBefore(octets, start)), start);
    },
    decryptInPlace({ octets }, start, end) {
      const blocks = cipher.decrypt(octets.subarray(start, end), ivBefore(octets, start));
      octets.set(blocks, start);
      blocks.fill(0);
    },
    destroy: () => cipher.destroy(),
  };
}

/** The number of octets that the work on `length` octets needs: whole blocks. */
export function ctsRoom({ blockSize }: InPlaceCipher, length: number): number {
  return Math.ceil(length / blockSize) * blockSize;
}

/** Encrypts the first `length` octets, at least one block; zero octets follow them, up to a whole block. */
export function encryptCts(cipher: InPlaceCipher, memory: WorkMemory, length: number): void {
  const end = ctsRoom(cipher, length);
  cipher.encryptInPlace(memory, 0, end);
  // A single block is encrypted in plain CBC, as there is no second block to swap it with (RFC 3962 §5).
  if (length > cipher.blockSize) swapLastBlocks(memory, end, cipher.blockSize);
}

/** Decrypts the first `length` octets, at least one block. */
export function decryptCts(cipher: InPlaceCipher, memory: WorkMemory, length: number): void {
  const { blockSize } = cipher;
  const { octets } = memory;
  const end = ctsRoom(cipher, length);
  if (length === blockSize) {
    cipher.decryptInPlace(memory, 0, end);
    return;
  }
  swapLastBlocks(memory, end, blockSize);
  const last = end - blockSize;
  const missing = end - length;
  // The last plaintext block was padded with zero bits. Its ciphertext block therefore decrypts to the "stolen" octets, which
  // are missing at the end of the block before: those of the plaintext come out as zero.
  octets.fill(0, last - missing, last);
  cipher.decryptInPlace(memory, last, end);
  octets.copyWithin(last - missing, length, end);
  cipher.decryptInPlace(memory, 0, last);
}

function swapLastBlocks({ octets }: WorkMemory, end: number, blockSize: number): void {
  for (let at = end - blockSize; at < end; at++) {
    const octet = octets[at]!;
    octets[at] = octets[at - blockSize]!;
    octets[at - blockSize] = octet;
  }
}
