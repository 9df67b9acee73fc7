/** Ciphertext stealing of whole arrays, which the source does in place. */
import type { BlockCipher } from '../../../../src/block-cipher.js';
import {
  ctsRoom,
  decryptCts,
  encryptCts,
  type InPlaceCipher,
  inPlace,
} from '../../../../src/mechanisms/krb5/crypto/cts.js';
import { withMemory } from '../../../../src/work-memory.js';

export const encrypted = (cipher: BlockCipher, plaintext: Uint8Array) => run(encryptCts, cipher, plaintext);
export const decrypted = (cipher: BlockCipher, ciphertext: Uint8Array) => run(decryptCts, cipher, ciphertext);

function run(work: typeof encryptCts, cipher: BlockCipher, octets: Uint8Array): Uint8Array {
  const placed: InPlaceCipher = 'encryptInPlace' in cipher ? (cipher as BlockCipher & InPlaceCipher) : inPlace(cipher);
  return withMemory(ctsRoom(placed, octets.length), memory => {
    memory.octets.set(octets);
    work(placed, memory, octets.length);
    return memory.octets.slice(0, octets.length);
  });
}
