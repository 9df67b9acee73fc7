/** The stream cipher RC4. It is broken, and here for the arcfour-hmac encryption type only (RFC 4757). */

/** The permutation, kept between calls and overwritten after each. */
const state = new Uint8Array(256);

/**
 * Encrypts or decrypts (the operation is the same) in place, from the start of the key stream.
 * @param key  1 to 256 octets
 */
export function rc4(key: Uint8Array, data: Uint8Array): void {
  expandKey(key);
  let i = 0;
  let j = 0;
  for (let at = 0; at < data.length; at++) {
    i = (i + 1) & 0xff;
    const a = state[i]!;
    j = (j + a) & 0xff;
    const b = state[j]!;
    state[i] = b;
    state[j] = a;
    data[at]! ^= state[(a + b) & 0xff]!;
  }
  state.fill(0);
}

function expandKey(key: Uint8Array): void {
  const { length } = key;
  for (let i = 0; i < 256; i++) state[i] = i;
  let j = 0;
  let at = 0;
  for (let i = 0; i < 256; i++) {
    const a = state[i]!;
    j = (j + a + key[at]!) & 0xff;
    state[i] = state[j]!;
    state[j] = a;
    at = at + 1 === length ? 0 : at + 1;
  }
}
