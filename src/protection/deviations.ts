/**
 * The deviations from RFC 2228 that living peers need and that cost no security, by name, and those that do. Each has an entry in
 * vectors/deviations.json: who does it, and the capture that shows it. Whoever reads with `tolerate: []` is strict.
 */
import { type ErrorCode, FtpSecurityError } from '../errors.js';

export const DEVIATIONS = [
  /** An inner reply goes on in the next outer reply (§5.2 ends it with its own). */
  'reply-spans-outer',
  /** Each fragment is a whole line although no end-of-line stands in it (§5.2 joins fragments as they are). */
  'fragment-per-line',
  /** One NUL ends a plaintext. */
  'trailing-nul',
  /** Words before `ADAT=` in a reply (§3, ADAT). */
  'text-before-adat',
  /** `adat=` in another case. */
  'adat-case',
  /** `ADAT=` in a line of a multi-line reply, or in several. */
  'multi-line-adat',
  /** Blanks before or behind base 64 (§8.1). */
  'blank-around-base64',
  /** Words behind base 64 (§8.1). */
  'text-after-base64',
  /** A line of the control connection that ends in LF alone (RFC 959 §3.1.1.5.1). */
  'bare-lf',
  /** A protected reply to a clear command after CCC (§3, CCC). */
  'protected-after-ccc',
  /** 633 where integrity is owed, around a token that has it (§3, CCC). */
  'integrity-under-633',
  /** The 235 that completes an exchange comes protected, where the server has no security data to send (§3, ADAT). */
  'protected-235',
  /** A blank before the `=` of `PBSZ=` in a 200 reply (§3, PBSZ). */
  'blank-in-pbsz',
  /** A multi-line reply in the clear that a line of another code ends (RFC 959 §4.2): only whoever sees the client go on can tell. */
  'mismatched-reply-end',
  /** Lines of text before the greeting (RFC 959 §5.4). Only an observer takes them. */
  'text-before-greeting',
] as const;

/** Deviations that cost security, or certainty. None is tolerated unless `tolerate` names it. */
export const OPTIONAL_DEVIATIONS = [
  /** 632 around a token that has integrity alone (§5.2): what the server calls private, anybody can read. */
  'integrity-under-632',
  /** An inner reply goes on in the next outer reply, though its line has no end: half a line would look the same. */
  'unended-line-spans-outer',
] as const;

export type Deviation = (typeof DEVIATIONS | typeof OPTIONAL_DEVIATIONS)[number];

export interface Tolerance {
  /**
   * The deviations that are accepted, and reported when seen. Default: all of {@link DEVIATIONS}; `[]` is strict, and
   * `[...DEVIATIONS, 'integrity-under-632']` takes one of {@link OPTIONAL_DEVIATIONS} as well.
   */
  tolerate?: readonly Deviation[];
}

/** The deviations seen while one thing is read: each is either accepted and noted, or refused. */
export class Deviations {
  readonly #allowed: readonly Deviation[];
  readonly #seen = new Set<Deviation>();

  constructor({ tolerate = DEVIATIONS }: Tolerance) {
    this.#allowed = tolerate;
  }

  /** @throws FtpSecurityError with `code` when the deviation is not tolerated */
  accept(deviation: Deviation, code: ErrorCode): void {
    if (!this.allows(deviation)) throw new FtpSecurityError(code, `${deviation} is not tolerated`);
    this.#seen.add(deviation);
  }

  allows(deviation: Deviation): boolean {
    return this.#allowed.includes(deviation);
  }

  /** In the order in which they came. */
  get seen(): Deviation[] {
    return [...this.#seen];
  }
}
