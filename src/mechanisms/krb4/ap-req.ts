/**
 * The client's security data, as krb_mk_req makes it (RFC 2228 appendix II):
 *
 *     AP_REQ         04, 06 or 08 (plus 1: little-endian), key version, realm, lengths of ticket and authenticator (1 octet
 *                    each), ticket, authenticator
 *     ticket         under the service's key: flags (bit 0: little-endian), client's name, instance and realm, its IPv4
 *                    address, session key (8), life (1), time of issue (4), service's name and instance
 *     authenticator  under the session key: client's name, instance and realm, checksum (4), fraction of a second
 *                    (1), time (4)
 *
 * Names end with a NUL; ticket and authenticator are filled up to whole blocks, and encrypted in PCBC.
 */
import { FtpSecurityError } from '../../errors.js';
import { OctetReader } from './octet-reader.js';
import { type DesKey, desKey, KEY_LENGTH, type Krb4Ciphers, pcbcDecrypt } from './pcbc.js';
import { principalText, type SrvtabEntry } from './srvtab.js';

export interface ApReq {
  littleEndian: boolean;
  kvno: number;
  realm: string;
  ticket: Uint8Array;
  authenticator: Uint8Array;
}

export interface Ticket {
  client: string;
  address: Uint8Array;
  sessionKey: Uint8Array;
  /** In units of 5 minutes below 128. */
  life: number;
  /** Seconds since 1970. */
  issued: number;
  /** The service, `name.instance@REALM`. */
  service: string;
}

export interface Authenticator {
  client: string;
  /** What the server adds one to, and shows. */
  checksum: number;
  /** Seconds since 1970. */
  time: number;
}

export interface OpenedApReq {
  ticket: Ticket;
  authenticator: Authenticator;
  session: DesKey;
}

const VERSION = 4;
const TYPES: ReadonlySet<number> = new Set([0x06, 0x08]);

/** Whether a token begins as an AP_REQ does. */
export function isApReq(token: Uint8Array): boolean {
  return token[0] === VERSION && TYPES.has((token[1] ?? 0) & ~1);
}

/** @throws FtpSecurityError `security/bad-token` */
export function parseApReq(token: Uint8Array): ApReq {
  const reader = new OctetReader(token, 'AP_REQ', 'security/bad-token');
  if (!isApReq(token)) throw reader.error('not of Kerberos V4');
  const littleEndian = (reader.octets(2)[1]! & 1) === 1;
  const kvno = reader.uint8();
  const realm = reader.name();
  const lengths = [reader.uint8(), reader.uint8()] as const;
  if (lengths.some(length => length === 0 || length % 8 !== 0)) throw reader.error('no whole blocks');
  const [ticket, authenticator] = [reader.octets(lengths[0]), reader.octets(lengths[1])];
  if (reader.left > 0) throw reader.error(`${reader.left} octets behind its end`);
  return { littleEndian, kvno, realm, ticket, authenticator };
}

/**
 * @throws FtpSecurityError `security/no-key` when none of the keys opens the ticket, `security/bad-token` when ticket and
 *   authenticator do not fit together
 */
export function openApReq(message: ApReq, keys: readonly SrvtabEntry[], ciphers: Krb4Ciphers): OpenedApReq {
  const ticket = openTicket(message, keys, ciphers);
  const session = desKey(ticket.sessionKey, ciphers);
  const authenticator = openAuthenticator(message, session);
  if (authenticator.client !== ticket.client) {
    throw new FtpSecurityError('security/bad-token', 'ticket and authenticator name different clients');
  }
  return { ticket, authenticator, session };
}

/** A ticket has no checksum: that its text is whole and names the service of the key is what shows the right one. */
function openTicket({ ticket, kvno, realm }: ApReq, keys: readonly SrvtabEntry[], ciphers: Krb4Ciphers): Ticket {
  for (const entry of keys) {
    if (entry.kvno !== kvno || entry.realm !== realm) continue;
    const opened = attempt(() => readTicket(pcbcDecrypt(desKey(entry.key, ciphers), ticket), realm));
    if (opened?.service === principalText(entry.name, entry.instance, realm)) return opened;
  }
  throw new FtpSecurityError('security/no-key', `no key of version ${kvno} for realm ${realm} opens the ticket`);
}

function readTicket(plaintext: Uint8Array, realm: string): Ticket {
  const reader = new OctetReader(plaintext, 'ticket', 'security/bad-token');
  const littleEndian = (reader.uint8() & 1) === 1;
  const client = readPrincipal(reader);
  const address = reader.octets(4);
  const sessionKey = reader.octets(KEY_LENGTH);
  const life = reader.uint8();
  const issued = reader.uint32(littleEndian);
  const service = principalText(reader.name(), reader.name(), realm);
  reader.filling();
  return { client, address, sessionKey, life, issued, service };
}

function openAuthenticator({ authenticator, littleEndian }: ApReq, session: DesKey): Authenticator {
  const plaintext = pcbcDecrypt(session, authenticator);
  const reader = new OctetReader(plaintext, 'authenticator', 'security/bad-token');
  const client = readPrincipal(reader);
  const checksum = reader.uint32(littleEndian);
  // The fraction of the second: MIT's library puts numbers there that are no units of 5 milliseconds.
  reader.uint8();
  const time = reader.uint32(littleEndian);
  reader.filling();
  return { client, checksum, time };
}

function readPrincipal(reader: OctetReader): string {
  return principalText(reader.name(), reader.name(), reader.name());
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    return undefined;
  }
}
