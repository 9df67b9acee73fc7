/**
 * The AP_REQ, the client's security data (krb_mk_req; RFC 2228 appendix II):
 *
 *     AP_REQ         04, 06 or 08 (plus 1: little-endian), key version, realm, lengths of ticket and authenticator (1 octet
 *                    each), ticket, authenticator
 *     ticket         under the service's key: flags (bit 0: little-endian), client's name, instance and realm, its IPv4
 *                    address, session key (8), life (1), time of issue (4), service's name and instance
 *     authenticator  under the session key: client's name, instance and realm, checksum (4), fraction of a second
 *                    (1), time (4)
 *
 * Names end with a NUL. Ticket and authenticator are padded to whole blocks and encrypted in PCBC mode.
 */
import type { BlockCiphers } from '../../block-cipher.js';
import { ByteReader } from '../../byte-reader.js';
import { concat } from '../../bytes.js';
import { badToken, FtpSecurityError, refusalFrom } from '../../errors.js';
import { destroyOnError } from '../exchange-generator.js';
import { BLOCK, type DesKey, desKey, eraseKey, KEY_LENGTH, pcbcDecrypt, pcbcEncrypt, withDesKey } from './crypto.js';
import type { Krb4Credential, SrvtabEntry } from './files.js';
import { u32 } from './messages.js';
import { formatNames, type Krb4Principal, principalText, readName } from './principal.js';

/** A parsed AP_REQ; ticket and authenticator are encrypted. */
export interface ApReq {
  littleEndian: boolean;
  kvno: number;
  realm: string;
  ticket: Uint8Array;
  authenticator: Uint8Array;
}

/** The contents of a ticket. */
export interface Ticket {
  client: string;
  address: Uint8Array;
  sessionKey: Uint8Array;
  /** Lifetime code: units of 5 minutes below 128; see `endOf`. */
  life: number;
  /** Seconds since 1970. */
  issued: number;
  /** The service, `name.instance@REALM`. */
  service: string;
}

/** The contents of a received authenticator. */
export interface Authenticator {
  client: string;
  /** A number that the server returns plus one. */
  checksum: number;
  /** Seconds since 1970. */
  time: number;
  /** Octets of padding in the last block. */
  padding: number;
}

/** A decrypted AP_REQ. */
export interface OpenedApReq {
  ticket: Ticket;
  authenticator: Authenticator;
  session: DesKey;
  /** The entry whose key decrypted the ticket. */
  opener: SrvtabEntry;
}

const VERSION = 4;
const REQUEST = 0x06;
const TYPES: ReadonlySet<number> = new Set([REQUEST, 0x08]);

/** The greatest length of a ticket: a multiple of the block size in one octet. */
const MAX_LENGTH = 0xff - (0xff % BLOCK);

/** Whether a token starts like an AP_REQ. */
export function isApReq(token: Uint8Array): boolean {
  return token[0] === VERSION && TYPES.has((token[1] ?? 0) & ~1);
}

/**
 * Parses an AP_REQ.
 * @throws FtpSecurityError `security/bad-token`
 */
export function parseApReq(token: Uint8Array): ApReq {
  const reader = new ByteReader(token, { what: 'AP_REQ', code: 'security/bad-token' });
  if (!isApReq(token)) throw reader.error('not an AP_REQ of Kerberos V4');
  const littleEndian = (reader.octets(2)[1]! & 1) === 1;
  const kvno = reader.uint8();
  const realm = readName(reader);
  const lengths = [reader.uint8(), reader.uint8()] as const;
  if (lengths.some(length => length === 0 || length % BLOCK !== 0))
    throw reader.error('the length of ticket or authenticator is not a multiple of 8');
  const [ticket, authenticator] = [reader.octets(lengths[0]), reader.octets(lengths[1])];
  reader.assertEnd();
  return { littleEndian, kvno, realm, ticket, authenticator };
}

/** The contents of an authenticator to send. */
export interface AuthenticatorContents {
  client: Krb4Principal;
  checksum: number;
  /** The time in seconds since 1970. */
  seconds: number;
  fiveMs: number;
}

/**
 * Makes an AP_REQ.
 * @param session  the credential's session key
 * @throws FtpSecurityError `security/bad-token`, with side `local`, if the ticket has an impossible length
 */
export function buildApReq(
  { kvno, realm, ticket }: Krb4Credential,
  session: DesKey,
  { client, checksum, seconds, fiveMs }: AuthenticatorContents,
  littleEndian: boolean,
): Uint8Array {
  if (ticket.length === 0 || ticket.length > MAX_LENGTH || ticket.length % BLOCK !== 0) {
    throw badToken(`the ticket in the credential has an impossible length: ${ticket.length} octets`, { side: 'local' });
  }
  const authenticator = pcbcEncrypt(
    session,
    concat(
      formatNames(client.name, client.instance, client.realm),
      u32(checksum, littleEndian),
      Uint8Array.of(fiveMs),
      u32(seconds, littleEndian),
    ),
  );
  const head = concat(Uint8Array.of(VERSION, REQUEST | Number(littleEndian), kvno), formatNames(realm));
  return concat(head, Uint8Array.of(ticket.length, authenticator.length), ticket, authenticator);
}

/**
 * Decrypts the ticket and the authenticator of an AP_REQ.
 * @throws FtpSecurityError `security/no-key` if none of the keys decrypts the ticket, `security/bad-token` if a plaintext is
 *   malformed, `security/wrong-name` if ticket and authenticator have different client names
 */
export function openApReq(message: ApReq, keys: readonly SrvtabEntry[], ciphers: BlockCiphers): OpenedApReq {
  const { ticket, opener } = openTicket(message, keys, ciphers);
  const session = desKey(ticket.sessionKey, ciphers);
  try {
    const authenticator = openAuthenticator(message, session);
    if (authenticator.client === ticket.client) return { ticket, authenticator, session, opener };
    throw new FtpSecurityError('security/wrong-name', 'ticket and authenticator have different client names');
  } catch (error) {
    eraseKeys({ ticket, session });
    throw error;
  }
}

/** Overwrites the session key. */
export function eraseKeys({ ticket, session }: Pick<OpenedApReq, 'ticket' | 'session'>): void {
  eraseKey(session);
  ticket.sessionKey.fill(0);
}

/** A ticket has no checksum, so a key counts as right if the plaintext can be parsed and names the service of the key. */
function openTicket(
  { ticket, kvno, realm }: ApReq,
  keys: readonly SrvtabEntry[],
  ciphers: BlockCiphers,
): Pick<OpenedApReq, 'ticket' | 'opener'> {
  const ofRealm = keys.filter(key => key.realm === realm);
  const ofVersion = ofRealm.filter(key => key.kvno === kvno);
  for (const entry of ofVersion) {
    const plaintext = withDesKey(entry.key, ciphers, key => pcbcDecrypt(key, ticket));
    const opened = attempt(() => readTicket(plaintext, realm));
    plaintext.fill(0);
    if (opened?.service === principalText(entry)) return { ticket: opened, opener: entry };
    opened?.sessionKey.fill(0);
  }
  if (ofRealm.length === 0) throw noKey(`no key for realm ${realm}`);
  if (ofVersion.length > 0) throw noKey(`no key of version ${kvno} for realm ${realm} decrypts the ticket`);
  const versions = [...new Set(ofRealm.map(key => key.kvno))].join(', ');
  throw noKey(`no key of version ${kvno} for realm ${realm} (known versions: ${versions})`);
}

function noKey(message: string): FtpSecurityError {
  return new FtpSecurityError('security/no-key', message);
}

function readTicket(plaintext: Uint8Array, realm: string): Ticket {
  const reader = new ByteReader(plaintext, { what: 'ticket', code: 'security/bad-token' });
  reader.littleEndian = (reader.uint8() & 1) === 1;
  const client = readPrincipal(reader);
  const address = reader.octets(4);
  const sessionKey = reader.octets(KEY_LENGTH);
  return destroyOnError({ destroy: () => sessionKey.fill(0) }, () => {
    const life = reader.uint8();
    const issued = reader.uint32();
    const service = principalText({ name: readName(reader), instance: readName(reader), realm });
    paddingLength(reader);
    return { client, address, sessionKey, life, issued, service };
  });
}

function openAuthenticator({ authenticator, littleEndian }: ApReq, session: DesKey): Authenticator {
  const plaintext = pcbcDecrypt(session, authenticator);
  const reader = new ByteReader(plaintext, { what: 'authenticator', code: 'security/bad-token', littleEndian });
  const client = readPrincipal(reader);
  const checksum = reader.uint32();
  // The fraction of the second is ignored, since MIT's library does not write it in units of 5 milliseconds.
  reader.uint8();
  const time = reader.uint32();
  return { client, checksum, time, padding: paddingLength(reader) };
}

/**
 * The number of padding octets, which may have any value: MIT's library does not initialise them.
 * @throws FtpSecurityError `security/bad-token` if a whole block or more is left
 */
function paddingLength(reader: ByteReader): number {
  if (reader.left >= BLOCK) reader.assertEnd();
  return reader.left;
}

function readPrincipal(reader: ByteReader): string {
  return principalText({ name: readName(reader), instance: readName(reader), realm: readName(reader) });
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    refusalFrom(error);
    return undefined;
  }
}
