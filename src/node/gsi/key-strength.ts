/**
 * Public keys that are too short: others could find the private key, and sign with it. And those whose signatures take too long to
 * check: OpenSSL permits RSA and DSA keys with which one check takes a hundred times as long as with usual ones.
 */
import type { KeyObject } from 'node:crypto';

/** The name of a kind of key, and the fewest bits with the strength of 112 bits (NIST SP 800-57 part 1 §5.6.1.1). */
const KINDS: ReadonlyMap<string | undefined, readonly [name: string, least: number]> = new Map([
  ['rsa', ['an RSA key', 2048]],
  ['rsa-pss', ['an RSA key', 2048]],
  ['dsa', ['a DSA key', 2048]],
  ['ec', ['an EC key', 224]],
]);

/** What is too short, such as `an RSA key of 512 bits`; undefined if nothing is. */
export function shortKey({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): string | undefined {
  const kind = KINDS.get(asymmetricKeyType);
  if (kind === undefined) return undefined;
  const [name, least] = kind;
  const { modulusLength, namedCurve = '' } = asymmetricKeyDetails;
  // The names of curves contain their bits, such as prime256v1; a curve without a name is not accepted.
  const bits = modulusLength ?? Number(/\d{3}/.exec(namedCurve)?.[0] ?? 0);
  return bits < least ? `${name} of ${bits} bits` : undefined;
}

const MOST_RSA_BITS = 8192;
/** The longest that is registered (FIPS 186-4 §4.2); OpenSSL permits 10000, with which a check takes 20 times as long. */
const MOST_DSA_BITS = 3072;
/** NIST SP 800-56B permits more, but the exponent of nearly all keys is 65537. */
const GREATEST_EXPONENT = 2n ** 32n;

/** Whether a signature with this key takes too long to check. */
export function isSlowKey({
  asymmetricKeyType,
  asymmetricKeyDetails: { modulusLength = 0, publicExponent = 0n } = {},
}: KeyObject): boolean {
  const most = asymmetricKeyType === 'dsa' ? MOST_DSA_BITS : MOST_RSA_BITS;
  return modulusLength > most || publicExponent > GREATEST_EXPONENT;
}
