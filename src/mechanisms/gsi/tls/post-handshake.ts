/**
 * Messages after the handshake: in TLS 1.3 NewSessionTicket and KeyUpdate (RFC 8446 §4.6), in earlier versions no
 * message.
 */
import { concat, copy } from '../../../bytes.js';
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
  /** The beginning of a message that goes on in the next record. */
  rest: Uint8Array;
}

/** Octets of a message of which more follow in another record. Only tickets are longer, which are rarely split. */
const MAX_REST = 4096;

/**
 * Reads the handshake messages of a record.
 * @param before  `rest` of the record before
 * @throws FtpSecurityError `security/bad-token`; in earlier versions for every message, because renegotiation is
 *   refused
 */
export function parsePostHandshake(version: number, content: Uint8Array, before: Uint8Array = NOTHING): PostHandshake {
  if (version !== TLS_1_3) throw badToken('TLS renegotiation is refused');
  const messages = new HandshakeMessages();
  const octets = before.length === 0 ? content : concat(before, content);
  let [updatesKeys, wantsUpdate, read] = [false, false, 0];
  for (const { type, body, raw } of messages.push(octets)) {
    if (updatesKeys) throw badToken('handshake message after KeyUpdate in the same record');
    if (type === KEY_UPDATE) wantsUpdate = asksForUpdate(body);
    else if (type !== NEW_SESSION_TICKET) throw badToken(`handshake message ${type} after the handshake`);
    updatesKeys = type === KEY_UPDATE;
    read += raw.length;
  }
  const rest = copy(octets, read);
  if (rest.length > (updatesKeys ? 0 : MAX_REST)) throw badToken('incomplete handshake message');
  return { updatesKeys, wantsUpdate, rest };
}

/** @param count  of the KeyUpdates in one token. @throws FtpSecurityError `security/bad-token` */
export function assertFewKeyUpdates(count: number): void {
  if (count > MAX_KEY_UPDATES) throw badToken(`more than ${MAX_KEY_UPDATES} KeyUpdates in one token`);
}

/** A KeyUpdate that does not ask for one in return. */
export function formatKeyUpdate(): Uint8Array {
  return Uint8Array.of(KEY_UPDATE, 0, 0, 1, 0);
}

function asksForUpdate(body: Uint8Array): boolean {
  if (body.length !== 1 || body[0]! > 1) throw badToken('KeyUpdate with an invalid request');
  return body[0] === 1;
}

const NOTHING = new Uint8Array();
