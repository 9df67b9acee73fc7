/**
 * The checksum of Kerberos V4's safe messages, DES quad_cksum, over octet pairs read as little-endian numbers. It is no
 * cryptographic hash by today's measure: there is no DES in it, and its two words are squares modulo 2^31 - 1.
 */
import { viewOf } from '../../bytes.js';

const MODULUS = 0x7fffffff;
const ADDEND = 83_653_421;

/**
 * The two words after each round, first round first. A round begins with the words of the one before.
 * @param seed  8 octets, the session key
 */
export function quadCksum(seed: Uint8Array, input: Uint8Array, rounds: number): number[] {
  const view = viewOf(seed);
  let [first, second] = [view.getUint32(0, true), view.getUint32(4, true)];
  const words: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < input.length; i += 2) {
      const x = (first + input[i]! + ((input[i + 1] ?? 0) << 8)) >>> 0;
      // All in 32 bits, as the C of its time had it: the products wrap before the remainder is taken.
      first = ((Math.imul(x, x) + Math.imul(second, second)) >>> 0) % MODULUS;
      second = (Math.imul(x, second + ADDEND) >>> 0) % MODULUS;
    }
    words.push(first, second);
  }
  return words;
}
