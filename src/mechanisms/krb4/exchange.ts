/**
 * The security data exchange of Kerberos V4, both sides (RFC 2228 appendix II):
 *
 *     AUTH KERBEROS_V4
 *     334
 *     ADAT  AP_REQ: a ticket, and an authenticator with a checksum
 *     235   safe message: the checksum plus one
 *
 * The tickets come from a file; no ticket server is asked. The checksum is new each time, so that no old answer fits.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { copy, equalConstantTime, toHex, viewOf } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import type { Exchange } from '../../protection/mechanism.js';
import { destroyOnError, type ExchangeGenerator, exchangeFromGenerator } from '../exchange-generator.js';
import { isOlderThan, ReplayCache, type ReplayStore } from '../replay-cache.js';
import { type ApReq, buildApReq, forgetKeys, type OpenedApReq, openApReq, parseApReq } from './ap-req.js';
import { directionsOf, type Krb4AssociationOptions, type Krb4ContextOptions, krb4Context } from './context.js';
import { BLOCK, withDesKey } from './crypto.js';
import { headerFacts, type Krb4Facts, requestFacts, ticketFacts } from './describe.js';
import type { Krb4Credential, Krb4TicketFile, SrvtabEntry } from './files.js';
import { answerTo, assertAnswers } from './messages.js';
import { type Krb4Principal, principalText, samePrincipal } from './principal.js';
import { assertTimely, DEFAULT_CLOCK_SKEW, endOf, messageTime } from './times.js';

export interface Krb4InitiatorOptions extends Krb4AssociationOptions {
  /** What `parseTicketFile` gives. */
  tickets: Krb4TicketFile;
  /** `ftp`, or `rcmd` where the realm has no `ftp`; the first part of the host's name; its realm. */
  service: Krb4Principal;
  /** Called with the options of the context, its key included; anyone who has these can read and forge everything. Default: not called. */
  keylog?: (options: Krb4ContextOptions) => void;
  /** Gives so many random octets. Default: the runtime's secure source. For tests alone. */
  random?: (length: number) => Uint8Array;
}

export interface Krb4AcceptorOptions extends Krb4AssociationOptions {
  /** What `parseSrvtab` gives. */
  srvtab: readonly SrvtabEntry[];
  /** Whose keys alone open a ticket. Default: every `ftp` of the srvtab, or every `rcmd` when it has no `ftp`. */
  service?: Krb4Principal;
  /** Takes a ticket that was made for another address than the client's, as a host with several may have. */
  anyAddress?: boolean;
  /** What all acceptors that share keys must share: see {@link ReplayStore}. Default: one in memory, for the process. */
  replayCache?: ReplayStore;
  /** Called with the options of the context, its key included; anyone who has these can read and forge everything. Default: not called. */
  keylog?: (options: Krb4ContextOptions) => void;
}

const CHECKSUM = 4;
/** Octets of a time, seconds since 1970. */
const TIME = 4;
const MAX_TIME = 0xffffffff;
const DEFAULT_STORE = new ReplayCache();

/**
 * The client's side: two steps, the first without a token. After an error or its last step it is over, and a further
 * step throws `sequence/closed`.
 * @throws FtpSecurityError `security/weak`, side local, without `allowWeak`; `security/no-key`, side local, when there
 *   is no ticket for the service. Steps throw `security/expired`, `bad-token`, `bad-checksum`, `wrong-direction`
 */
export function krb4Initiator(options: Krb4InitiatorOptions): Exchange {
  return exchangeFromGenerator('KERBEROS_V4', initiate(options));
}

/**
 * The server's side: one step. After it, or an error, it is over, and a further step throws `sequence/closed`.
 * @throws FtpSecurityError `security/weak`, side local, without `allowWeak`. The step throws `security/no-key`,
 *   `wrong-name`, `clock-skew`, `not-yet-valid`, `expired`, `replayed`, `bad-token`
 */
export function krb4Acceptor(options: Krb4AcceptorOptions): Exchange {
  return exchangeFromGenerator('KERBEROS_V4', accept(options));
}

function* initiate(options: Krb4InitiatorOptions): ExchangeGenerator {
  const { tickets, service, ciphers, clock = Date.now, littleEndian = false, random = randomBytes } = options;
  directionsOf(options);
  const credential = credentialFor(tickets, service);
  const client = { name: tickets.name, instance: tickets.instance, realm: tickets.credentials[0]!.realm };
  const facts = credentialFacts(credential, client);
  const early = yield {};
  if (early !== undefined) throw badToken('security data before our first token');
  const { seconds, fiveMs } = messageTime(clock());
  if (seconds > endOf(credential)) {
    throw new FtpSecurityError('security/expired', 'the ticket has expired', { side: 'local' });
  }
  const checksum = viewOf(random(CHECKSUM)).getUint32(0);
  const said = { client, checksum, seconds, fiveMs };
  const token = withDesKey(credential.sessionKey, ciphers, session =>
    buildApReq(credential, session, said, littleEndian),
  );
  const answer = yield { token, facts };
  if (answer === undefined) throw badToken('no answer from the server: it has not authenticated itself');
  const context = krb4Context({ ...options, key: credential.sessionKey });
  destroyOnError(context, () => assertAnswers(checksum, context.unwrap(answer)));
  options.keylog?.({ ...options, key: copy(credential.sessionKey) });
  return { context, facts };
}

function* accept(options: Krb4AcceptorOptions): ExchangeGenerator {
  const { srvtab, service, ciphers } = options;
  directionsOf(options);
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
    forgetKeys(request);
  }
}

/** The replay cache comes last. */
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
    throw new FtpSecurityError('security/wrong-name', 'the ticket is not good for the address that the client has');
  }
  if (isOlderThan(replayCache, endOfSecond(request.authenticator.time), clock() / 1000)) {
    const message =
      'the authenticator is older than the replay cache, so it may have been taken before (a new one will do)';
    throw new FtpSecurityError('security/replayed', message);
  }
  const [id, expires] = replayEntry(message, request, maxClockSkew);
  if (!replayCache.add(id, expires, now)) {
    throw new FtpSecurityError('security/replayed', 'replayed authenticator');
  }
}

/** An authenticator counts whole seconds: made at any time of the second, it is taken for one of the second's last millisecond. */
const endOfSecond = (time: number) => time + 0.999;

/** The last one written: a client that asks again adds the new ticket to its file. */
function credentialFor({ credentials }: Krb4TicketFile, service: Krb4Principal): Krb4Credential {
  const credential = credentials.filter(one => samePrincipal(one, service)).at(-1);
  if (credential !== undefined) return credential;
  throw new FtpSecurityError('security/no-key', `no ticket for ${principalText(service)}`, { side: 'local' });
}

function credentialFacts(credential: Krb4Credential, client: Krb4Principal): Krb4Facts {
  const { issued, life } = credential;
  const names = { client: principalText(client), service: principalText(credential) };
  return { ...headerFacts(credential), ...ticketFacts({ ...names, issued, life }) };
}

/** RFC 2228 appendix II: a server takes `ftp` or `rcmd`, never either. */
function keysFor(srvtab: readonly SrvtabEntry[], service: Krb4Principal | undefined): readonly SrvtabEntry[] {
  if (service !== undefined) return srvtab.filter(key => samePrincipal(key, service));
  const ftp = srvtab.filter(({ name }) => name === 'ftp');
  return ftp.length > 0 ? ftp : srvtab.filter(({ name }) => name === 'rcmd');
}

/**
 * What identifies an authenticator, and how long it must be kept. Nothing protects its last block: where that holds
 * only a part of the time, one in so many alterations gives a time that passes. Then that block does not tell it from
 * others, and it is kept as long as its ticket lives; else twice the time that it could be taken again, lest a clock that
 * is set back open that time again.
 */
function replayEntry(
  { authenticator }: ApReq,
  { ticket, authenticator: { padding, time } }: OpenedApReq,
  maxClockSkew: number,
): [id: string, expires: number] {
  const isWhole = BLOCK - padding >= TIME;
  const telling = isWhole ? authenticator : authenticator.subarray(0, -BLOCK);
  const expires = isWhole ? time + 2 * maxClockSkew + 1 : endOf(ticket);
  return [toHex(sha256(telling)), Math.min(expires, MAX_TIME)];
}
