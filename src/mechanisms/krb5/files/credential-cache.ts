/**
 * Credential cache files, which hold a client's tickets and their session keys. MIT Kerberos and Heimdal use the same format,
 * which the MIT documentation describes ("Credential cache file format"). Versions 3 and 4 are supported. The obsolete versions
 * 1 and 2, whose byte order depends on the machine, are not.
 */
import { ByteReader } from '../../../byte-reader.js';
import { assertBytes } from '../../../bytes.js';
import { FtpSecurityError, refusalFrom } from '../../../errors.js';
import { nameText } from '../../name-text.js';
import type { EncryptionKey } from '../messages/kerberos.js';
import type { Principal } from '../messages/principal.js';

/** A ticket with its session key and properties. Times are in seconds since 1970; 0 means absent. */
export interface Credential {
  /** The client's principal. */
  client: Principal;
  /** The service that the ticket is for. */
  server: Principal;
  /** The session key. */
  key: EncryptionKey;
  /** When the client authenticated to the KDC. */
  authTime: number;
  /** When the ticket becomes valid; 0 means at `authTime`. */
  startTime: number;
  /** When the ticket expires. */
  endTime: number;
  /** Until when the ticket can be renewed; 0 if it is not renewable. */
  renewTill: number;
  /** Whether the ticket is encrypted with the session key of `secondTicket` (user-to-user, RFC 4120 §3.7). */
  isSessionKey: boolean;
  /** TicketFlags, 32 bits (RFC 4120 §5.3); bit 0 is the most significant. */
  flags: number;
  /** The client addresses that the ticket is restricted to; empty if it is not (RFC 4120 §5.2.5). */
  addresses: { addrType: number; address: Uint8Array }[];
  /** Authorization data (RFC 4120 §5.2.6). */
  authorizationData: { adType: number; adData: Uint8Array }[];
  /** The ticket in DER (RFC 4120 §5.3). */
  ticket: Uint8Array;
  /** The second ticket in DER if `isSessionKey` is set, else empty. */
  secondTicket: Uint8Array;
}

/** The contents of a credential cache file. */
export interface CredentialCache {
  /** The default principal: the client that the cache belongs to. */
  principal: Principal;
  /** In the file's order, without removed credentials and without `configuration`. */
  credentials: Credential[];
  /** Settings, which the file stores as credentials of realm `X-CACHECONF:`; `name` has the components of their names. */
  configuration: { name: string[]; value: Uint8Array }[];
  /** How far the KDC's clock is ahead of the client's, in seconds, when the cache was written. Only version 4 may have it. */
  timeOffset?: number;
  /** Set if the end of the file, after complete credentials, can't be parsed: one is truncated, or other octets follow. */
  error?: FtpSecurityError;
}

const CONFIGURATION_REALM = 'X-CACHECONF:';
/** A tag in the header of version 4. */
const TIME_OFFSET = 1;

/**
 * Parses a credential cache file of version 3 or 4. If the end of the file can't be parsed, `error` reports it, and the complete
 * credentials before it are returned.
 * @throws TypeError if `bytes` is not a Uint8Array
 * @throws FtpSecurityError `syntax/bad-file`, with the offset in `bytes`, if it is not a credential cache or its first credential is
 *   truncated
 * @example
 * ```ts
 * const { principal, credentials } = parseCredentialCache(await readFile('/tmp/krb5cc_1000'));
 * const exchange = krb5Initiator({ credentials, service: 'ftp@ftp.example.com' });
 * ```
 */
export function parseCredentialCache(bytes: Uint8Array): CredentialCache {
  assertBytes(bytes, 'bytes');
  const version = bytes[1];
  if (bytes[0] !== 5 || (version !== 3 && version !== 4)) {
    throw new FtpSecurityError('syntax/bad-file', 'not a credential cache: it does not start with 05 03 or 05 04', {
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

/** Unknown tags are skipped. */
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

/** Version 3 stores the enctype twice. */
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

/** MIT Kerberos marks removed credentials with times that no ticket has. */
function isRemoved({ authTime, endTime }: Credential): boolean {
  return endTime === 0 && authTime === 0xffff_ffff;
}
