/**
 * The known deviations from RFC 2228, by name: those that existing peers need and that cost no security, and those that do.
 * Each has an entry in vectors/deviations.json: the peers that have it, and the capture that shows it.
 */
import { type ErrorCode, FtpSecurityError } from '../errors.js';

/**
 * Deviations that cost no security, and that existing peers need. All are tolerated by default, and reported when seen.
 * `tolerate: []` is strict.
 */
export const DEVIATIONS = [
  /** An inner reply continues in the next outer reply (§5.2: one inner reply in one outer reply). */
  'reply-spans-outer',
  /** Each fragment is a whole line, although it doesn't end in CRLF (§5.2: fragments are joined unchanged). */
  'fragment-per-line',
  /** A plaintext ends with one NUL. */
  'trailing-nul',
  /** A reply has text before `ADAT=` (§3, ADAT). */
  'text-before-adat',
  /** `ADAT=` is not in upper case. */
  'adat-case',
  /** `ADAT=` is in one or several lines of a multi-line reply. */
  'multi-line-adat',
  /** Spaces before or after base 64 (§8.1). */
  'blank-around-base64',
  /** Text after base 64 (§8.1). */
  'text-after-base64',
  /** A line of the control connection ends in LF alone (RFC 959 §3.1.1.5.1). */
  'bare-lf',
  /** A protected reply to a clear command after CCC (§3, CCC). */
  'protected-after-ccc',
  /** 633 where integrity is required, with a token that has integrity (§3, CCC). */
  'integrity-under-633',
  /** The 235 that completes an exchange is protected, if it carries no security data (§3, ADAT). */
  'protected-235',
  /** A space before the `=` of `PBSZ=` in a 200 reply (§3, PBSZ). */
  'blank-in-pbsz',
  /** A multi-line reply in the clear ends with another code (RFC 959 §4.2). Only an observer, who sees the client go on, accepts it. */
  'mismatched-reply-end',
  /** Lines of text before the greeting (RFC 959 §5.4). Only an observer accepts them. */
  'text-before-greeting',
] as const;

/** Deviations that cost security, or certainty. They are tolerated only if `tolerate` names them. */
export const OPTIONAL_DEVIATIONS = [
  /** 632 with a token that has only integrity (§5.2): the server calls it private, but anyone can read it. */
  'integrity-under-632',
  /** An inner reply continues in the next outer reply without CRLF: half a line would look the same. */
  'unended-line-spans-outer',
] as const;

/** The name of a deviation: see {@link DEVIATIONS} and {@link OPTIONAL_DEVIATIONS}. */
export type Deviation = (typeof DEVIATIONS | typeof OPTIONAL_DEVIATIONS)[number];

/** Which deviations from RFC 2228 are tolerated. */
export interface Tolerance {
  /**
   * The deviations that are tolerated, and reported when seen. Default: all of {@link DEVIATIONS}. `[]` is strict.
   * `[...DEVIATIONS, 'integrity-under-632']` adds one of {@link OPTIONAL_DEVIATIONS}.
   */
  tolerate?: readonly Deviation[];
}

/** Collects the deviations in one line or reply: each is either accepted and recorded, or an error. */
export class Deviations {
  readonly #allowed: readonly Deviation[];
  /** Most of what is read has none. */
  #seen: Deviation[] | undefined;

  constructor({ tolerate = DEVIATIONS }: Tolerance) {
    this.#allowed = tolerate;
  }

  /** @throws FtpSecurityError with `code` if the deviation is not tolerated */
  accept(deviation: Deviation, code: ErrorCode): void {
    if (!this.allows(deviation))
      throw new FtpSecurityError(code, `${deviation} is not tolerated (tolerate permits it)`);
    this.#seen ??= [];
    if (!this.#seen.includes(deviation)) this.#seen.push(deviation);
  }

  allows(deviation: Deviation): boolean {
    return this.#allowed.includes(deviation);
  }

  /** In the order in which they were seen. */
  get seen(): Deviation[] {
    return [...(this.#seen ?? [])];
  }
}
