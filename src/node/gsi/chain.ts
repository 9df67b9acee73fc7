/**
 * The check of a certificate chain: proxies (RFC 3820 §4), the certificate of their owner, and authorities up to a trusted one
 * (RFC 5280 §6), with Globus's signing policies. Node's TLS does not accept proxies, so every rule is here; Node verifies the
 * signatures.
 */
import { equalConstantTime as sameOctets } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { contentsOf, elementsOf, SEQUENCE, SET } from '../../mechanisms/gsi/elements.js';
import { type Certificate, type ProxyForm, type ProxyInfo, parseCertificate } from './certificate.js';
import { nameKey } from './general-names.js';
import { commonHostName } from './host-name.js';
import { isSlowKey, shortKey } from './key-strength.js';
import { checkNameConstraints, isSelfIssued } from './name-constraints.js';
import type { RevocationList } from './revocation-list.js';
import { permits } from './signing-policy.js';
import { type GsiTrust, type TrustParts, trustPartsOf } from './trust.js';

/** A peer whose chain has been verified. */
export interface VerifiedPeer {
  /** The subject of the owner's certificate, without the parts that proxies add. */
  name: string;
  /** The owner's certificate, which is not a proxy. */
  owner: Certificate;
  /** The peer's own certificate. */
  leaf: Certificate;
  /** Whether some proxy is limited: then it should start no jobs. */
  isLimited: boolean;
}

export interface ChainOptions {
  trust: GsiTrust;
  /** Milliseconds since 1970. */
  now: number;
  /** What the owner's certificate is for. */
  purpose: 'client' | 'server';
  /** Which proxies are accepted. Default all. */
  proxies?: readonly ProxyKind[] | undefined;
}

/** A form of proxy certificates, or those of any form that are limited. */
export type ProxyKind = ProxyForm | 'limited';

export const PROXY_KINDS: readonly ProxyKind[] = ['rfc', 'draft', 'legacy', 'limited'];

interface Authorities extends Omit<ChainOptions, 'trust'> {
  trust: TrustParts;
}

/** Certificates that a peer may send. */
const MAX_CHAIN = 30;
/** Authorities of one name that a peer may send: for each certificate all of them are tried. */
const MAX_SAME_NAME = 4;
const PURPOSES = { server: '2b06010505070301', client: '2b06010505070302' } as const;
const ANY_PURPOSE = '551d2500';

/**
 * Checks a chain.
 * @param sent  certificates in DER, the peer's own first; each is followed by the one that has signed it
 * @throws FtpSecurityError `security/untrusted`, `security/expired`, `security/not-yet-valid`, `security/bad-token`
 */
export function verifyChain(sent: readonly Uint8Array[], options: ChainOptions): VerifiedPeer {
  if (sent.length === 0) throw untrusted('the peer has sent no certificate');
  if (sent.length > MAX_CHAIN) throw untrusted(`the peer has sent more than ${MAX_CHAIN} certificates`);
  const chain = sent.map(parseCertificate);
  for (const { key, subject } of chain)
    if (isSlowKey(key)) throw untrusted(`${subject} has a key whose signatures take too long to check`);
  const proxies = chain.slice(0, proxyCount(chain));
  const [owner, ...others] = chain.slice(proxies.length);
  if (owner === undefined)
    throw untrusted('the peer has sent proxy certificates without the certificate of their owner');
  for (const [i, proxy] of proxies.entries()) checkProxy(proxy, chain[i + 1]!, i, options);
  checkSameForm(proxies);
  checkOwner(owner, options);
  const authorities = checkAuthorities(owner, others, { ...options, trust: trustPartsOf(options.trust) });
  // The name of a client is its subject, not that of a host.
  const hostName = options.purpose === 'server' ? commonHostName(owner) : undefined;
  checkNameConstraints([...proxies, owner, ...authorities], owner, hostName);
  return { name: owner.subject, owner, leaf: chain[0]!, isLimited: proxies.some(it => it.proxy?.rights === 'limited') };
}

function proxyCount(chain: readonly Certificate[]): number {
  const owner = chain.findIndex(({ proxy }) => proxy === undefined);
  return owner < 0 ? chain.length : owner;
}

/**
 * RFC 3820 §3 and §4.1.
 * @param below  how many proxies have been made from this one
 */
function checkProxy(
  certificate: Certificate,
  issuer: Certificate,
  below: number,
  { now, proxies = PROXY_KINDS, purpose }: ChainOptions,
): void {
  const { proxy, subject, keyUsage } = certificate;
  const refused = (why: string) => untrusted(`proxy ${subject}: ${why}`);
  const { form, rights, pathLength } = proxy as ProxyInfo;
  checkItself(certificate, now);
  checkSignature(certificate, issuer);
  if (!proxies.includes(form)) throw refused(`proxies of the form ${form} are not accepted`);
  if (rights === 'limited' && !proxies.includes('limited')) throw refused('limited proxies are not accepted');
  if (issuer.isAuthority) throw refused('an authority has signed it');
  if (issuer.keyUsage?.signs === false) throw refused('the key that has signed it may not sign');
  if (keyUsage?.signs === false) throw refused('its key may not sign');
  if (!isFor(certificate, purpose)) throw refused(`it is not for a ${purpose}`);
  if (!hasOneMoreName(certificate.subjectName, issuer.subjectName)) {
    throw refused('its name is not that of its issuer with one more CN');
  }
  if (certificate.isAuthority || keyUsage?.signsCertificates) throw refused('it may sign as an authority');
  if (certificate.hasAlternativeNames) throw refused('it has alternative names');
  if (rights === 'independent' || rights === 'other') throw refused("it does not have its owner's rights");
  if (issuer.proxy?.rights === 'limited' && rights !== 'limited') throw refused('it exceeds a limited proxy');
  if (pathLength !== undefined && below > pathLength) throw refused(`more than ${pathLength} proxies follow it`);
}

/** The forms can't be mixed, as the older ones lack the path length of the newer (Globus refuses it too). */
function checkSameForm(proxies: readonly Certificate[]): void {
  const forms = new Set(proxies.map(({ proxy }) => proxy?.form));
  if (forms.size > 1) throw untrusted('the chain mixes forms of proxy certificates');
}

function checkOwner(owner: Certificate, { purpose }: ChainOptions): void {
  const { subject, isAuthority, keyUsage } = owner;
  if (purpose === 'client' && subject === '')
    throw untrusted('the certificate of the client has no subject, which would be its name');
  if (isAuthority) throw untrusted(`${subject} is the certificate of an authority`);
  if (keyUsage?.signs === false) throw untrusted(`the key of ${subject} may not sign`);
  if (!isFor(owner, purpose)) throw untrusted(`${subject} is not a certificate for a ${purpose}`);
}

function isFor({ purposes }: Certificate, purpose: ChainOptions['purpose']): boolean {
  return purposes === undefined || purposes.includes(PURPOSES[purpose]) || purposes.includes(ANY_PURPOSE);
}

/**
 * Goes from the owner's certificate to a trusted authority, by way of those that the peer has sent.
 * @returns the authorities, the trusted ones last
 */
function checkAuthorities(owner: Certificate, sent: readonly Certificate[], options: Authorities): Certificate[] {
  const { trust, now } = options;
  const authorities: Certificate[] = [];
  let certificate = owner;
  for (let between = 0; between <= sent.length; between++) {
    checkItself(certificate, now);
    checkReadable(certificate, trust);
    const trusted =
      signersOf(certificate, trust.authorities, now)[0] ?? namedIssuers(certificate, trust.authorities)[0];
    const issuer = trusted ?? sentIssuer(certificate, sent);
    if (issuer === undefined) throw untrusted(`no trusted authority has signed ${certificate.subject}`);
    checkSignature(certificate, issuer);
    checkIssuer(certificate, issuer, between, options);
    if (trusted !== undefined) return [...authorities, ...trustedFrom(trusted, between, options)];
    authorities.push(issuer);
    certificate = issuer;
  }
  throw untrusted(`no trusted authority has signed ${owner.subject}`);
}

/**
 * A trusted authority, and the trusted ones that have certified it in turn: as for OpenSSL and Globus, it may do no more than they
 * permit, and can be revoked by them. Its own signature needs no strong hash, as it could not be forged in our files.
 * @param below  how many authorities are below the first one
 */
function trustedFrom(first: Certificate, below: number, options: Authorities): Certificate[] {
  const { trust, now } = options;
  const authorities: Certificate[] = [];
  let authority: Certificate | undefined = first;
  while (authority !== undefined && !authorities.includes(authority)) {
    checkItself(authority, now);
    checkReadable(authority, trust);
    authorities.push(authority);
    const issuer: Certificate | undefined = isSelfIssued(authority)
      ? undefined
      : signersOf(authority, trust.authorities, now)[0];
    if (issuer !== undefined) checkIssuer(authority, issuer, below + authorities.length, options);
    authority = issuer;
  }
  return authorities;
}

/** An authority whose policy or revocation list can't be read might not permit what it has signed. */
function checkReadable({ issuer }: Certificate, { refused }: TrustParts): void {
  if (refused.has(issuer)) throw untrusted(`${issuer} is not trusted, as one of its files can't be read`);
}

function namedIssuers({ issuerName }: Certificate, authorities: readonly Certificate[]): Certificate[] {
  return authorities.filter(({ subjectName }) => sameOctets(subjectName, issuerName));
}

/**
 * The authorities that have signed a certificate. One that has signed itself comes before those of its name and key that others have
 * certified, unless its time is over: those others need not be trusted for it.
 */
function signersOf(certificate: Certificate, authorities: readonly Certificate[], now: number): Certificate[] {
  const signers = namedIssuers(certificate, authorities).filter(({ key }) => certificate.x509.verify(key));
  const isRoot = (it: Certificate) => isSelfIssued(it) && now >= it.notBefore && now <= it.notAfter;
  return [...signers.filter(isRoot), ...signers.filter(it => !isRoot(it))];
}

/** An authority of that name; of several, one that has signed the certificate. */
function sentIssuer(certificate: Certificate, sent: readonly Certificate[]): Certificate | undefined {
  const named = namedIssuers(certificate, sent);
  if (named.length > MAX_SAME_NAME)
    throw untrusted(`the peer has sent more than ${MAX_SAME_NAME} certificates of ${named[0]!.subject}`);
  return named.find(({ key }) => certificate.x509.verify(key)) ?? named[0];
}

/** @param below  how many authorities are below the issuer */
function checkIssuer(certificate: Certificate, issuer: Certificate, below: number, options: Authorities): void {
  checkAuthority(issuer, below, options);
  checkPolicy(certificate, issuer, options.trust);
  checkRevocation(certificate, issuer, options);
}

/** @param below  how many authorities have been certified below this one */
function checkAuthority(authority: Certificate, below: number, { purpose }: Authorities): void {
  const { subject, isAuthority, keyUsage, pathLength } = authority;
  if (!isAuthority || keyUsage?.signsCertificates === false) throw untrusted(`${subject} is not an authority`);
  // As for OpenSSL, an authority with purposes certifies for no other ones.
  if (!isFor(authority, purpose)) throw untrusted(`${subject} is not an authority for a ${purpose}`);
  if (pathLength !== undefined && below > pathLength)
    throw untrusted(`more than ${pathLength} authorities follow ${subject}`);
}

function checkPolicy({ subject }: Certificate, issuer: Certificate, { policies }: TrustParts): void {
  if (policies === undefined) return;
  const rights = policies.get(issuer.subject);
  if (rights === undefined) throw untrusted(`there is no signing policy for ${issuer.subject}`);
  if (rights.some(right => permits(right, subject))) return;
  throw untrusted(`the signing policy of ${issuer.subject} does not permit ${subject}`);
}

function checkRevocation(certificate: Certificate, issuer: Certificate, { trust, now }: Authorities): void {
  const name = nameKey(issuer.subjectName);
  const lists = trust.revocationLists.filter(list => list.issuer === name);
  for (const list of lists) {
    const { thisUpdate, nextUpdate, revoked } = list;
    if (!isListOf(list, issuer)) {
      if (isOfNamesake(list, issuer, name, trust)) continue;
      throw untrusted(`a revocation list of ${issuer.subject} is not signed by it`);
    }
    if (now < thisUpdate || (nextUpdate !== undefined && now > nextUpdate)) {
      throw new FtpSecurityError('security/expired', `the revocation list of ${issuer.subject} is not current`);
    }
    if (revoked.has(certificate.serial)) throw untrusted(`${certificate.subject} is revoked`);
  }
}

function isListOf({ isSignedBy }: RevocationList, { key, keyUsage }: Certificate): boolean {
  return keyUsage?.signsRevocations !== false && isSignedBy(key);
}

/** Whether the list is of another trusted authority whose name differs by case, blanks or types of strings only. */
function isOfNamesake(list: RevocationList, issuer: Certificate, name: string, { authorities }: TrustParts): boolean {
  return authorities.some(
    it => !sameOctets(it.subjectName, issuer.subjectName) && nameKey(it.subjectName) === name && isListOf(list, it),
  );
}

/** Validity and key. OpenSSL checks the lengths of keys only together with the chain, as it can't here. */
function checkItself(
  { subject, key, notBefore, notAfter, isAuthority, nameConstraints }: Certificate,
  now: number,
): void {
  // Written so that dates that can't be read are refused.
  if (!(now >= notBefore)) throw new FtpSecurityError('security/not-yet-valid', `${subject} is not valid yet`);
  if (!(now <= notAfter)) throw new FtpSecurityError('security/expired', `${subject} has expired`);
  const short = shortKey(key);
  if (short !== undefined) throw untrusted(`${subject} has ${short}, which is too short`);
  // RFC 5280 §4.2.1.10 permits them to authorities alone.
  if (nameConstraints !== undefined && !isAuthority)
    throw untrusted(`${subject} has name constraints, and is not an authority`);
}

function checkSignature(certificate: Certificate, issuer: Certificate): void {
  const { subject, issuerName, hasStrongHash, x509 } = certificate;
  if (!hasStrongHash) throw untrusted(`${subject} is signed with a weak or unknown hash`);
  if (sameOctets(issuerName, issuer.subjectName) && x509.verify(issuer.key)) return;
  throw untrusted(`${issuer.subject} has not signed ${subject}`);
}

/** Whether a name is another one with one more part, which is a common name (RFC 3820 §3.4). */
function hasOneMoreName(name: Uint8Array, before: Uint8Array): boolean {
  const [parts, beginning] = [partsOf(name), partsOf(before)];
  if (parts.length !== beginning.length + 1) return false;
  if (!beginning.every((part, i) => sameOctets(part, parts[i]!))) return false;
  const attributes = elementsOf(contentsOf(elementsOf(parts.at(-1)!)[0], SET));
  const [type] = elementsOf(contentsOf(attributes[0], SEQUENCE));
  return attributes.length === 1 && sameOctets(type!.octets, COMMON_NAME);
}

const COMMON_NAME = Uint8Array.of(0x55, 4, 3);

function partsOf(name: Uint8Array): Uint8Array[] {
  return elementsOf(contentsOf(elementsOf(name)[0], SEQUENCE)).map(({ whole }) => whole);
}

function untrusted(message: string): FtpSecurityError {
  return new FtpSecurityError('security/untrusted', message);
}
