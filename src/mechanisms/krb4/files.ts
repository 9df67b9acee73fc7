/**
 * The key and ticket files of Kerberos V4. Names end with a NUL.
 *
 * srvtab files hold the long-term DES keys of services, entry after entry: name, instance and realm, the key's version
 * (1 octet), the key (8 octets).
 *
 * Ticket files hold the tickets of one client with their session keys, as MIT's Kerberos V4 keeps them (mostly `/tmp/tkt` and
 * the number of the user):
 *
 *     file        client's name and instance, credentials to the end of the file
 *     credential  service's name, instance and realm, session key (8), life (4), key version (4), length of the ticket (4),
 *                 ticket, time of issue (4)
 *
 * Their numbers have the octet order of the machine that wrote them.
 */
import { ByteReader } from '../../byte-reader.js';
import { assertBytes } from '../../bytes.js';
import { KEY_LENGTH } from './crypto.js';
import { type Krb4Principal, readName } from './principal.js';

/** A ticket, and what its client has to know to use it. The names are the service's. */
export interface Krb4Credential extends Krb4Principal {
  sessionKey: Uint8Array;
  /** As in the ticket: units of 5 minutes below 128. */
  life: number;
  /** Version of the service's key. */
  kvno: number;
  ticket: Uint8Array;
  /** By the client's clock, in seconds since 1970. */
  issued: number;
}

export interface Krb4TicketFile {
  /** Of the client, whose realm is that of its first credential. */
  name: string;
  instance: string;
  credentials: Krb4Credential[];
}

/** Of a ticket (MAX_KTXT_LEN). */
const MAX_TICKET = 1250;

/** @throws FtpSecurityError `syntax/bad-file`, with the offset */
export function parseTicketFile(bytes: Uint8Array): Krb4TicketFile {
  assertBytes(bytes, 'bytes');
  const file = readerOf(bytes);
  const [name, instance] = [readName(file), readName(file)];
  if (name === '') throw file.error('a client without a name');
  file.littleEndian = file.left > 0 && isLittleEndian(bytes);
  const credentials: Krb4Credential[] = [];
  while (file.left > 0) credentials.push(readCredential(file));
  return { name, instance, credentials };
}

function readCredential(file: ByteReader): Krb4Credential {
  const [name, instance, realm] = [readName(file), readName(file), readName(file)];
  if (name === '' || realm === '') throw file.error('a ticket for a service without a name and a realm');
  const sessionKey = file.octets(KEY_LENGTH);
  const [life, kvno, length] = [file.uint32(), file.uint32(), file.uint32()];
  if (life > 0xff || kvno > 0xff) throw file.error('a life or a key version of more than an octet');
  if (length > MAX_TICKET) throw file.error(`a ticket of ${length} octets`);
  const ticket = file.octets(length);
  return { name, instance, realm, sessionKey, life, kvno, ticket, issued: file.uint32() };
}

/** No ticket is so long that its length, read in the wrong order, would pass for one. */
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

export interface SrvtabEntry extends Krb4Principal {
  /** Key version number. */
  kvno: number;
  key: Uint8Array;
  /** Where the key is from, for people: an observer names it for a ticket that the key has opened. */
  source?: string;
}

/** @throws FtpSecurityError `syntax/bad-file`, with the offset */
export function parseSrvtab(bytes: Uint8Array): SrvtabEntry[] {
  assertBytes(bytes, 'bytes');
  const file = new ByteReader(bytes, { what: 'srvtab', code: 'syntax/bad-file' });
  if (file.left === 0) throw file.error('it is empty');
  const entries: SrvtabEntry[] = [];
  while (file.left > 0) {
    const [name, instance, realm] = [readName(file), readName(file), readName(file)];
    if (name === '' || realm === '') throw file.error('a key without a name and a realm');
    entries.push({ name, instance, realm, kvno: file.uint8(), key: file.octets(KEY_LENGTH) });
  }
  return entries;
}
