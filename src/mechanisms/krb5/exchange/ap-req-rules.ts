/** Whether a live acceptor accepts an AP-REQ (RFC 4120 §3.2.3, RFC 4121 §4.1.1): each rule, with its error. */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalConstantTime, toHex } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { formatDer } from '../../der.js';
import { destroyOnError } from '../../exchange-generator.js';
import { isOlderThan, type ReplayStore } from '../../replay-cache.js';
import { consume } from '../crypto/aes-hmac.js';
import { enctypeOf } from '../crypto/enctypes.js';
import { GSS_FLAGS, type GssChecksum } from '../messages/gss-checksum.js';
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
} from '../messages/kerberos.js';
import {
  isNamed,
  isOneOf,
  type Principal,
  principalOf,
  principalText,
  type ServiceName,
  samePrincipal,
} from '../messages/principal.js';
import { forgetKeys, type OpenedApReq, openAuthenticator } from './ap-exchange.js';
import { ADDRESS_TYPES } from './channel-bindings.js';
import { chooseEnctype, type EnctypePolicy, offeredEnctypes } from './etype-negotiation.js';
import { iso } from './facts.js';
import { type Refusal, refused } from './krb-error.js';
import { openTicket, type ServiceKey } from './ticket-keys.js';

/** What an acceptor holds against an AP-REQ. */
export interface AcceptorPolicy extends EnctypePolicy {
  keytab: readonly ServiceKey[];
  service: ServiceName | undefined;
  services: readonly string[] | 'any';
  /** In seconds. */
  maxClockSkew: number;
  replayCache: ReplayStore;
  /** The client's must be one of these, if it gives any; undefined where ours are not known. */
  bindings: readonly Uint8Array[] | undefined;
  requireBindings: boolean;
  peerAddress: Uint8Array | undefined;
}

/** An AP-REQ that was taken. */
export interface AcceptedRequest extends OpenedApReq {
  checksum: GssChecksum;
  /** Whose key opened the ticket. */
  service: Principal;
}

/**
 * Opens an AP-REQ, and takes it only if it keeps every rule; the replay cache comes last. The keys of one that is refused are
 * erased.
 * @param now  in milliseconds since 1970
 * @throws FtpSecurityError `security/no-key`, `wrong-name`, `weak`, `bad-checksum`, `bad-token`, `clock-skew`,
 *   `not-yet-valid`, `expired`, `bad-bindings`, `replayed`; with a KRB-ERROR where one of the rules is broken
 */
export function acceptRequest(message: ApReq, policy: AcceptorPolicy, now: number): AcceptedRequest {
  const { ticket } = message;
  check(CLEAR_RULES, { message, policy }, ticket, now);
  const found = openTicket(ticket, policy.keytab, policy);
  if (!('part' in found)) throw refused(found, ticket, now);
  const opened = openAuthenticator(message, found.part, policy);
  return destroyOnError({ destroy: () => forgetKeys(opened) }, () => {
    const { entries } = found;
    check(OPENED_RULES, { ...opened, entries, policy, now: now / 1000 }, ticket, now);
    const principal = entries.find(entry => isServed(entry, policy))?.principal;
    const service = principal ?? principalOf(ticket.realm, ticket.sname);
    return { ...opened, service, checksum: opened.checksum! };
  });
}

/**
 * Of the subkey that an acceptor makes; undefined where it makes none, so that the session has nothing in it that the client
 * did not send. With tokens of RFC 4121 an acceptor has a subkey of its own; with those of RFC 1964 it repeats the
 * initiator's, as libraries do, since its peer may know of no other (RFC 4121 §2).
 */
export function ownSubkeyType(
  { ticket, authenticator: { subkey, authorizationData }, checksum }: OpenedApReq,
  policy: EnctypePolicy,
): number | undefined {
  if (!isMutual(checksum)) return undefined;
  const own = (subkey ?? ticket.key).keytype;
  const chosen = chooseEnctype(own, offeredEnctypes(authorizationData), policy);
  return chosen !== own || enctypeOf(chosen)?.tokens === 'rfc4121' ? chosen : undefined;
}

/** Whether the client wants an answer is what the protected flag says, and not the option in the clear. */
export function isMutual(checksum: GssChecksum | undefined): boolean {
  return ((checksum?.flags ?? 0) & GSS_FLAGS.mutual) !== 0;
}

type Rule<Subject> = (subject: Subject) => Refusal | FtpSecurityError | undefined;

/** An AP-REQ before it is opened: nothing of it is protected yet. */
interface Clear {
  message: ApReq;
  policy: AcceptorPolicy;
}

interface Opened extends OpenedApReq {
  /** Whose key opened the ticket. */
  entries: readonly ServiceKey[];
  policy: AcceptorPolicy;
  /** In seconds. */
  now: number;
}

const CLEAR_RULES: readonly Rule<Clear>[] = [
  ({ message }) =>
    (message.apOptions & AP_OPTIONS.useSessionKey) === 0
      ? undefined
      : ['KRB_AP_ERR_NOKEY', 'the ticket is under a session key (user to user), which a service with a keytab has not'],
  ({ message, policy }) => weakness('ticket', message.ticket.encPart.etype, policy),
];

const OPENED_RULES: readonly Rule<Opened>[] = [
  ({ entries, policy }) =>
    entries.some(entry => isServed(entry, policy))
      ? undefined
      : [
          'KRB_AP_ERR_NOT_US',
          `the ticket is under the key of ${namesOf(entries)}, which is not a service of this acceptor`,
        ],
  ({ ticket, policy }) => weakness('session key', ticket.key.keytype, policy),
  ({ authenticator, policy }) => {
    const { subkey } = authenticator;
    return subkey && weakness('subkey', subkey.keytype, policy);
  },
  ({ ticket, authenticator }) =>
    samePrincipal(principalOf(ticket.crealm, ticket.cname), principalOf(authenticator.crealm, authenticator.cname))
      ? undefined
      : ['KRB_AP_ERR_BADMATCH', 'the authenticator is not of the client that the ticket names'],
  ({ ticket: { caddr = [] }, policy: { peerAddress } }) => {
    const known = caddr.filter(({ addrType }) => addrType !== NETBIOS);
    return peerAddress === undefined || known.length === 0 || known.some(isAddress(peerAddress))
      ? undefined
      : ['KRB_AP_ERR_BADADDR', 'the ticket is not good for the address that the client has'];
  },
  ({ authenticator: { ctime, cusec }, policy: { maxClockSkew }, now }) =>
    Math.abs(ctime + cusec / 1e6 - now) <= maxClockSkew
      ? undefined
      : ['KRB_AP_ERR_SKEW', `the client’s clock says ${iso(ctime)}, over ${maxClockSkew} seconds from ours`],
  ({ ticket }) =>
    (ticket.flags & TICKET_FLAGS.invalid) === 0 ? undefined : ['KRB_AP_ERR_TKT_NYV', 'the ticket is not validated yet'],
  ({ ticket: { starttime, authtime }, policy: { maxClockSkew }, now }) =>
    (starttime ?? authtime) <= now + maxClockSkew
      ? undefined
      : ['KRB_AP_ERR_TKT_NYV', `the ticket is not valid before ${iso(starttime ?? authtime)}`],
  ({ ticket: { endtime }, policy: { maxClockSkew }, now }) =>
    now <= endtime + maxClockSkew ? undefined : ['KRB_AP_ERR_TKT_EXPIRED', `the ticket ended at ${iso(endtime)}`],
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
      : ['KRB_AP_ERR_INAPP_CKSUM', 'the authenticator has no checksum of type 0x8003, which GSS-API requires'],
  ({ checksum, policy: { bindings, requireBindings } }) => {
    const theirs = checksum!.bindings;
    if (requireBindings && (bindings === undefined || !isGiven(theirs))) {
      const whose = bindings === undefined ? 'ours are not known' : 'the client gave none';
      return new FtpSecurityError('security/bad-bindings', `channel bindings are required, and ${whose}`);
    }
    if (bindings === undefined || !isGiven(theirs) || bindings.some(ours => equalConstantTime(ours, theirs))) {
      return undefined;
    }
    const message = `the client’s channel bindings, ${toHex(theirs)}, are not ours: it sees other addresses (address translation?)`;
    return new FtpSecurityError('security/bad-bindings', message);
  },
  ({ now, policy, ...opened }) =>
    ownSubkeyType(opened, policy) !== undefined || !isOlderThan(policy.replayCache, madeAt(opened.authenticator), now)
      ? undefined
      : [
          'KRB_AP_ERR_REPEAT',
          'the authenticator is older than the replay cache, so it may have been taken before (a new one will do)',
        ],
  ({ authenticator, policy: { replayCache, maxClockSkew }, now }) =>
    // Twice the time that it could be taken again, lest a clock that is set back open that time again.
    replayCache.add(authenticatorId(authenticator), authenticator.ctime + 2 * maxClockSkew + 1, now)
      ? undefined
      : ['KRB_AP_ERR_REPEAT', 'replayed authenticator'],
];

function check<Subject>(rules: readonly Rule<Subject>[], subject: Subject, ticket: Ticket, now: number): void {
  for (const rule of rules) {
    const broken = rule(subject);
    if (broken instanceof FtpSecurityError) throw broken;
    if (broken !== undefined) throw refused(broken, ticket, now);
  }
}

/** The name in a ticket is not protected, so services are those of the keytab. A bare key goes for every name. */
function isServed({ principal }: ServiceKey, { service, services }: AcceptorPolicy): boolean {
  if (principal === undefined) return true;
  if (service !== undefined && !isNamed(principal, service)) return false;
  return services === 'any' || isOneOf(principal, services);
}

function namesOf(entries: readonly ServiceKey[]): string {
  return entries.map(({ principal }) => principalText(principal!)).join(', ');
}

/** In seconds since 1970, to the next millisecond, as clocks count. */
function madeAt({ ctime, cusec }: Authenticator): number {
  return ctime + Math.ceil(cusec / 1000) / 1000;
}

function weakness(what: string, enctype: number, { allowWeak = false }: AcceptorPolicy): Refusal | undefined {
  const facts = enctypeOf(enctype);
  if (facts?.weak !== true || allowWeak) return undefined;
  return ['KDC_ERR_ETYPE_NOSUPP', `the ${what} is of ${facts.name}, which is weak`];
}

/** The name of a host (RFC 4120 §7.5.3), which Windows asks for: no connection has such an address to compare. */
const NETBIOS = 20;

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
  return toHex(consume(formatDer(authenticator, seen), sha256));
}
