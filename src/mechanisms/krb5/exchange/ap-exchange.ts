/** Decryption of the messages of an exchange: ticket, authenticator, AP-REP (RFC 4120 §3.2). */
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

/** The keys of an AP-REQ, and the time that its AP-REP must repeat. */
export interface RequestKeys {
  ticket: Pick<EncTicketPart, 'key'>;
  authenticator: Authenticator;
}

/** A decrypted AP-REQ. */
export interface OpenedApReq extends RequestKeys {
  ticket: EncTicketPart;
  /** Absent if the authenticator has no checksum of type 0x8003, which RFC 4121 §4.1.1 requires. */
  checksum?: GssChecksum;
}

/** The key that protects the messages of a context, and its origin (RFC 4121 §2). */
export interface MessageKey {
  key: EncryptionKey;
  from: 'acceptor subkey' | 'initiator subkey' | 'session key';
}

/**
 * Decrypts the ticket and the authenticator of an AP-REQ.
 * @throws FtpSecurityError `security/no-key` if there is no key for the ticket, `security/bad-checksum` if a key is wrong or a
 *   ciphertext was changed, `security/bad-token` if a plaintext is malformed
 */
export function openApReq(message: ApReq, keys: readonly ServiceKey[], options: CipherOptions = {}): OpenedApReq {
  const opened = openTicket(message.ticket, keys, options);
  if ('part' in opened) return openAuthenticator(message, opened.part, options);
  throw refusalError(opened);
}

/**
 * Decrypts the authenticator with the session key of the ticket, or one known otherwise. Throws the same errors as
 * {@link openApReq}; the keys are erased then.
 */
export function openAuthenticator<T extends RequestKeys['ticket']>(
  message: ApReq,
  ticket: T,
  options: CipherOptions,
): { ticket: T; authenticator: Authenticator; checksum?: GssChecksum } {
  let opened: Authenticator | undefined;
  try {
    opened = openData(authenticator, USAGE.authenticator, ticket.key, message.authenticator, options);
    if (opened.cksum?.cksumtype !== GSS_CHECKSUM_TYPE) return { ticket, authenticator: opened };
    return { ticket, authenticator: opened, checksum: parseGssChecksum(opened.cksum.checksum) };
  } catch (error) {
    eraseKeys({ ticket, authenticator: opened });
    throw error;
  }
}

/** Overwrites the keys of an AP-REQ. */
export function eraseKeys({
  ticket,
  authenticator,
}: Pick<RequestKeys, 'ticket'> & { authenticator: Authenticator | undefined }): void {
  ticket.key.keyvalue.fill(0);
  authenticator?.subkey?.keyvalue.fill(0);
}

/**
 * Decrypts the AP-REP of an AP-REQ, and checks that it repeats the time of the authenticator (RFC 4120 §3.2.5).
 * @throws FtpSecurityError `security/bad-checksum`, `security/bad-token`
 */
export function openApRep(message: ApRep, request: RequestKeys, options: CipherOptions = {}): EncApRepPart {
  const opened = openData(encApRepPart, USAGE.apRep, request.ticket.key, message.encPart, options);
  const { ctime, cusec } = request.authenticator;
  if (opened.ctime !== ctime || opened.cusec !== cusec) {
    opened.subkey?.keyvalue.fill(0);
    throw badToken('the AP-REP belongs to another AP-REQ: it does not repeat the time of the authenticator');
  }
  return opened;
}

/**
 * Chooses the acceptor's subkey, else the initiator's, else the session key of the ticket (RFC 4121 §2). With tokens of RFC 1964,
 * acceptors may repeat the initiator's subkey in the AP-REP; it still counts as the initiator's.
 */
export function messageKey({ ticket, authenticator }: RequestKeys, answer?: EncApRepPart): MessageKey {
  if (answer?.subkey !== undefined && !isRepeated(answer.subkey, authenticator.subkey)) {
    return { key: answer.subkey, from: 'acceptor subkey' };
  }
  if (authenticator.subkey !== undefined) return { key: authenticator.subkey, from: 'initiator subkey' };
  return { key: ticket.key, from: 'session key' };
}

function isRepeated(acceptorSubkey: EncryptionKey, initiatorSubkey?: EncryptionKey): boolean {
  return (
    enctypeOf(acceptorSubkey.keytype)?.tokens === 'rfc1964' &&
    acceptorSubkey.keytype === initiatorSubkey?.keytype &&
    equalConstantTime(acceptorSubkey.keyvalue, initiatorSubkey.keyvalue)
  );
}
