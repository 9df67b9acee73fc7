/** The server's side of the exchange (RFC 4121 §4.1, RFC 4120 §3.2.3 and §3.2.4): an AP-REQ in, an AP-REP out. */
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { ChannelEnds, Exchange } from '../../../protection/mechanism.js';
import type { TokenLevel } from '../../../protection/protection-level.js';
import { type ExchangeGenerator, exchangeFromGenerator, type Token } from '../../exchange-generator.js';
import { ReplayCache, type ReplayStore } from '../../replay-cache.js';
import { type CipherOptions, randomKey } from '../crypto/enctypes.js';
import { sealData } from '../messages/encrypted-data.js';
import { assertBindings, GSS_FLAGS } from '../messages/gss-checksum.js';
import { formatContextToken, parseContextToken } from '../messages/gss-framing.js';
import { type ApReq, type EncApRepPart, encApRepPart, USAGE } from '../messages/kerberos.js';
import { type Principal, principalText, serviceNameOf } from '../messages/principal.js';
import { parseNegotiation } from '../messages/spnego.js';
import type { Krb5Context, Krb5ContextOptions } from '../tokens/context.js';
import { forgetKeys } from './ap-exchange.js';
import { type AcceptedRequest, type AcceptorPolicy, acceptRequest, isMutual, ownSubkeyType } from './ap-req-rules.js';
import { acceptableBindings } from './channel-bindings.js';
import { established, initialSequence } from './established.js';
import { type Krb5Facts, keyFacts, requestFacts, ticketFacts } from './facts.js';
import { withAnswer } from './krb-error.js';
import { acceptNegotiated } from './spnego-acceptor.js';
import type { ServiceKey } from './ticket-keys.js';

export interface Krb5AcceptorOptions extends CipherOptions {
  /** The keys of the service: entries of its keytab, or bare keys, which go for every name. */
  keytab: readonly ServiceKey[];
  /**
   * The services whose keys may open a ticket, of whatever host. The name in a ticket is not protected, so this is held against the
   * entries of the keytab that have the key; that of a machine, `NAME$`, is every service of its host, and a bare key goes for
   * every name. Default `['ftp', 'host']` (RFC 2228 appendix I), or `'any'` where there is a `service`.
   */
  services?: readonly string[] | 'any';
  /** The only principal whose key may open a ticket: `ftp@host`, `ftp/host@REALM` or a principal. Default: any of `services`. */
  service?: string | Principal;
  /** Milliseconds since 1970. Default `Date.now`. */
  clock?: () => number;
  /** How far the client's clock may be off, in seconds. Default 300. */
  maxClockSkew?: number;
  /**
   * Where authenticators are noted. Default: one in memory, of all acceptors of this process that have none; so one whose
   * clock is another than theirs brings its own, and processes that share keys bring one that they share.
   */
  replayCache?: ReplayStore;
  /**
   * Of `channelBindings`; compared with the client's if it gave any. Default: those of the connection, where `step`
   * gets its addresses, as from `ServerControl`; else nothing is compared.
   */
  bindings?: Uint8Array;
  /** Refuse clients that give no channel bindings. Default false: RFC 2228 appendix I says only that they should. */
  requireBindings?: boolean;
  /**
   * The client's address, 4 octets of IPv4 or 16 of IPv6, held against tickets that name addresses. Default: that of the
   * connection, as with `bindings`.
   */
  peerAddress?: Uint8Array;
  /** Take tickets, session keys and subkeys of encryption types that are not to be trusted any more. Default false. */
  allowWeak?: boolean;
  /** Encryption types that our subkey may have besides the client's own, if it offers them (RFC 4537). Default: all that are stronger. */
  enctypes?: readonly number[];
  /** Refuse every per-message token but the next one. Default false. */
  strictOrder?: boolean;
  /** Called with the options of the context, its key included; anyone who has these can read and forge everything. Default: not called. */
  keylog?: (options: Krb5ContextOptions) => void;
  /** Gives so many random octets. Default: the runtime's secure source. For tests alone. */
  random?: (length: number) => Uint8Array;
}

/** What one AP-REQ led to. */
interface AcceptorStep {
  /** The AP-REP, where the client asked for one. */
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
 * The server's side: it takes the client's AP-REQ, and has its context at once; or goes through SPNEGO (RFC 4178), if the
 * client does. After an error or its last step the exchange is over, and a further step throws `sequence/closed`.
 *
 * The error of an AP-REQ that could be read has a KRB-ERROR for the client as its `token`.
 * @throws TypeError, RangeError for misuse. Steps throw FtpSecurityError `security/bad-token`, `bad-checksum`, `no-key`,
 *   `wrong-name`, `weak`, `clock-skew`, `not-yet-valid`, `expired`, `bad-bindings`, `replayed`
 */
export function krb5Acceptor(options: Krb5AcceptorOptions): Exchange {
  const settings = settingsOf(options);
  return exchangeFromGenerator('Kerberos', accept(settings), channel => bindTo(channel, settings));
}

/** What the caller has given itself stays. */
function bindTo(channel: ChannelEnds, settings: Settings): void {
  const { initiator, acceptor } = channel;
  if (initiator !== undefined && acceptor !== undefined) settings.bindings ??= acceptableBindings(channel);
  settings.peerAddress ??= initiator;
}

/** Kerberos alone, or inside SPNEGO: the first token tells. */
function* accept(settings: Settings): ExchangeGenerator {
  const token = yield {};
  const negotiation = token && parseNegotiation(token);
  if (negotiation?.kind !== 'NegTokenInit') return acceptToken(token, settings);
  return yield* acceptNegotiated(negotiation, inside => acceptToken(inside, settings));
}

function acceptToken(token: Token, settings: Settings): AcceptorStep {
  const message = readRequest(token);
  const now = settings.clock();
  try {
    return answerTo(message, acceptRequest(message, settings, now), settings);
  } catch (error) {
    if (!(error instanceof FtpSecurityError) || error.token !== undefined) throw error;
    throw withAnswer(error, message.ticket, now);
  }
}

function readRequest(token: Token): ApReq {
  if (token === undefined) throw badToken('expected an AP-REQ, got no security data');
  const seen = parseContextToken(token);
  if (seen.kind === 'AP-REQ') return seen.message;
  throw badToken(`expected an AP-REQ, got ${seen.kind}`);
}

function answerTo(message: ApReq, accepted: AcceptedRequest, settings: Settings): AcceptorStep {
  const { ticket, checksum } = accepted;
  let answer: EncApRepPart | undefined;
  try {
    answer = isMutual(checksum) ? answerPart(accepted, settings) : undefined;
    const token = answer && sealAnswer(answer, accepted, settings);
    const { context, base } = established('acceptor', accepted, answer, {
      ...settings,
      levels: levelsFor(checksum.flags),
    });
    const facts: Krb5Facts = {
      ...requestFacts(message),
      ...ticketFacts(accepted),
      ...keyFacts(base, message.ticket.encPart.etype, ticket.key.keytype),
      serverName: principalText(accepted.service),
      mutual: isMutual(checksum),
      ...(checksum.delegation !== undefined && { delegation: checksum.delegation }),
    };
    return { context, facts, ...(token !== undefined && { token }) };
  } finally {
    forgetKeys(accepted);
    answer?.subkey?.keyvalue.fill(0);
  }
}

/** What the client has said that it has (RFC 2228 appendix I, conf_avail). What is sealed has integrity, whatever the flags. */
function levelsFor(flags: number): TokenLevel[] {
  const levels: [flag: number, level: TokenLevel][] = [
    [GSS_FLAGS.integ, 'safe'],
    [GSS_FLAGS.conf, 'private'],
  ];
  return levels.filter(([flag]) => (flags & flag) !== 0).map(([, level]) => level);
}

/** Where we make no subkey, the initiator's is repeated. */
function answerPart(accepted: AcceptedRequest, settings: Settings): EncApRepPart {
  const { ctime, cusec, subkey: theirs } = accepted.authenticator;
  const keytype = ownSubkeyType(accepted, settings);
  const subkey = keytype !== undefined ? { keytype, keyvalue: randomKey(keytype, settings.random) } : theirs;
  return { ctime, cusec, seqNumber: initialSequence(settings.random), ...(subkey !== undefined && { subkey }) };
}

function sealAnswer(answer: EncApRepPart, { ticket: { key } }: AcceptedRequest, settings: Settings): Uint8Array {
  const encPart = sealData(encApRepPart, answer, USAGE.apRep, key, settings);
  return formatContextToken({ kind: 'AP-REP', message: { pvno: 5, msgType: 15, encPart } });
}

function settingsOf(options: Krb5AcceptorOptions): Settings {
  const { service, maxClockSkew = DEFAULT_CLOCK_SKEW, bindings, peerAddress } = options;
  const { services = service === undefined ? SERVICES : 'any' } = options;
  assertServices(services);
  if (!(maxClockSkew >= 0 && maxClockSkew < Number.POSITIVE_INFINITY))
    throw new RangeError('maxClockSkew must be a number of seconds, 0 or more, and finite');
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
    throw new TypeError("services are names, or 'any'");
  }
  if (services.length === 0 || services.some(one => one === '' || /[/@]/.test(one))) {
    throw new RangeError('services are one name or more without a host, as ftp is');
  }
}
