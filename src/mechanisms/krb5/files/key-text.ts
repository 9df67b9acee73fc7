/** A key as people type it: the encryption type, a colon, and the octets in hex. */
import { fromHex } from '../../../bytes.js';
import { enctypeNumber } from '../crypto/enctype-names.js';
import { enctypeOf } from '../crypto/enctypes.js';

/** A key with the Kerberos number of its encryption type. */
export interface TypedKey {
  enctype: number;
  key: Uint8Array;
}

/**
 * Parses a key like `18:6d4f…` or `aes256-cts:6d4f…`. No part of the key appears in an error.
 * @throws RangeError if the form, the enctype or the length of the key is wrong
 */
export function parseKeyText(text: string): TypedKey {
  const colon = text.indexOf(':');
  const number = enctypeNumber(text.slice(0, Math.max(colon, 0)));
  const enctype = number === undefined ? undefined : enctypeOf(number);
  if (enctype === undefined) throw new RangeError('a key is ENCTYPE:HEX, with the number or name of a known enctype');
  try {
    const key = fromHex(text.slice(colon + 1));
    if (key.length === enctype.keyLength) return { enctype: enctype.number, key };
  } catch {
    // The error is thrown below, without the reason, which could show a part of the key.
  }
  throw new RangeError(`a key of ${enctype.name} is ${2 * enctype.keyLength} hex digits`);
}
