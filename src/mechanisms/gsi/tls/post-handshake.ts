/**
 * Messages after the handshake: in TLS 1.3 NewSessionTicket and KeyUpdate (RFC 8446 §4.6), in earlier versions no
 * message.
 */
import { badToken } from '../../../errors.js';
import { HandshakeMessages } from './handshake-messages.js';
import { TLS_1_3 } from './key-schedule.js';

const NEW_SESSION_TICKET = 4;
const KEY_UPDATE = 24;

/** Each costs a tenth of a millisecond, and anybody can send them before a certificate is checked. BoringSSL has this limit. */
const MAX_KEY_UPDATES = 32;

export interface PostHandshake {
  /** The sender's keys change after this record. */
  updatesKeys: boolean;
  /** The sender also asks for new keys in the other direction. */
  wantsUpdate: boolean;
}

/**
 * Reads the handshake messages of a record, which must be complete.
 * @throws FtpSecurityError `security/bad-token`; in earlier versions for every message, because renegotiation is
 *   refused
 */
export function parsePostHandshake(version: number, content: Uint8Array): PostHandshake {
  if (version !== TLS_1_3) throw badToken('TLS renegotiation is refused');
  const messages = new HandshakeMessages();
  let result: PostHandshake = { updatesKeys: false, wantsUpdate: false };
  for (const { type, body } of messages.push(content)) {
    if (result.updatesKeys) throw badToken('handshake message after KeyUpdate in the same record');
    if (type === KEY_UPDATE) result = parseKeyUpdate(body);
    else if (type !== NEW_SESSION_TICKET) throw badToken(`handshake message ${type} after the handshake`);
  }
  if (messages.isOpen) throw badToken('incomplete handshake message');
  return result;
}

/** @param count  of the KeyUpdates in one token. @throws FtpSecurityError `security/bad-token` */
export function assertFewKeyUpdates(count: number): void {
  if (count > MAX_KEY_UPDATES) throw badToken(`more than ${MAX_KEY_UPDATES} KeyUpdates in one token`);
}

/** A KeyUpdate that does not ask for one in return. */
export function formatKeyUpdate(): Uint8Array {
  return Uint8Array.of(KEY_UPDATE, 0, 0, 1, 0);
}

function parseKeyUpdate(body: Uint8Array): PostHandshake {
  if (body.length !== 1 || body[0]! > 1) throw badToken('KeyUpdate with an invalid request');
  return { updatesKeys: true, wantsUpdate: body[0] === 1 };
}
