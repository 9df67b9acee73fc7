/** Splits the octets of a control connection, in chunks of any size, into lines (RFC 959 §4.1.3 and §4.2, RFC 854). */

import { ByteQueue } from '../byte-queue.js';
import { assertBytes, CR, copy, LF } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { Queue } from '../queue.js';
import { TelnetFilter } from './telnet.js';

/**
 * The base 64 in a line may have any length, and must not be rejected for its length (RFC 2228 §10); but a line that never
 * ends must not fill the memory. One token may contain a whole multi-line reply, e.g. a directory listing: 1 MiB of base 64
 * is about ten thousand lines of it, and a hundred times the longest security data seen so far.
 */
const DEFAULT_MAX_LINE = 0x100000;

/** Limits of {@link LineReader}, and of the readers that use it. */
export interface LineOptions {
  /** The longest line that is accepted, in octets without its line end. Default 1 MiB. */
  maxLine?: number;
  /** Whether LF alone ends a line, as some peers send it; if false, it is `syntax/bad-line`. Default true. */
  bareLf?: boolean;
}

/** One line of a control connection. */
export interface Line {
  /** The octets received, with the line end: CR LF, or LF alone. Telnet commands have been removed. */
  readonly raw: Uint8Array;
  /** The same octets without the line end. */
  readonly bytes: Uint8Array;
}

/**
 * Splits chunks into lines (RFC 959 §4.1.3). Chunks may have any size; each octet is examined once. Only one line, and what
 * `next` has not returned yet, is held in memory. A CR without LF is an ordinary octet. After an error it resumes at the
 * next line.
 */
export class LineReader<T extends object | null = Line> {
  readonly #maxLine: number;
  readonly #bareLf: boolean;
  readonly #takeLine: (held: Uint8Array, end: number, next: number) => T;
  readonly #telnet = new TelnetFilter();
  readonly #octets = new ByteQueue();
  /** There is no LF before this position in `#octets`. */
  #scanned = 0;
  /** Why the rest of the current line is dropped: it is too `long`, which was reported, or octets of it are `lost`. */
  #givenUp: 'long' | 'lost' | undefined;
  /** Of lines that were complete before octets were lost, and that `next` has not returned yet. */
  readonly #ready = new Queue<T | FtpSecurityError>();

  /**
   * @param takeLine  makes what `next` returns of the octets that are held: the text of the line ends at `end`, the next line
   *   begins at `next`. They are valid during the call only. Default a copy
   * @throws TypeError if a limit is not a number, RangeError if it is not a positive integer
   */
  constructor(
    { maxLine, bareLf = true }: LineOptions = {},
    takeLine: (held: Uint8Array, end: number, next: number) => T = copyLine as never,
  ) {
    this.#maxLine = limitOf(maxLine, DEFAULT_MAX_LINE, 'maxLine');
    this.#bareLf = bareLf;
    this.#takeLine = takeLine;
  }

  /** Whether octets were received that no line returned by `next` contains. */
  get pending(): boolean {
    return this.#octets.length > 0 || this.#ready.length > 0;
  }

  /** Adds octets received; they are copied. */
  push(chunk: Uint8Array): void {
    assertBytes(chunk, 'chunk');
    this.#octets.append(this.#telnet.filter(chunk));
  }

  /**
   * Declares that octets are missing at this point, e.g. because of lost packets in a capture. They may have contained line
   * ends, so all octets from the last line end to the next one become one damaged line.
   */
  gap(): void {
    for (let line = this.#take(); line !== undefined; line = this.#take()) this.#ready.push(line);
    this.#discard();
    this.#telnet.reset();
    this.#givenUp = 'lost';
  }

  /**
   * The next line, or undefined if more octets are needed.
   * @throws FtpSecurityError `syntax/limit-exceeded` once for a line that is too long; `syntax/bad-line` for a bare LF
   *   that is not tolerated; `syntax/truncated` once for a damaged line, when it ends. The line is dropped.
   */
  next(): T | undefined {
    const line = this.#ready.length > 0 ? this.#ready.shift() : this.#take();
    if (line instanceof FtpSecurityError) throw line;
    return line;
  }

  /**
   * Declares the end of the input. Call it after `next` has returned undefined.
   * @throws FtpSecurityError `syntax/truncated` if the input ended within a line or a Telnet command
   */
  close(): void {
    const rest = this.#octets.view();
    const whole = rest.length === 0 || rest[rest.length - 1] === LF;
    if (whole && this.#givenUp === undefined && !this.#telnet.open) return;
    throw new FtpSecurityError('syntax/truncated', 'the input ends within a line', { offset: rest.length });
  }

  #take(): T | FtpSecurityError | undefined {
    if (this.#octets.length === 0) return undefined;
    const held = this.#octets.view();
    const lf = held.indexOf(LF, this.#scanned);
    if (lf === -1) return this.#wait(held.length);
    const givenUp = this.#givenUp;
    this.#givenUp = undefined;
    this.#octets.drop(lf + 1);
    this.#scanned = 0;
    if (givenUp === 'long') return this.#take();
    return givenUp === undefined ? this.#lineOf(held, lf) : damaged();
  }

  /** There is no line end yet. */
  #wait(held: number): FtpSecurityError | undefined {
    this.#scanned = held;
    if (this.#givenUp !== undefined) {
      this.#discard();
      return undefined;
    }
    // One more octet is allowed: it may be the CR of the line end.
    if (held <= this.#maxLine + 1) return undefined;
    this.#discard();
    this.#givenUp = 'long';
    return this.#tooLong();
  }

  #lineOf(held: Uint8Array, lf: number): T | FtpSecurityError {
    const bare = lf === 0 || held[lf - 1] !== CR;
    const length = bare ? lf : lf - 1;
    if (length > this.#maxLine) return this.#tooLong();
    if (bare && !this.#bareLf) {
      return new FtpSecurityError('syntax/bad-line', 'a line must end in CR LF, not in LF alone (bareLf permits it)', {
        offset: lf,
      });
    }
    return this.#takeLine(held, length, lf + 1);
  }

  #discard(): void {
    this.#octets.drop(this.#octets.length);
    this.#scanned = 0;
  }

  #tooLong(): FtpSecurityError {
    const message = `a line is longer than ${this.#maxLine} octets (maxLine)`;
    return new FtpSecurityError('syntax/limit-exceeded', message, { offset: this.#maxLine });
  }
}

function copyLine(held: Uint8Array, end: number, next: number): Line {
  const raw = copy(held, 0, next);
  return { raw, bytes: raw.subarray(0, end) };
}

/**
 * The line that begins at `start`, in complete input; the last one may lack its line end.
 * @returns `end`, the position where its text ends, and `next`, where the next line begins
 */
export function lineAt(octets: Uint8Array, start: number): { end: number; next: number } {
  const lf = octets.indexOf(LF, start);
  const next = lf === -1 ? octets.length : lf + 1;
  let end = lf === -1 ? next : lf;
  if (end > start && octets[end - 1] === CR) end--;
  return { end, next };
}

/** All lines of complete input, with the offset of each. They share memory with `octets`. */
export function* linesOf(octets: Uint8Array): Generator<Line & { readonly start: number }> {
  for (let start = 0; start < octets.length; ) {
    const { end, next } = lineAt(octets, start);
    yield { raw: octets.subarray(start, next), bytes: octets.subarray(start, end), start };
    start = next;
  }
}

/**
 * The caller's limit, or the default.
 * @throws TypeError if it is not a number, RangeError if it is not a positive integer
 */
export function limitOf(value: number | undefined, byDefault: number, name: string): number {
  if (value === undefined) return byDefault;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer`);
  return value;
}

/**
 * Checks that a text fits into one line (RFC 959 §5.3.1).
 * @throws TypeError if it is not a string, RangeError if it contains CR, LF or NUL
 */
export function assertOneLine(text: string, name: string): void {
  if (typeof text !== 'string') throw new TypeError(`${name} must be a string`);
  if (/[\r\n\0]/.test(text)) throw new RangeError(`${name} must not contain CR, LF or NUL`);
}

function damaged(): FtpSecurityError {
  return new FtpSecurityError('syntax/truncated', 'octets of this line are missing from the input');
}
