/** The client's side of the exchange (RFC 4121 §4.1, RFC 4120 §3.2.2 and §3.2.5): an AP-REQ out, an AP-REP in. */
import { randomBytes } from '@noble/hashes/utils.js';
import { assertBytes, viewOf } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { ChannelEnds, Exchange } from '../../../protection/mechanism.js';
import { parseDer } from '../../der.js';
import { destroyOnError, type ExchangeGenerator, exchangeFromGenerator, type Token } from '../../exchange-generator.js';
import { type CipherOptions, enctypeOf, randomKey } from '../crypto/enctypes.js';
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
  authenticator,
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
import { established, initialSequence } from './established.js';
import { type EnctypePolicy, offerEnctypes, worthOffering } from './etype-negotiation.js';
import { type Krb5Facts, keyFacts, requestFacts, type TicketTimes, ticketFacts } from './facts.js';
import { errorOf } from './krb-error.js';
import { negotiate } from './spnego-initiator.js';

export interface Krb5InitiatorOptions extends CipherOptions {
  /** A credential cache, or some of its credentials, with the ticket for the service among them. */
  credentials: CredentialCache | readonly Credential[];
  /** `ftp@host`, `ftp/host@REALM` or a principal. RFC 2228 appendix I: `ftp`, else `host`, at the server's host name. */
  service: string | Principal;
  /** Ask the server to authenticate itself. Default true; without it the context is there after the first step. */
  mutual?: boolean;
  /**
   * Tell the server that order matters, as well as replays. Default true: without it MIT's ftpd says 226 to an upload from
   * which somebody took a block.
   */
  sequence?: boolean;
  /** Wrap the exchange in SPNEGO (RFC 4178), and offer Kerberos alone. Default false. */
  spnego?: boolean;
  /** Of `channelBindings`. Default: those of the connection, where `step` gets its addresses, as from `ClientControl`; else none. */
  bindings?: Uint8Array;
  /** A KRB-CRED message with credentials for the server, made by a program that has the ticket for it. Default: none. */
  delegation?: Uint8Array;
  /** Milliseconds since 1970. Default `Date.now`. */
  clock?: () => number;
  /** Take tickets and subkeys of encryption types that are not to be trusted any more. Default false. */
  allowWeak?: boolean;
  /** Encryption types that the acceptor is offered for its subkey besides the session key's own (RFC 4537). Default: all that are stronger. */
  enctypes?: readonly number[];
  /** Refuse every per-message token but the next one. Default false. */
  strictOrder?: boolean;
  /** Called with the options of the context, its key included; anyone who has these can read and forge everything. Default: not called. */
  keylog?: (options: Krb5ContextOptions) => void;
  /** Gives so many random octets. Default: the runtime's secure source. For tests alone. */
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

interface Finished {
  context: Krb5Context;
  facts: Krb5Facts;
}

/** An AP-REQ that was made, and how the exchange goes on. */
interface Begun {
  token: Uint8Array;
  facts: Krb5Facts;
  /**
   * @param answer  the token of the AP-REP; undefined where none was asked for
   * @throws FtpSecurityError when it is not the expected answer
   */
  finish(answer?: Token): Finished;
  /** Overwrites the subkey, once the exchange is over. */
  forget(): void;
}

/**
 * The client's side: its first step, without a token, gives the AP-REQ. After an error or its last step the exchange is over,
 * and a further step throws `sequence/closed`.
 * @throws TypeError, RangeError for misuse. The first step throws FtpSecurityError, side local, when no credential serves:
 *   `security/no-key`, `expired`, `not-yet-valid`, `weak`; the second `security/bad-token`, `bad-checksum`, `no-key`, `weak`,
 *   and for a KRB-ERROR the code that says the same
 */
export function krb5Initiator(options: Krb5InitiatorOptions): Exchange {
  const settings = settingsOf(options);
  return exchangeFromGenerator('Kerberos', initiate(settings), channel => bindTo(channel, settings));
}

/** What the caller has given itself stays. */
function bindTo(channel: ChannelEnds, settings: Settings): void {
  const { initiator, acceptor } = channel;
  if (initiator !== undefined && acceptor !== undefined) settings.bindings ??= channelBindings(channel);
}

function* initiate(settings: Settings): ExchangeGenerator {
  const early = yield {};
  if (early !== undefined) throw badToken('security data before our first token');
  const begun = begin(settings);
  const { token, facts, finish, forget } = begun;
  try {
    if (settings.spnego) return yield* negotiate(begun);
    if (!settings.mutual) return { token, ...finish() };
    return finish(yield { token, facts });
  } finally {
    forget();
  }
}

function readAnswer(token: Token): ApRep {
  if (token === undefined) {
    throw badToken('no AP-REP: the server has not authenticated itself');
  }
  const seen = parseContextToken(token);
  if (seen.kind === 'AP-REP') return seen.message;
  if (seen.kind === 'KRB-ERROR') throw errorOf(seen.message);
  throw badToken('expected an AP-REP, got an AP-REQ');
}

function assertNone(token: Token): undefined {
  if (token !== undefined) throw badToken('unexpected security data: the exchange needs none');
}

function begin(settings: Settings): Begun {
  const now = settings.clock();
  const credential = chooseCredential(settings.credentials, settings.requested, now / 1000, settings);
  const sent = readTicket(credential, settings);
  const checksum = newChecksum(settings);
  const offered = settings.mutual ? worthOffering(credential.key.keytype, settings) : [];
  const request = {
    ticket: partOf(credential),
    authenticator: newAuthenticator(credential, checksum, offered, settings, now),
    checksum,
  };
  const forget = () => void request.authenticator.subkey?.keyvalue.fill(0);
  const message = destroyOnError({ destroy: forget }, () => seal(request, sent, settings));
  const facts = { ...requestFacts(message), ...ticketFacts(request) };
  return {
    token: formatContextToken({ kind: 'AP-REQ', message }),
    facts,
    finish(answer) {
      let part: EncApRepPart | undefined;
      try {
        part = settings.mutual ? openApRep(readAnswer(answer), request, settings) : assertNone(answer);
        assertOffered(part?.subkey, offered);
        const { context, base } = established('initiator', request, part, settings);
        return { context, facts: { ...facts, ...keyFacts(base, sent.encPart.etype, credential.key.keytype) } };
      } finally {
        part?.subkey?.keyvalue.fill(0);
      }
    },
    forget,
  };
}

/** The acceptor chooses among what it was offered (RFC 4537 §3); the type of the session key always is. */
function assertOffered(subkey: EncryptionKey | undefined, offered: readonly number[]): void {
  if (subkey === undefined || offered.includes(subkey.keytype)) return;
  const message = `the acceptor’s subkey is of enctype ${subkey.keytype}, and offered was ${offered.join(', ')}`;
  throw badToken(message);
}

function readTicket({ ticket: octets }: Credential, { allowWeak }: Settings): Ticket {
  const read = asLocal(() => parseDer(ticket, octets));
  const enctype = enctypeOf(read.encPart.etype);
  if (!enctype?.weak || allowWeak) return read;
  throw new FtpSecurityError('security/weak', `the ticket is of ${enctype.name}, which is weak`, { side: 'local' });
}

/** Errors of what our own side has in hand are not the peer's. */
function asLocal<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    throw new FtpSecurityError(error.code, `the credential’s ticket: ${error.message}`, { side: 'local' });
  }
}

/** The contents of the ticket, as the credential states them. */
function partOf({
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
  return { bindings: bindings ?? new Uint8Array(16), flags, ...(delegation !== undefined && { delegation }) };
}

/** A subkey of the session key's type, and with mutual authentication an offer of all stronger ones (RFC 4537). */
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

/** A clock of whole milliseconds gives many authenticators one time, and servers take each time once (RFC 4120 §3.2.3). */
function distinctTimestamp(now: number, random: Settings['random']): Timestamp {
  const { seconds, microseconds } = timestampOf(now);
  const rest = Number.isInteger(now) ? viewOf(random(2)).getUint16(0) % 1000 : 0;
  return { seconds, microseconds: microseconds + rest };
}

function seal({ ticket: { key }, authenticator: inside }: RequestKeys, sent: Ticket, settings: Settings): ApReq {
  const sealed = sealData(authenticator, inside, USAGE.authenticator, key, settings);
  const apOptions = settings.mutual ? AP_OPTIONS.mutualRequired : 0;
  return { pvno: 5, msgType: 14, apOptions, ticket: sent, authenticator: sealed };
}

function nameOf({ name, type }: Principal): PrincipalName {
  return { nameType: type, nameString: name };
}

function settingsOf(options: Krb5InitiatorOptions): Settings {
  const { credentials, service, bindings, delegation } = options;
  if (bindings !== undefined) assertBindings(bindings);
  if (delegation !== undefined) assertBytes(delegation, 'delegation');
  return {
    credentials: 'credentials' in credentials ? credentials.credentials : credentials,
    requested: serviceNameOf(service),
    mutual: options.mutual ?? true,
    sequence: options.sequence ?? true,
    spnego: options.spnego ?? false,
    bindings,
    delegation,
    clock: options.clock ?? Date.now,
    allowWeak: options.allowWeak ?? false,
    enctypes: options.enctypes,
    strictOrder: options.strictOrder ?? false,
    keylog: options.keylog,
    ciphers: options.ciphers,
    random: options.random ?? randomBytes,
  };
}
