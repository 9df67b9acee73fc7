/**
 * The key and ticket files of Kerberos V4. Names end with a NUL.
 *
 * A srvtab file holds the long-term DES keys of services. Each entry has name, instance and realm, the key version number
 * (1 octet) and the key (8 octets).
 *
 * A ticket file of MIT Kerberos V4 holds the tickets of one client with their session keys (usually `/tmp/tkt` and the user id):
 *
 *     file        client's name and instance, credentials to the end of the file
 *     credential  service's name, instance and realm, session key (8), life (4), key version (4), length of the ticket (4),
 *                 ticket, time of issue (4)
 *
 * Numbers in a ticket file have the byte order of the machine that wrote it.
 */
import { ByteReader } from '../../byte-reader.js';
import { assertBytes } from '../../bytes.js';
import { KEY_LENGTH } from './crypto.js';
import { type Krb4Principal, readName } from './principal.js';

/** A ticket with its session key. `name`, `instance` and `realm` are those of the service. */
export interface Krb4Credential extends Krb4Principal {
  /** The session key, 8 octets. */
  sessionKey: Uint8Array;
  /** Lifetime code of the ticket, one octet: below 128 in units of 5 minutes. */
  life: number;
  /** Version number of the service's key. */
  kvno: number;
  /** The encrypted ticket. */
  ticket: Uint8Array;
  /** When the ticket was issued, by the client's clock, in seconds since 1970. */
  issued: number;
}

/** The contents of a ticket file. */
export interface Krb4TicketFile {
  /** The client's name. Its realm is that of the first credential. */
  name: string;
  /** The client's instance, usually empty. */
  instance: string;
  /** In the file's order; the last one for a service is the newest. */
  credentials: Krb4Credential[];
}

/** The greatest length of a ticket (MAX_KTXT_LEN). */
const MAX_TICKET = 1250;

/**
 * Parses a ticket file of Kerberos V4, in either byte order.
 * @throws TypeError if `bytes` is not a Uint8Array
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`
 */
export function parseTicketFile(bytes: Uint8Array): Krb4TicketFile {
  assertBytes(bytes, 'bytes');
  const file = readerOf(bytes);
  const [name, instance] = [readName(file), readName(file)];
  if (name === '') throw file.error('the client has no name');
  file.littleEndian = file.left > 0 && isLittleEndian(bytes);
  const credentials: Krb4Credential[] = [];
  while (file.left > 0) credentials.push(readCredential(file));
  return { name, instance, credentials };
}

function readCredential(file: ByteReader): Krb4Credential {
  const [name, instance, realm] = [readName(file), readName(file), readName(file)];
  if (name === '' || realm === '') throw file.error('a ticket for a service without a name or realm');
  const sessionKey = file.octets(KEY_LENGTH);
  const [life, kvno, length] = [file.uint32(), file.uint32(), file.uint32()];
  if (life > 0xff || kvno > 0xff) throw file.error('a lifetime or key version over 255');
  if (length > MAX_TICKET) throw file.error(`a ticket of ${length} octets, but the greatest length is ${MAX_TICKET}`);
  const ticket = file.octets(length);
  return { name, instance, realm, sessionKey, life, kvno, ticket, issued: file.uint32() };
}

/** With the wrong byte order, the length of the first ticket is over the limit. */
function isLittleEndian(bytes: Uint8Array): boolean {
  const file = readerOf(bytes);
  for (let names = 0; names < 5; names++) readName(file);
  file.octets(KEY_LENGTH + 4 + 4);
  file.littleEndian = true;
  return file.uint32() <= MAX_TICKET;
}

function readerOf(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes, { what: 'ticket file', code: 'syntax/bad-file' });
}

/** An entry of a srvtab: one key of one service. */
export interface SrvtabEntry extends Krb4Principal {
  /** Key version number. */
  kvno: number;
  /** The DES key, 8 octets. */
  key: Uint8Array;
  /** Where the key is from, for people, e.g. a file name. Observers report it in `openedBy`. */
  source?: string;
}

/**
 * Parses a srvtab file, and returns its entries in the file's order.
 * @throws TypeError if `bytes` is not a Uint8Array
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`; also if it is empty
 */
export function parseSrvtab(bytes: Uint8Array): SrvtabEntry[] {
  assertBytes(bytes, 'bytes');
  const file = new ByteReader(bytes, { what: 'srvtab', code: 'syntax/bad-file' });
  if (file.left === 0) throw file.error('it is empty');
  const entries: SrvtabEntry[] = [];
  while (file.left > 0) {
    const [name, instance, realm] = [readName(file), readName(file), readName(file)];
    if (name === '' || realm === '') throw file.error('a key without a name or realm');
    entries.push({ name, instance, realm, kvno: file.uint8(), key: file.octets(KEY_LENGTH) });
  }
  return entries;
}
