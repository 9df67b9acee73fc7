/** Confounders: random octets, drawn for several messages at once, since each call of the system costs more than a message. */
import { randomBytes } from '@noble/hashes/utils.js';

const POOL = 0x400;

let pool = new Uint8Array(0);
let used = 0;

/** Returns `length` random octets, at most {@link POOL}; the pool keeps none that it has given. */
export function confounder(length: number): Uint8Array {
  if (used + length > pool.length) {
    pool = randomBytes(POOL);
    used = 0;
  }
  const octets = pool.slice(used, used + length);
  pool.fill(0, used, used + length);
  used += length;
  return octets;
}
