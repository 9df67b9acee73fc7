/** The names of encryption types in the configuration files of Kerberos implementations. */
import { ENCTYPES } from './enctypes.js';

/** Other names than those in ENCTYPES. */
const ALIASES: ReadonlyMap<string, number> = new Map([
  ['aes128-cts', 17],
  ['aes128-sha1', 17],
  ['aes256-cts', 18],
  ['aes256-sha1', 18],
  ['aes128-sha2', 19],
  ['aes256-sha2', 20],
  ['camellia128-cts', 25],
  ['camellia256-cts', 26],
  ['arcfour-hmac-md5', 23],
  ['rc4-hmac', 23],
  ['des3-cbc-sha1', 16],
  ['des3-hmac-sha1', 16],
]);

/**
 * The number of an encryption type from its name or number as text, e.g. 18 for `aes256-sha1` or `18`; case does not matter.
 * Undefined if it is not supported.
 */
export function enctypeNumber(text: string): number | undefined {
  const wanted = text.toLowerCase();
  const number = ALIASES.get(wanted);
  return number ?? ENCTYPES.find(({ number, name }) => name === wanted || `${number}` === wanted)?.number;
}
