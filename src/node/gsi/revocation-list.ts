/** Lists of revoked certificates (RFC 5280 §5). */
import { type KeyObject, verify } from 'node:crypto';
import { copy, fromUtf8, startsWith, toHex } from '../../bytes.js';
import { badToken } from '../../errors.js';
import { contentsOf, type Element, elementsOf, INTEGER, OID, SEQUENCE } from '../../mechanisms/gsi/elements.js';

export interface RevocationList {
  /** The name of the authority, in DER. */
  issuerName: Uint8Array;
  /** In milliseconds since 1970. */
  thisUpdate: number;
  /** Undefined if the list has no end. */
  nextUpdate: number | undefined;
  /** Serial numbers in hex. */
  revoked: ReadonlySet<string>;
  /** Whether the key has signed the list. */
  isSignedBy(key: KeyObject): boolean;
}

const BIT_STRING = 0x03;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const EXTENSIONS = 0xa0;
const BOOLEAN = 0x01;
/** Lists of large authorities have some ten thousand certificates. */
const MAX_REVOKED = 2_000_000;

/** Hashes of signature algorithms, by object identifiers in hex; null is an algorithm with its own hash. */
const HASHES: Readonly<Record<string, string | null>> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null,
};

const PEM = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END/;

/**
 * Reads a list, in PEM or DER.
 * @throws FtpSecurityError `security/bad-token`, also for a critical extension, and a signature by SHA-1 or MD5
 */
export function parseRevocationList(file: Uint8Array): RevocationList {
  const [, base64] = startsWith(file, [SEQUENCE]) ? [] : (PEM.exec(fromUtf8(file)) ?? []);
  const der = base64 === undefined ? copy(file) : Uint8Array.from(Buffer.from(base64, 'base64'));
  const [signed, algorithm, signature] = elementsOf(contentsOf(elementsOf(der)[0], SEQUENCE));
  const hash = HASHES[toHex(contentsOf(elementsOf(contentsOf(algorithm, SEQUENCE))[0], OID))];
  if (hash === undefined) throw badToken('a revocation list has an unknown or weak signature algorithm');
  const all = elementsOf(contentsOf(signed, SEQUENCE));
  const [, issuer, thisUpdate, ...rest] = all[0]?.tag === INTEGER ? all.slice(1) : all;
  const next = rest.find(({ tag }) => tag === UTC_TIME || tag === GENERALIZED_TIME);
  const list = rest.find(({ tag }) => tag === SEQUENCE);
  assertNoCriticalExtension(rest.find(({ tag }) => tag === EXTENSIONS));
  // The first octet of a BIT STRING is how many bits of the last one are unused.
  const signatureOctets = contentsOf(signature, BIT_STRING).subarray(1);
  contentsOf(issuer, SEQUENCE);
  return {
    issuerName: copy(issuer!.whole),
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: next && timeOf(next),
    revoked: new Set(list === undefined ? [] : elementsOf(list.octets, MAX_REVOKED).map(serialOf)),
    isSignedBy: key => verify(hash, signed!.whole, key, signatureOctets),
  };
}

function serialOf(entry: Element): string {
  return toHex(contentsOf(elementsOf(contentsOf(entry, SEQUENCE))[0], INTEGER));
}

/** A list of only some certificates, for example, has a critical extension (RFC 5280 §5.2.5). */
function assertNoCriticalExtension(extensions: Element | undefined): void {
  if (extensions === undefined) return;
  for (const extension of elementsOf(contentsOf(elementsOf(extensions.octets)[0], SEQUENCE))) {
    const [, critical] = elementsOf(contentsOf(extension, SEQUENCE));
    if (critical?.tag === BOOLEAN && critical.octets[0] !== 0) {
      throw badToken('a revocation list has a critical extension');
    }
  }
}

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** UTCTime or GeneralizedTime; two-digit years from 50 on are of the last century (RFC 5280 §4.1.2.5). */
function timeOf(element: Element | undefined): number {
  const isShort = element?.tag === UTC_TIME;
  const text = fromUtf8(contentsOf(element, isShort ? UTC_TIME : GENERALIZED_TIME));
  const [, year, ...others] = TIME.exec(isShort ? (text < '5' ? '20' : '19') + text : text) ?? [];
  if (year === undefined) throw badToken('a time that is not of RFC 5280');
  const [month, day, hour, minute, second] = others.map(Number);
  return Date.UTC(Number(year), month! - 1, day, hour, minute, second);
}
