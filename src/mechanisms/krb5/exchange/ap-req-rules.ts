/** The rules by which an acceptor accepts an AP-REQ, each with its error (RFC 4120 §3.2.3, RFC 4121 §4.1.1). */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalConstantTime, toHex } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { formatDer } from '../../der.js';
import { destroyOnError } from '../../exchange-generator.js';
import { isOlderThan, type ReplayStore, recordIn } from '../../replay-cache.js';
import { consume } from '../crypto/aes-hmac.js';
import { enctypeOf } from '../crypto/enctypes.js';
import type { KrbErrorName } from '../messages/error-codes.js';
import { GSS_FLAGS, type GssChecksum } from '../messages/gss-checksum.js';
import {
  AD_TYPES,
  AP_OPTIONS,
  type ApReq,
  type Authenticator,
  type AuthorizationData,
  authenticatorSchema,
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
import { refusalWithToken } from './krb-error.js';
import { openTicket, type ServiceKey } from './ticket-keys.js';
import { refusedTransit, type TransitPolicy } from './transited.js';

/** The settings of an acceptor that decide whether an AP-REQ is accepted. */
export interface AcceptorPolicy extends EnctypePolicy, TransitPolicy {
  keytab: readonly ServiceKey[];
  /** The only principal that is served; undefined if `services` alone decides. */
  service: ServiceName | undefined;
  /** The service names that are served, on any host, e.g. `ftp`. */
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
  /** The principal whose key decrypted the ticket; if the key names none, the name in the ticket, which is not authenticated. */
  service: Principal;
}

/**
 * Decrypts an AP-REQ and checks all rules, the replay cache last. If it is refused, its keys are erased.
 * @param nowMs  in milliseconds since 1970
 * @throws FtpSecurityError `security/no-key`, `security/wrong-name`, `security/weak`, `security/bad-checksum`,
 *   `security/bad-token`, `security/clock-skew`, `security/not-yet-valid`, `security/expired`, `security/bad-bindings`,
 *   `security/replayed`; with a KRB-ERROR if it breaks one of the rules, except those for channel bindings
 */
export function acceptRequest(message: ApReq, policy: AcceptorPolicy, nowMs: number): AcceptedRequest {
  const { ticket } = message;
  check(CLEAR_RULES, { message, policy }, ticket, nowMs);
  const found = openTicket(ticket, policy.keytab, policy);
  if (!('part' in found)) throw refusalWithToken(found, ticket, nowMs);
  const opened = openAuthenticator(message, found.part, policy);
  return destroyOnError({ destroy: () => eraseKeys(opened) }, () => {
    const { entries } = found;
    const subject = { ...opened, entries, policy, nowSeconds: nowMs / 1000 };
    check(OPENED_RULES, subject, ticket, nowMs);
    if (!isNew(subject)) throw refusalWithToken(['KRB_AP_ERR_REPEAT', 'replayed authenticator'], ticket, nowMs);
    const { principal } = entries.find(entry => isServed(entry, policy))!;
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
  if (!isMutual(checksum!)) return undefined;
  const own = (subkey ?? ticket.key).keytype;
  const chosen = chooseEnctype(own, offeredEnctypes(authorizationData), policy);
  return chosen !== own || enctypeOf(chosen)?.tokens === 'rfc4121' ? chosen : undefined;
}

/** Whether the client asks for mutual authentication. The flag counts, since it is protected; the option in the clear is not. */
export function isMutual({ flags }: GssChecksum): boolean {
  return (flags & GSS_FLAGS.mutual) !== 0;
}

/** A rule, and how an AP-REQ that breaks it is refused. */
interface Rule<Subject> {
  /** The KRB-ERROR for the client; there is none for channel bindings. */
  error: KrbErrorName | 'security/bad-bindings';
  /** The message of the error. */
  why: string | ((subject: Subject) => string);
  broken(subject: Subject): boolean;
}

/** An AP-REQ before decryption; nothing in it is authenticated. */
interface Clear {
  message: ApReq;
  policy: AcceptorPolicy;
}

interface Opened extends OpenedApReq {
  /** The keytab entries whose key decrypted the ticket. */
  entries: readonly ServiceKey[];
  policy: AcceptorPolicy;
  /** In seconds since 1970. */
  nowSeconds: number;
}

const CLEAR_RULES: readonly Rule<Clear>[] = [
  {
    error: 'KRB_AP_ERR_NOKEY',
    why: 'user-to-user authentication is not supported: a session key encrypts the ticket',
    broken: ({ message }) => (message.apOptions & AP_OPTIONS.useSessionKey) !== 0,
  },
  {
    error: 'KDC_ERR_ETYPE_NOSUPP',
    why: ({ message }) => weakText('ticket', message.ticket.encPart.etype),
    broken: ({ message, policy }) => isRefused(message.ticket.encPart.etype, policy),
  },
];

const OPENED_RULES: readonly Rule<Opened>[] = [
  {
    error: 'KRB_AP_ERR_NOT_US',
    why: ({ entries }) =>
      `the ticket is for ${namesOf(entries)}, which this acceptor does not serve (see its options service and services)`,
    broken: ({ entries, policy }) => !entries.some(entry => isServed(entry, policy)),
  },
  {
    error: 'KDC_ERR_ETYPE_NOSUPP',
    why: ({ ticket }) => weakText('session key', ticket.key.keytype),
    broken: ({ ticket, policy }) => isRefused(ticket.key.keytype, policy),
  },
  {
    error: 'KDC_ERR_ETYPE_NOSUPP',
    why: ({ authenticator }) => weakText('subkey', authenticator.subkey!.keytype),
    broken: ({ authenticator: { subkey }, policy }) => subkey !== undefined && isRefused(subkey.keytype, policy),
  },
  {
    error: 'KRB_AP_ERR_BADMATCH',
    why: 'ticket and authenticator have different client names',
    broken: ({ ticket, authenticator }) =>
      !samePrincipal(principalOf(ticket.crealm, ticket.cname), principalOf(authenticator.crealm, authenticator.cname)),
  },
  {
    error: 'KRB_AP_ERR_BADADDR',
    why: "the ticket is not valid for the client's address",
    broken: ({ ticket: { caddr = [] }, policy: { peerAddress } }) => {
      const known = caddr.filter(({ addrType }) => addrType !== NETBIOS);
      return peerAddress !== undefined && known.length > 0 && !known.some(isAddress(peerAddress));
    },
  },
  {
    error: 'KRB_AP_ERR_SKEW',
    why: ({ authenticator: { ctime }, policy: { maxClockSkew } }) =>
      `the client's clock is at ${iso(ctime)}, more than ${maxClockSkew} seconds from ours`,
    broken: ({ authenticator: { ctime, cusec }, policy: { maxClockSkew }, nowSeconds }) =>
      !(Math.abs(ctime + cusec / 1e6 - nowSeconds) <= maxClockSkew),
  },
  {
    error: 'KRB_AP_ERR_TKT_NYV',
    why: 'the ticket has the flag INVALID: it must be validated by the KDC first',
    broken: ({ ticket }) => (ticket.flags & TICKET_FLAGS.invalid) !== 0,
  },
  {
    error: 'KRB_AP_ERR_TKT_NYV',
    why: ({ ticket: { starttime, authtime } }) => `the ticket is not valid before ${iso(starttime ?? authtime)}`,
    broken: ({ ticket: { starttime, authtime }, policy: { maxClockSkew }, nowSeconds }) =>
      !((starttime ?? authtime) <= nowSeconds + maxClockSkew),
  },
  {
    error: 'KRB_AP_ERR_TKT_EXPIRED',
    why: ({ ticket: { endtime } }) => `the ticket expired at ${iso(endtime)}`,
    broken: ({ ticket: { endtime }, policy: { maxClockSkew }, nowSeconds }) => !(nowSeconds <= endtime + maxClockSkew),
  },
  {
    error: 'KRB_AP_PATH_NOT_ACCEPTED',
    why: opened => refusedPath(opened)!,
    broken: opened => refusedPath(opened) !== undefined,
  },
  {
    error: 'KRB_ERR_GENERIC',
    why: opened =>
      `unknown authorization data of type ${restrictionIn(opened)!.adType}, which may restrict the use of the ticket`,
    broken: opened => restrictionIn(opened) !== undefined,
  },
  {
    error: 'KRB_AP_ERR_INAPP_CKSUM',
    why: 'the authenticator has no checksum of type 0x8003 (RFC 4121 §4.1.1)',
    broken: ({ checksum }) => checksum === undefined,
  },
  {
    error: 'security/bad-bindings',
    why: ({ policy: { bindings } }) => {
      const reason = bindings === undefined ? 'the addresses are unknown to this side' : 'the client sent none';
      return `channel bindings are required, but ${reason}`;
    },
    broken: ({ checksum, policy: { bindings, requireBindings } }) =>
      requireBindings && (bindings === undefined || !isPresent(checksum!.bindings)),
  },
  {
    error: 'security/bad-bindings',
    why: ({ checksum }) =>
      `channel bindings mismatch (the client sent ${toHex(checksum!.bindings)}): is there address translation between the two sides?`,
    broken: ({ checksum, policy: { bindings } }) => {
      const received = checksum!.bindings;
      return bindings !== undefined && isPresent(received) && !bindings.some(own => equalConstantTime(own, received));
    },
  },
  {
    error: 'KRB_AP_ERR_REPEAT',
    why: 'the authenticator is older than the replay cache, so it may be a replay: the client should connect again',
    broken: ({ nowSeconds, policy, ...opened }) =>
      ownSubkeyType(opened, policy) === undefined &&
      isOlderThan(policy.replayCache, creationTime(opened.authenticator), nowSeconds),
  },
];

function check<Subject>(rules: readonly Rule<Subject>[], subject: Subject, ticket: Ticket, nowMs: number): void {
  const rule = rules.find(({ broken }) => broken(subject));
  if (rule === undefined) return;
  const { error, why } = rule;
  const message = typeof why === 'string' ? why : why(subject);
  if (error === 'security/bad-bindings') throw new FtpSecurityError(error, message);
  throw refusalWithToken([error, message], ticket, nowMs);
}

/** Whether an authenticator is new; it is recorded then. */
function isNew({ authenticator, policy: { replayCache, maxClockSkew }, nowSeconds }: Opened): boolean {
  // Acceptable until ctime + skew; kept one skew longer, in case our clock is set back.
  const expires = authenticator.ctime + 2 * maxClockSkew + 1;
  return recordIn(replayCache, authenticatorId(authenticator), expires, nowSeconds);
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

function isRefused(enctype: number, { allowWeak }: AcceptorPolicy): boolean {
  return enctypeOf(enctype)?.weak === true && !allowWeak;
}

function weakText(what: string, enctype: number): string {
  return `the ${what}'s enctype ${enctypeOf(enctype)!.name} is weak (set allowWeak to permit it)`;
}

/** The address type of NetBIOS names, which Windows asks for (RFC 4120 §7.5.3). A connection has no such address to compare. */
const NETBIOS = 20;

function isAddress(octets: Uint8Array): (entry: { addrType: number; address: Uint8Array }) => boolean {
  const type = ADDRESS_TYPES.get(octets.length);
  return ({ addrType, address }) => addrType === type && equalConstantTime(address, octets);
}

/**
 * Why the realms between the client's and ours are refused (RFC 4120 §2.7). They are not judged if the KDC of our realm has done
 * so, nor if there are none. The name in a ticket is not protected, so a key with names in several realms must suit all of them.
 */
function refusedPath({ ticket, entries, policy }: Opened): string | undefined {
  if ((ticket.flags & TICKET_FLAGS.transitedPolicyChecked) !== 0 || ticket.transited.contents.length === 0)
    return undefined;
  const served = entries.filter(entry => isServed(entry, policy));
  const realms = new Set(served.map(({ principal }) => principal?.realm ?? policy.service?.realm));
  return [...realms].map(realm => refusedTransit(ticket, realm, policy)).find(reason => reason !== undefined);
}

/** Authorization data of any other type must not be ignored by a server that does not know it (RFC 4120 §5.2.6). */
const NON_CRITICAL: ReadonlySet<number> = new Set([AD_TYPES.ifRelevant, AD_TYPES.kdcIssued, AD_TYPES.mandatoryForKdc]);

/** The first authorization data that this acceptor must know, but does not. */
function restrictionIn({ ticket, authenticator }: OpenedApReq): AuthorizationData[number] | undefined {
  return [ticket, authenticator].flatMap(part => part.authorizationData ?? []).find(isCritical);
}

function isCritical({ adType }: AuthorizationData[number]): boolean {
  return !NON_CRITICAL.has(adType);
}

/** Without channel bindings, the field is all zeros (RFC 4121 §4.1.1.2). */
function isPresent(bindings: Uint8Array): boolean {
  return bindings.some(octet => octet !== 0);
}

/** Identifies an authenticator in the replay cache. It does not include the service's name, which the ticket does not protect. */
function authenticatorId(received: Authenticator): string {
  return toHex(consume(formatDer(authenticatorSchema, received), sha256));
}
