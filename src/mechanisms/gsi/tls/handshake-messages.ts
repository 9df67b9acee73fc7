/** Handshake messages of TLS: the fields that an observer needs (RFC 5246 §7.4, RFC 8446 §4). */
import { ByteQueue } from '../../../byte-queue.js';
import { ByteReader } from '../../../byte-reader.js';
import { copy, fromHex, startsWith, u16beAt } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import { TLS_1_3 } from './key-schedule.js';

export const CLIENT_HELLO = 1;
export const SERVER_HELLO = 2;
export const CERTIFICATE = 11;
export const CLIENT_KEY_EXCHANGE = 16;
export const FINISHED = 20;
/**
 * After HelloRetryRequest, a message of this type with the hash of the first ClientHello replaces it in the transcript
 * (RFC 8446 §4.4.1).
 */
export const MESSAGE_HASH = 254;

export const MESSAGE_NAMES: Readonly<Record<number, string>> = {
  0: 'HelloRequest',
  1: 'ClientHello',
  2: 'ServerHello',
  4: 'NewSessionTicket',
  8: 'EncryptedExtensions',
  11: 'Certificate',
  12: 'ServerKeyExchange',
  13: 'CertificateRequest',
  14: 'ServerHelloDone',
  15: 'CertificateVerify',
  16: 'ClientKeyExchange',
  20: 'Finished',
  22: 'CertificateStatus',
  24: 'KeyUpdate',
  25: 'CompressedCertificate',
};

/** Octets of a message's type and length. */
const HEADER = 4;

const SERVER_NAME = 0;
const ENCRYPT_THEN_MAC = 22;
const EXTENDED_MASTER_SECRET = 23;
const SUPPORTED_VERSIONS = 43;

/** A ServerHello with this random is a HelloRetryRequest (RFC 8446 §4.1.3). */
const RETRY_RANDOM = fromHex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c');

/** Octets of handshake messages in one direction. Certificate chains of grids, with their attributes, are large. */
const MAX_HANDSHAKE = 2 ** 20;

export interface HandshakeMessage {
  type: number;
  /** A subarray of `raw`. */
  body: Uint8Array;
  /** The message with its header, as it is hashed for the transcript. */
  raw: Uint8Array;
}

/** Reassembles the handshake messages of one direction; records may split them anywhere. */
export class HandshakeMessages {
  readonly #queue = new ByteQueue();
  #taken = 0;

  /** Whether a message is incomplete. */
  get isOpen(): boolean {
    return this.#queue.length > 0;
  }

  /**
   * Adds the content of a record.
   * @returns the messages that are now complete
   * @throws FtpSecurityError `syntax/limit-exceeded` above 1 MiB of messages; `security/bad-token` for an empty record
   *   (RFC 5246 §6.2.1, RFC 8446 §5.1)
   */
  push(content: Uint8Array): HandshakeMessage[] {
    if (content.length === 0) throw badToken('TLS handshake record without content');
    this.#taken += content.length;
    if (this.#taken > MAX_HANDSHAKE) throw new FtpSecurityError('syntax/limit-exceeded', 'TLS handshake over 1 MiB');
    this.#queue.append(content);
    const messages: HandshakeMessage[] = [];
    for (let message = this.#next(); message !== undefined; message = this.#next()) messages.push(message);
    return messages;
  }

  #next(): HandshakeMessage | undefined {
    const octets = this.#queue.view();
    if (octets.length < HEADER) return undefined;
    const end = HEADER + readerOf(octets.subarray(1, HEADER), 'handshake message').uint24();
    if (end > octets.length) return undefined;
    const raw = copy(octets, 0, end);
    this.#queue.drop(end);
    return { type: raw[0]!, body: raw.subarray(HEADER), raw };
  }
}

export interface Hello {
  /** ServerHello: the selected version. ClientHello: the highest version up to 1.2. */
  version: number;
  random: Uint8Array;
  /** Numbers of cipher suites; a ServerHello has one. */
  suites: number[];
  /** The contents of extensions by number. */
  extensions: ReadonlyMap<number, Uint8Array>;
}

/** @throws FtpSecurityError `security/bad-token` */
export function parseClientHello(body: Uint8Array): Hello {
  const reader = readerOf(body, 'ClientHello');
  const version = reader.uint16();
  const random = reader.octets(32);
  reader.octets(reader.uint8());
  const offered = reader.part(reader.uint16());
  const suites: number[] = [];
  while (offered.left > 0) suites.push(offered.uint16());
  reader.octets(reader.uint8());
  return { version, random, suites, extensions: readExtensions(reader) };
}

/** @throws FtpSecurityError `security/bad-token` */
export function parseServerHello(body: Uint8Array): Hello {
  const reader = readerOf(body, 'ServerHello');
  const legacyVersion = reader.uint16();
  const random = reader.octets(32);
  reader.octets(reader.uint8());
  const suites = [reader.uint16()];
  if (reader.uint8() !== 0) throw reader.error('TLS compression');
  const extensions = readExtensions(reader);
  const selected = extensions.get(SUPPORTED_VERSIONS);
  const version = selected?.length === 2 ? u16beAt(selected, 0) : legacyVersion;
  return { version, random, suites, extensions };
}

export function isRetry({ random }: Hello): boolean {
  return startsWith(random, RETRY_RANDOM);
}

export function hasEncryptThenMac({ extensions }: Hello): boolean {
  return extensions.has(ENCRYPT_THEN_MAC);
}

export function hasExtendedMasterSecret({ extensions }: Hello): boolean {
  return extensions.has(EXTENDED_MASTER_SECRET);
}

/** The host name that a client requests (RFC 6066 §3), in octets. */
export function serverNameOf({ extensions }: Hello): Uint8Array | undefined {
  const list = extensions.get(SERVER_NAME);
  return list === undefined || list.length <= 5 ? undefined : copy(list, 5);
}

/**
 * The certificates of a Certificate message, the owner's first.
 * @throws FtpSecurityError `security/bad-token`
 */
export function parseCertificates(version: number, body: Uint8Array): Uint8Array[] {
  const reader = readerOf(body, 'Certificate');
  if (version === TLS_1_3) reader.octets(reader.uint8());
  const list = reader.part(reader.uint24());
  const certificates: Uint8Array[] = [];
  while (list.left > 0) {
    certificates.push(list.octets(list.uint24()));
    if (version === TLS_1_3) list.octets(list.uint16());
  }
  reader.assertEnd();
  return certificates;
}

/**
 * The premaster secret encrypted with the server's RSA key (RFC 5246 §7.4.7.1).
 * @throws FtpSecurityError `security/bad-token`
 */
export function parseEncryptedPremaster(body: Uint8Array): Uint8Array {
  const reader = readerOf(body, 'ClientKeyExchange');
  const encrypted = reader.octets(reader.uint16());
  reader.assertEnd();
  return encrypted;
}

function readExtensions(reader: ByteReader): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  if (reader.left === 0) return extensions;
  const list = reader.part(reader.uint16());
  reader.assertEnd();
  while (list.left > 0) {
    const number = list.uint16();
    if (extensions.has(number)) throw badToken(`TLS extension ${number} comes twice`);
    extensions.set(number, list.octets(list.uint16()));
  }
  return extensions;
}

function readerOf(body: Uint8Array, what: string): ByteReader {
  return new ByteReader(body, { what, code: 'security/bad-token' });
}
