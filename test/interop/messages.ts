/** Plaintexts of every length that matters, the same for the same seed. */
import { createCipheriv, createHash } from 'node:crypto';

export const LONGEST = 70_000;

/** Around the sizes of cipher blocks, pages, signed and unsigned 16 bits, and at the end. */
const EDGES = [7, 8, 16, 24, 32, 48, 64, 128, 256, 512, 1024, 4096, 8192, 16_384, 32_768, 65_536, LONGEST - 1].flatMap(
  size => [size - 1, size, size + 1],
);

/** Each length up to here comes in turn. */
const SMALL = 256;

/** A stream of octets that look random: AES-CTR under the seed. */
export class SeededOctets {
  readonly #cipher;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  }

  take(length: number): Uint8Array {
    return new Uint8Array(this.#cipher.update(new Uint8Array(length)));
  }

  /** From 0 to below 1. */
  fraction(): number {
    return new DataView(this.take(4).buffer).getUint32(0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }
}

/**
 * The length of the n-th message of a run: a third goes through the small lengths, a few through the edges, and the
 * rest is random, mostly by its order of magnitude, as one in thirty spread evenly to 70,000 makes most of the octets.
 */
export function lengthOf(n: number, random: SeededOctets): number {
  if (n % 3 === 0) return (n / 3) % SMALL;
  if (n % 50 === 1) return EDGES[((n - 1) / 50) % EDGES.length]!;
  if (random.below(20) === 0) return random.below(LONGEST + 1);
  return Math.floor((LONGEST + 1) ** random.fraction()) - 1;
}
