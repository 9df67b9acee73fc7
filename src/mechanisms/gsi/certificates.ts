/**
 * Names in certificates (RFC 5280 §4.1), and which certificates are proxies (RFC 3820, and Globus's two earlier forms).
 * The identity of a grid user is the name of the certificate from which the proxies were made. Nothing is verified
 * here.
 */
import { toHex, toUtf8, u16beAt } from '../../bytes.js';
import { badToken } from '../../errors.js';
import { readElement } from '../der.js';
import { nameOctets, nameText } from '../name-text.js';
import { contentsOf, type Element, elementsOf, oidOf, SEQUENCE, SET } from './elements.js';

/** A certificate's names in Globus's form, `/O=Grid/CN=Anna`. */
export interface CertificateNames {
  subject: string;
  issuer: string;
  isProxy: boolean;
}

const BMP_STRING = 0x1e;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/** Name attributes: object identifier in hex, and OpenSSL's abbreviation. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '550403': 'CN',
  '550404': 'SN',
  '550405': 'serialNumber',
  '550406': 'C',
  '550407': 'L',
  '550408': 'ST',
  '55040a': 'O',
  '55040b': 'OU',
  '55040c': 'title',
  '55042a': 'GN',
  '2a864886f70d010901': 'emailAddress',
  '0992268993f22c640101': 'UID',
  '0992268993f22c640119': 'DC',
};

/**
 * Object identifiers of the extension ProxyCertInfo: RFC 3820 (1.3.6.1.5.5.7.1.14) and its draft
 * (1.3.6.1.4.1.3536.1.222).
 */
const PROXY_INFO = ['2b0601050507010e', '2b060104019b5001815e'];
const LEGACY_PROXIES = ['/CN=proxy', '/CN=limited proxy'];

/**
 * Reads subject and issuer of a certificate (DER).
 * @throws FtpSecurityError `security/bad-token`
 */
export function certificateNames(certificate: Uint8Array): CertificateNames {
  const [whole, ...others] = elementsOf(certificate);
  if (others.length > 0) throw badToken('not a certificate');
  const [signed] = elementsOf(contentsOf(whole, SEQUENCE));
  const fields = elementsOf(contentsOf(signed, SEQUENCE));
  // The fields are serial number, signature algorithm, issuer, validity, subject; an optional version comes first.
  const [, , issuer, , subject] = fields[0]?.tag === VERSION ? fields.slice(1) : fields;
  const names = { subject: nameOf(subject), issuer: nameOf(issuer) };
  const isLegacy = LEGACY_PROXIES.some(proxy => names.subject === names.issuer + proxy);
  return { ...names, isProxy: isLegacy || hasProxyInfo(fields.find(({ tag }) => tag === EXTENSIONS)) };
}

/**
 * The identity of a chain of certificates: the subject of the first one that is not a proxy, or else the issuer of the
 * last proxy.
 * @param chain  the owner's certificate first
 * @throws FtpSecurityError `security/bad-token`
 */
export function identityOf(chain: readonly Uint8Array[]): string | undefined {
  let issuer: string | undefined;
  for (const certificate of chain) {
    const names = certificateNames(certificate);
    if (issuer !== undefined && names.subject !== issuer) return issuer;
    if (!names.isProxy) return names.subject;
    issuer = names.issuer;
  }
  return issuer;
}

/**
 * The first of several concatenated certificates, which is the form of a delegated chain.
 * @throws FtpSecurityError `security/bad-token`
 */
export function firstCertificate(chain: Uint8Array): Uint8Array {
  if (chain.length === 0) throw badToken('no certificate');
  return chain.subarray(0, readElement(chain, 0, chain.length).end);
}

/**
 * A name in Globus's form, with the attributes in the order of the certificate. No two names have the same form: what a value
 * contains that looks like a further attribute, or can't be seen, is written as `\xHH`, as OpenSSL does.
 * @throws FtpSecurityError `security/bad-token`
 */
export function nameOf(name: Element | undefined): string {
  return attributesOf(name)
    .map(set => `/${set.map(({ type, text }) => `${type}=${text}`).join('+')}`)
    .join('');
}

/**
 * An attribute of a name: OpenSSL's abbreviation of its type, or the object identifier in hex; its value as text with escapes,
 * and as it is.
 */
export interface Attribute {
  type: string;
  text: string;
  value: Element;
}

/**
 * The attributes of a name, a list for each of its parts.
 * @throws FtpSecurityError `security/bad-token`
 */
export function attributesOf(name: Element | undefined): Attribute[][] {
  return elementsOf(contentsOf(name, SEQUENCE)).map(set => {
    const attributes = elementsOf(contentsOf(set, SET));
    if (attributes.length === 0) throw badToken('DER: a part of a name is empty');
    return attributes.map(attribute => {
      const [type, value, ...others] = elementsOf(contentsOf(attribute, SEQUENCE));
      if (others.length > 0) throw badToken('DER: octets after a value of a name');
      const oid = oidOf(type);
      return { type: ATTRIBUTES[oid] ?? oid, text: textOf(value), value: value! };
    });
  });
}

/** What begins a further attribute, such as `/CN=`; control and format characters; octets that are not UTF-8; the sign of escapes. */
const MISLEADING = /[/+](?=[\w.]+=)|[\p{Cc}\p{Cf}\p{Cs}\\]/gu;

function textOf(value: Element | undefined): string {
  if (value === undefined) throw badToken('DER: a value of a name is missing');
  const { tag, octets } = value;
  if (tag !== BMP_STRING) return nameText(octets).replace(MISLEADING, character => escapes(nameOctets(character)));
  let text = '';
  for (let i = 0; i + 1 < octets.length; i += 2) text += String.fromCharCode(u16beAt(octets, i));
  const written = text.replace(MISLEADING, character => escapes(octetsOf(character)));
  return octets.length % 2 === 0 ? written : written + escapes(octets.subarray(-1));
}

/** A half of a character beyond 16 bits has no UTF-8. */
function octetsOf(character: string): Uint8Array {
  const code = character.charCodeAt(0);
  return /\p{Cs}/u.test(character) ? Uint8Array.of(code >> 8, code) : toUtf8(character);
}

function escapes(octets: Uint8Array): string {
  return Array.from(octets, octet => `\\x${toHex(Uint8Array.of(octet)).toUpperCase()}`).join('');
}

function hasProxyInfo(extensions: Element | undefined): boolean {
  if (extensions === undefined) return false;
  const [list] = elementsOf(extensions.octets);
  return elementsOf(contentsOf(list, SEQUENCE)).some(extension => {
    const [type] = elementsOf(contentsOf(extension, SEQUENCE));
    return PROXY_INFO.includes(oidOf(type));
  });
}
