/**
 * Replies: three digits and text, on one line or several (RFC 959 §4.2). Their meaning is in reply-codes.ts. The last line of
 * a reply may be the bare code, without a space and text (RFC 3659 §7.2).
 */

import { ByteQueue } from '../byte-queue.js';
import { assertBytes, CR, copy, fromUtf8, HYPHEN, LF, NUL, SPACE, toUtf8 } from '../bytes.js';
import { type ErrorFacts, FtpSecurityError } from '../errors.js';
import { assertNumber, assertOneLine, limitOf } from './argument-checks.js';
import { type Line, type LineOptions, LineReader, type LineUnit, lineAt } from './line.js';

/** The replies to STAT and HELP may be whole listings, so a reply may be much longer than a line; but its size must be bounded. */
const DEFAULT_MAX_REPLY = 0x1000000;

const ZERO = 0x30;
/** Digits of a code. */
export const CODE_LENGTH = 3;
/** Three digits, and the space or hyphen after them. */
const PREFIX_LENGTH = CODE_LENGTH + 1;

/**
 * A reply in the clear, or the one inside tokens (RFC 959 §4.2). `lines` of a reply that was read is decoded when it is asked
 * for: a copy by spread or by `structuredClone` has `code` and `raw` alone.
 */
export interface Reply {
  /** 100 to 699. */
  code: number;
  /**
   * The text, line by line. The first and the last line are without code and separator; middle lines are kept verbatim, even
   * if they look like reply lines. Invalid UTF-8 (RFC 2640 §2) becomes U+FFFD.
   */
  lines: string[];
  /** The octets received, with all line ends. Telnet commands have been removed. */
  raw: Uint8Array;
}

/** Limits of {@link ReplyReader}. */
export interface ReplyOptions extends LineOptions {
  /** The longest reply that is accepted, in octets with all its line ends. Default 16 MiB. */
  maxReply?: number;
}

/**
 * Reads replies from octets in chunks of any size (RFC 959 §4.2). After an error it resumes at the next line.
 * @example
 * const reader = new ReplyReader();
 * socket.on('data', chunk => {
 *   reader.push(chunk);
 *   for (let reply = reader.next(); reply !== undefined; reply = reader.next()) handle(reply);
 * });
 */
export class ReplyReader {
  readonly #lines: LineReader<Reply>;
  readonly #unit: ReplyUnit;

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer */
  constructor(options: ReplyOptions = {}) {
    this.#unit = new ReplyUnit(options.maxReply);
    this.#lines = new LineReader(options, this.#unit);
  }

  /** Whether octets were received that no reply returned by `next` contains. */
  get pending(): boolean {
    return this.#lines.pending;
  }

  /** Adds octets received; they are copied. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /**
   * The next whole reply, or undefined if more octets are needed.
   * @throws FtpSecurityError `syntax/bad-reply` for a line that can't begin a reply, `syntax/limit-exceeded` for a reply that
   *   is too long, and the errors of LineReader; the line and the reply that it belongs to are dropped
   */
  next(): Reply | undefined {
    try {
      return this.#lines.next();
    } catch (error) {
      this.#unit.reset();
      throw error;
    }
  }

  /**
   * Declares the end of the input. Call it after `next` has returned undefined.
   * @throws FtpSecurityError `syntax/truncated` if the input ended within a reply
   */
  close(): void {
    this.#lines.close();
    if (this.#unit.open) throw unfinishedReply();
  }
}

/** A reply as what lines make up: the first line has its code, and the line ends it that has the code again, or alone. */
class ReplyUnit implements LineUnit<Reply> {
  readonly #maxReply: number;
  #code = 0;
  /** Whether a line with `#code` came before. */
  #begun = false;

  /** @throws as {@link limitOf} */
  constructor(maxReply: number | undefined) {
    this.#maxReply = limitOf(maxReply, DEFAULT_MAX_REPLY, 'maxReply');
  }

  /** Whether a multi-line reply has begun and not ended. */
  get open(): boolean {
    return this.#begun;
  }

  /** Forgets a reply that has begun. */
  reset(): void {
    this.#begun = false;
  }

  ends(held: Uint8Array, start: number, end: number, next: number): boolean {
    const begins = !this.#begun;
    if (begins) this.#code = codeOf(held, start, end);
    if (next > this.#maxReply) {
      const message = `a reply is longer than ${this.#maxReply} octets (maxReply)`;
      throw new FtpSecurityError('syntax/limit-exceeded', message, { offset: start });
    }
    this.#begun = true;
    return begins ? separatorOf(held, start, end) === SPACE : endsReply(held, start, end, this.#code);
  }

  make(octets: Uint8Array): Reply {
    this.#begun = false;
    return replyOf(this.#code, octets);
  }
}

/** Puts replies together line by line, for callers that need the lines too. */
export class ReplyLines {
  readonly #unit: ReplyUnit;
  readonly #raw = new ByteQueue();

  /**
   * @param maxReply  in octets with all line ends; default 16 MiB
   * @throws TypeError if a limit is not a number, RangeError if it is not a positive integer
   */
  constructor(maxReply?: number) {
    this.#unit = new ReplyUnit(maxReply);
  }

  /** Whether a multi-line reply has begun and not ended. */
  get open(): boolean {
    return this.#unit.open;
  }

  /** Forgets a reply that has begun. */
  reset(): void {
    this.#raw.drop(this.#raw.length);
    this.#unit.reset();
  }

  /**
   * Ends the open reply here, without its last line: for an observer that sees the client go on.
   * @returns undefined if no reply is open
   */
  finish(): Reply | undefined {
    return this.open ? this.#unit.make(this.#raw.take(this.#raw.length)) : undefined;
  }

  /**
   * Adds the next line.
   * @returns the reply that ends with it; undefined if the reply continues
   * @throws FtpSecurityError `syntax/bad-reply` if the line can't begin a reply, `syntax/limit-exceeded` if the reply becomes
   *   too long. The next line then begins a new reply.
   */
  push({ raw, bytes }: Line): Reply | undefined {
    const start = this.#raw.length;
    this.#raw.append(raw);
    try {
      const ends = this.#unit.ends(this.#raw.view(), start, start + bytes.length, start + raw.length);
      return ends ? this.finish() : undefined;
    } catch (error) {
      this.reset();
      throw error;
    }
  }
}

/**
 * Parses exactly one whole reply (RFC 959 §4.2). The last line end may be missing. LF alone ends a line too, so that the
 * `raw` octets of a reply from {@link ReplyReader} can be parsed again. Telnet commands are not removed.
 * @throws FtpSecurityError with the offset: `syntax/bad-reply`, `syntax/truncated` if the reply is not finished,
 *   `syntax/trailing-data` if octets follow it
 * @example
 * parseReply(new TextEncoder().encode('230-Welcome\r\n230 Logged in\r\n'));
 * // { code: 230, lines: ['Welcome', 'Logged in'], raw }
 */
export function parseReply(bytes: Uint8Array): Reply {
  const code = wholeReplyCode(bytes);
  return replyOf(code, copy(bytes));
}

/**
 * The code of octets that are exactly one whole reply.
 * @throws FtpSecurityError as {@link parseReply}
 */
export function wholeReplyCode(bytes: Uint8Array): number {
  const { code, end, open } = scanReply(bytes);
  if (open) throw unfinishedReply({ offset: end });
  if (end === bytes.length) return code;
  throw new FtpSecurityError('syntax/trailing-data', 'more octets after the reply', { offset: end });
}

function unfinishedReply(facts?: ErrorFacts): FtpSecurityError {
  return new FtpSecurityError('syntax/truncated', 'the input ends within a multi-line reply', facts);
}

export interface ScanOptions {
  /** Lines end in CR LF only. CR, LF or NUL elsewhere is `syntax/bad-reply`, also after the end of the reply. */
  strict?: boolean;
  /** The code of an open reply that these octets continue. */
  code?: number | undefined;
}

export interface ReplyScan {
  /** The code of the reply that the octets begin or continue. */
  code: number;
  /** Where the reply ends, in octets, with its line end; the number of octets if it continues. */
  end: number;
  /** Whether the reply continues. A last line without a line end is whole, but not one that ends in CR. */
  open: boolean;
}

/**
 * Finds the end of the reply at the beginning of the octets. Octets after it are ignored. Work is linear.
 * @throws FtpSecurityError `syntax/bad-reply` with the offset, if the octets can't begin a reply
 */
export function scanReply(bytes: Uint8Array, { strict = false, code: begun }: ScanOptions = {}): ReplyScan {
  assertBytes(bytes, 'reply');
  if (strict) assertStrict(bytes);
  let code = begun;
  let at = 0;
  while (at < bytes.length || code === undefined) {
    const { end, next } = lineAt(bytes, at);
    code ??= codeOf(bytes, at, end);
    const ends = endsReply(bytes, at, end, code);
    at = next;
    if (ends && bytes[at - 1] !== CR) return { code, end: at, open: false };
  }
  return { code, end: at, open: true };
}

/**
 * The octets of a reply, with CR LF (RFC 959 §4.2). A middle line that begins with three digits gets a leading space, as the
 * RFC requires, since it could be mistaken for the first or last line of a reply. `parseReply` returns it with that space.
 * @param code  100 to 699
 * @param text  one line, or several: `code-` … `code `
 * @throws TypeError for anything but a number and strings; RangeError for a code outside 100 to 699, an empty array, or CR,
 *   LF or NUL in a line
 * @example
 * formatReply(230, ['Welcome', 'Logged in']); // the octets of "230-Welcome\r\n230 Logged in\r\n"
 */
export function formatReply(code: number, text: string | readonly string[]): Uint8Array {
  assertNumber(code, 'a reply code');
  if (!Number.isInteger(code) || !isCode(code)) throw new RangeError('a reply code must be an integer from 100 to 699');
  const lines = typeof text === 'string' ? [text] : text;
  if (!Array.isArray(lines)) throw new TypeError('the text of a reply must be a string or an array of strings');
  if (lines.length === 0) throw new RangeError('a reply must have at least one line');
  const last = lines.length - 1;
  let octets = '';
  for (const [i, line] of lines.entries()) {
    assertOneLine(line, 'a line of a reply');
    octets += `${prefixOf(code, line, i, last)}${line}\r\n`;
  }
  return toUtf8(octets);
}

function prefixOf(code: number, line: string, i: number, last: number): string {
  if (i === last) return `${code} `;
  if (i === 0) return `${code}-`;
  return /^[0-9]{3}/.test(line) ? ' ' : '';
}

/** Whether a line, which begins at `start`, begins with the three digits of `code`. */
export function hasCode(line: Uint8Array, code: number, start = 0): boolean {
  return threeDigits(line, start) === code;
}

/** The code in front of a line, before a space, a hyphen or the line end; 0 if there is none. */
export function codeBefore(line: Uint8Array): number {
  const code = threeDigits(line, 0) ?? 0;
  const separator = separatorOf(line, 0, line.length);
  return isCode(code) && (separator === SPACE || separator === HYPHEN) ? code : 0;
}

/** Whether a line begins with three digits, so that it could be mistaken for the first or last line of a reply. */
export function beginsWithDigits(line: Uint8Array): boolean {
  return threeDigits(line, 0) !== undefined;
}

/**
 * The code of the line that begins a reply.
 * @throws FtpSecurityError `syntax/bad-reply`
 */
function codeOf(bytes: Uint8Array, at: number, end: number): number {
  const code = end - at < CODE_LENGTH ? undefined : threeDigits(bytes, at);
  if (code === undefined || !isCode(code)) {
    const message = 'a reply must begin with three digits, the first of them 1 to 6 (RFC 959 §4.2)';
    throw new FtpSecurityError('syntax/bad-reply', message, { offset: at });
  }
  const separator = separatorOf(bytes, at, end);
  if (separator !== SPACE && separator !== HYPHEN) {
    const message = 'a space, a hyphen or a line end must follow the reply code (RFC 959 §4.2, RFC 3659 §7.2)';
    throw new FtpSecurityError('syntax/bad-reply', message, { offset: at + CODE_LENGTH });
  }
  return code;
}

/** Whether a line ends the reply with this code. */
function endsReply(bytes: Uint8Array, at: number, end: number, code: number): boolean {
  return end - at >= CODE_LENGTH && separatorOf(bytes, at, end) === SPACE && threeDigits(bytes, at) === code;
}

/** The bare code counts as code and space (RFC 3659 §7.2). */
function separatorOf(bytes: Uint8Array, at: number, end: number): number {
  return end - at === CODE_LENGTH ? SPACE : bytes[at + CODE_LENGTH]!;
}

function isCode(number: number): boolean {
  return number >= 100 && number <= 699;
}

/** The number of the three digits that begin at `at`; undefined if one of them is not a digit. */
export function threeDigits(bytes: Uint8Array, at: number): number | undefined {
  let number = 0;
  for (let i = at; i < at + 3; i++) {
    const digit = bytes[i]! - ZERO;
    // NaN after the end.
    if (!(digit >= 0 && digit <= 9)) return undefined;
    number = 10 * number + digit;
  }
  return number;
}

/** @param raw  a whole reply, or one that an observer takes as whole; the result keeps it */
export function replyOf(code: number, raw: Uint8Array): Reply {
  return new ReadReply(code, raw);
}

/** The octets are the truth, and most readers of a reply need its code alone: the text is decoded when it is asked for. */
class ReadReply implements Reply {
  code: number;
  raw: Uint8Array;
  #lines: string[] | undefined;

  constructor(code: number, raw: Uint8Array) {
    this.code = code;
    this.raw = raw;
  }

  get lines(): string[] {
    // A proxy of a reply has no private fields.
    if (!(#lines in this)) return textOf((this as Reply).raw);
    this.#lines ??= textOf(this.raw);
    return this.#lines;
  }

  toJSON(): Reply {
    const { code, lines, raw } = this;
    return { code, lines, raw };
  }

  /** What Node's `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): Reply {
    return this.toJSON();
  }
}

/** No octet of a longer character is CR or LF, and codes are ASCII: lines can be told apart in the text. */
function textOf(raw: Uint8Array): string[] {
  const text = fromUtf8(raw);
  const lines: string[] = [];
  for (let start = 0, next: number; start < text.length; start = next) {
    const lf = text.indexOf('\n', start);
    next = lf === -1 ? text.length : lf + 1;
    let end = lf === -1 ? next : lf;
    if (text[end - 1] === '\r') end--;
    const begin = start === 0 || next === text.length ? start + PREFIX_LENGTH : start;
    lines.push(begin < end ? text.slice(begin, end) : '');
  }
  return lines;
}

function assertStrict(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i]!;
    if (octet > CR) continue;
    const bare = octet === CR ? bytes[i + 1] !== LF : octet === LF ? bytes[i - 1] !== CR : octet === NUL;
    if (bare) {
      throw new FtpSecurityError('syntax/bad-reply', 'a CR, LF or NUL in a reply that is not part of a line end', {
        offset: i,
      });
    }
  }
}
