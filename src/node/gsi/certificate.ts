/** A certificate with all fields that a check of its chain needs (RFC 5280 §4, RFC 3820 §3.8). Signatures are checked by Node. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { copy, fromUtf8, startsWith, toHex } from '../../bytes.js';
import { badToken } from '../../errors.js';
import { nameOf } from '../../mechanisms/gsi/certificates.js';
import {
  contentsOf,
  type Element,
  elementsOf,
  INTEGER,
  integerOf,
  oidOf,
  SEQUENCE,
} from '../../mechanisms/gsi/elements.js';
import { type NameConstraints, parseNameConstraints } from './name-constraints.js';

/** Which form of proxy certificate: RFC 3820, its draft, or Globus's first one, which is known by its name alone. */
export type ProxyForm = 'rfc' | 'draft' | 'legacy';

/** What a proxy certificate says about itself. */
export interface ProxyInfo {
  form: ProxyForm;
  /** Which rights of the owner it has: all, all but starting jobs, none, or those of a policy in another language. */
  rights: 'all' | 'limited' | 'independent' | 'other';
  /** How many proxies may follow it; undefined without a limit. */
  pathLength: number | undefined;
}

export interface Certificate {
  der: Uint8Array;
  x509: X509Certificate;
  key: KeyObject;
  /** In Globus's form, `/O=Grid/CN=Anna`. */
  subject: string;
  issuer: string;
  /** Names in DER. Two names are the same if their octets are. */
  subjectName: Uint8Array;
  issuerName: Uint8Array;
  /** In hex. */
  serial: string;
  /** Whether its signature has a hash of SHA-2 or SHA-3. With MD5 or SHA-1 it could be forged. */
  hasStrongHash: boolean;
  /** In milliseconds since 1970. */
  notBefore: number;
  notAfter: number;
  /** Whether it may sign certificates as an authority. */
  isAuthority: boolean;
  /** How many authorities may follow an authority; undefined without a limit. */
  pathLength: number | undefined;
  /** Undefined if the key may be used for everything. */
  keyUsage: { signs: boolean; signsCertificates: boolean; signsRevocations: boolean } | undefined;
  /** Purposes as object identifiers in hex; undefined for every purpose. */
  purposes: readonly string[] | undefined;
  /** SubjectAltName in DER, which is read only where it is compared with constraints. */
  alternativeNames: Uint8Array | undefined;
  /** Whether it has alternative names, of its subject or its issuer. */
  hasAlternativeNames: boolean;
  nameConstraints: NameConstraints | undefined;
  proxy: ProxyInfo | undefined;
}

/** Extensions as object identifiers in hex. */
const EXTENSION = {
  keyUsage: '551d0f',
  alternativeName: '551d11',
  issuerAlternativeName: '551d12',
  basicConstraints: '551d13',
  nameConstraints: '551d1e',
  policies: '551d20',
  extendedKeyUsage: '551d25',
  proxyInfo: '2b0601050507010e',
  draftProxyInfo: '2b060104019b5001815e',
} as const;
/** Alternative names of the issuer matter in proxies alone, which have none. */
const KNOWN: readonly string[] = Object.values(EXTENSION).filter(it => it !== EXTENSION.issuerAlternativeName);

/** Policy languages of proxies: RFC 3820 §3.8.2, and Globus's limited proxy. */
const RIGHTS: Readonly<Record<string, ProxyInfo['rights']>> = {
  '2b06010505071501': 'all',
  '2b06010505071502': 'independent',
  '2b060104019b5001010109': 'limited',
};
const LEGACY_RIGHTS: ReadonlyMap<string, ProxyInfo['rights']> = new Map([
  ['/CN=proxy', 'all'],
  ['/CN=limited proxy', 'limited'],
]);

/** RSA, ECDSA and EdDSA, then what NIST has registered since: algorithms with SHA-2 and SHA-3, and these hashes. */
const STRONG_SIGNATURE =
  /^(?:2a864886f70d0101(?:0b|0c|0d|0e|0f|10)|2a8648ce3d04030[1-4]|2b657[01]|60864801650304(?:02|03)..)$/;
const RSASSA_PSS = '2a864886f70d01010a';
/** The default of RSASSA-PSS. */
const SHA1 = '2b0e03021a';
const PSS_HASH = 0xa0;

const BOOLEAN = 0x01;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const VERSION = 0xa0;
const PATH_LENGTH = 0xa1;
const EXTENSIONS = 0xa3;
/** Bits of the first octet of key usage. */
const USAGE = { signs: 0x80, signsCertificates: 0x04, signsRevocations: 0x02 } as const;

interface Extension {
  isCritical: boolean;
  value: Uint8Array;
}

/**
 * Reads a certificate.
 * @param der  copied
 * @throws FtpSecurityError `security/bad-token`, also for a critical extension that is not known
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const [certificate] = elementsOf(der);
  const [signed, algorithm] = elementsOf(contentsOf(certificate, SEQUENCE));
  const x509 = x509Of(certificate!.whole);
  const fields = elementsOf(contentsOf(signed, SEQUENCE));
  const [serial, , issuer, , subject] = fields[0]?.tag === VERSION ? fields.slice(1) : fields;
  const extensions = readExtensions(fields.find(({ tag }) => tag === EXTENSIONS));
  const names = { subject: nameOf(subject), issuer: nameOf(issuer) };
  const alternativeNames = extensions.get(EXTENSION.alternativeName)?.value;
  const nameConstraints = extensions.get(EXTENSION.nameConstraints)?.value;
  return {
    der: copy(der),
    x509,
    key: keyOf(x509),
    ...names,
    subjectName: copy(subject!.whole),
    issuerName: copy(issuer!.whole),
    serial: toHex(integerOf(serial)),
    hasStrongHash: STRONG_SIGNATURE.test(signatureHash(algorithm)),
    notBefore: Date.parse(x509.validFrom),
    notAfter: Date.parse(x509.validTo),
    ...readBasicConstraints(extensions.get(EXTENSION.basicConstraints)),
    keyUsage: readKeyUsage(extensions.get(EXTENSION.keyUsage)),
    purposes: readPurposes(extensions.get(EXTENSION.extendedKeyUsage)),
    alternativeNames: alternativeNames && copy(alternativeNames),
    hasAlternativeNames: alternativeNames !== undefined || extensions.has(EXTENSION.issuerAlternativeName),
    nameConstraints: nameConstraints && parseNameConstraints(nameConstraints),
    proxy: readProxy(extensions, names),
  };
}

/** Node looks for PEM anywhere in what it gets before it reads DER, and so would take another certificate, in a text of this one. */
function x509Of(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(pemOf(der));
  } catch {
    throw badToken('not a certificate');
  }
}

/** Node reads the key only when it is asked for. */
function keyOf(x509: X509Certificate): KeyObject {
  try {
    return x509.publicKey;
  } catch {
    throw badToken('a certificate has a public key that is not known');
  }
}

/** What shows the hash of a signature: its algorithm, or for RSASSA-PSS the hash among its parameters (RFC 4055 §3.1). */
function signatureHash(algorithm: Element | undefined): string {
  const [type, parameters] = elementsOf(contentsOf(algorithm, SEQUENCE));
  const name = oidOf(type);
  if (name !== RSASSA_PSS) return name;
  const hash = elementsOf(contentsOf(parameters, SEQUENCE)).find(({ tag }) => tag === PSS_HASH);
  return hash === undefined ? SHA1 : oidOf(elementsOf(contentsOf(elementsOf(hash.octets)[0], SEQUENCE))[0]);
}

function readExtensions(extensions: Element | undefined): Map<string, Extension> {
  const read = new Map<string, Extension>();
  if (extensions === undefined) return read;
  const [list] = elementsOf(extensions.octets);
  for (const extension of elementsOf(contentsOf(list, SEQUENCE))) {
    const [type, ...rest] = elementsOf(contentsOf(extension, SEQUENCE));
    const name = oidOf(type);
    const isCritical = rest.length > 1 && isTrue(rest[0]);
    if (read.has(name)) throw badToken('a certificate has an extension twice');
    if (isCritical && !KNOWN.includes(name)) throw badToken(`a certificate has an unknown critical extension: ${name}`);
    read.set(name, { isCritical, value: contentsOf(rest.at(-1), OCTET_STRING) });
  }
  return read;
}

function readBasicConstraints(extension: Extension | undefined): Pick<Certificate, 'isAuthority' | 'pathLength'> {
  if (extension === undefined) return { isAuthority: false, pathLength: undefined };
  const parts = elementsOf(contentsOf(elementsOf(extension.value)[0], SEQUENCE));
  const isAuthority = parts[0]?.tag === BOOLEAN && isTrue(parts.shift());
  const pathLength = parts[0]?.tag === INTEGER ? numberOf(parts.shift()!) : undefined;
  if (parts.length > 0) throw badToken('a certificate has basic constraints with unknown parts');
  return { isAuthority, pathLength: isAuthority ? pathLength : undefined };
}

/** OpenSSL and others write true as another octet than ff, too. */
function isTrue(element: Element | undefined): boolean {
  const octets = contentsOf(element, BOOLEAN);
  if (octets.length !== 1) throw badToken('DER: expected a BOOLEAN');
  return octets[0] !== 0;
}

function readKeyUsage(extension: Extension | undefined): Certificate['keyUsage'] {
  if (extension === undefined) return undefined;
  // The first octet is how many bits of the last one are unused.
  const [unused = 8, ...flags] = contentsOf(elementsOf(extension.value)[0], BIT_STRING);
  const bits = flags[0] ?? 0;
  const last = flags.at(-1) ?? 0xff;
  if (unused > 7 || (last & ((1 << unused) - 1)) !== 0) throw badToken('DER: expected a BIT STRING');
  return {
    signs: (bits & USAGE.signs) !== 0,
    signsCertificates: (bits & USAGE.signsCertificates) !== 0,
    signsRevocations: (bits & USAGE.signsRevocations) !== 0,
  };
}

function readPurposes(extension: Extension | undefined): string[] | undefined {
  if (extension === undefined) return undefined;
  return elementsOf(contentsOf(elementsOf(extension.value)[0], SEQUENCE)).map(it => oidOf(it));
}

function readProxy(
  extensions: ReadonlyMap<string, Extension>,
  { subject, issuer }: { subject: string; issuer: string },
): ProxyInfo | undefined {
  const rfc = extensions.get(EXTENSION.proxyInfo);
  const draft = extensions.get(EXTENSION.draftProxyInfo);
  if (rfc !== undefined && draft !== undefined) throw badToken('a certificate has the proxy information of two forms');
  const info = rfc ?? draft;
  if (info !== undefined) return { form: rfc === undefined ? 'draft' : 'rfc', ...readProxyInfo(info) };
  const rights = subject.startsWith(issuer) ? LEGACY_RIGHTS.get(subject.slice(issuer.length)) : undefined;
  return rights && { form: 'legacy', rights, pathLength: undefined };
}

/** ProxyCertInfo. In the draft the path length follows the policy, with a tag of its own. */
function readProxyInfo({ isCritical, value }: Extension): Omit<ProxyInfo, 'form'> {
  if (!isCritical) throw badToken('the information of a proxy certificate must be critical');
  const parts = elementsOf(contentsOf(elementsOf(value)[0], SEQUENCE));
  const policies = parts.filter(({ tag }) => tag === SEQUENCE);
  const lengths = parts.flatMap(it =>
    it.tag === PATH_LENGTH ? elementsOf(it.octets) : it.tag === INTEGER ? [it] : [],
  );
  const [language, ...policy] = policies.flatMap(({ octets }) => elementsOf(octets));
  if (policies.length !== 1 || policy.length > 1 || lengths.length > 1 || parts.length !== 1 + lengths.length)
    throw badToken('a certificate has proxy information that can not be read');
  const rights = RIGHTS[oidOf(language)] ?? 'other';
  // It would restrict the proxy in an unknown way; Globus refuses it too.
  if (rights !== 'other' && policy.length > 0)
    throw badToken('a proxy certificate has a policy in a language that has none (RFC 3820 §3.8.2)');
  return {
    rights,
    pathLength: lengths[0] && numberOf(lengths[0]),
  };
}

/** A length of a path; a longer number than two octets is a limit that is never reached. */
function numberOf(element: Element): number {
  const octets = contentsOf(element, INTEGER);
  if (octets.length === 0 || octets[0]! >= 0x80) throw badToken('a certificate has a negative length of a path');
  return octets.length > 3 ? 0xffffff : octets.reduce((sum, octet) => 256 * sum + octet, 0);
}

const PEM = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END/g;

/** The certificates of a PEM file, in DER; a file without PEM is one certificate in DER. */
export function certificatesOf(file: Uint8Array): Uint8Array[] {
  if (startsWith(file, [SEQUENCE])) return [copy(file)];
  return [...fromUtf8(file).matchAll(PEM)].map(([, base64]) => Uint8Array.from(Buffer.from(base64!, 'base64')));
}

/** A certificate in PEM. */
export function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
