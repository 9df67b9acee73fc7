/**
 * The client's side of delegation: a proxy certificate (RFC 3820 §3) for the key of a server's certificate request (RFC 2986). It is
 * signed with the key of the client's credential, which the server never gets.
 */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { concatAll, fromHex, toHex, toUtf8 } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import { formatElement } from '../../mechanisms/der.js';
import { contentsOf, elementsOf, INTEGER, OID, SEQUENCE, SET } from '../../mechanisms/gsi/elements.js';
import { type Certificate, parseCertificate } from './certificate.js';
import type { GsiCredential } from './credential.js';
import { isSlowKey, shortKey } from './key-strength.js';
import { algorithmOf, formatSigned, parseSigned } from './signed.js';

/** What the server may do with a delegated credential, and how long. */
export interface GsiDelegation {
  /**
   * `limited`, the default: all that the owner may do, but start jobs. `all`: that too. From a limited proxy only a limited one can
   * be made.
   */
  rights?: 'limited' | 'all';
  /** How long it is valid, in milliseconds, but never longer than our own credential. Default 12 hours. */
  lifetime?: number;
}

const DEFAULT_LIFETIME = 12 * 3_600_000;
/** The proxy is valid that long before now, as clocks differ. */
const CLOCK_SKEW = 5 * 60_000;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const VERSION_3 = fromHex('a003020102');
const COMMON_NAME = fromHex('0603550403');
/** Extensions, both critical: key usage with the bit digitalSignature alone; proxy information, whose policy language follows. */
const KEY_USAGE = fromHex('300e0603551d0f0101ff040403020780');
const PROXY_INFO = fromHex('06082b0601050507010e0101ff');
/** Policy languages (RFC 3820 §3.8.2, and Globus's limited proxy). */
const LANGUAGES = { all: fromHex('2b06010505071501'), limited: fromHex('2b060104019b5001010109') };

/**
 * Makes what signs the proxy certificate, once the request is there.
 * @returns a function from the request to the certificate, both in DER
 * @throws TypeError, RangeError for options of the wrong kind
 * @throws FtpSecurityError `security/untrusted`, side local, if no further proxy can be made from the credential
 */
export function proxySigner(
  credential: GsiCredential,
  { rights = 'limited', lifetime = DEFAULT_LIFETIME }: GsiDelegation,
): (request: Uint8Array, now: number) => Uint8Array {
  if (rights !== 'limited' && rights !== 'all') throw new TypeError("rights must be 'limited' or 'all'");
  if (!(lifetime > 0)) throw new RangeError('lifetime must be a number of milliseconds above 0');
  const owner = issuerIn(credential.certificates.map(parseCertificate));
  const language = owner.proxy?.rights === 'limited' ? 'limited' : rights;
  return (request, now) => {
    const [from, to] = [Math.max(now - CLOCK_SKEW, owner.notBefore), Math.min(now + lifetime, owner.notAfter)];
    if (!(now < to)) throw new FtpSecurityError('security/expired', `${owner.subject} has expired`, { side: 'local' });
    const serial = randomBytes(8);
    // Its first octet is 40 to 7f, so that the number is positive, and has no zeros before it.
    serial[0] = (serial[0]! & 0x3f) | 0x40;
    const content = sequence(
      VERSION_3,
      formatElement(INTEGER, serial),
      algorithmOf(credential.key),
      owner.subjectName,
      sequence(formatTime(from), formatTime(to)),
      withCommonName(owner.subjectName, BigInt(`0x${toHex(serial)}`).toString()),
      requestedKey(request),
      formatElement(0xa3, sequence(KEY_USAGE, sequence(PROXY_INFO, formatElement(0x04, proxyInfo(language))))),
    );
    return formatSigned(content, credential.key);
  };
}

/** The certificate of our key, if a further proxy can be made from it (RFC 3820 §3.8). */
function issuerIn(chain: readonly Certificate[]): Certificate {
  const owner = chain[0]!;
  const refused = (why: string) =>
    new FtpSecurityError('security/untrusted', `${owner.subject} can't be delegated: ${why}`, { side: 'local' });
  if (owner.proxy !== undefined && owner.proxy.form !== 'rfc') throw refused('it is a proxy of an older form');
  if (owner.proxy?.rights === 'independent' || owner.proxy?.rights === 'other')
    throw refused("it does not have its owner's rights");
  if (owner.keyUsage?.signs === false) throw refused('its key may not sign');
  if (chain.some(({ proxy }, below) => proxy?.pathLength !== undefined && proxy.pathLength <= below))
    throw refused('no further proxy may follow it');
  return owner;
}

/**
 * The key of a certificate request, as it is in there. The name and the wishes in it are not read.
 * @throws FtpSecurityError `security/bad-token`, `security/weak`
 */
function requestedKey(request: Uint8Array): Uint8Array {
  const { content, isSignedBy } = parseSigned(request);
  const keyInfo = elementsOf(content.octets)[2];
  contentsOf(keyInfo, SEQUENCE);
  const key = keyOf(keyInfo!.whole);
  const short = shortKey(key);
  if (short !== undefined) throw new FtpSecurityError('security/weak', `the server asks for a proxy of ${short}`);
  if (isSlowKey(key))
    throw new FtpSecurityError('security/weak', 'the server asks for a proxy of a key with slow checks');
  if (isSignedBy?.(key) !== true) throw badToken('the certificate request is not signed with its key');
  return keyInfo!.whole;
}

function keyOf(keyInfo: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(keyInfo), format: 'der', type: 'spki' });
  } catch {
    throw badToken('the certificate request has no key that is known');
  }
}

const sequence = (...parts: Uint8Array[]) => formatElement(SEQUENCE, concatAll(parts));

function withCommonName(name: Uint8Array, value: string): Uint8Array {
  const part = sequence(COMMON_NAME, formatElement(UTF8_STRING, toUtf8(value)));
  return sequence(contentsOf(elementsOf(name)[0], SEQUENCE), formatElement(SET, part));
}

const proxyInfo = (rights: keyof typeof LANGUAGES) => sequence(sequence(formatElement(OID, LANGUAGES[rights])));

/** UTCTime until 2049, and GeneralizedTime later (RFC 5280 §4.1.2.5). */
function formatTime(milliseconds: number): Uint8Array {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return text < '2050' ? formatElement(UTC_TIME, toUtf8(text.slice(2))) : formatElement(GENERALIZED_TIME, toUtf8(text));
}
