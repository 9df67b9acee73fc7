/** Confounders: random octets, drawn for several messages at once, since each call of the system costs more than a message. */
import { randomBytes } from '@noble/hashes/utils.js';

const POOL = 0x400;

let pool = new Uint8Array(0);
let used = 0;

/** Writes `length` random octets, at most {@link POOL}, to `to` from `at` on; the pool keeps none that it has given. */
export function writeConfounder(to: Uint8Array, at: number, length: number): void {
  if (used + length > pool.length) {
    pool = randomBytes(POOL);
    used = 0;
  }
  for (let i = 0; i < length; i++) {
    to[at + i] = pool[used]!;
    pool[used++] = 0;
  }
}
