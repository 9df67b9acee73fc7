/** The realms that a client's ticket came through: how it lists them (RFC 4120 §3.3.3.2), and which an acceptor trusts (§2.7). */
import { badToken } from '../../../errors.js';
import { nameText } from '../../name-text.js';
import type { EncTicketPart } from '../messages/kerberos.js';

/** Which realms between the client's and the service's may have vouched for the client. */
export interface TransitPolicy {
  /** These may, whatever the client's realm. */
  transitedRealms: readonly string[];
  /** So may those of the hierarchy, see {@link hierarchicalPath}. */
  hierarchicalTrust: boolean;
}

/** §7.5.5 */
const DOMAIN_X500_COMPRESS = 1;

/** The lists come from foreign KDCs, and short ones can stand for long ones. Paths that are in use have fewer than ten realms. */
const MAX_CONTENTS = 4096;
const MAX_REALMS = 100;
/** Of one realm's name, in characters; MIT Kerberos takes as many octets. */
const MAX_NAME = 511;

/**
 * Judges the realms in a ticket that no KDC has checked.
 *
 * By default those of the hierarchy are trusted, as in MIT Kerberos. All of them are above the client's realm, or above the
 * service's: in a hierarchy a realm is reached through those above it, so who runs one relies on them. A realm beside this path
 * cannot vouch for the clients of others. To trust none would be stricter, but no KDC of Active Directory does this check in place of
 * the server, so no client of a sibling domain could log in, and operators would turn the check off for every realm.
 * @param service  the realm of the service; undefined if no key says it
 * @returns why they are refused; undefined if all are trusted
 * @throws FtpSecurityError `security/bad-token` if the list is malformed, or too long
 */
export function refusedTransit(
  { crealm, transited: { trType, contents } }: Pick<EncTicketPart, 'crealm' | 'transited'>,
  service: string | undefined,
  { transitedRealms, hierarchicalTrust }: TransitPolicy,
): string | undefined {
  if (trType !== DOMAIN_X500_COMPRESS) return `the ticket lists its transited realms in an unknown encoding, ${trType}`;
  if (service === undefined)
    return 'the transited realms of the ticket cannot be judged: neither the key nor the option service names the realm';
  // Not even a realm of the option may vouch for the service's own users.
  if (crealm === service) return `the ticket of a client of ${service} itself came through other realms`;
  const realms = decodeTransited(contents, crealm, service);
  const path = hierarchicalTrust ? hierarchicalPath(crealm, service) : [];
  // No KDC lists the service's realm (§3.3.3.2), and MIT's acceptor refuses it too.
  const between = [...path].filter(realm => realm !== service);
  const trusted = new Set([crealm, ...between, ...transitedRealms]);
  const other = realms.find(realm => !trusted.has(realm));
  return (
    other &&
    `the ticket came through ${other}, which is not trusted between ${crealm} and ${service} (see the option transitedRealms)`
  );
}

/**
 * Decodes the contents of a TransitedEncoding of type DOMAIN-X500-COMPRESS.
 * @param client  the client's realm, where a null subfield begins that is the first
 * @param server  the service's realm, where one ends that is the last
 * @returns the realms as they are listed, and, for null subfields, all on the hierarchical path between their neighbours
 * @throws FtpSecurityError `security/bad-token` if it is malformed, or too long
 */
export function decodeTransited(contents: Uint8Array, client: string, server: string): string[] {
  if (contents.length === 0) return [];
  if (contents.length > MAX_CONTENTS) throw malformed(`longer than ${MAX_CONTENTS} octets`);
  for (const end of [client, server]) checked(end);
  const realms: string[] = [];
  const add = (realm: string) => {
    if (realms.push(checked(realm)) > MAX_REALMS) throw malformed(`more than ${MAX_REALMS} realms`);
  };
  const addBetween = (from: string, to: string) => {
    for (const realm of hierarchicalPath(from, to)) if (realm !== from && realm !== to) add(realm);
  };
  let previous: string | undefined;
  let isGap = false;
  for (const subfield of subfieldsOf(nameText(contents))) {
    if (subfield === '') {
      isGap = true;
      continue;
    }
    const realm = realmOf(subfield, previous ?? '');
    if (isGap) addBetween(previous ?? client, realm);
    add(realm);
    previous = realm;
    isGap = false;
  }
  if (isGap) addBetween(previous ?? client, server);
  return realms;
}

/**
 * The path between two realms through the hierarchy of their names (§1.2), both included: from each to the lowest realm above
 * both. If there is none, all realms above each belong to it: two trees can be joined at any height.
 */
function hierarchicalPath(from: string, to: string): Set<string> {
  const [rising, falling] = [upwards(from), upwards(to)];
  const above = new Set(falling);
  const top = rising.find(realm => above.has(realm));
  const upToTop = (chain: string[]) => (top === undefined ? chain : chain.slice(0, chain.indexOf(top) + 1));
  return new Set([...upToTop(rising), ...upToTop(falling)]);
}

/** A realm and all above it: `A.B.C`, `B.C`, `C`; in X.500 style `/C/B/A`, `/C/B`, `/C` (§6.1). */
function upwards(realm: string): string[] {
  const chain = [realm];
  if (realm.startsWith('/')) {
    for (let end = realm.lastIndexOf('/'); end > 0; end = realm.lastIndexOf('/', end - 1))
      chain.push(realm.slice(0, end));
  } else {
    for (let dot = realm.indexOf('.'); dot >= 0; dot = realm.indexOf('.', dot + 1)) chain.push(realm.slice(dot + 1));
  }
  return chain.filter(name => name !== '');
}

/** The parts between commas; quotes remain. */
function subfieldsOf(text: string): string[] {
  if (!/^(?:\\.|[^\\])*$/s.test(text)) throw malformed('a backslash at its end quotes nothing');
  const subfields = [''];
  for (const [piece] of text.matchAll(/\\.|[^\\]/gs)) {
    if (piece === ',') subfields.push('');
    else subfields[subfields.length - 1] += piece;
  }
  return subfields;
}

/** The realm of a subfield, which can continue the previous one. After a blank it does not. */
function realmOf(subfield: string, previous: string): string {
  const text = subfield.replace(/^ +/, '');
  if (text === '') throw malformed('a realm is blank');
  const name = text.replace(/\\(.)/gs, '$1');
  if (text !== subfield) return name;
  if (text.startsWith('/')) return previous + name;
  return text.replace(/\\./gs, '\\').endsWith('.') ? name + previous : name;
}

function checked(realm: string): string {
  if (realm.length > MAX_NAME) throw malformed(`a realm has more than ${MAX_NAME} characters`);
  return realm;
}

function malformed(why: string) {
  return badToken(`transited realms of the ticket: ${why}`);
}
