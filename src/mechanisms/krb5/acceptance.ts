/** Whether a live acceptor takes an AP-REQ (RFC 4120 §3.2.3, RFC 4121 §4.1.1): each rule, with the error that it owes. */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalConstantTime, toHex } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { ReplayRecord } from '../replay-cache.js';
import { isOfVersion, type OpenedApReq, openAuthenticator, openTicketWith, type ServiceKey } from './ap-exchange.js';
import { ADDRESS_TYPES } from './channel-bindings.js';
import { formatDer } from './der.js';
import { enctypeOf } from './enctypes.js';
import type { EnctypePolicy } from './etype-negotiation.js';
import { iso } from './facts.js';
import type { GssChecksum } from './gss-checksum.js';
import { type Refusal, refused } from './krb-error.js';
import {
  AD_TYPES,
  AP_OPTIONS,
  type ApReq,
  type Authenticator,
  type AuthorizationData,
  authenticator,
  type EncTicketPart,
  TICKET_FLAGS,
  type Ticket,
} from './messages.js';
import { isNamed, type Principal, principalOf, principalText, type ServiceName, samePrincipal } from './principal.js';

/** What an acceptor holds against an AP-REQ. */
export interface Acceptance extends EnctypePolicy {
  keytab: readonly ServiceKey[];
  service: ServiceName | undefined;
  /** In seconds. */
  skew: number;
  replayCache: ReplayRecord;
  bindings: Uint8Array | undefined;
  peerAddress: Uint8Array | undefined;
}

/** An AP-REQ that was taken. */
export interface Accepted extends OpenedApReq {
  checksum: GssChecksum;
  /** Whose key opened the ticket. */
  service: Principal;
}

/**
 * Opens an AP-REQ, and takes it only if it keeps every rule; the replay cache comes last.
 * @param now  in milliseconds since 1970
 * @throws FtpSecurityError `security/no-key`, `wrong-name`, `weak`, `bad-checksum`, `bad-token`, `clock-skew`,
 *   `not-yet-valid`, `expired`, `bad-bindings`, `replayed`; with a KRB-ERROR where one of the rules is broken
 */
export function acceptRequest(message: ApReq, acceptance: Acceptance, now: number): Accepted {
  const { ticket } = message;
  const keys = keysFor(ticket, acceptance);
  owe(CLEAR_RULES, { ...keys, message, acceptance }, ticket, now);
  const { part, service } = openTicket(ticket, keys.current, acceptance);
  const opened = openAuthenticator(message, part, acceptance);
  owe(OPENED_RULES, { ...opened, acceptance, now: now / 1000 }, ticket, now);
  return { ...opened, service, checksum: opened.checksum! };
}

type Rule<Subject> = (subject: Subject) => Refusal | FtpSecurityError | undefined;

/** The keys that go with a ticket, by how much of what it says they fit. */
interface TicketKeys {
  /** As the ticket names it. */
  service: Principal;
  named: readonly ServiceKey[];
  typed: readonly ServiceKey[];
  current: readonly ServiceKey[];
}

/** An AP-REQ before it is opened: nothing of it is protected yet. */
interface Clear extends TicketKeys {
  message: ApReq;
  acceptance: Acceptance;
}

interface Opened extends OpenedApReq {
  acceptance: Acceptance;
  /** In seconds. */
  now: number;
}

const CLEAR_RULES: readonly Rule<Clear>[] = [
  ({ message }) =>
    (message.apOptions & AP_OPTIONS.useSessionKey) === 0
      ? undefined
      : ['KRB_AP_ERR_NOKEY', 'the ticket is under a session key (user to user), which a service with a keytab has not'],
  ({ service, acceptance }) =>
    acceptance.service === undefined || isNamed(service, acceptance.service)
      ? undefined
      : ['KRB_AP_ERR_NOT_US', `the ticket is for ${principalText(service)}, which is another service`],
  ({ service, named }) =>
    named.length > 0
      ? undefined
      : ['KRB_AP_ERR_NOT_US', `the ticket is for ${principalText(service)}, of which no key is here`],
  ({ message, typed }) =>
    typed.length > 0
      ? undefined
      : ['KRB_AP_ERR_NOKEY', `no key of enctype ${message.ticket.encPart.etype}, in which the ticket is`],
  ({ message, typed, current }) =>
    current.length > 0
      ? undefined
      : [
          'KRB_AP_ERR_BADKEYVER',
          `the ticket is under key version ${message.ticket.encPart.kvno}; here is ${typed.map(key => key.kvno).join(', ')}`,
        ],
  ({ message, acceptance }) => weakness('ticket', message.ticket.encPart.etype, acceptance),
];

const OPENED_RULES: readonly Rule<Opened>[] = [
  ({ ticket, acceptance }) => weakness('session key', ticket.key.keytype, acceptance),
  ({ authenticator, acceptance }) => {
    const { subkey } = authenticator;
    return subkey && weakness('subkey', subkey.keytype, acceptance);
  },
  ({ ticket, authenticator }) =>
    samePrincipal(principalOf(ticket.crealm, ticket.cname), principalOf(authenticator.crealm, authenticator.cname))
      ? undefined
      : ['KRB_AP_ERR_BADMATCH', 'the authenticator is not of the client that the ticket names'],
  ({ ticket, acceptance: { peerAddress } }) =>
    peerAddress === undefined || !ticket.caddr?.length || ticket.caddr.some(isAddress(peerAddress))
      ? undefined
      : ['KRB_AP_ERR_BADADDR', 'the ticket is not good for the address that the client has'],
  ({ authenticator: { ctime, cusec }, acceptance: { skew }, now }) =>
    Math.abs(ctime + cusec / 1e6 - now) <= skew
      ? undefined
      : ['KRB_AP_ERR_SKEW', `the client’s clock says ${iso(ctime)}, over ${skew} seconds from ours`],
  ({ ticket }) =>
    (ticket.flags & TICKET_FLAGS.invalid) === 0 ? undefined : ['KRB_AP_ERR_TKT_NYV', 'the ticket is not validated yet'],
  ({ ticket: { starttime, authtime }, acceptance: { skew }, now }) =>
    (starttime ?? authtime) <= now + skew
      ? undefined
      : ['KRB_AP_ERR_TKT_NYV', `the ticket is not valid before ${iso(starttime ?? authtime)}`],
  ({ ticket: { endtime }, acceptance: { skew }, now }) =>
    now <= endtime + skew ? undefined : ['KRB_AP_ERR_TKT_EXPIRED', `the ticket ended at ${iso(endtime)}`],
  ({ ticket }) =>
    isPathChecked(ticket)
      ? undefined
      : ['KRB_AP_PATH_NOT_ACCEPTED', 'no KDC has checked the realms that the ticket came through'],
  ({ ticket, authenticator }) => {
    const restriction = [ticket, authenticator].flatMap(part => part.authorizationData ?? []).find(isCritical);
    return (
      restriction && [
        'KRB_ERR_GENERIC',
        `authorization data of type ${restriction.adType}: a restriction not known here`,
      ]
    );
  },
  ({ checksum }) =>
    checksum !== undefined
      ? undefined
      : ['KRB_AP_ERR_INAPP_CKSUM', 'the authenticator has no checksum of type 0x8003, which GSS-API owes'],
  ({ checksum, acceptance: { bindings } }) =>
    bindings === undefined || !isGiven(checksum!.bindings) || equalConstantTime(checksum!.bindings, bindings)
      ? undefined
      : new FtpSecurityError(
          'security/bad-bindings',
          `the client’s channel bindings, ${toHex(checksum!.bindings)}, are not ours`,
        ),
  ({ authenticator, acceptance: { replayCache, skew }, now }) =>
    // Twice the time that it could be taken again, lest a clock that is set back open that time again.
    replayCache.add(authenticatorId(authenticator), authenticator.ctime + 2 * skew + 1, now)
      ? undefined
      : ['KRB_AP_ERR_REPEAT', 'the authenticator was here before'],
];

function owe<Subject>(rules: readonly Rule<Subject>[], subject: Subject, ticket: Ticket, now: number): void {
  for (const rule of rules) {
    const broken = rule(subject);
    if (broken instanceof FtpSecurityError) throw broken;
    if (broken !== undefined) throw refused(broken, ticket, now);
  }
}

/**
 * A bare key goes for every name. Heimdal's tickets may be of no realm, when its client asked for none; then it is that of
 * the key that opens it, which may not be of another service than the only one that is meant.
 */
function keysFor({ realm, sname, encPart }: Ticket, { keytab, service: only }: Acceptance): TicketKeys {
  const known = realm || only?.realm;
  const meant = { name: sname.nameString, ...(known !== undefined && { realm: known }) };
  const named = keytab.filter(({ principal }) => principal === undefined || isNamed(principal, meant));
  const service = principalOf(realm || (named[0]?.principal?.realm ?? ''), sname);
  const typed = named.filter(({ enctype }) => enctype === encPart.etype);
  return { service, named, typed, current: typed.filter(key => isOfVersion(key, encPart)) };
}

/** Where the ticket does not tell version or realm, or bare keys are given, one of several may fit. */
function openTicket(
  ticket: Ticket,
  keys: readonly ServiceKey[],
  acceptance: Acceptance,
): { part: EncTicketPart; service: Principal } {
  let failure: FtpSecurityError | undefined;
  for (const key of keys) {
    try {
      const part = openTicketWith(key, ticket, acceptance);
      return { part, service: key.principal ?? principalOf(ticket.realm, ticket.sname) };
    } catch (error) {
      if (!(error instanceof FtpSecurityError) || error.code !== 'security/bad-checksum') throw error;
      failure = error;
    }
  }
  throw new FtpSecurityError('security/bad-checksum', `the key does not open the ticket: ${failure!.message}`);
}

function weakness(what: string, enctype: number, { allowWeak = false }: Acceptance): Refusal | undefined {
  const facts = enctypeOf(enctype);
  if (facts?.weak !== true || allowWeak) return undefined;
  return ['KDC_ERR_ETYPE_NOSUPP', `the ${what} is of ${facts.name}, which is weak`];
}

function isAddress(octets: Uint8Array): (entry: { addrType: number; address: Uint8Array }) => boolean {
  const type = ADDRESS_TYPES.get(octets.length);
  return ({ addrType, address }) => addrType === type && equalConstantTime(address, octets);
}

/** No realm is on the way of a client of the service's own; which that is does not stand in what is protected. */
function isPathChecked({ flags, transited }: EncTicketPart): boolean {
  return (flags & TICKET_FLAGS.transitedPolicyChecked) !== 0 || transited.contents.length === 0;
}

/** What may not be passed over by a server that does not know it (RFC 4120 §5.2.6). */
function isCritical({ adType }: AuthorizationData[number]): boolean {
  return !PASSED_OVER.has(adType);
}

const PASSED_OVER: ReadonlySet<number> = new Set([AD_TYPES.ifRelevant, AD_TYPES.kdcIssued, AD_TYPES.mandatoryForKdc]);

function isGiven(bindings: Uint8Array): boolean {
  return bindings.some(octet => octet !== 0);
}

/** What identifies an authenticator, whichever service its ticket names: the ticket does not protect that name. */
function authenticatorId(seen: Authenticator): string {
  return toHex(sha256(formatDer(authenticator, seen)));
}
