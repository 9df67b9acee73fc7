/** Public keys that are too short: others could find the private key, and sign with it. */
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
