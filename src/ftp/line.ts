/** Octets in chunks of any size to the lines of a control connection (RFC 959 §4.1.3 and §4.2, RFC 854). */

import { ByteQueue } from '../byte-queue.js';
import { assertBytes, CR, copy, LF } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { TelnetFilter } from './telnet.js';

/**
 * The base 64 in a line may be of any length, and is not to be refused for it (RFC 2228 §10); but a line that never ends
 * must not fill the memory. One token may hold a whole multi-line reply, such as a listing: 1 MiB of base 64 is some ten
 * thousand lines of it, and a hundred times the longest security data that has been seen.
 */
const DEFAULT_MAX_LINE = 0x100000;

export interface LineOptions {
  /** The longest line that is taken, in octets without its line end. Default 1 MiB. */
  maxLine?: number;
  /** Whether a line feed alone ends a line, as some peers send it; if not, it is `syntax/bad-line`. Default true. */
  bareLf?: boolean;
}

export interface Line {
  /** As it came, with its line end: CR LF, or a bare LF. Telnet commands have been taken out. */
  readonly raw: Uint8Array;
  /** The same octets without the line end. */
  readonly bytes: Uint8Array;
}

/**
 * Cuts chunks into lines. It takes any chunking, looks at each octet once, and holds one line and what has not been asked
 * for. A CR without LF is an octet like others. After an error it goes on at the next line.
 */
export class LineReader {
  readonly #maxLine: number;
  readonly #bareLf: boolean;
  readonly #telnet = new TelnetFilter();
  readonly #octets = new ByteQueue();
  /** No LF stands before this in `#octets`. */
  #scanned = 0;
  /** The rest of the present line is thrown away: it was `long`, and that has been said, or octets of it are `lost`. */
  #givenUp: 'long' | 'lost' | undefined;
  /** Lines that were complete before octets were lost, and not asked for yet. */
  readonly #ready: (Line | FtpSecurityError)[] = [];

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer */
  constructor({ maxLine, bareLf = true }: LineOptions = {}) {
    this.#maxLine = limitOf(maxLine, DEFAULT_MAX_LINE, 'maxLine');
    this.#bareLf = bareLf;
  }

  /** Whether octets have come that no line has been made of, or lines that have not been asked for. */
  get pending(): boolean {
    return this.#octets.length > 0 || this.#ready.length > 0;
  }

  /** Takes what has come; it is copied. */
  push(chunk: Uint8Array): void {
    assertBytes(chunk, 'chunk');
    this.#octets.append(this.#telnet.filter(chunk));
  }

  /**
   * Tells that octets are missing at this point, as in a capture with a gap. Nobody knows what line ends they held: what
   * has come of the present line, and all up to the next line end, make one damaged line.
   */
  gap(): void {
    for (let line = this.#take(); line !== undefined; line = this.#take()) this.#ready.push(line);
    this.#discard();
    this.#telnet.reset();
    this.#givenUp = 'lost';
  }

  /**
   * The next line, or undefined when more octets are needed.
   * @throws FtpSecurityError `syntax/limit-exceeded` once for a line that is too long; `syntax/bad-line` for a bare LF
   *   that is not tolerated; `syntax/truncated` once for a damaged line, when it ends. The line is gone.
   */
  next(): Line | undefined {
    const line = this.#ready.shift() ?? this.#take();
    if (line instanceof FtpSecurityError) throw line;
    return line;
  }

  /**
   * Tells that the input has ended. To be called when `next` has given undefined.
   * @throws FtpSecurityError `syntax/truncated` when it ended within a line or a Telnet command
   */
  close(): void {
    const rest = this.#octets.view();
    const whole = rest.length === 0 || rest[rest.length - 1] === LF;
    if (whole && this.#givenUp === undefined && !this.#telnet.open) return;
    throw new FtpSecurityError('syntax/truncated', 'the input ends within a line', { offset: rest.length });
  }

  #take(): Line | FtpSecurityError | undefined {
    const held = this.#octets.view();
    const lf = held.indexOf(LF, this.#scanned);
    if (lf === -1) return this.#wait(held.length);
    const givenUp = this.#givenUp;
    const line = givenUp === undefined ? this.#lineOf(held, lf) : damaged();
    this.#givenUp = undefined;
    this.#octets.drop(lf + 1);
    this.#scanned = 0;
    return givenUp === 'long' ? this.#take() : line;
  }

  /** There is no line end yet. */
  #wait(held: number): FtpSecurityError | undefined {
    this.#scanned = held;
    if (this.#givenUp !== undefined) {
      this.#discard();
      return undefined;
    }
    // The one octet more may be the CR of its line end.
    if (held <= this.#maxLine + 1) return undefined;
    this.#discard();
    this.#givenUp = 'long';
    return this.#tooLong();
  }

  #lineOf(held: Uint8Array, lf: number): Line | FtpSecurityError {
    const bare = lf === 0 || held[lf - 1] !== CR;
    const length = bare ? lf : lf - 1;
    if (length > this.#maxLine) return this.#tooLong();
    if (bare && !this.#bareLf) {
      return new FtpSecurityError('syntax/bad-line', 'a line ends in CR LF, not in LF alone', { offset: lf });
    }
    const raw = copy(held, 0, lf + 1);
    return { raw, bytes: raw.subarray(0, length) };
  }

  #discard(): void {
    this.#octets.drop(this.#octets.length);
    this.#scanned = 0;
  }

  #tooLong(): FtpSecurityError {
    const message = `a line is longer than ${this.#maxLine} octets`;
    return new FtpSecurityError('syntax/limit-exceeded', message, { offset: this.#maxLine });
  }
}

/**
 * The line that begins at `start`, in octets that have all come; the last one may lack its line end.
 * @returns `end`, where its text ends, and `next`, where the next line begins
 */
export function lineAt(octets: Uint8Array, start: number): { end: number; next: number } {
  const lf = octets.indexOf(LF, start);
  const next = lf === -1 ? octets.length : lf + 1;
  let end = lf === -1 ? next : lf;
  if (end > start && octets[end - 1] === CR) end--;
  return { end, next };
}

/** All lines of octets that have all come, with the offset of each. They share memory with `octets`. */
export function* linesOf(octets: Uint8Array): Generator<Line & { readonly start: number }> {
  for (let start = 0; start < octets.length; ) {
    const { end, next } = lineAt(octets, start);
    yield { raw: octets.subarray(start, next), bytes: octets.subarray(start, end), start };
    start = next;
  }
}

/**
 * A limit as the caller gave it, or the default.
 * @throws TypeError, RangeError unless it is a whole number of octets, 1 or more
 */
export function limitOf(value: number | undefined, byDefault: number, name: string): number {
  if (value === undefined) return byDefault;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a whole number above 0`);
  return value;
}

/**
 * Makes sure that a text can stand in one line (RFC 959 §5.3.1).
 * @throws TypeError unless it is a string, RangeError for a CR, LF or NUL in it
 */
export function assertOneLine(text: string, name: string): void {
  if (typeof text !== 'string') throw new TypeError(`${name} must be a string`);
  if (/[\r\n\0]/.test(text)) throw new RangeError(`${name} must not have a CR, LF or NUL in it`);
}

function damaged(): FtpSecurityError {
  return new FtpSecurityError('syntax/truncated', 'octets of this line are missing from the input');
}
