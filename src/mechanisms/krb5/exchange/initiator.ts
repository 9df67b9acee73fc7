/** The client's side of the exchange: it sends an AP-REQ and receives an AP-REP (RFC 4121 §4.1, RFC 4120 §3.2.2 and §3.2.5). */
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes, assertParsed, assertSomeParsed, viewOf } from '../../../bytes.js';
import { badToken, FtpSecurityError, refusalFrom } from '../../../errors.js';
import type { ChannelEnds, Exchange } from '../../../protection/mechanism.js';
import { parseDer } from '../../der.js';
import { destroyOnError, type ExchangeGenerator, exchangeFromGenerator, type Token } from '../../exchange-generator.js';
import { type CipherOptions, enctypeOf } from '../crypto/enctypes.js';
import { randomKey } from '../crypto/kerberos-key.js';
import type { Credential, CredentialCache } from '../files/credential-cache.js';
import { sealData } from '../messages/encrypted-data.js';
import {
  assertBindings,
  formatGssChecksum,
  GSS_CHECKSUM_TYPE,
  GSS_FLAGS,
  type GssChecksum,
} from '../messages/gss-checksum.js';
import { formatContextToken, parseContextToken } from '../messages/gss-framing.js';
import {
  AP_OPTIONS,
  type ApRep,
  type ApReq,
  type Authenticator,
  authenticatorSchema,
  type EncApRepPart,
  type EncryptionKey,
  type PrincipalName,
  type Ticket,
  ticket,
  USAGE,
} from '../messages/kerberos.js';
import { type Principal, type ServiceName, serviceNameOf } from '../messages/principal.js';
import type { Krb5Context, Krb5ContextOptions } from '../tokens/context.js';
import { openApRep, type RequestKeys } from './ap-exchange.js';
import { channelBindings } from './channel-bindings.js';
import { type Timestamp, timestampOf } from './clock.js';
import { chooseCredential } from './credential-choice.js';
import { establishContext, initialSequence } from './establish-context.js';
import { type EnctypePolicy, enctypesToOffer, offerEnctypes } from './etype-negotiation.js';
import { type Krb5Facts, keyFacts, orderFacts, requestFacts, type TicketTimes, ticketFacts } from './facts.js';
import { errorFromKrbError } from './krb-error.js';
import { negotiate } from './spnego-initiator.js';

/** Options of {@link krb5Initiator}. */
export interface Krb5InitiatorOptions extends CipherOptions {
  /** A credential cache, or a list of credentials. It must contain a ticket for the service. */
  credentials: CredentialCache | readonly Credential[];
  /**
   * The service to authenticate to: `ftp@host`, `ftp/host@REALM` or a principal. By RFC 2228 appendix I, its name is `ftp`, or
   * `host` if there is no such service, and its instance the server's host name.
   */
  service: string | Principal;
  /** Ask the server to authenticate itself. Default true; if false, the first step returns the context. */
  mutual?: boolean;
  /**
   * Set the GSS-API flag `sequence` besides `replay`. Default true: without it, MIT's ftpd replies 226 to an upload even if an
   * attacker has removed a block. A server that checks the order also refuses every command after a number left out; so a
   * session sends neither STAT nor QUIT during a protected upload (the fact `inOrder`).
   */
  sequence?: boolean;
  /** Wrap the exchange in SPNEGO (RFC 4178), with Kerberos as the only mechanism offered. Default false. */
  spnego?: boolean;
  /**
   * Channel bindings, 16 octets from {@link channelBindings}. By default they are computed from the addresses that the caller
   * passes to `step`, as `ClientControl` does; without addresses, there are none.
   */
  bindings?: Uint8Array;
  /** A KRB-CRED message with credentials to delegate to the server; this package does not create them. Default none. */
  delegation?: Uint8Array;
  /**
   * The current time in milliseconds since 1970. Default `Date.now`; with a credential cache that has a `timeOffset`, the time of
   * the KDC, as in the library that wrote it.
   */
  clock?: () => number;
  /** Permit tickets and subkeys of weak encryption types (DES, triple DES, RC4). Default false. */
  allowWeak?: boolean;
  /**
   * Numbers of the encryption types to offer the acceptor for its subkey, besides that of the session key (RFC 4537). Default all
   * stronger ones.
   */
  enctypes?: readonly number[];
  /**
   * Refuse every per-message token except the next one. Default false. A server that does not know of it may leave numbers out:
   * `sequence` announces it.
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

interface Settings extends EnctypePolicy {
  credentials: readonly Credential[];
  requested: ServiceName;
  mutual: boolean;
  sequence: boolean;
  spnego: boolean;
  bindings: Uint8Array | undefined;
  delegation: Uint8Array | undefined;
  clock: () => number;
  allowWeak: boolean;
  strictOrder: boolean;
  keylog: ((options: Krb5ContextOptions) => void) | undefined;
  random: (length: number) => Uint8Array;
}

interface Completed {
  context: Krb5Context;
  facts: Krb5Facts;
}

/** An AP-REQ, and how to complete the exchange. */
interface PendingExchange {
  token: Uint8Array;
  facts: Krb5Facts;
  /**
   * @param answer  the token with the AP-REP; undefined without mutual authentication
   * @throws FtpSecurityError if it is not the expected answer
   */
  complete(answer?: Token): Completed;
  /** Overwrites the subkey. */
  destroy(): void;
}

/**
 * The client's side of a Kerberos V5 exchange (RFC 4121 §4.1). The first step, without a token, returns the AP-REQ; the second
 * takes the AP-REP and returns the context. After an error or the last step, the exchange is over, and each further step throws
 * `sequence/closed`.
 * @throws TypeError, RangeError if an option is invalid
 * @throws FtpSecurityError The first step, with side `local`, if no credential is usable: `security/no-key` (no ticket, or a
 *   missing cipher), `security/expired`, `security/not-yet-valid`, `security/weak`. Later steps: `security/bad-token`,
 *   `security/bad-checksum`, `security/no-key`, `security/weak`, and the code that corresponds to a KRB-ERROR.
 * @example
 * ```ts
 * const credentials = parseCredentialCache(await readFile('/tmp/krb5cc_1000'));
 * const exchange = krb5Initiator({ credentials, service: 'ftp@ftp.example.com' });
 * const request = await exchange.step(); // send request.token with ADAT
 * const { context } = await exchange.step(answer); // the token of the reply 235
 * ```
 */
export function krb5Initiator(options: Krb5InitiatorOptions): Exchange {
  const settings = settingsOf(options);
  return exchangeFromGenerator('Kerberos', initiate(settings), (channel, ciphers) => {
    bindTo(channel, settings);
    settings.ciphers ??= ciphers;
  });
}

/** Options of the caller take precedence over the addresses of the connection. */
function bindTo(channel: ChannelEnds, settings: Settings): void {
  const { initiator, acceptor } = channel;
  if (initiator !== undefined && acceptor !== undefined) settings.bindings ??= channelBindings(channel);
}

function* initiate(settings: Settings): ExchangeGenerator {
  const early = yield {};
  if (early !== undefined) throw badToken('the server sent security data before the AP-REQ');
  const pending = begin(settings);
  const { token, facts, complete, destroy } = pending;
  try {
    if (settings.spnego) return yield* negotiate(pending);
    if (!settings.mutual) return { token, ...complete() };
    return complete(yield { token, facts });
  } finally {
    destroy();
  }
}

function readAnswer(token: Token): ApRep {
  if (token === undefined) {
    throw badToken('expected an AP-REP, got no security data: the server has not authenticated itself');
  }
  const parsed = parseContextToken(token);
  if (parsed.kind === 'AP-REP') return parsed.message;
  if (parsed.kind === 'KRB-ERROR') throw errorFromKrbError(parsed.message);
  throw badToken('expected an AP-REP, got an AP-REQ');
}

function assertNoAnswer(token: Token): undefined {
  if (token !== undefined) throw badToken('unexpected security data: without mutual authentication there is no AP-REP');
}

function begin(settings: Settings): PendingExchange {
  const now = settings.clock();
  const credential = chooseCredential(settings.credentials, settings.requested, now / 1000, settings);
  const sent = readTicket(credential, settings);
  const checksum = newChecksum(settings);
  const offered = settings.mutual ? enctypesToOffer(credential.key.keytype, settings) : [];
  const request = {
    ticket: ticketPart(credential),
    authenticator: newAuthenticator(credential, checksum, offered, settings, now),
    checksum,
  };
  const destroy = () => void request.authenticator.subkey!.keyvalue.fill(0);
  const message = destroyOnError({ destroy }, () => seal(request, sent, settings));
  const facts = { ...requestFacts(message), ...ticketFacts(request), ...orderFacts(checksum) };
  return {
    token: formatContextToken({ kind: 'AP-REQ', message }),
    facts,
    complete(answer) {
      let part: EncApRepPart | undefined;
      try {
        part = settings.mutual ? openApRep(readAnswer(answer), request, settings) : assertNoAnswer(answer);
        assertOffered(part?.subkey, offered);
        const { context, base } = establishContext('initiator', request, part, settings);
        return { context, facts: { ...facts, ...keyFacts(base, sent.encPart.etype, credential.key.keytype) } };
      } finally {
        part?.subkey?.keyvalue.fill(0);
      }
    },
    destroy,
  };
}

/** The acceptor must choose an enctype that it was offered (RFC 4537 §3); that of the session key always is. */
function assertOffered(subkey: EncryptionKey | undefined, offered: readonly number[]): void {
  if (subkey === undefined || offered.includes(subkey.keytype)) return;
  throw badToken(`the acceptor's subkey has enctype ${subkey.keytype}, but only ${offered.join(', ')} were offered`);
}

function readTicket({ ticket: octets }: Credential, { allowWeak }: Settings): Ticket {
  const parsed = parseOwnTicket(octets);
  const enctype = enctypeOf(parsed.encPart.etype);
  if (!enctype?.weak || allowWeak) return parsed;
  const message = `the ticket's enctype ${enctype.name} is weak (set allowWeak to permit it)`;
  throw new FtpSecurityError('security/weak', message, { side: 'local' });
}

/** A malformed ticket comes from our credential cache, so the error has side `local`. */
function parseOwnTicket(octets: Uint8Array): Ticket {
  try {
    return parseDer(ticket, octets);
  } catch (error) {
    const { code, message } = refusalFrom(error);
    throw new FtpSecurityError(code, `malformed ticket in the credential: ${message}`, { side: 'local' });
  }
}

/** The contents of the ticket, as far as the credential repeats them. */
function ticketPart({
  client,
  key,
  authTime,
  startTime,
  endTime,
  renewTill,
}: Credential): TicketTimes & RequestKeys['ticket'] {
  return {
    key,
    crealm: client.realm,
    cname: nameOf(client),
    authtime: authTime,
    endtime: endTime,
    ...(startTime !== 0 && { starttime: startTime }),
    ...(renewTill !== 0 && { renewTill }),
  };
}

function newChecksum({ mutual, sequence, bindings, delegation }: Settings): GssChecksum {
  const flags =
    GSS_FLAGS.replay |
    GSS_FLAGS.conf |
    GSS_FLAGS.integ |
    GSS_FLAGS.trans |
    (mutual ? GSS_FLAGS.mutual : 0) |
    (sequence ? GSS_FLAGS.sequence : 0) |
    (delegation === undefined ? 0 : GSS_FLAGS.deleg);
  return { bindings: bindings ?? new Uint8Array(16), flags, delegation };
}

/** It has a subkey of the session key's enctype and, with mutual authentication, an offer of stronger enctypes (RFC 4537). */
function newAuthenticator(
  { client, key: { keytype } }: Credential,
  checksum: GssChecksum,
  offer: number[],
  settings: Settings,
  now: number,
): Authenticator {
  const { seconds, microseconds } = distinctTimestamp(now, settings.random);
  return {
    authenticatorVno: 5,
    crealm: client.realm,
    cname: nameOf(client),
    cksum: { cksumtype: GSS_CHECKSUM_TYPE, checksum: formatGssChecksum(checksum) },
    cusec: microseconds,
    ctime: seconds,
    subkey: { keytype, keyvalue: randomKey(keytype, settings.random) },
    seqNumber: initialSequence(settings.random),
    ...(offer.length > 1 && { authorizationData: offerEnctypes(offer) }),
  };
}

/**
 * Adds random microseconds to a clock of whole milliseconds. Authenticators of the same millisecond would otherwise have the same
 * time, and a server would refuse all but the first as replays (RFC 4120 §3.2.3).
 */
function distinctTimestamp(now: number, random: Settings['random']): Timestamp {
  const { seconds, microseconds } = timestampOf(now);
  const extra = Number.isInteger(now) ? viewOf(random(2)).getUint16(0) % 1000 : 0;
  return { seconds, microseconds: microseconds + extra };
}

function seal({ ticket: { key }, authenticator: content }: RequestKeys, sent: Ticket, settings: Settings): ApReq {
  const sealed = sealData(authenticatorSchema, content, USAGE.authenticator, key, settings);
  const apOptions = settings.mutual ? AP_OPTIONS.mutualRequired : 0;
  return { pvno: 5, msgType: 14, apOptions, ticket: sent, authenticator: sealed };
}

function nameOf({ name, type }: Principal): PrincipalName {
  return { nameType: type, nameString: name };
}

/** A credential cache may be empty, which is reported as a missing ticket. @throws TypeError for anything but parsed credentials */
function credentialsOf(given: Krb5InitiatorOptions['credentials']): readonly Credential[] {
  const isCache = typeof given === 'object' && given !== null && 'credentials' in given;
  const assertList = isCache ? assertParsed : assertSomeParsed;
  const credentials = isCache ? given.credentials : given;
  assertList(credentials, 'credentials', 'parseCredentialCache');
  return credentials;
}

/** In whole milliseconds, since {@link distinctTimestamp} makes clocks of these distinct. */
function clockOf({ timeOffset = 0 }: Partial<CredentialCache>): () => number {
  const offset = Math.round(1000 * timeOffset);
  return () => Date.now() + offset;
}

function settingsOf(options: Krb5InitiatorOptions): Settings {
  const { service, bindings, delegation } = options;
  const credentials = credentialsOf(options.credentials);
  if (bindings !== undefined) assertBindings(bindings);
  if (delegation !== undefined) assertBytes(delegation, 'delegation');
  return {
    credentials,
    requested: serviceNameOf(service),
    mutual: options.mutual ?? true,
    sequence: options.sequence ?? true,
    spnego: options.spnego ?? false,
    bindings,
    delegation,
    clock: options.clock ?? clockOf(options.credentials as Partial<CredentialCache>),
    allowWeak: options.allowWeak ?? false,
    enctypes: options.enctypes,
    strictOrder: options.strictOrder ?? false,
    keylog: options.keylog,
    ciphers: options.ciphers,
    random: options.random ?? randomBytes,
  };
}
