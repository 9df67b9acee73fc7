/** The server's side of the exchange (RFC 4121 §4.1, RFC 4120 §3.2.3 and §3.2.4): an AP-REQ in, an AP-REP out. */
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { Exchange, Step } from '../../secure/security-context.js';
import { ReplayCache, type ReplayRecord } from '../replay-cache.js';
import { spokenExchange, type Token, type Turns } from '../turns.js';
import { type Acceptance, type Accepted, acceptRequest } from './acceptance.js';
import type { ServiceKey } from './ap-exchange.js';
import type { Krb5Context, Krb5ContextOptions } from './context.js';
import { formatDer } from './der.js';
import { type CipherOptions, enctypeOf, kerberosKey, randomKey } from './enctypes.js';
import { established, initialSequence } from './established.js';
import { chooseEnctype, offeredEnctypes } from './etype-negotiation.js';
import { type Krb5Facts, keyFacts, requestFacts, ticketFacts } from './facts.js';
import { assertBindings, GSS_FLAGS } from './gss-checksum.js';
import { formatContextToken, parseContextToken } from './gss-token.js';
import { withAnswer } from './krb-error.js';
import { type ApReq, type EncApRepPart, type EncryptionKey, encApRepPart, USAGE } from './messages.js';
import { type Principal, principalText, serviceNameOf } from './principal.js';
import { parseNegotiation } from './spnego.js';
import { acceptNegotiated } from './spnego-acceptor.js';

export interface Krb5AcceptorOptions extends CipherOptions {
  /** The keys of the service: entries of its keytab, or bare keys, which go for every name. */
  keytab: readonly ServiceKey[];
  /** The only service that tickets may be for: `ftp@host`, `ftp/host@REALM` or a principal. Default: any of the keytab. */
  service?: string | Principal;
  /** Milliseconds since 1970. Default `Date.now`. */
  clock?: () => number;
  /** How far the client's clock may be off, in seconds. Default 300. */
  skew?: number;
  /**
   * Where authenticators are noted. Default: one in memory, of all acceptors of this process that have none; so one whose
   * clock is another than theirs brings its own.
   */
  replayCache?: ReplayRecord;
  /** Of `channelBindings`; compared with the client's if it gave any. Default: none, nothing is compared. */
  bindings?: Uint8Array;
  /** The client's address, 4 octets of IPv4 or 16 of IPv6, held against tickets that name addresses. Default: unknown. */
  peerAddress?: Uint8Array;
  /** Take tickets, session keys and subkeys of encryption types that are not to be trusted any more. Default false. */
  allowWeak?: boolean;
  /** Encryption types that our subkey may have besides the client's own, if it offers them (RFC 4537). Default: all that are stronger. */
  enctypes?: readonly number[];
  /** Refuse every per-message token but the next one. Default false. */
  strictOrder?: boolean;
  /** Told what the context is made of, its key among it: whoever has that can read and forge everything. Default: nobody. */
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

interface Settings extends Acceptance {
  clock: () => number;
  random: (length: number) => Uint8Array;
  strictOrder: boolean;
  keylog: ((options: Krb5ContextOptions) => void) | undefined;
}

const SKEW = 300;
const EVERYONES = new ReplayCache();

/**
 * The server's side: it takes the client's AP-REQ, and has its context at once; or goes through SPNEGO (RFC 4178), if the
 * client does. After an error or its last step the exchange is over, and a further step throws `sequence/closed`.
 *
 * The error of an AP-REQ that could be read has a KRB-ERROR for the client as its `token`.
 * @throws TypeError, RangeError for misuse. Steps throw FtpSecurityError `security/bad-token`, `bad-checksum`, `no-key`,
 *   `wrong-name`, `weak`, `clock-skew`, `not-yet-valid`, `expired`, `bad-bindings`, `replayed`
 */
export function krb5Acceptor(options: Krb5AcceptorOptions): Exchange {
  return spokenExchange('Kerberos', accept(settingsOf(options)));
}

/** Kerberos alone, or inside SPNEGO: the first token tells. */
function* accept(settings: Settings): Turns<Token, Step> {
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
  if (token === undefined) throw new FtpSecurityError('security/bad-token', 'no security data where an AP-REQ is owed');
  const seen = parseContextToken(token);
  if (seen.kind === 'AP-REQ') return seen.message;
  throw new FtpSecurityError('security/bad-token', `${seen.kind} where an AP-REQ is owed`);
}

/** Whether the client wants an answer is what the protected flag says, and not the option in the clear. */
function answerTo(message: ApReq, accepted: Accepted, settings: Settings): AcceptorStep {
  const { ticket, authenticator, checksum } = accepted;
  const isMutual = (checksum.flags & GSS_FLAGS.mutual) !== 0;
  let answer: EncApRepPart | undefined;
  try {
    answer = isMutual ? answerPart(accepted, settings) : undefined;
    const { context, base } = established('acceptor', accepted, answer, settings);
    const facts: Krb5Facts = {
      ...requestFacts(message),
      ...ticketFacts(accepted),
      ...keyFacts(base, message.ticket.encPart.etype, ticket.key.keytype),
      serverName: principalText(accepted.service),
      mutual: isMutual,
      ...(checksum.delegation !== undefined && { delegation: checksum.delegation }),
    };
    return { context, facts, ...(answer !== undefined && { token: sealAnswer(answer, ticket.key, settings) }) };
  } finally {
    for (const key of [ticket.key, authenticator.subkey, answer?.subkey]) key?.keyvalue.fill(0);
  }
}

/**
 * With tokens of RFC 4121 the acceptor asserts a subkey of its own; with those of RFC 1964 it repeats the initiator's, as
 * libraries do, since its peer may know of no other (RFC 4121 §2).
 */
function answerPart({ ticket, authenticator }: Accepted, settings: Settings): EncApRepPart {
  const { ctime, cusec, subkey: theirs, authorizationData } = authenticator;
  const own = (theirs ?? ticket.key).keytype;
  const keytype = chooseEnctype(own, offeredEnctypes(authorizationData), settings);
  const isNew = keytype !== own || enctypeOf(keytype)?.tokens === 'rfc4121';
  const subkey = isNew ? { keytype, keyvalue: randomKey(keytype, settings.random) } : theirs;
  return { ctime, cusec, seqNumber: initialSequence(settings.random), ...(subkey !== undefined && { subkey }) };
}

function sealAnswer(answer: EncApRepPart, { keytype, keyvalue }: EncryptionKey, settings: Settings): Uint8Array {
  const key = kerberosKey(keytype, keyvalue, settings);
  const cipher = key.encrypt(USAGE.apRep, formatDer(encApRepPart, answer));
  key.destroy();
  return formatContextToken({ kind: 'AP-REP', message: { pvno: 5, msgType: 15, encPart: { etype: keytype, cipher } } });
}

function settingsOf(options: Krb5AcceptorOptions): Settings {
  const { service, skew = SKEW, bindings, peerAddress } = options;
  if (!(skew >= 0 && skew < Number.POSITIVE_INFINITY)) throw new RangeError('skew is a number of seconds');
  if (bindings !== undefined) assertBindings(bindings);
  if (peerAddress !== undefined) assertBytes(peerAddress, 'peerAddress');
  return {
    keytab: options.keytab,
    service: service === undefined ? undefined : serviceNameOf(service),
    clock: options.clock ?? Date.now,
    skew,
    replayCache: options.replayCache ?? EVERYONES,
    bindings,
    peerAddress,
    allowWeak: options.allowWeak ?? false,
    enctypes: options.enctypes,
    ciphers: options.ciphers,
    strictOrder: options.strictOrder ?? false,
    keylog: options.keylog,
    random: options.random ?? randomBytes,
  };
}
