/**
 * Name constraints: which names an authority, and those below it, may certify (RFC 5280 §4.2.1.10). A name that can't be compared
 * with a constraint of its kind is refused, also if the extension is not critical, as OpenSSL does.
 */
import { equalConstantTime, toUtf8 } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import { contentsOf, type Element, elementsOf, SEQUENCE } from '../../mechanisms/gsi/elements.js';
import {
  alternativeNamesIn,
  DNS_NAME,
  kindOf,
  type Name,
  type NameKind,
  namesInSubject,
  type Parts,
  type Subtree,
} from './general-names.js';

/** The constraints for each kind of name that has some. */
export type NameConstraints = ReadonlyMap<NameKind, KindConstraints>;

export interface KindConstraints {
  permitted: Subtree[];
  excluded: Subtree[];
  /** Whether all of them can be compared with names. */
  isReadable: boolean;
}

/** What is needed of a certificate. */
export interface NamedCertificate {
  subject: string;
  subjectName: Uint8Array;
  issuerName: Uint8Array;
  /** SubjectAltName in DER. */
  alternativeNames: Uint8Array | undefined;
  nameConstraints: NameConstraints | undefined;
}

const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;
const MINIMUM = 0x80;

/**
 * Reads the extension.
 * @throws FtpSecurityError `security/bad-token`
 */
export function parseNameConstraints(value: Uint8Array): NameConstraints {
  const [whole, ...others] = elementsOf(value);
  const lists = elementsOf(contentsOf(whole, SEQUENCE));
  if (others.length > 0) throw badToken('octets after name constraints');
  const constraints = new Map<NameKind, KindConstraints>();
  let last = 0;
  for (const { tag, octets } of lists) {
    if ((tag !== PERMITTED && tag !== EXCLUDED) || tag <= last) throw badToken('name constraints with unknown parts');
    last = tag;
    for (const subtree of elementsOf(octets)) addSubtree(constraints, tag, subtree);
  }
  if (constraints.size === 0) throw badToken('name constraints without a subtree');
  return constraints;
}

function addSubtree(constraints: Map<NameKind, KindConstraints>, tag: number, subtree: Element): void {
  const [base, ...lengths] = elementsOf(contentsOf(subtree, SEQUENCE));
  const kind = kindOf(base);
  const ofKind = constraints.get(kind) ?? { permitted: [], excluded: [], isReadable: true };
  constraints.set(kind, ofKind);
  const read = kind.subtreeOf(base!.octets);
  // The RFC has no other lengths.
  const isMinimum = ({ tag, octets }: Element) => tag === MINIMUM && octets.length === 1 && octets[0] === 0;
  const isPlain = lengths.length <= 1 && lengths.every(isMinimum);
  if (read === undefined || !isPlain) ofKind.isReadable = false;
  else ofKind[tag === PERMITTED ? 'permitted' : 'excluded'].push(read);
}

/** Comparisons of a name with a subtree, for a whole chain. Real authorities have some hundred subtrees. */
const MAX_COMPARISONS = 2 ** 18;

/**
 * Checks the names of a chain against the constraints of all authorities above them, the trusted one included. Proxies are checked as
 * OpenSSL does, though RFC 3820 has no such rule: their names follow from that of their owner, but a longer one may be excluded.
 * @param chain  the peer's own certificate first; each is followed by the one that has signed it
 * @param owner  the first one that is not a proxy
 * @param hostName  the host that the common name of the owner stands for, as it has no DNS name
 * @throws FtpSecurityError `security/untrusted`, `security/bad-token`
 */
export function checkNameConstraints(
  chain: readonly NamedCertificate[],
  owner: NamedCertificate,
  hostName: string | undefined,
): void {
  const ownerAt = chain.indexOf(owner);
  let comparisons = 0;
  for (const [i, certificate] of chain.entries()) {
    const above = chain.slice(i + 1).filter(({ nameConstraints }) => nameConstraints !== undefined);
    // An authority that has certified itself anew has passed under this name already (§6.1.3).
    if (above.length === 0 || (i > ownerAt && isSelfIssued(certificate))) continue;
    const names = namesOf(certificate, i === ownerAt ? hostName : undefined);
    for (const { subject, nameConstraints } of above) {
      comparisons += countOf(names, nameConstraints!);
      const why = comparisons > MAX_COMPARISONS ? 'are too many for the names' : refusalOf(names, nameConstraints!);
      if (why === undefined) continue;
      const message = `the name constraints of ${subject} ${why} of ${certificate.subject}`;
      throw new FtpSecurityError('security/untrusted', message);
    }
  }
}

export function isSelfIssued({ subjectName, issuerName }: NamedCertificate): boolean {
  return equalConstantTime(subjectName, issuerName);
}

function namesOf({ subjectName, alternativeNames }: NamedCertificate, hostName: string | undefined): Name[] {
  const names = namesInSubject(subjectName);
  if (hostName !== undefined) names.push({ kind: DNS_NAME, parts: DNS_NAME.partsOf(toUtf8(hostName)) });
  return alternativeNames === undefined ? names : [...names, ...alternativeNamesIn(alternativeNames)];
}

function countOf(names: readonly Name[], constraints: NameConstraints): number {
  let count = 0;
  for (const { kind } of names) {
    const { permitted = [], excluded = [] } = constraints.get(kind) ?? {};
    count += permitted.length + excluded.length;
  }
  return count;
}

/** What the constraints say of the first name that is not in order. */
function refusalOf(names: readonly Name[], constraints: NameConstraints): string | undefined {
  for (const { kind, parts } of names) {
    const ofKind = constraints.get(kind);
    if (ofKind === undefined) continue;
    const { permitted, excluded, isReadable } = ofKind;
    if (parts === undefined || !isReadable) return `can't be checked for ${kind.title}`;
    if (excluded.some(subtree => isWithin(parts, subtree, '*'))) return `exclude ${kind.title}`;
    if (permitted.length > 0 && !permitted.some(subtree => isWithin(parts, subtree))) {
      return `do not permit ${kind.title}`;
    }
  }
  return undefined;
}

/** @param wildcard  a part of the name that stands for any: a DNS name `*.example.org` must not stand for one that is excluded */
function isWithin(parts: Parts, { root, least, most }: Subtree, wildcard?: string): boolean {
  const behind = parts.length - root.length;
  if (behind < least || behind > most) return false;
  for (let i = 0; i < root.length; i++) if (parts[i] !== root[i] && parts[i] !== wildcard) return false;
  return true;
}
