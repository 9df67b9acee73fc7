/** What the messages of an exchange hold, opened with its keys (RFC 4120 §3.2): ticket, authenticator, AP-REP. */
import { equalConstantTime } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { parseDer, type Type } from './der.js';
import { type CipherOptions, enctypeOf, kerberosKey } from './enctypes.js';
import { GSS_CHECKSUM_TYPE, type GssChecksum, parseGssChecksum } from './gss-checksum.js';
import {
  type ApRep,
  type ApReq,
  type Authenticator,
  authenticator,
  type EncApRepPart,
  type EncryptedData,
  type EncryptionKey,
  type EncTicketPart,
  encApRepPart,
  encTicketPart,
  type Ticket,
  USAGE,
} from './messages.js';
import { type Principal, principalOf, principalText, samePrincipal } from './principal.js';

/** The key of a service: an entry of a keytab is one, and so is a bare key, which goes for every name and version. */
export interface ServiceKey {
  enctype: number;
  key: Uint8Array;
  kvno?: number;
  principal?: Principal;
}

/** The keys of an AP-REQ, and what its AP-REP has to repeat. */
export interface RequestKeys {
  ticket: Pick<EncTicketPart, 'key'>;
  authenticator: Authenticator;
}

export interface OpenedApReq extends RequestKeys {
  ticket: EncTicketPart;
  /** Absent where the authenticator has no checksum of type 0x8003, as RFC 4121 §4.1.1 wants it to. */
  checksum?: GssChecksum;
}

/** The key that protects the messages of a context, and where it comes from. */
export interface MessageKey {
  key: EncryptionKey;
  from: 'acceptor subkey' | 'initiator subkey' | 'session key';
}

/**
 * @throws FtpSecurityError `security/no-key` when there is no key for the ticket, `bad-checksum` when its key does not
 *   open it, or what is inside does not open, `bad-token` when something inside can't be read
 */
export function openApReq(message: ApReq, keys: readonly ServiceKey[], options: CipherOptions = {}): OpenedApReq {
  return openAuthenticator(message, openTicket(message.ticket, keys, options), options);
}

/** The rest of an AP-REQ, its ticket opened. It throws as {@link openApReq} does. */
export function openAuthenticator(message: ApReq, ticket: EncTicketPart, options: CipherOptions): OpenedApReq {
  const inside = open(authenticator, USAGE.authenticator, ticket.key, message.authenticator, options);
  if (inside.cksum?.cksumtype !== GSS_CHECKSUM_TYPE) return { ticket, authenticator: inside };
  return { ticket, authenticator: inside, checksum: parseGssChecksum(inside.cksum.checksum) };
}

/**
 * Opens the answer to an AP-REQ; it has to repeat the time of its authenticator (RFC 4120 §3.2.5).
 * @throws FtpSecurityError `security/bad-checksum`, `bad-token`
 */
export function openApRep(message: ApRep, request: RequestKeys, options: CipherOptions = {}): EncApRepPart {
  const inside = open(encApRepPart, USAGE.apRep, request.ticket.key, message.encPart, options);
  const { ctime, cusec } = request.authenticator;
  if (inside.ctime !== ctime || inside.cusec !== cusec) {
    throw new FtpSecurityError('security/bad-token', 'the AP-REP answers another AP-REQ: its time is not that one’s');
  }
  return inside;
}

/**
 * RFC 4121 §2: the acceptor's subkey, else the initiator's, else the session key of the ticket. Before RFC 4121 an acceptor
 * had no subkey of its own, and libraries repeat the initiator's in the AP-REP.
 */
export function messageKey({ ticket, authenticator }: RequestKeys, answer?: EncApRepPart): MessageKey {
  if (answer?.subkey !== undefined && !isRepeated(answer.subkey, authenticator.subkey)) {
    return { key: answer.subkey, from: 'acceptor subkey' };
  }
  if (authenticator.subkey !== undefined) return { key: authenticator.subkey, from: 'initiator subkey' };
  return { key: ticket.key, from: 'session key' };
}

function isRepeated(acceptors: EncryptionKey, initiators?: EncryptionKey): boolean {
  return (
    enctypeOf(acceptors.keytype)?.tokens === 'rfc1964' &&
    acceptors.keytype === initiators?.keytype &&
    equalConstantTime(acceptors.keyvalue, initiators.keyvalue)
  );
}

/**
 * Tries every key of the ticket's enctype. Names and versions only say which come first, and which should have opened
 * it: services are renamed, have aliases, and keytabs are made by hand.
 */
function openTicket(ticket: Ticket, keys: readonly ServiceKey[], options: CipherOptions): EncTicketPart {
  const { encPart } = ticket;
  const { etype, kvno } = encPart;
  const service = principalOf(ticket.realm, ticket.sname);
  const named = `${principalText(service)} (enctype ${etype}, key version ${kvno ?? 'not said'})`;
  const isMeant = (key: ServiceKey) =>
    (key.principal === undefined || samePrincipal(key.principal, service)) && isOfVersion(key, encPart);
  const candidates = keys.filter(key => key.enctype === etype);
  const meant = candidates.filter(isMeant);
  let failure: FtpSecurityError | undefined;
  for (const candidate of [...meant, ...candidates.filter(key => !isMeant(key))]) {
    try {
      return openTicketWith(candidate, ticket, options);
    } catch (error) {
      if (!(error instanceof FtpSecurityError) || error.code === 'security/bad-token') throw error;
      if (isMeant(candidate)) failure ??= error;
    }
  }
  if (failure !== undefined) {
    throw new FtpSecurityError(failure.code, `the key of ${named} does not open its ticket: ${failure.message}`);
  }
  const others = candidates.length === 0 ? '' : `; ${candidates.length} of other names or versions do not open it`;
  throw new FtpSecurityError('security/no-key', `no key for the ticket for ${named}${others}`);
}

/** Whether a key may be of the version that is said. A keytab may have only the low 8 bits of it; a bare key goes for all. */
export function isOfVersion({ kvno: own }: ServiceKey, { kvno }: Pick<EncryptedData, 'kvno'>): boolean {
  return own === undefined || kvno === undefined || own === kvno || (own < 256 && own === kvno % 256);
}

/** @throws FtpSecurityError `security/bad-checksum` when the key is not the ticket's, `no-key`, `bad-token` */
export function openTicketWith(
  { enctype, key }: ServiceKey,
  { encPart }: Ticket,
  options: CipherOptions,
): EncTicketPart {
  return open(encTicketPart, USAGE.ticket, { keytype: enctype, keyvalue: key }, encPart, options);
}

function open<T>(
  type: Type<T>,
  usage: number,
  { keytype, keyvalue }: EncryptionKey,
  { etype, cipher }: EncryptedData,
  options: CipherOptions,
): T {
  if (etype !== keytype) {
    throw new FtpSecurityError('security/bad-token', `${type.name}: enctype ${etype} under a key of ${keytype}`);
  }
  const key = kerberosKey(keytype, keyvalue, options);
  try {
    return parseDer(type, key.decrypt(usage, cipher), 0, key.enctype.messageBlock - 1);
  } finally {
    key.destroy();
  }
}
