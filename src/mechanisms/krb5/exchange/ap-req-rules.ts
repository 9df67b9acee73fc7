/** The rules by which an acceptor accepts an AP-REQ, each with its error (RFC 4120 §3.2.3, RFC 4121 §4.1.1). */
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
import { eraseKeys, type OpenedApReq, openAuthenticator } from './ap-exchange.js';
import { ADDRESS_TYPES } from './channel-bindings.js';
import { chooseEnctype, type EnctypePolicy, offeredEnctypes } from './etype-negotiation.js';
import { iso } from './facts.js';
import { type Refusal, refusalWithToken } from './krb-error.js';
import { openTicket, type ServiceKey } from './ticket-keys.js';

/** The settings of an acceptor that decide whether an AP-REQ is accepted. */
export interface AcceptorPolicy extends EnctypePolicy {
  keytab: readonly ServiceKey[];
  service: ServiceName | undefined;
  services: readonly string[] | 'any';
  /** In seconds. */
  maxClockSkew: number;
  replayCache: ReplayStore;
  /** If the client sends channel bindings, they must be one of these; undefined if ours are unknown. */
  bindings: readonly Uint8Array[] | undefined;
  requireBindings: boolean;
  peerAddress: Uint8Array | undefined;
}

/** An accepted AP-REQ. */
export interface AcceptedRequest extends OpenedApReq {
  checksum: GssChecksum;
  /** The principal whose key decrypted the ticket. */
  service: Principal;
}

/**
 * Decrypts an AP-REQ and checks all rules, the replay cache last. If it is refused, its keys are erased.
 * @param now  in milliseconds since 1970
 * @throws FtpSecurityError `security/no-key`, `security/wrong-name`, `security/weak`, `security/bad-checksum`,
 *   `security/bad-token`, `security/clock-skew`, `security/not-yet-valid`, `security/expired`, `security/bad-bindings`,
 *   `security/replayed`; with a KRB-ERROR if it breaks one of the rules
 */
export function acceptRequest(message: ApReq, policy: AcceptorPolicy, now: number): AcceptedRequest {
  const { ticket } = message;
  check(CLEAR_RULES, { message, policy }, ticket, now);
  const found = openTicket(ticket, policy.keytab, policy);
  if (!('part' in found)) throw refusalWithToken(found, ticket, now);
  const opened = openAuthenticator(message, found.part, policy);
  return destroyOnError({ destroy: () => eraseKeys(opened) }, () => {
    const { entries } = found;
    check(OPENED_RULES, { ...opened, entries, policy, now: now / 1000 }, ticket, now);
    const principal = entries.find(entry => isServed(entry, policy))?.principal;
    const service = principal ?? principalOf(ticket.realm, ticket.sname);
    return { ...opened, service, checksum: opened.checksum! };
  });
}

/**
 * The enctype of the subkey that an acceptor makes, or undefined if it makes none. With tokens of RFC 4121, an acceptor makes its
 * own subkey. With tokens of RFC 1964 it repeats the initiator's, as MIT Kerberos and Heimdal do, since the peer may not
 * support another (RFC 4121 §2). Without its own subkey, all keys of the session come from the client.
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

/** Whether the client asks for mutual authentication. The flag counts, since it is protected; the option in the clear is not. */
export function isMutual(checksum: GssChecksum | undefined): boolean {
  return ((checksum?.flags ?? 0) & GSS_FLAGS.mutual) !== 0;
}

type Rule<Subject> = (subject: Subject) => Refusal | FtpSecurityError | undefined;

/** An AP-REQ before decryption; nothing in it is authenticated. */
interface Clear {
  message: ApReq;
  policy: AcceptorPolicy;
}

interface Opened extends OpenedApReq {
  /** The keytab entries whose key decrypted the ticket. */
  entries: readonly ServiceKey[];
  policy: AcceptorPolicy;
  /** In seconds. */
  now: number;
}

const CLEAR_RULES: readonly Rule<Clear>[] = [
  ({ message }) =>
    (message.apOptions & AP_OPTIONS.useSessionKey) === 0
      ? undefined
      : ['KRB_AP_ERR_NOKEY', 'user-to-user authentication is not supported: a session key encrypts the ticket'],
  ({ message, policy }) => weakEnctype('ticket', message.ticket.encPart.etype, policy),
];

const OPENED_RULES: readonly Rule<Opened>[] = [
  ({ entries, policy }) =>
    entries.some(entry => isServed(entry, policy))
      ? undefined
      : [
          'KRB_AP_ERR_NOT_US',
          `the ticket is for ${namesOf(entries)}, which this acceptor does not serve (see its options service and services)`,
        ],
  ({ ticket, policy }) => weakEnctype('session key', ticket.key.keytype, policy),
  ({ authenticator, policy }) => {
    const { subkey } = authenticator;
    return subkey && weakEnctype('subkey', subkey.keytype, policy);
  },
  ({ ticket, authenticator }) =>
    samePrincipal(principalOf(ticket.crealm, ticket.cname), principalOf(authenticator.crealm, authenticator.cname))
      ? undefined
      : ['KRB_AP_ERR_BADMATCH', 'ticket and authenticator have different client names'],
  ({ ticket: { caddr = [] }, policy: { peerAddress } }) => {
    const known = caddr.filter(({ addrType }) => addrType !== NETBIOS);
    return peerAddress === undefined || known.length === 0 || known.some(isAddress(peerAddress))
      ? undefined
      : ['KRB_AP_ERR_BADADDR', "the ticket is not valid for the client's address"];
  },
  ({ authenticator: { ctime, cusec }, policy: { maxClockSkew }, now }) =>
    Math.abs(ctime + cusec / 1e6 - now) <= maxClockSkew
      ? undefined
      : ['KRB_AP_ERR_SKEW', `the client's clock is at ${iso(ctime)}, more than ${maxClockSkew} seconds from ours`],
  ({ ticket }) =>
    (ticket.flags & TICKET_FLAGS.invalid) === 0
      ? undefined
      : ['KRB_AP_ERR_TKT_NYV', 'the ticket has the flag INVALID: it must be validated by the KDC first'],
  ({ ticket: { starttime, authtime }, policy: { maxClockSkew }, now }) =>
    (starttime ?? authtime) <= now + maxClockSkew
      ? undefined
      : ['KRB_AP_ERR_TKT_NYV', `the ticket is not valid before ${iso(starttime ?? authtime)}`],
  ({ ticket: { endtime }, policy: { maxClockSkew }, now }) =>
    now <= endtime + maxClockSkew ? undefined : ['KRB_AP_ERR_TKT_EXPIRED', `the ticket expired at ${iso(endtime)}`],
  ({ ticket }) =>
    isPathChecked(ticket)
      ? undefined
      : ['KRB_AP_PATH_NOT_ACCEPTED', 'the transited realms of the ticket were not checked by a KDC'],
  ({ ticket, authenticator }) => {
    const restriction = [ticket, authenticator].flatMap(part => part.authorizationData ?? []).find(isCritical);
    return (
      restriction && [
        'KRB_ERR_GENERIC',
        `unknown authorization data of type ${restriction.adType}, which may restrict the use of the ticket`,
      ]
    );
  },
  ({ checksum }) =>
    checksum !== undefined
      ? undefined
      : ['KRB_AP_ERR_INAPP_CKSUM', 'the authenticator has no checksum of type 0x8003 (RFC 4121 §4.1.1)'],
  ({ checksum, policy: { bindings, requireBindings } }) => {
    const received = checksum!.bindings;
    if (requireBindings && (bindings === undefined || !isPresent(received))) {
      const reason = bindings === undefined ? 'the addresses are unknown to this side' : 'the client sent none';
      return new FtpSecurityError('security/bad-bindings', `channel bindings are required, but ${reason}`);
    }
    if (bindings === undefined || !isPresent(received) || bindings.some(own => equalConstantTime(own, received))) {
      return undefined;
    }
    const message = `channel bindings mismatch (the client sent ${toHex(received)}): is there address translation between the two sides?`;
    return new FtpSecurityError('security/bad-bindings', message);
  },
  ({ now, policy, ...opened }) =>
    ownSubkeyType(opened, policy) !== undefined ||
    !isOlderThan(policy.replayCache, creationTime(opened.authenticator), now)
      ? undefined
      : [
          'KRB_AP_ERR_REPEAT',
          'the authenticator is older than the replay cache, so it may be a replay: the client should connect again',
        ],
  ({ authenticator, policy: { replayCache, maxClockSkew }, now }) =>
    // It is kept for twice the time in which it could be replayed, in case the clock is set back.
    replayCache.add(authenticatorId(authenticator), authenticator.ctime + 2 * maxClockSkew + 1, now)
      ? undefined
      : ['KRB_AP_ERR_REPEAT', 'replayed authenticator'],
];

function check<Subject>(rules: readonly Rule<Subject>[], subject: Subject, ticket: Ticket, now: number): void {
  for (const rule of rules) {
    const broken = rule(subject);
    if (broken instanceof FtpSecurityError) throw broken;
    if (broken !== undefined) throw refusalWithToken(broken, ticket, now);
  }
}

/** Whether the acceptor serves a keytab entry's principal. A key without a principal serves any service. */
function isServed({ principal }: ServiceKey, { service, services }: AcceptorPolicy): boolean {
  if (principal === undefined) return true;
  if (service !== undefined && !isNamed(principal, service)) return false;
  return services === 'any' || isOneOf(principal, services);
}

function namesOf(entries: readonly ServiceKey[]): string {
  return entries.map(({ principal }) => principalText(principal!)).join(', ');
}

/** The time in an authenticator, in seconds since 1970, rounded up to milliseconds as clocks count them. */
function creationTime({ ctime, cusec }: Authenticator): number {
  return ctime + Math.ceil(cusec / 1000) / 1000;
}

function weakEnctype(what: string, number: number, { allowWeak = false }: AcceptorPolicy): Refusal | undefined {
  const enctype = enctypeOf(number);
  if (enctype?.weak !== true || allowWeak) return undefined;
  return ['KDC_ERR_ETYPE_NOSUPP', `the ${what}'s enctype ${enctype.name} is weak (set allowWeak to permit it)`];
}

/** The address type of NetBIOS names, which Windows asks for (RFC 4120 §7.5.3). A connection has no such address to compare. */
const NETBIOS = 20;

function isAddress(octets: Uint8Array): (entry: { addrType: number; address: Uint8Array }) => boolean {
  const type = ADDRESS_TYPES.get(octets.length);
  return ({ addrType, address }) => addrType === type && equalConstantTime(address, octets);
}

/** A client of the service's own realm has no transited realms. The service's realm itself is not in the protected part. */
function isPathChecked({ flags, transited }: EncTicketPart): boolean {
  return (flags & TICKET_FLAGS.transitedPolicyChecked) !== 0 || transited.contents.length === 0;
}

/** Authorization data of any other type must not be ignored by a server that does not know it (RFC 4120 §5.2.6). */
const NON_CRITICAL: ReadonlySet<number> = new Set([AD_TYPES.ifRelevant, AD_TYPES.kdcIssued, AD_TYPES.mandatoryForKdc]);

function isCritical({ adType }: AuthorizationData[number]): boolean {
  return !NON_CRITICAL.has(adType);
}

/** Without channel bindings, the field is all zeros (RFC 4121 §4.1.1.2). */
function isPresent(bindings: Uint8Array): boolean {
  return bindings.some(octet => octet !== 0);
}

/** Identifies an authenticator in the replay cache. It does not include the service's name, which the ticket does not protect. */
function authenticatorId(received: Authenticator): string {
  return toHex(consume(formatDer(authenticator, received), sha256));
}
