/**
 * The propagating cipher block chaining of Kerberos V4, over a block cipher that is handed in. A change in one block
 * garbles every later one by the same pattern; but two neighbours that change places undo it after themselves, so PCBC
 * is no integrity check.
 */
import { copy } from '../../bytes.js';

/** DES under one key, without chaining: whole blocks in, as many out, always new octets. */
export interface BlockCipher {
  encrypt(blocks: Uint8Array): Uint8Array;
  decrypt(blocks: Uint8Array): Uint8Array;
}

/** What this package does not have itself: DES for a key of 8 octets, whose parity bits do not count. */
export interface Krb4Ciphers {
  des(key: Uint8Array): BlockCipher;
}

/** A key and its cipher; Kerberos V4 chains from the key itself, so it is the initialization vector too. */
export interface DesKey {
  octets: Uint8Array;
  cipher: BlockCipher;
}

export const BLOCK = 8;
export const KEY_LENGTH = 8;

/** @throws RangeError when the key has another length */
export function desKey(key: Uint8Array, ciphers: Krb4Ciphers): DesKey {
  if (key.length !== KEY_LENGTH) throw new RangeError(`a DES key has ${KEY_LENGTH} octets`);
  const octets = copy(key);
  return { octets, cipher: ciphers.des(octets) };
}

/** Fills up the last block with zeros. */
export function pcbcEncrypt({ octets, cipher }: DesKey, plaintext: Uint8Array): Uint8Array {
  const blocks = new Uint8Array(Math.ceil(plaintext.length / BLOCK) * BLOCK);
  blocks.set(plaintext);
  const chain = copy(octets);
  const input = new Uint8Array(BLOCK);
  const sealed = new Uint8Array(blocks.length);
  for (let at = 0; at < blocks.length; at += BLOCK) {
    for (let i = 0; i < BLOCK; i++) input[i] = blocks[at + i]! ^ chain[i]!;
    sealed.set(cipher.encrypt(input), at);
    for (let i = 0; i < BLOCK; i++) chain[i] = blocks[at + i]! ^ sealed[at + i]!;
  }
  return sealed;
}

/** @param sealed  whole blocks */
export function pcbcDecrypt({ octets, cipher }: DesKey, sealed: Uint8Array): Uint8Array {
  const plaintext = copy(cipher.decrypt(copy(sealed)));
  const chain = copy(octets);
  for (let at = 0; at < plaintext.length; at += BLOCK) {
    for (let i = 0; i < BLOCK; i++) {
      plaintext[at + i]! ^= chain[i]!;
      chain[i] = plaintext[at + i]! ^ sealed[at + i]!;
    }
  }
  return plaintext;
}
