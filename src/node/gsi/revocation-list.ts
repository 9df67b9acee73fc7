/** Lists of revoked certificates (RFC 5280 §5). */
import type { KeyObject } from 'node:crypto';
import { copy, fromUtf8, startsWith, toHex } from '../../bytes.js';
import { badToken } from '../../errors.js';
import {
  contentsOf,
  type Element,
  elementsOf,
  INTEGER,
  integerOf,
  oidOf,
  SEQUENCE,
} from '../../mechanisms/gsi/elements.js';
import { nameKey } from './general-names.js';
import { parseSigned } from './signed.js';

export interface RevocationList {
  /** The `nameKey` of the authority: some write their name in the list in another way than in their certificate. */
  issuer: string;
  /** In milliseconds since 1970. */
  thisUpdate: number;
  /** Undefined if the list has no end. */
  nextUpdate: number | undefined;
  /** Serial numbers in hex. */
  revoked: ReadonlySet<string>;
  /** Whether the key has signed the list. */
  isSignedBy(key: KeyObject): boolean;
}

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const EXTENSIONS = 0xa0;
const BOOLEAN = 0x01;
/** DeltaCRLIndicator and IssuingDistributionPoint: the list has only changes, or only some certificates. */
const PARTIAL = ['551d1b', '551d1c'];
/** Lists of large authorities have some ten thousand certificates. */
const MAX_REVOKED = 2_000_000;

const PEM = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END/;

/**
 * Reads a list, in PEM or DER.
 * @throws FtpSecurityError `security/bad-token`, also for a critical extension, a list that is not whole, and a signature by SHA-1 or MD5
 */
export function parseRevocationList(file: Uint8Array): RevocationList {
  const [, base64] = startsWith(file, [SEQUENCE]) ? [] : (PEM.exec(fromUtf8(file)) ?? []);
  const der = base64 === undefined ? copy(file) : Uint8Array.from(Buffer.from(base64, 'base64'));
  const { content, isSignedBy } = parseSigned(der);
  if (isSignedBy === undefined) throw badToken('a revocation list has an unknown or weak signature algorithm');
  const all = elementsOf(content.octets);
  const [, issuer, thisUpdate, ...rest] = all[0]?.tag === INTEGER ? all.slice(1) : all;
  // In this order, as any that was passed over could contain what is revoked.
  const optional = (...tags: number[]) => (tags.includes(rest[0]?.tag ?? 0) ? rest.shift() : undefined);
  const [next, list, extensions] = [optional(UTC_TIME, GENERALIZED_TIME), optional(SEQUENCE), optional(EXTENSIONS)];
  if (rest.length > 0) throw badToken('a revocation list has unknown parts');
  assertWhole(extensions);
  contentsOf(issuer, SEQUENCE);
  return {
    issuer: nameKey(issuer!.whole),
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: next && timeOf(next),
    revoked: new Set(list === undefined ? [] : elementsOf(list.octets, MAX_REVOKED).map(serialOf)),
    isSignedBy,
  };
}

function serialOf(entry: Element): string {
  return toHex(integerOf(elementsOf(contentsOf(entry, SEQUENCE))[0]));
}

/** That a list is not whole must be critical (RFC 5280 §5.2.4, §5.2.5), but is believed in any case. */
function assertWhole(extensions: Element | undefined): void {
  if (extensions === undefined) return;
  for (const extension of elementsOf(contentsOf(elementsOf(extensions.octets)[0], SEQUENCE))) {
    const [type, critical] = elementsOf(contentsOf(extension, SEQUENCE));
    if (critical?.tag === BOOLEAN && critical.octets[0] !== 0) {
      throw badToken('a revocation list has a critical extension');
    }
    if (PARTIAL.includes(oidOf(type))) throw badToken('a revocation list that is not whole');
  }
}

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** UTCTime or GeneralizedTime; two-digit years from 50 on are of the last century (RFC 5280 §4.1.2.5). */
function timeOf(element: Element | undefined): number {
  const isShort = element?.tag === UTC_TIME;
  const text = fromUtf8(contentsOf(element, isShort ? UTC_TIME : GENERALIZED_TIME));
  const whole = isShort ? (text < '5' ? '20' : '19') + text : text;
  const time = Date.parse(whole.replace(TIME, '$1-$2-$3T$4:$5:$6Z'));
  // The 31st of November is the 1st of December to Date.
  const isRight = TIME.test(whole) && new Date(time).toJSON()?.replace(/[-:T]|\.\d+/g, '') === whole;
  if (!isRight) throw badToken('a time that is not of RFC 5280');
  return time;
}
