/**
 * Both sides of the security data exchange of Kerberos V4 (RFC 2228 appendix II):
 *
 *     AUTH KERBEROS_V4
 *     334
 *     ADAT  AP_REQ: a ticket, and an authenticator with a checksum
 *     235   safe message: the checksum plus one
 *
 * Tickets come from a file, not from a KDC. The checksum is random, so that a replayed answer is detected.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { assertParsed, assertSomeParsed, copy, equalConstantTime, toHex, viewOf } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import type { Exchange } from '../../protection/mechanism.js';
import { destroyOnError, type ExchangeGenerator, exchangeFromGenerator } from '../exchange-generator.js';
import { isOlderThan, ReplayCache, type ReplayStore, recordIn } from '../replay-cache.js';
import { type ApReq, buildApReq, eraseKeys, type OpenedApReq, openApReq, parseApReq } from './ap-req.js';
import {
  assertWeakAllowed,
  directionsOf,
  type Krb4AssociationOptions,
  type Krb4ContextOptions,
  krb4Context,
} from './context.js';
import { BLOCK, withDesKey } from './crypto.js';
import { headerFacts, type Krb4Facts, requestFacts, ticketFacts } from './describe.js';
import type { Krb4Credential, Krb4TicketFile, SrvtabEntry } from './files.js';
import { answerTo, assertAnswers } from './messages.js';
import { type Krb4Principal, principalText, samePrincipal } from './principal.js';
import { assertTimely, DEFAULT_CLOCK_SKEW, endOf, messageTime } from './times.js';

/** Options of {@link krb4Initiator}. */
export interface Krb4InitiatorOptions extends Krb4AssociationOptions {
  /** The client's tickets, from {@link parseTicketFile}. */
  tickets: Krb4TicketFile;
  /**
   * The service: its name is `ftp`, or `rcmd` if the realm has no `ftp`; its instance is the first label of the host name.
   */
  service: Krb4Principal;
  /**
   * Called with the options of the context when it is established, for tools that log keys. They include the key, with which
   * anybody can read and forge all messages. Default not called.
   */
  keylog?: (options: Krb4ContextOptions) => void;
  /** Returns `length` random octets. Only tests replace it. Default the platform's secure random generator. */
  random?: (length: number) => Uint8Array;
}

/** Options of {@link krb4Acceptor}. */
export interface Krb4AcceptorOptions extends Krb4AssociationOptions {
  /** The keys of the services, from {@link parseSrvtab}. */
  srvtab: readonly SrvtabEntry[];
  /** The only service to accept. Default every `ftp` in the srvtab, or every `rcmd` if there is no `ftp`. */
  service?: Krb4Principal;
  /** Accept a ticket for another address than the client's, e.g. of a host with several. Default false. */
  anyAddress?: boolean;
  /** The replay cache, which all acceptors with the same keys must share. Default one in memory for this process. */
  replayCache?: ReplayStore;
  /**
   * Called with the options of the context when it is established, for tools that log keys. They include the key, with which
   * anybody can read and forge all messages. Default not called.
   */
  keylog?: (options: Krb4ContextOptions) => void;
}

const CHECKSUM = 4;
/** Octets of a time in seconds since 1970. */
const TIME = 4;
const MAX_TIME = 0xffffffff;
const DEFAULT_STORE = new ReplayCache();

/**
 * The client's side of a Kerberos V4 exchange (RFC 2228 appendix II). The first step, without a token, returns the AP_REQ; the
 * second takes the server's answer and returns the context. After an error or the last step, the exchange is over, and each
 * further step throws `sequence/closed`.
 * @throws TypeError, RangeError if an option is invalid
 * @throws FtpSecurityError with side `local`: `security/weak` if `allowWeak` is not set, `security/no-key` if there is no ticket for
 *   the service or DES is missing. The steps: `security/expired`, `security/clock-skew`, `security/bad-token`,
 *   `security/bad-checksum`, `security/wrong-direction`
 */
export function krb4Initiator(options: Krb4InitiatorOptions): Exchange {
  return exchangeFromGenerator('KERBEROS_V4', initiate(options));
}

/**
 * The server's side of a Kerberos V4 exchange (RFC 2228 appendix II). Its only step takes the AP_REQ and returns the answer and the
 * context. After it, or after an error, each further step throws `sequence/closed`.
 * @throws TypeError, RangeError if an option is invalid
 * @throws FtpSecurityError `security/weak`, with side `local`, if `allowWeak` is not set. The step: `security/no-key`,
 *   `security/wrong-name`, `security/clock-skew`, `security/not-yet-valid`, `security/expired`, `security/replayed`,
 *   `security/bad-token`
 */
export function krb4Acceptor(options: Krb4AcceptorOptions): Exchange {
  return exchangeFromGenerator('KERBEROS_V4', accept(options));
}

function* initiate(options: Krb4InitiatorOptions): ExchangeGenerator {
  const { tickets, service, ciphers, clock = Date.now, littleEndian = false, random = randomBytes } = options;
  assertParsed(tickets?.credentials, 'tickets.credentials', 'parseTicketFile');
  directionsOf(options);
  assertWeakAllowed(options);
  const credential = credentialFor(tickets, service);
  const client = { name: tickets.name, instance: tickets.instance, realm: tickets.credentials[0]!.realm };
  const facts = credentialFacts(credential, client);
  const early = yield {};
  if (early !== undefined) throw badToken('the server sent security data before the AP_REQ');
  const { seconds, fiveMs } = messageTime(clock());
  if (seconds > endOf(credential)) {
    throw new FtpSecurityError('security/expired', 'the ticket has expired: get a new one', { side: 'local' });
  }
  const checksum = viewOf(random(CHECKSUM)).getUint32(0);
  const contents = { client, checksum, seconds, fiveMs };
  const token = withDesKey(credential.sessionKey, ciphers, session =>
    buildApReq(credential, session, contents, littleEndian),
  );
  const answer = yield { token, facts };
  if (answer === undefined)
    throw badToken('expected a safe message, got none: the server has not authenticated itself');
  const context = krb4Context({ ...options, key: credential.sessionKey });
  destroyOnError(context, () => assertAnswers(checksum, context.unwrap(answer)));
  options.keylog?.({ ...options, key: copy(credential.sessionKey) });
  return { context, facts };
}

function* accept(options: Krb4AcceptorOptions): ExchangeGenerator {
  const { srvtab, service, ciphers } = options;
  assertSomeParsed(srvtab, 'srvtab', 'parseSrvtab');
  directionsOf(options);
  assertWeakAllowed(options);
  const keys = keysFor(srvtab, service);
  const token = yield {};
  if (token === undefined) throw badToken('expected an AP_REQ, got no security data');
  const message = parseApReq(token);
  const request = openApReq(message, keys, ciphers);
  try {
    assertAcceptable(message, request, options);
    options.keylog?.({ ...options, key: copy(request.ticket.sessionKey) });
    const context = krb4Context({ ...options, key: request.ticket.sessionKey });
    const { token } = destroyOnError(context, () => context.wrap(answerTo(request.authenticator.checksum), 'safe'));
    return { token, context, facts: { ...headerFacts(message), ...requestFacts(request) } };
  } finally {
    eraseKeys(request);
  }
}

/** The replay cache is checked last, so that it records accepted authenticators only. */
function assertAcceptable(message: ApReq, request: OpenedApReq, options: Krb4AcceptorOptions): void {
  const {
    peer,
    anyAddress = false,
    replayCache = DEFAULT_STORE,
    clock = Date.now,
    maxClockSkew = DEFAULT_CLOCK_SKEW,
  } = options;
  const now = Math.floor(clock() / 1000);
  assertTimely(request, now, maxClockSkew);
  if (!anyAddress && !equalConstantTime(request.ticket.address, peer.address)) {
    const remedy = 'set anyAddress to permit it';
    throw new FtpSecurityError('security/wrong-name', `the ticket is not valid for the client's address (${remedy})`);
  }
  if (isOlderThan(replayCache, endOfSecond(request.authenticator.time), clock() / 1000)) {
    const message =
      'the authenticator is older than the replay cache, so it may be a replay: the client should connect again';
    throw new FtpSecurityError('security/replayed', message);
  }
  const [id, expires] = replayEntry(message, request, maxClockSkew);
  if (!recordIn(replayCache, id, expires, now)) {
    throw new FtpSecurityError('security/replayed', 'replayed authenticator');
  }
}

/** An authenticator has whole seconds, so it counts as made in the last millisecond of its second. */
const endOfSecond = (time: number) => time + 0.999;

/** The last ticket for the service, since a client appends new tickets to its file. */
function credentialFor({ credentials }: Krb4TicketFile, service: Krb4Principal): Krb4Credential {
  const credential = credentials.filter(one => samePrincipal(one, service)).at(-1);
  if (credential !== undefined) return credential;
  const held = credentials.map(principalText).join(', ') || 'no tickets';
  const remedy = 'a client of Kerberos V4 that connects to the service puts one there';
  const message = `no ticket for ${principalText(service)} (the ticket file holds ${held}): ${remedy}`;
  throw new FtpSecurityError('security/no-key', message, { side: 'local' });
}

function credentialFacts(credential: Krb4Credential, client: Krb4Principal): Krb4Facts {
  const { issued, life } = credential;
  const names = { client: principalText(client), service: principalText(credential) };
  return { ...headerFacts(credential), ...ticketFacts({ ...names, issued, life }) };
}

/** A server accepts either `ftp` or `rcmd`, but not both (RFC 2228 appendix II). */
function keysFor(srvtab: readonly SrvtabEntry[], service: Krb4Principal | undefined): readonly SrvtabEntry[] {
  if (service !== undefined) return srvtab.filter(key => samePrincipal(key, service));
  const ftp = srvtab.filter(({ name }) => name === 'ftp');
  return ftp.length > 0 ? ftp : srvtab.filter(({ name }) => name === 'rcmd');
}

/**
 * The identity of an authenticator in the replay cache, and when its entry expires. Changes of the last block can't be detected.
 * If that block has a part of the time, an attacker can find a change whose time is accepted; so the block is left out of the
 * identity, and the entry is kept until the ticket expires. Else it is kept for twice the time in which it could be replayed, in
 * case the clock is set back.
 */
function replayEntry(
  { authenticator }: ApReq,
  { ticket, authenticator: { padding, time } }: OpenedApReq,
  maxClockSkew: number,
): [id: string, expires: number] {
  const isWhole = BLOCK - padding >= TIME;
  const identity = isWhole ? authenticator : authenticator.subarray(0, -BLOCK);
  const expires = isWhole ? time + 2 * maxClockSkew + 1 : endOf(ticket);
  return [toHex(sha256(identity)), Math.min(expires, MAX_TIME)];
}
