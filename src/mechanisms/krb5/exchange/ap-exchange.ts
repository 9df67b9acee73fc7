/** What the messages of an exchange hold, opened with its keys (RFC 4120 §3.2): ticket, authenticator, AP-REP. */
import { equalConstantTime } from '../../../bytes.js';
import { badToken } from '../../../errors.js';
import { type CipherOptions, enctypeOf } from '../crypto/enctypes.js';
import { openData } from '../messages/encrypted-data.js';
import { GSS_CHECKSUM_TYPE, type GssChecksum, parseGssChecksum } from '../messages/gss-checksum.js';
import {
  type ApRep,
  type ApReq,
  type Authenticator,
  authenticator,
  type EncApRepPart,
  type EncryptionKey,
  type EncTicketPart,
  encApRepPart,
  USAGE,
} from '../messages/kerberos.js';
import { refusalError } from './krb-error.js';
import { openTicket, type ServiceKey } from './ticket-keys.js';

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
 * @throws FtpSecurityError `security/no-key` when there is no key for the ticket, `bad-checksum` when its own key does not
 *   open it, or what is inside does not open, `bad-token` when something inside can't be read
 */
export function openApReq(message: ApReq, keys: readonly ServiceKey[], options: CipherOptions = {}): OpenedApReq {
  const opened = openTicket(message.ticket, keys, options);
  if ('part' in opened) return openAuthenticator(message, opened.part, options);
  throw refusalError(opened);
}

/**
 * The rest of an AP-REQ, its ticket opened, or its session key known otherwise. It throws as {@link openApReq} does, and the
 * keys are erased then.
 */
export function openAuthenticator<T extends RequestKeys['ticket']>(
  message: ApReq,
  ticket: T,
  options: CipherOptions,
): { ticket: T; authenticator: Authenticator; checksum?: GssChecksum } {
  let inside: Authenticator | undefined;
  try {
    inside = openData(authenticator, USAGE.authenticator, ticket.key, message.authenticator, options);
    if (inside.cksum?.cksumtype !== GSS_CHECKSUM_TYPE) return { ticket, authenticator: inside };
    return { ticket, authenticator: inside, checksum: parseGssChecksum(inside.cksum.checksum) };
  } catch (error) {
    forgetKeys({ ticket, authenticator: inside });
    throw error;
  }
}

/** Overwrites the keys that came in an AP-REQ. */
export function forgetKeys({
  ticket,
  authenticator,
}: Pick<RequestKeys, 'ticket'> & { authenticator: Authenticator | undefined }): void {
  ticket.key.keyvalue.fill(0);
  authenticator?.subkey?.keyvalue.fill(0);
}

/**
 * Opens the answer to an AP-REQ; it has to repeat the time of its authenticator (RFC 4120 §3.2.5).
 * @throws FtpSecurityError `security/bad-checksum`, `bad-token`
 */
export function openApRep(message: ApRep, request: RequestKeys, options: CipherOptions = {}): EncApRepPart {
  const inside = openData(encApRepPart, USAGE.apRep, request.ticket.key, message.encPart, options);
  const { ctime, cusec } = request.authenticator;
  if (inside.ctime !== ctime || inside.cusec !== cusec) {
    inside.subkey?.keyvalue.fill(0);
    throw badToken('the AP-REP answers another AP-REQ: its time is not that one’s');
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
