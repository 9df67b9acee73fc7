/**
 * Tokens of an established context. A token is one TLS record or more; records are numbered by counting (RFC 5246 §6.2,
 * RFC 8446 §5). A text of more than 16384 octets takes several records. Only the cipher suite decides the level,
 * whatever level is requested: `safe` with a NULL suite, else `private`.
 */
import { assertBytes, concatAll, copy } from '../../bytes.js';
import { badToken, FtpSecurityError, refusalFrom } from '../../errors.js';
import type { SecurityContext, Unwrapped, Wrapped } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { ReplayWindow } from '../../replay-window.js';
import { EarlierRecords } from './earlier-records.js';
import { INTEGRITY_TOKEN, type IntegrityKey, parseIntegrityToken } from './integrity-token.js';
import { alertName, isPassedOver } from './tls/alerts.js';
import { assertFewKeyUpdates, formatKeyUpdate, parsePostHandshake } from './tls/post-handshake.js';
import { APPLICATION_DATA, type PlainRecord } from './tls/record-cipher.js';
import {
  ALERT,
  copyDirection,
  type Direction,
  destroyDirection,
  encrypts,
  HANDSHAKE,
  HEADER,
  MAX_CONTENT,
  type Opened,
  openRecord,
  parseRecords,
  sealRecord,
  type TlsRecord,
  updatedDirection,
} from './tls/records.js';

export interface RecordContextOptions {
  /** Direction from the peer to us. The context erases its keys when it is destroyed. */
  receive: Direction;
  /** Direction from us to the peer; without it the context only unwraps. */
  send?: Direction;
  /** Opens integrity-only tokens, which are refused without it. */
  integrity?: IntegrityKey | undefined;
  /** How many records may be missing before a token, for recordings; a live peer's records come in order. Default 0. */
  maxSkipped?: number;
}

/** The contents of a token, and the direction after it. */
interface TokenContents {
  texts: Uint8Array[];
  skipped: number;
  next: Direction;
  /** How many KeyUpdates it has. */
  updates: number;
  wantsUpdate: boolean;
  /** The beginning of a handshake message that goes on in the next record. */
  rest: Uint8Array;
  /** An alert after which TLS goes on; alone, it is an error all the same. */
  alert?: FtpSecurityError;
  /** What the peer itself has done against TLS: an alert, or a record that is not allowed. No record after it is read. */
  fatal?: FtpSecurityError;
}

/** How many records may be missing where a recording has lost octets: more than in a long listing. */
const MAX_LOST = 2 ** 12;
/** How many numbers are tried in all, for such records: so many gaps, and tokens that do not open, must not take hours. */
const MAX_TRIALS = 2 ** 16;
/** Records under one key. The limits for AES-GCM are not much higher (RFC 8446 §5.5, RFC 9325 §4.4). */
const MAX_RECORDS = 2 ** 24;
const UPDATE: PlainRecord = { type: HANDSHAKE, content: formatKeyUpdate() };

export class RecordContext implements SecurityContext {
  readonly mechanism = 'GSSAPI';
  readonly neverEmpty = true;
  readonly #level: 'safe' | 'private';
  readonly #integrity: IntegrityKey | undefined;
  readonly #integrityNumbers = new ReplayWindow(0n);
  readonly #maxSkipped: number;
  /** Only in recordings. */
  readonly #earlier: EarlierRecords | undefined;
  #receive: Direction;
  #send: Direction | undefined;
  /** The peer has sent a KeyUpdate that asks for new keys of ours; our KeyUpdate goes before the next text. */
  #mustUpdate = false;
  #position: bigint | undefined;
  #highest = -1n;
  #follows = false;
  /** Why the context has ended. */
  #end: string | undefined;
  #interrupted = false;
  #trials = MAX_TRIALS;
  #rest: Uint8Array = NOTHING;

  constructor({ receive, send, integrity, maxSkipped = 0 }: RecordContextOptions) {
    this.#level = encrypts(receive) ? 'private' : 'safe';
    this.#receive = receive;
    this.#send = send;
    this.#integrity = integrity;
    // In TLS 1.0 with CBC, a record after a missing one can have a correct checksum (RFC 7366), and yet be decrypted
    // to a wrong text.
    this.#maxSkipped = receive.cipher.chain === undefined ? maxSkipped : 0;
    this.#earlier = maxSkipped > 0 ? new EarlierRecords() : undefined;
  }

  supports(level: TokenLevel): boolean {
    this.#assertOpen();
    return level === 'safe' || level === this.#level;
  }

  /** @throws RangeError for an empty plaintext, for which GSI has no token */
  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped {
    assertBytes(plaintext, 'plaintext');
    if (plaintext.length === 0) throw new RangeError('plaintext must not be empty: GSI has no token for it');
    const before = this.#sending(level);
    const number = this.#mustUpdate ? 0 : before.number;
    const count = Math.ceil(plaintext.length / MAX_CONTENT);
    if (number + count >= MAX_RECORDS) {
      throw new FtpSecurityError('security/out-of-sequence', 'every record number is used', { side: 'local' });
    }
    let next = before;
    const parts: Uint8Array[] = [];
    const seal = (record: PlainRecord) => {
      const sealed = sealRecord(next, record);
      parts.push(sealed.octets);
      next = sealed.next;
    };
    if (this.#mustUpdate) {
      seal(UPDATE);
      next = updatedDirection(next);
    }
    for (let i = 0; i < count; i++) {
      seal({ type: APPLICATION_DATA, content: plaintext.subarray(i * MAX_CONTENT, (i + 1) * MAX_CONTENT) });
    }
    retire(before, next);
    this.#send = next;
    this.#mustUpdate = false;
    return { token: joined(parts), level: this.#level };
  }

  unwrap(token: Uint8Array): Unwrapped {
    assertBytes(token, 'token');
    this.#assertOpen();
    if (token[0] === INTEGRITY_TOKEN) return this.#unwrapIntegrity(copy(token));
    const before = this.#receive;
    const records = parseRecords(token);
    let contents: TokenContents;
    try {
      contents = this.#open(before, records);
    } catch (error) {
      return this.#unwrapEarlier(records, refusalFrom(error));
    }
    const { texts, skipped, next, wantsUpdate, rest, fatal } = contents;
    if (fatal !== undefined) {
      retire(next, before);
      // TLS ends with it (RFC 8446 §6.2); a recording may go on.
      if (this.#send !== undefined) {
        this.destroy();
        this.#end = `the context has ended: ${fatal.message}`;
      }
      throw fatal;
    }
    retire(before, next);
    this.#receive = next;
    this.#rest = rest;
    this.#mustUpdate ||= wantsUpdate;
    this.#recordPosition(BigInt(skipped), skipped === 0);
    if (next.cipher === before.cipher) this.#earlier?.add(before, records, skipped, this.#highest);
    else this.#earlier?.clear();
    return { plaintext: joined(texts), level: this.#level, sequence: skipped === 0 ? 'ok' : 'gap' };
  }

  /**
   * A token that does not open under the next numbers may come again, or late.
   * @throws FtpSecurityError `security/replayed`, or the refusal if it does neither
   */
  #unwrapEarlier(records: readonly TlsRecord[], refusal: FtpSecurityError): Unwrapped {
    if (this.#earlier === undefined || refusal.code !== 'security/bad-checksum') throw refusal;
    if (this.#earlier.has(records)) throw new FtpSecurityError('security/replayed', 'a TLS record that came before');
    const missing = this.#earlier.take(records);
    if (missing === undefined) throw refusal;
    const { texts, next, fatal } = openToken(missing.direction, records, { maxSkipped: 0, rest: NOTHING });
    retire(next, missing.direction);
    if (fatal !== undefined) throw fatal;
    this.#position = missing.place;
    this.#follows = !this.#earlier.isMissing(missing.place - 1n);
    return { plaintext: joined(texts), level: this.#level, sequence: 'late' };
  }

  interrupted(): void {
    this.#interrupted = this.#maxSkipped > 0;
  }

  #open(direction: Direction, records: readonly TlsRecord[]): TokenContents {
    const options = { maxSkipped: this.#maxSkipped, rest: this.#rest, isLive: this.#send !== undefined };
    if (!this.#interrupted) return openToken(direction, records, options);
    const most = Math.max(this.#maxSkipped, Math.min(MAX_LOST, this.#trials));
    let tried = most;
    try {
      const contents = openToken(direction, records, { ...options, maxSkipped: most });
      tried = contents.skipped;
      this.#interrupted = false;
      return contents;
    } finally {
      this.#trials -= Math.min(this.#trials, tried);
    }
  }

  wrapSizeLimit(level: TokenLevel, maxToken: number): number {
    const { cipher } = this.#sending(level);
    if (!Number.isSafeInteger(maxToken) || maxToken < 0) throw new RangeError('maxToken must be an integer, 0 or more');
    const lengthOf = (content: number) => HEADER + cipher.sealedLength(content);
    const room = maxToken - (this.#mustUpdate ? lengthOf(UPDATE.content.length) : 0);
    const whole = Math.max(0, Math.floor(room / lengthOf(MAX_CONTENT)));
    const rest = room - whole * lengthOf(MAX_CONTENT);
    let [fits, tooMuch] = [0, MAX_CONTENT];
    while (tooMuch - fits > 1) {
      const middle = (fits + tooMuch) >> 1;
      if (lengthOf(middle) <= rest) fits = middle;
      else tooMuch = middle;
    }
    return whole * MAX_CONTENT + fits;
  }

  /** Copies of both directions before their next records, for the fuzzer; undefined if the context only unwraps. */
  directions(): { send: Direction; receive: Direction } | undefined {
    return this.#send && { send: copyDirection(this.#send), receive: copyDirection(this.#receive) };
  }

  get lastReceived(): bigint | undefined {
    return this.#position;
  }

  get lastFollows(): boolean {
    return this.#follows;
  }

  destroy(): void {
    this.#end ??= 'the context is destroyed';
    this.#earlier?.clear();
    destroyDirection(this.#receive);
    if (this.#send !== undefined) destroyDirection(this.#send);
    this.#integrity?.destroy();
  }

  #unwrapIntegrity(octets: Uint8Array): Unwrapped {
    if (this.#integrity === undefined) throw badToken('integrity-only tokens are refused: anyone can forge them');
    const token = parseIntegrityToken(octets);
    this.#integrity.verify(token);
    const before = this.#integrityNumbers.missing;
    const sequence = this.#integrityNumbers.accept(token.sequence);
    const missing = this.#integrityNumbers.missing - before;
    this.#recordPosition(missing > 0n ? missing : 0n, this.#integrityNumbers.lastFollows);
    return { plaintext: token.plaintext, level: 'safe', sequence };
  }

  /** Updates the position after a token. `missing` is how many tokens or records before it are missing. */
  #recordPosition(missing: bigint, follows: boolean): void {
    this.#highest += missing + 1n;
    this.#position = this.#highest;
    this.#follows = follows;
  }

  #sending(level: TokenLevel): Direction {
    this.#assertOpen();
    if (this.#send !== undefined && (level === 'safe' || level === this.#level)) return this.#send;
    const why = this.#send === undefined ? 'this context only unwraps' : `this cipher suite has no level ${level}`;
    throw new FtpSecurityError('security/level-unsupported', why, { side: 'local' });
  }

  #assertOpen(): void {
    if (this.#end !== undefined) throw new FtpSecurityError('sequence/closed', this.#end, { side: 'local' });
  }
}

/** Nearly every token has one record. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : concatAll(parts);
}

interface OpenOptions {
  maxSkipped: number;
  /** Of the token before. */
  rest: Uint8Array;
  /** A live context has no need to follow what no usual peer sends; the observer of others follows what OpenSSL accepts. */
  isLive?: boolean;
}

/** @throws FtpSecurityError for a record that anyone may have sent; then the direction is unchanged */
function openToken(
  direction: Direction,
  records: readonly TlsRecord[],
  { maxSkipped, rest, isLive = false }: OpenOptions,
): TokenContents {
  const { skipped, opened } = openFirst(direction, records[0]!, maxSkipped);
  const contents: TokenContents = { texts: [], skipped, next: direction, updates: 0, wantsUpdate: false, rest };
  try {
    take(contents, opened, direction, isLive);
    for (let i = 1; i < records.length && contents.fatal === undefined; i++) {
      take(contents, openRecord(contents.next, records[i]!), direction, isLive);
    }
  } catch (error) {
    retire(contents.next, direction);
    throw error;
  }
  if (contents.alert !== undefined && contents.texts.length === 0) contents.fatal ??= contents.alert;
  return contents;
}

/**
 * Opens a record under the expected number, or under one of the next `maxSkipped` numbers if records before it are
 * missing.
 */
function openFirst(
  direction: Direction,
  record: TlsRecord,
  maxSkipped: number,
): Pick<TokenContents, 'skipped'> & { opened: Opened } {
  for (let skipped = 0; ; skipped++) {
    try {
      return { skipped, opened: openRecord(direction, record, skipped) };
    } catch (error) {
      const isNumber = error instanceof FtpSecurityError && error.code === 'security/bad-checksum';
      if (!isNumber || skipped >= maxSkipped) throw error;
    }
  }
}

/** @param original  the direction before the token, whose keys must remain in case a later record is refused */
function take(contents: TokenContents, { type, content, next }: Opened, original: Direction, isLive: boolean): void {
  contents.next = next;
  try {
    if (content.length > MAX_CONTENT) throw badToken('TLS record with too much content');
    if (type === ALERT) {
      const alert = badToken(`TLS alert: ${alertName(content)}`);
      if (isLive || !isPassedOver(content, next.version)) throw alert;
      contents.alert ??= alert;
      return;
    }
    if (contents.rest.length > 0 && type !== HANDSHAKE) throw badToken('TLS record within a handshake message');
    if (type === APPLICATION_DATA) {
      contents.texts.push(content);
      return;
    }
    if (type !== HANDSHAKE) throw badToken(`TLS record of type ${type} after the handshake`);
    const { updatesKeys, wantsUpdate, rest } = parsePostHandshake(next.version, content, contents.rest);
    if (isLive && rest.length > 0) throw badToken('incomplete handshake message');
    contents.rest = rest;
    if (updatesKeys) {
      if (isLive) assertFewKeyUpdates(++contents.updates);
      contents.next = updatedDirection(next);
      retire(next, original);
    }
    contents.wantsUpdate ||= wantsUpdate;
  } catch (error) {
    contents.fatal = refusalFrom(error);
  }
}

const NOTHING = new Uint8Array();

/** Erases the keys of a direction, unless the other one uses the same keys. */
function retire(direction: Direction, other: Direction): void {
  if (direction.cipher !== other.cipher) destroyDirection(direction);
}
