/**
 * Replies: three digits and text, on one line or several (RFC 959 §4.2). Their meaning is in reply-codes.ts. The line that
 * ends a reply may be the bare code, without a blank and text (RFC 3659 §7.2).
 */

import { ByteQueue } from '../byte-queue.js';
import { assertBytes, CR, copy, fromUtf8, LF, NUL, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { assertOneLine, type Line, type LineOptions, LineReader, limitOf, lineAt, linesOf } from './line.js';

/** STAT and HELP answer with whole listings, so a reply may be far longer than a line; without end it must not grow. */
const DEFAULT_MAX_REPLY = 0x1000000;

const BLANK = 0x20;
const HYPHEN = 0x2d;
const ZERO = 0x30;
const CODE = 3;
/** Three digits, and the blank or hyphen behind them. */
const PREFIX = CODE + 1;

export interface Reply {
  /** 100 to 699. */
  code: number;
  /**
   * The text, line by line. The first and the last line are without code and separator; those between are verbatim, for
   * whatever stands there is text. What is no UTF-8 (RFC 2640 §2) shows as U+FFFD.
   */
  lines: string[];
  /** The octets with all line ends, as they came; only Telnet commands have been taken out. */
  raw: Uint8Array;
}

export interface ReplyOptions extends LineOptions {
  /** The longest reply that is taken, in octets with all its line ends. Default 16 MiB. */
  maxReply?: number;
}

/** Octets in chunks of any size to replies. After an error it goes on at the next line. */
export class ReplyReader {
  readonly #lines: LineReader;
  readonly #reply: ReplyLines;

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer */
  constructor(options: ReplyOptions = {}) {
    this.#lines = new LineReader(options);
    this.#reply = new ReplyLines(options.maxReply);
  }

  /** Whether octets have come that belong to none of the replies given so far. */
  get pending(): boolean {
    return this.#lines.pending || this.#reply.open;
  }

  /** Takes what has come; it is copied. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /**
   * The next whole reply, or undefined when more octets are needed.
   * @throws FtpSecurityError `syntax/bad-reply` for a line that begins no reply, and what LineReader throws; the line and
   *   the reply that it belonged to are gone. `syntax/limit-exceeded` for a reply that is too long.
   */
  next(): Reply | undefined {
    for (let line = this.#nextLine(); line !== undefined; line = this.#nextLine()) {
      const reply = this.#reply.push(line);
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  /**
   * Tells that the input has ended. To be called when `next` has given undefined.
   * @throws FtpSecurityError `syntax/truncated` when it ended within a reply
   */
  close(): void {
    this.#lines.close();
    if (this.#reply.open) throw new FtpSecurityError('syntax/truncated', 'the input ends within a multi-line reply');
  }

  #nextLine(): Line | undefined {
    try {
      return this.#lines.next();
    } catch (error) {
      this.#reply.reset();
      throw error;
    }
  }
}

/** Lines, one by one, to replies: for whoever needs the lines themselves too. */
export class ReplyLines {
  readonly #maxReply: number;
  readonly #raw = new ByteQueue();
  #code: number | undefined;

  /**
   * @param maxReply  in octets with all line ends; default 16 MiB
   * @throws TypeError if a limit is not a number, RangeError if it is not a positive integer
   */
  constructor(maxReply?: number) {
    this.#maxReply = limitOf(maxReply, DEFAULT_MAX_REPLY, 'maxReply');
  }

  /** Whether a multi-line reply has begun and not ended. */
  get open(): boolean {
    return this.#code !== undefined;
  }

  /** Forgets a reply that has begun. */
  reset(): void {
    this.#raw.drop(this.#raw.length);
    this.#code = undefined;
  }

  /**
   * Takes the reply that is open for whole, as it is: for whoever sees that its client did.
   * @returns undefined when none is open
   */
  finish(): Reply | undefined {
    if (this.#code === undefined) return undefined;
    const reply = replyOf(this.#code, copy(this.#raw.view()));
    this.reset();
    return reply;
  }

  /**
   * Takes the next line.
   * @returns the reply that ends with it; undefined when the reply goes on
   * @throws FtpSecurityError `syntax/bad-reply` when the line begins no reply, `syntax/limit-exceeded` when the reply gets
   *   too long. The next line begins anew.
   */
  push({ raw, bytes }: Line): Reply | undefined {
    const { code, ends } = judge(bytes, 0, bytes.length, this.#code);
    const offset = this.#raw.length;
    if (offset + raw.length > this.#maxReply) {
      this.reset();
      throw new FtpSecurityError('syntax/limit-exceeded', `a reply is longer than ${this.#maxReply} octets`, {
        offset,
      });
    }
    this.#code = code;
    this.#raw.append(raw);
    return ends ? this.finish() : undefined;
  }
}

/**
 * Reads exactly one whole reply. Its last line end may be missing; LF alone ends a line too, so that `raw` of a reply that
 * a reader gave can be read again. Telnet commands are not looked for.
 * @throws FtpSecurityError with the offset: `syntax/bad-reply`, `syntax/truncated` when the reply goes on,
 *   `syntax/trailing-data` when more follows it
 */
export function parseReply(bytes: Uint8Array): Reply {
  const { code, end, open } = scanReply(bytes);
  if (open) throw new FtpSecurityError('syntax/truncated', 'the reply does not end here', { offset: end });
  if (end === bytes.length) return replyOf(code, copy(bytes));
  throw new FtpSecurityError('syntax/trailing-data', 'more octets behind the reply', { offset: end });
}

export interface ScanOptions {
  /** Lines end in CR LF only, and a CR, LF or NUL elsewhere is `syntax/bad-reply`, behind the reply too. */
  strict?: boolean;
  /** The code of a reply that whole lines before these octets have begun; the octets go on with it. */
  code?: number | undefined;
}

export interface ReplyScan {
  /** Of the reply that the octets begin, or go on with. */
  code: number;
  /** Where the reply ends, in octets, its line end counted; the number of octets when it goes on. */
  end: number;
  /** The reply goes on. The last line counts as whole without a line end, but not with half of one. */
  open: boolean;
}

/**
 * Finds where the reply ends that octets begin with, whatever follows it. Work is linear in the octets.
 * @throws FtpSecurityError `syntax/bad-reply` with the offset, when the octets begin no reply
 */
export function scanReply(bytes: Uint8Array, { strict = false, code: begun }: ScanOptions = {}): ReplyScan {
  assertBytes(bytes, 'reply');
  if (strict) assertStrict(bytes);
  let code = begun;
  let at = 0;
  while (at < bytes.length || code === undefined) {
    const { end, next } = lineAt(bytes, at);
    const line = judge(bytes, at, end, code);
    code = line.code;
    at = next;
    if (line.ends && bytes[at - 1] !== CR) return { code, end: at, open: false };
  }
  return { code, end: at, open: true };
}

/**
 * The octets of a reply (RFC 959 §4.2). A middle line that begins with three digits gets one blank in front, as the RFC
 * has it: whoever takes that line for the first or the last of a reply would read another one. So `parseReply` gives it
 * with the blank.
 * @param code  100 to 699
 * @param text  the text of one line, or of one line and more: `code-` … `code `
 * @throws TypeError for anything but a number and strings; RangeError for a code that is none, for no line at all, and for
 *   a CR, LF or NUL in a line
 */
export function formatReply(code: number, text: string | readonly string[]): Uint8Array {
  if (typeof code !== 'number') throw new TypeError('a reply code must be a number');
  if (!Number.isInteger(code) || !isCode(code)) throw new RangeError('a reply code is 100 to 699');
  const lines = typeof text === 'string' ? [text] : text;
  if (!Array.isArray(lines)) throw new TypeError('the text of a reply must be a string or an array of strings');
  if (lines.length === 0) throw new RangeError('a reply has one line at least');
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

/** Whether a line begins with three digits, so that it could be taken for the first or the last of a reply. */
export function beginsWithDigits(line: Uint8Array): boolean {
  return line.length >= CODE && threeDigits(line, 0) !== undefined;
}

/**
 * What a line is: the first of a reply, when no code is open, or one more of the reply under that code.
 * @returns the code of the reply, and whether it ends with this line
 */
function judge(bytes: Uint8Array, at: number, end: number, open: number | undefined): { code: number; ends: boolean } {
  const digits = end - at < CODE ? undefined : threeDigits(bytes, at);
  // Nothing at all behind the code is as good as a blank.
  const separator = end - at === CODE ? BLANK : bytes[at + CODE];
  if (open !== undefined) return { code: open, ends: digits === open && separator === BLANK };
  if (digits === undefined || !isCode(digits)) {
    const message = 'a reply begins with three digits, the first of them 1 to 6 (RFC 959 §4.2)';
    throw new FtpSecurityError('syntax/bad-reply', message, { offset: at });
  }
  if (separator !== BLANK && separator !== HYPHEN) {
    const message = 'a blank, a hyphen or nothing follows the reply code (RFC 959 §4.2, RFC 3659 §7.2)';
    throw new FtpSecurityError('syntax/bad-reply', message, { offset: at + CODE });
  }
  return { code: digits, ends: separator === BLANK };
}

function isCode(number: number): boolean {
  return number >= 100 && number <= 699;
}

function threeDigits(bytes: Uint8Array, at: number): number | undefined {
  let number = 0;
  for (let i = at; i < at + 3; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    number = 10 * number + digit;
  }
  return number;
}

/** `raw` is a whole reply: it ends where its last line does. */
function replyOf(code: number, raw: Uint8Array): Reply {
  const lines: string[] = [];
  for (const { raw: line, bytes, start } of linesOf(raw)) {
    const outermost = start === 0 || start + line.length === raw.length;
    lines.push(fromUtf8(outermost ? bytes.subarray(PREFIX) : bytes));
  }
  return { code, lines, raw };
}

function assertStrict(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i];
    const bare = octet === CR ? bytes[i + 1] !== LF : octet === LF ? bytes[i - 1] !== CR : octet === NUL;
    if (bare) {
      throw new FtpSecurityError('syntax/bad-reply', 'a CR, LF or NUL that is no line end, in a reply', { offset: i });
    }
  }
}
