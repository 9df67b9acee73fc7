/** What revocation lists, certificate requests and certificates have in common: contents, algorithm, signature (RFC 5280 §4.1.1). */
import { type KeyObject, sign, verify } from 'node:crypto';
import { concat, fromHex } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import { formatElement } from '../../mechanisms/der.js';
import { contentsOf, type Element, elementsOf, oidOf, SEQUENCE } from '../../mechanisms/gsi/elements.js';

const BIT_STRING = 0x03;

/** Hashes of signature algorithms, by object identifiers in hex; null is an algorithm with its own hash. SHA-1 and MD5 are too weak. */
const HASHES: Readonly<Record<string, string | null>> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null,
};

/** The algorithm with which a key of ours signs, in DER, by the type of the key. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  rsa: '300d06092a864886f70d01010b0500',
  ec: '300a06082a8648ce3d040302',
  ed25519: '300506032b6570',
};

/** A signed structure. */
export interface Signed {
  /** What is signed. */
  content: Element;
  /** Whether the key has signed it; undefined if the algorithm is not known, or weak. */
  isSignedBy: ((key: KeyObject) => boolean) | undefined;
}

/** @throws FtpSecurityError `security/bad-token` */
export function parseSigned(der: Uint8Array): Signed {
  const [whole, ...others] = elementsOf(der);
  if (others.length > 0) throw badToken('octets after a signature');
  const [content, algorithm, signature] = elementsOf(contentsOf(whole, SEQUENCE));
  contentsOf(content, SEQUENCE);
  const hash = HASHES[oidOf(elementsOf(contentsOf(algorithm, SEQUENCE))[0])];
  // The first octet of a BIT STRING is how many bits of the last one are unused.
  const bits = contentsOf(signature, BIT_STRING);
  if (bits[0] !== 0) throw badToken('a signature that is not whole octets');
  const isSignedBy = (key: KeyObject) => {
    try {
      return verify(hash, content!.whole, key, bits.subarray(1));
    } catch {
      // The key is of another kind than the algorithm, or can't sign at all.
      return false;
    }
  };
  return { content: content!, isSignedBy: hash === undefined ? undefined : isSignedBy };
}

/**
 * The algorithm that {@link formatSigned} uses with a key, in DER.
 * @throws FtpSecurityError `syntax/bad-file` for a type of key that does not sign here
 */
export function algorithmOf({ asymmetricKeyType: type }: KeyObject): Uint8Array {
  const algorithm = type && ALGORITHMS[type];
  if (algorithm !== undefined) return fromHex(algorithm);
  throw new FtpSecurityError('syntax/bad-file', `a key of type ${type} can't sign`, { side: 'local' });
}

/** Signs contents, which are one element. */
export function formatSigned(content: Uint8Array, key: KeyObject): Uint8Array {
  const algorithm = algorithmOf(key);
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', content, key);
  return formatElement(
    SEQUENCE,
    concat(content, algorithm, formatElement(BIT_STRING, concat(Uint8Array.of(0), signature))),
  );
}
