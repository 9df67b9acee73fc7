/**
 * Credential caches: a client's tickets with their session keys, in a file. MIT and Heimdal share the format; the MIT
 * documentation ("Credential cache file format") describes it. Versions 3 and 4, which are big-endian; 1 and 2 depend on the
 * machine that wrote them, and are long gone.
 */
import { ByteReader } from '../../../byte-reader.js';
import { assertBytes } from '../../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../../errors.js';
import { nameText } from '../../der.js';
import type { EncryptionKey } from '../messages/kerberos.js';
import type { Principal } from '../messages/principal.js';

/** A ticket and what belongs to it. Times are seconds since 1970; 0 where there is none. */
export interface Credential {
  client: Principal;
  server: Principal;
  /** The session key. */
  key: EncryptionKey;
  authTime: number;
  /** 0: the same as `authTime`. */
  startTime: number;
  endTime: number;
  renewTill: number;
  /** The ticket is under the session key of `secondTicket`: user to user (RFC 4120 §3.7). */
  isSessionKey: boolean;
  /** TicketFlags (RFC 4120 §5.3): bit 0 is the highest of 32. */
  flags: number;
  addresses: { addrType: number; address: Uint8Array }[];
  authorizationData: { adType: number; adData: Uint8Array }[];
  /** DER of the ticket. */
  ticket: Uint8Array;
  /** Empty unless the ticket is under its session key. */
  secondTicket: Uint8Array;
}

export interface CredentialCache {
  /** Whose cache it is. */
  principal: Principal;
  /** In the file's order, without removed ones and without `configuration`. */
  credentials: Credential[];
  /** Settings that libraries keep as credentials of a realm `X-CACHECONF:`, each by its name's components. */
  configuration: { name: string[]; value: Uint8Array }[];
  /** By how much the clock of the KDC is ahead of the client's, as version 4 may say; in seconds. */
  timeOffset?: number;
  /** Why the file can't be read to its end: after whole credentials, one is cut or something else follows. */
  error?: FtpSecurityError;
}

const CONFIGURATION_REALM = 'X-CACHECONF:';
/** A tag of the header of version 4. */
const TIME_OFFSET = 1;

/**
 * A credential cache, of version 3 or 4. What is odd at its end, behind whole credentials, is left out and reported in `error`.
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`
 */
export function parseCredentialCache(bytes: Uint8Array): CredentialCache {
  assertBytes(bytes, 'bytes');
  const version = bytes[1];
  if (bytes[0] !== 5 || (version !== 3 && version !== 4)) {
    throw new FtpSecurityError('syntax/bad-file', 'no credential cache: it does not start with 05 03 or 05 04', {
      offset: 0,
    });
  }
  const file = new ByteReader(bytes, { what: 'credential cache', code: 'syntax/bad-file', start: 2 });
  const timeOffset = version === 4 ? readHeader(file.part(file.uint16())) : undefined;
  const principal = readPrincipal(file);
  const { all, error } = readCredentials(file, version);
  const configuration = all.filter(isConfiguration);
  return {
    principal,
    credentials: all.filter(credential => !isConfiguration(credential) && !isRemoved(credential)),
    configuration: configuration.map(({ server, ticket }) => ({ name: server.name, value: ticket })),
    ...(timeOffset !== undefined && { timeOffset }),
    ...(error !== undefined && { error }),
  };
}

function readCredentials(file: ByteReader, version: 3 | 4): { all: Credential[]; error?: FtpSecurityError } {
  const all: Credential[] = [];
  try {
    while (file.left > 0) all.push(readCredential(file, version));
  } catch (error) {
    const refusal = refusalFrom(error);
    if (all.length === 0) throw refusal;
    return { all, error: refusal };
  }
  return { all };
}

/** Tags that are not known are passed over. */
function readHeader(header: ByteReader): number | undefined {
  let timeOffset: number | undefined;
  while (header.left > 0) {
    const tag = header.uint16();
    const field = header.part(header.uint16());
    if (tag === TIME_OFFSET) timeOffset = field.int32() + field.int32() / 1e6;
  }
  return timeOffset;
}

function readPrincipal(file: ByteReader): Principal {
  const type = file.int32();
  const components = file.uint32();
  const realm = nameText(counted(file));
  const name: string[] = [];
  for (let i = 0; i < components; i++) name.push(nameText(counted(file)));
  return { name, realm, type };
}

function readCredential(file: ByteReader, version: 3 | 4): Credential {
  return {
    client: readPrincipal(file),
    server: readPrincipal(file),
    key: readKey(file, version),
    authTime: file.uint32(),
    startTime: file.uint32(),
    endTime: file.uint32(),
    renewTill: file.uint32(),
    isSessionKey: file.uint8() !== 0,
    flags: file.uint32(),
    addresses: readTyped(file).map(([addrType, address]) => ({ addrType, address })),
    authorizationData: readTyped(file).map(([adType, adData]) => ({ adType, adData })),
    ticket: counted(file),
    secondTicket: counted(file),
  };
}

/** Version 3 has the type twice. */
function readKey(file: ByteReader, version: 3 | 4): EncryptionKey {
  const keytype = file.int16();
  if (version === 3) file.int16();
  return { keytype, keyvalue: counted(file) };
}

function readTyped(file: ByteReader): [type: number, octets: Uint8Array][] {
  const entries: [number, Uint8Array][] = [];
  for (let left = file.uint32(); left > 0; left--) entries.push([file.int16(), counted(file)]);
  return entries;
}

function counted(file: ByteReader): Uint8Array {
  return file.octets(file.uint32());
}

function isConfiguration({ server }: Credential): boolean {
  return server.realm === CONFIGURATION_REALM;
}

/** As MIT marks what it removes: it leaves the entry, with times that no ticket has. */
function isRemoved({ authTime, endTime }: Credential): boolean {
  return endTime === 0 && authTime === 0xffff_ffff;
}
