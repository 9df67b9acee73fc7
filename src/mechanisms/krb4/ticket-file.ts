/**
 * Ticket files: the tickets of one client with their session keys, as MIT's Kerberos V4 keeps them (mostly
 * `/tmp/tkt` and the number of the user):
 *
 *     file        client's name and instance, credentials to the end of the file
 *     credential  service's name, instance and realm, session key (8), life (4), key version (4), length of the ticket (4),
 *                 ticket, time of issue (4)
 *
 * Names end with a NUL. Numbers have the octet order of the machine that wrote them.
 */
import { assertBytes } from '../../bytes.js';
import { OctetReader } from './octet-reader.js';
import { KEY_LENGTH } from './pcbc.js';
import type { Krb4Principal } from './principal.js';

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
  const [name, instance] = [file.name(), file.name()];
  if (name === '') throw file.error('a client without a name');
  const littleEndian = file.left > 0 && isLittleEndian(bytes);
  const credentials: Krb4Credential[] = [];
  while (file.left > 0) credentials.push(readCredential(file, littleEndian));
  return { name, instance, credentials };
}

function readCredential(file: OctetReader, littleEndian: boolean): Krb4Credential {
  const [name, instance, realm] = [file.name(), file.name(), file.name()];
  if (name === '' || realm === '') throw file.error('a ticket for a service without a name and a realm');
  const sessionKey = file.octets(KEY_LENGTH);
  const [life, kvno, length] = [file.uint32(littleEndian), file.uint32(littleEndian), file.uint32(littleEndian)];
  if (life > 0xff || kvno > 0xff) throw file.error('a life or a key version of more than an octet');
  if (length > MAX_TICKET) throw file.error(`a ticket of ${length} octets`);
  const ticket = file.octets(length);
  return { name, instance, realm, sessionKey, life, kvno, ticket, issued: file.uint32(littleEndian) };
}

/** No ticket is so long that its length, read in the wrong order, would pass for one. */
function isLittleEndian(bytes: Uint8Array): boolean {
  const file = readerOf(bytes);
  for (let names = 0; names < 5; names++) file.name();
  file.octets(KEY_LENGTH + 4 + 4);
  return file.uint32(true) <= MAX_TICKET;
}

function readerOf(bytes: Uint8Array): OctetReader {
  return new OctetReader(bytes, 'ticket file', 'syntax/bad-file');
}
