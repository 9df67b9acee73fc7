/** The stream cipher RC4. It is broken, and here for the arcfour-hmac encryption type only (RFC 4757). */

/**
 * Encrypts or decrypts (the operation is the same) from the start of the key stream.
 * @param key  1 to 256 octets
 */
export function rc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  const state = expandKey(key);
  const result = new Uint8Array(data.length);
  let i = 0;
  let j = 0;
  for (let at = 0; at < data.length; at++) {
    i = (i + 1) & 0xff;
    const a = state[i]!;
    j = (j + a) & 0xff;
    const b = state[j]!;
    state[i] = b;
    state[j] = a;
    result[at] = data[at]! ^ state[(a + b) & 0xff]!;
  }
  state.fill(0);
  return result;
}

function expandKey(key: Uint8Array): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  let j = 0;
  for (let i = 0; i < 256; i++) {
    const a = state[i]!;
    j = (j + a + key[i % key.length]!) & 0xff;
    state[i] = state[j]!;
    state[j] = a;
  }
  return state;
}
