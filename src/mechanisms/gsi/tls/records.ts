/** Records of TLS (RFC 5246 §6.2.1, RFC 8446 §5.1), and the state of one direction, which opens them in order. */
import { copy, u16beAt } from '../../../bytes.js';
import { badChecksum, badToken } from '../../../errors.js';
import type { NewAead } from './aead.js';
import { type MasterSecret, nextTrafficSecret, recordKeys, TLS_1_2, TLS_1_3, trafficKeys } from './key-schedule.js';
import { APPLICATION_DATA, type PlainRecord, type RecordCipher, recordCipher } from './record-cipher.js';
import type { Suite } from './suites.js';

export const CHANGE_CIPHER_SPEC = 20;
export const ALERT = 21;
export const HANDSHAKE = 22;

/** Octets of content in one record. */
export const MAX_CONTENT = 2 ** 14;
export const HEADER = 5;
/** Octets of a protected record; 2048 is the most that protection adds in any version. */
const MAX_FRAGMENT = MAX_CONTENT + 2048;

export interface TlsRecord {
  type: number;
  version: number;
  /** A subarray of the token, not a copy. */
  fragment: Uint8Array;
}

/**
 * Splits a token into its records, which must be complete.
 * @throws FtpSecurityError `security/bad-token`
 */
export function parseRecords(token: Uint8Array): TlsRecord[] {
  const records: TlsRecord[] = [];
  for (let at = 0; at < token.length; ) {
    if (token.length - at < HEADER) throw badToken('TLS record without its whole header', { offset: at });
    const type = token[at]!;
    const version = u16beAt(token, at + 1);
    const length = u16beAt(token, at + 3);
    if (type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA || version >> 8 !== 3) {
      throw badToken('not a TLS record', { offset: at });
    }
    if (length > MAX_FRAGMENT) throw badToken('TLS record above the maximum length', { offset: at + 3 });
    const start = at + HEADER;
    if (start + length > token.length) throw badToken('TLS record truncated', { offset: at });
    records.push({ type, version, fragment: token.subarray(start, start + length) });
    at = start + length;
  }
  if (records.length === 0) throw badToken('no TLS record in the token');
  return records;
}

/** A record with room for a fragment of this length. */
function emptyRecord(type: number, version: number, length: number): Uint8Array {
  const record = new Uint8Array(HEADER + length);
  record[0] = type;
  record[1] = version >> 8;
  record[2] = version;
  record[3] = length >> 8;
  record[4] = length;
  return record;
}

export function formatRecord(type: number, version: number, fragment: Uint8Array): Uint8Array {
  const record = emptyRecord(type, version, fragment.length);
  record.set(fragment, HEADER);
  return record;
}

/**
 * The state of one direction before its next record. It is immutable: each record gives a new state, so an error
 * changes nothing.
 */
export interface Direction {
  readonly version: number;
  readonly suite: Suite;
  readonly cipher: RecordCipher;
  /** The number of the next record. */
  readonly number: number;
  /** The last encrypted block, if the next record needs it; else empty. */
  readonly previous: Uint8Array;
  /** The traffic secret, in TLS 1.3. */
  readonly secret?: Uint8Array | undefined;
  /** Makes the ciphers of further keys, after KeyUpdate. */
  readonly newAead?: NewAead | undefined;
}

export interface Opened extends PlainRecord {
  /** The state after the record. */
  next: Direction;
}

/** Both directions after ChangeCipherSpec, up to TLS 1.2. */
export function directionsOf(master: MasterSecret, newAead?: NewAead): { client: Direction; server: Direction } {
  const { version, suite, encryptThenMac } = master;
  const { client, server } = recordKeys(master);
  const direction = (keys: typeof client): Direction => {
    const cipher = recordCipher({ version, suite, keys, encryptThenMac, newAead });
    return { version, suite, cipher, number: 0, previous: cipher.chain ? keys.iv : NOTHING };
  };
  return { client: direction(client), server: direction(server) };
}

/** A direction under a traffic secret of TLS 1.3, which is copied. */
export function directionOf13(suite: Suite, secret: Uint8Array, newAead?: NewAead): Direction {
  const cipher = recordCipher({ version: TLS_1_3, suite, keys: trafficKeys(suite, secret), newAead });
  return { version: TLS_1_3, suite, cipher, number: 0, previous: NOTHING, secret: secret.slice(), newAead };
}

/** The direction after KeyUpdate (RFC 8446 §4.6.3). */
export function updatedDirection({ suite, secret, newAead }: Direction): Direction {
  const next = nextTrafficSecret(suite, secret!);
  const direction = directionOf13(suite, next, newAead);
  next.fill(0);
  return direction;
}

/** The same state with its own copy of the keys. */
export function copyDirection(direction: Direction): Direction {
  const { cipher, previous, secret } = direction;
  return { ...direction, cipher: cipher.copy(), previous: copy(previous), secret: secret && copy(secret) };
}

export function encrypts({ suite }: Direction): boolean {
  return suite.kind !== 'NULL';
}

/** Erases the keys. */
export function destroyDirection({ cipher, previous, secret }: Direction): void {
  cipher.destroy();
  previous.fill(0);
  secret?.fill(0);
}

/**
 * Opens a record. That it has at most MAX_CONTENT octets is for the caller to check.
 * @param skipped  how many records before it are assumed to be lost
 * @throws FtpSecurityError `security/bad-token`, `security/bad-checksum`
 */
export function openRecord(direction: Direction, { type, version, fragment }: TlsRecord, skipped = 0): Opened {
  if (version !== wireVersion(direction)) throw badToken('TLS record with another version');
  if (direction.version === TLS_1_3 && type !== APPLICATION_DATA) throw badToken('unencrypted TLS record');
  const number = direction.number + skipped;
  const opened = direction.cipher.open(type, fragment, { number, previous: direction.previous });
  if (opened === undefined) throw badChecksum('wrong checksum of a TLS record');
  return { type: opened.type, content: opened.content, next: following(direction, number, fragment) };
}

/** Returns the octets of a protected record, and the direction after it. */
export function sealRecord(direction: Direction, record: PlainRecord): { octets: Uint8Array; next: Direction } {
  const { cipher, number, previous } = direction;
  const type = direction.version === TLS_1_3 ? APPLICATION_DATA : record.type;
  const octets = emptyRecord(type, wireVersion(direction), cipher.sealedLength(record.content.length));
  cipher.seal(octets, HEADER, record, { number, previous });
  return { octets, next: following(direction, number, octets, HEADER) };
}

/** In record headers TLS 1.3 uses the version of 1.2 (RFC 8446 §5.1). */
function wireVersion({ version }: Direction): number {
  return Math.min(version, TLS_1_2);
}

/**
 * The direction after a record of this number, whose fragment begins at `start`. Each field is named, since a spread would cost as
 * much as half the AEAD.
 */
function following(before: Direction, number: number, octets: Uint8Array, start = 0): Direction {
  const { version, suite, cipher, secret, newAead } = before;
  const previous = cipher.chain?.(octets.subarray(start)) ?? NOTHING;
  return { version, suite, cipher, number: number + 1, previous, secret, newAead };
}

const NOTHING = new Uint8Array();
