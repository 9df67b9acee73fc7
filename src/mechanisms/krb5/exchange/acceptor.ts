/** The server's side of the exchange: it receives an AP-REQ and sends an AP-REP (RFC 4121 §4.1, RFC 4120 §3.2.3 and §3.2.4). */
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes, assertSomeParsed } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { ChannelEnds, Exchange } from '../../../protection/mechanism.js';
import type { TokenLevel } from '../../../protection/protection-level.js';
import { type ExchangeGenerator, exchangeFromGenerator, type Token } from '../../exchange-generator.js';
import { ReplayCache, type ReplayStore } from '../../replay-cache.js';
import type { CipherOptions } from '../crypto/enctypes.js';
import { randomKey } from '../crypto/kerberos-key.js';
import { sealData } from '../messages/encrypted-data.js';
import { assertBindings, GSS_FLAGS } from '../messages/gss-checksum.js';
import { formatContextToken, parseContextToken } from '../messages/gss-framing.js';
import { type ApReq, type EncApRepPart, encApRepPart, USAGE } from '../messages/kerberos.js';
import { type Principal, principalText, serviceNameOf } from '../messages/principal.js';
import { parseNegotiation } from '../messages/spnego.js';
import type { Krb5Context, Krb5ContextOptions } from '../tokens/context.js';
import { eraseKeys } from './ap-exchange.js';
import { type AcceptedRequest, type AcceptorPolicy, acceptRequest, isMutual, ownSubkeyType } from './ap-req-rules.js';
import { acceptableBindings } from './channel-bindings.js';
import { establishContext, initialSequence } from './establish-context.js';
import { type Krb5Facts, keyFacts, orderFacts, requestFacts, ticketFacts } from './facts.js';
import { withKrbError } from './krb-error.js';
import { acceptNegotiated } from './spnego-acceptor.js';
import type { ServiceKey } from './ticket-keys.js';

/** Options of {@link krb5Acceptor}. */
export interface Krb5AcceptorOptions extends CipherOptions {
  /** The keys of the service: entries of its keytab, or keys without a principal, which serve any service. */
  keytab: readonly ServiceKey[];
  /**
   * The service names that this acceptor serves, on any host. They are compared with the principals of the keytab entries whose
   * key decrypts the ticket, since the name in a ticket is not protected. A machine account, `NAME$`, counts as every service of
   * its host. Default `['ftp', 'host']` (RFC 2228 appendix I), or `'any'` if `service` is set.
   */
  services?: readonly string[] | 'any';
  /** The only principal that this acceptor serves: `ftp@host`, `ftp/host@REALM` or a principal. Default all of `services`. */
  service?: string | Principal;
  /** The current time in milliseconds since 1970. Default `Date.now`. */
  clock?: () => number;
  /** The greatest accepted difference between the client's clock and ours, in seconds. Default 300. */
  maxClockSkew?: number;
  /**
   * The replay cache. By default all acceptors of this process share one in memory. Pass another to an acceptor with its own
   * `clock`, and a shared one to processes that use the same keys.
   */
  replayCache?: ReplayStore;
  /**
   * Channel bindings, 16 octets from {@link channelBindings}, which must equal the client's if it sends any. By default they are
   * computed from the addresses that the caller passes to `step`, as `ServerControl` does; without addresses, nothing is compared.
   */
  bindings?: Uint8Array;
  /** Refuse clients that send no channel bindings. Default false, since RFC 2228 appendix I only recommends them. */
  requireBindings?: boolean;
  /**
   * The client's address, 4 octets of IPv4 or 16 of IPv6, for tickets that are restricted to addresses. Default the address that
   * the caller passes to `step`.
   */
  peerAddress?: Uint8Array;
  /**
   * Realms that may vouch for clients of other realms, e.g. `['ROOT.EXAMPLE']`, the root of a forest of Active Directory between
   * two of its trees. A ticket lists the realms that it came through, other than the client's and the service's. If the KDC has not
   * checked them (which Active Directory never does), each must be named here or be part of the hierarchy (`hierarchicalTrust`).
   * A realm that is named can sign in as any client, except those of the service's own realm. Default none.
   */
  transitedRealms?: readonly string[];
  /**
   * Whether realms above the client's or the service's may vouch for clients, up to the lowest that is above both, e.g. `CORP.COM`
   * for a client of `A.CORP.COM` and a service of `B.CORP.COM` (RFC 4120 §1.2). Default true, as in MIT Kerberos.
   */
  hierarchicalTrust?: boolean;
  /** Permit tickets, session keys and subkeys of weak encryption types (DES, triple DES, RC4). Default false. */
  allowWeak?: boolean;
  /**
   * Numbers of the encryption types that our subkey may have if the client offers them (RFC 4537). Default all that are stronger
   * than the client's own.
   */
  enctypes?: readonly number[];
  /**
   * Refuse every per-message token except the next one. Default false. A client does not know of it, and may leave numbers out
   * unless it has set the flag `sequence`.
   */
  strictOrder?: boolean;
  /**
   * Called with the options of the context when it is established, for tools that log keys. They include the key, with which
   * anybody can read and forge all messages. Default not called.
   */
  keylog?: (options: Krb5ContextOptions) => void;
  /** Returns `length` random octets. Only tests replace it. Default the platform's secure random generator. */
  random?: (length: number) => Uint8Array;
}

/** The result of an accepted AP-REQ. */
interface AcceptorStep {
  /** The AP-REP, if the client asked for mutual authentication. */
  token?: Uint8Array;
  context: Krb5Context;
  facts: Krb5Facts;
}

interface Settings extends AcceptorPolicy {
  clock: () => number;
  random: (length: number) => Uint8Array;
  strictOrder: boolean;
  keylog: ((options: Krb5ContextOptions) => void) | undefined;
}

const DEFAULT_CLOCK_SKEW = 300;
const SERVICES = ['ftp', 'host'];
const DEFAULT_STORE = new ReplayCache();

/**
 * The server's side of a Kerberos V5 exchange (RFC 4121 §4.1). The first step takes the AP-REQ and returns the context; if the
 * client uses SPNEGO (RFC 4178), there may be more steps. After an error or the last step, the exchange is over, and each further
 * step throws `sequence/closed`.
 *
 * If the AP-REQ could be parsed, the error of a step has a KRB-ERROR for the client in its property `token`.
 * @throws TypeError, RangeError if an option is invalid
 * @throws FtpSecurityError The steps: `security/bad-token`, `security/bad-checksum`, `security/no-key`, `security/wrong-name`,
 *   `security/weak`, `security/clock-skew`, `security/not-yet-valid`, `security/expired`, `security/bad-bindings`,
 *   `security/replayed`
 * @example
 * ```ts
 * const keytab = parseKeytab(await readFile('/etc/krb5.keytab'));
 * const exchange = krb5Acceptor({ keytab });
 * const { token, context, facts } = await exchange.step(request); // the token of ADAT; reply 235 with `token`
 * if (facts?.clientName !== 'anna@EXAMPLE.COM') context?.destroy();
 * ```
 */
export function krb5Acceptor(options: Krb5AcceptorOptions): Exchange {
  const settings = settingsOf(options);
  return exchangeFromGenerator('Kerberos', accept(settings), (channel, ciphers) => {
    bindTo(channel, settings);
    settings.ciphers ??= ciphers;
  });
}

/** Options of the caller take precedence over the addresses of the connection. */
function bindTo(channel: ChannelEnds, settings: Settings): void {
  const { initiator, acceptor } = channel;
  if (initiator !== undefined && acceptor !== undefined) settings.bindings ??= acceptableBindings(channel);
  settings.peerAddress ??= initiator;
}

/** The first token shows whether the client uses SPNEGO. */
function* accept(settings: Settings): ExchangeGenerator {
  const token = yield {};
  const negotiation = token && parseNegotiation(token);
  if (negotiation?.offered === undefined) return acceptToken(token, settings);
  return yield* acceptNegotiated(negotiation, negotiation.offered, inside => acceptToken(inside, settings));
}

function acceptToken(token: Token, settings: Settings): AcceptorStep {
  const message = readRequest(token);
  const now = settings.clock();
  try {
    return answerTo(message, acceptRequest(message, settings, now), settings);
  } catch (error) {
    if (!(error instanceof FtpSecurityError) || error.token !== undefined) throw error;
    throw withKrbError(error, message.ticket, now);
  }
}

function readRequest(token: Token): ApReq {
  if (token === undefined) throw badToken('expected an AP-REQ, got no security data');
  const parsed = parseContextToken(token);
  if (parsed.kind === 'AP-REQ') return parsed.message;
  throw badToken(`expected an AP-REQ, got ${parsed.kind}`);
}

function answerTo(message: ApReq, accepted: AcceptedRequest, settings: Settings): AcceptorStep {
  const { ticket, checksum } = accepted;
  let answer: EncApRepPart | undefined;
  try {
    answer = isMutual(checksum) ? answerPart(accepted, settings) : undefined;
    const token = answer && sealAnswer(answer, accepted, settings);
    const { context, base } = establishContext('acceptor', accepted, answer, {
      ...settings,
      levels: levelsFor(checksum.flags),
    });
    const facts: Krb5Facts = {
      ...requestFacts(message),
      ...ticketFacts(accepted),
      ...orderFacts(checksum),
      ...keyFacts(base, message.ticket.encPart.etype, ticket.key.keytype),
      serverName: principalText(accepted.service),
      mutual: isMutual(checksum),
      ...(checksum.delegation !== undefined && { delegation: checksum.delegation }),
    };
    return { context, facts, ...(token !== undefined && { token }) };
  } finally {
    eraseKeys(accepted);
    answer?.subkey?.keyvalue.fill(0);
  }
}

/** The levels that the client's flags announce (conf_avail, RFC 2228 appendix I). Encrypted tokens always have integrity, too. */
function levelsFor(flags: number): TokenLevel[] {
  const levels: [flag: number, level: TokenLevel][] = [
    [GSS_FLAGS.integ, 'safe'],
    [GSS_FLAGS.conf, 'private'],
  ];
  return levels.filter(([flag]) => (flags & flag) !== 0).map(([, level]) => level);
}

/** If we make no subkey, the AP-REP repeats the initiator's. */
function answerPart(accepted: AcceptedRequest, settings: Settings): EncApRepPart {
  const { ctime, cusec, subkey: initiatorSubkey } = accepted.authenticator;
  const keytype = ownSubkeyType(accepted, settings);
  const subkey = keytype !== undefined ? { keytype, keyvalue: randomKey(keytype, settings.random) } : initiatorSubkey;
  return { ctime, cusec, subkey, seqNumber: initialSequence(settings.random) };
}

function sealAnswer(answer: EncApRepPart, { ticket: { key } }: AcceptedRequest, settings: Settings): Uint8Array {
  const encPart = sealData(encApRepPart, answer, USAGE.apRep, key, settings);
  return formatContextToken({ kind: 'AP-REP', message: { pvno: 5, msgType: 15, encPart } });
}

function settingsOf(options: Krb5AcceptorOptions): Settings {
  const { service, maxClockSkew = DEFAULT_CLOCK_SKEW, bindings, peerAddress } = options;
  const { services = service === undefined ? SERVICES : 'any', transitedRealms = [] } = options;
  assertServices(services);
  assertRealms(transitedRealms);
  assertSomeParsed(options.keytab, 'keytab', 'parseKeytab');
  if (!(maxClockSkew >= 0 && maxClockSkew < Number.POSITIVE_INFINITY))
    throw new RangeError('maxClockSkew must be a finite number of seconds, 0 or more');
  if (bindings !== undefined) assertBindings(bindings);
  if (peerAddress !== undefined) assertBytes(peerAddress, 'peerAddress');
  return {
    keytab: options.keytab,
    service: service === undefined ? undefined : serviceNameOf(service),
    services,
    clock: options.clock ?? Date.now,
    maxClockSkew,
    replayCache: options.replayCache ?? DEFAULT_STORE,
    bindings: bindings && [bindings],
    requireBindings: options.requireBindings ?? false,
    peerAddress,
    transitedRealms,
    hierarchicalTrust: options.hierarchicalTrust ?? true,
    allowWeak: options.allowWeak ?? false,
    enctypes: options.enctypes,
    ciphers: options.ciphers,
    strictOrder: options.strictOrder ?? false,
    keylog: options.keylog,
    random: options.random ?? randomBytes,
  };
}

function assertServices(services: readonly string[] | 'any'): void {
  if (services === 'any') return;
  if (!Array.isArray(services) || services.some(one => typeof one !== 'string')) {
    throw new TypeError('services must be a list of names, or "any"');
  }
  if (services.length === 0 || services.some(one => one === '' || /[/@]/.test(one))) {
    throw new RangeError('services must be one or more names without a host, e.g. "ftp"');
  }
}

function assertRealms(realms: readonly string[]): void {
  if (!Array.isArray(realms) || realms.some(one => typeof one !== 'string' || one === ''))
    throw new TypeError('transitedRealms must be a list of names of realms');
}
