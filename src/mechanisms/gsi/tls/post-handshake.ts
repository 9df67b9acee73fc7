/** Handshake messages that may come behind the handshake: in TLS 1.3 NewSessionTicket and KeyUpdate (RFC 8446 §4.6), else none. */
import { badToken } from '../../../errors.js';
import { TLS_1_3 } from './key-schedule.js';

const NEW_SESSION_TICKET = 4;
const KEY_UPDATE = 24;

export interface PostHandshake {
  /** The sender's keys change behind this record. */
  updatesKeys: boolean;
  /** It asks for new keys of the other direction too. */
  wantsUpdate: boolean;
}

/**
 * Reads the handshake messages of a record, which holds whole ones alone.
 * @throws FtpSecurityError `security/bad-token`; also for every message of an earlier version: renegotiation is refused
 */
export function parsePostHandshake(version: number, content: Uint8Array): PostHandshake {
  if (version !== TLS_1_3) throw badToken('TLS renegotiation is refused');
  let result: PostHandshake = { updatesKeys: false, wantsUpdate: false };
  for (let at = 0; at < content.length || at === 0; ) {
    if (content.length - at < 4 || result.updatesKeys)
      throw badToken('handshake message cut short, or behind KeyUpdate');
    const [type, ...size] = content.subarray(at, at + 4);
    const start = at + 4;
    at = start + size.reduce((sum, octet) => 256 * sum + octet);
    if (at > content.length) throw badToken('handshake message cut short');
    if (type === KEY_UPDATE) result = parseKeyUpdate(content.subarray(start, at));
    else if (type !== NEW_SESSION_TICKET) throw badToken(`handshake message ${type} behind the handshake`);
  }
  return result;
}

/** KeyUpdate that asks for nothing. */
export function formatKeyUpdate(): Uint8Array {
  return Uint8Array.of(KEY_UPDATE, 0, 0, 1, 0);
}

function parseKeyUpdate(body: Uint8Array): PostHandshake {
  if (body.length !== 1 || body[0]! > 1) throw badToken('KeyUpdate that asks for neither nor');
  return { updatesKeys: true, wantsUpdate: body[0] === 1 };
}
