/** How much of a security data exchange a server accepts on one connection, and how it refuses the rest (RFC 2228 §8.2). */
import { FtpSecurityError, type RefusalCode, replyCodeFor } from '../errors.js';
import { limitOf } from '../ftp/argument-checks.js';
import { commandFacts } from '../ftp/commands.js';
import { DEFAULT_MAX_SECURITY_DATA } from '../protection/security-data.js';
import type { AuthEvent, ServerDataEvent, ServerSessionOptions } from './events.js';
import type { CommandRequest, Phase } from './rules.js';

const DEFAULT_MAX_FAILURES = 16;

/** The codes that may refuse AUTH and ADAT (§8.2, appendix I), and the one for an error whose own code is not among them. */
const EXCHANGE_REFUSALS = {
  auth: { own: [431, 502, 504, 534], else: 534 },
  'security-data': { own: [], else: 535 },
} as const satisfies Record<string, { own: readonly RefusalCode[]; else: RefusalCode }>;

/** The code that refuses AUTH or ADAT for an error. */
export function exchangeRefusal({ type }: AuthEvent | ServerDataEvent, error: FtpSecurityError): RefusalCode {
  const { own, else: instead } = EXCHANGE_REFUSALS[type];
  return own.find(it => it === replyCodeFor(error)) ?? instead;
}

/** Counts the exchanges of one server session. */
export class ExchangeLimits {
  readonly #maxSecurityData: number;
  readonly #maxFailures: number;
  /** AUTH and ADAT that were refused, and exchanges that were not finished. */
  #failures = 0;
  /** Octets of security data that the exchange has brought. */
  #received = 0;

  /** @throws TypeError if a limit is not a number, RangeError if it is not a positive integer */
  constructor({ maxSecurityData, maxFailures }: Pick<ServerSessionOptions, 'maxSecurityData' | 'maxFailures'>) {
    this.#maxSecurityData = limitOf(maxSecurityData, DEFAULT_MAX_SECURITY_DATA, 'maxSecurityData');
    this.#maxFailures = limitOf(maxFailures, DEFAULT_MAX_FAILURES, 'maxFailures');
  }

  /** Whether AUTH and ADAT have failed too often. */
  get exhausted(): boolean {
    return this.#failures >= this.#maxFailures;
  }

  /** The error of AUTH and ADAT once they have failed too often: 421. */
  refusalOf({ verb }: CommandRequest): FtpSecurityError | undefined {
    if (!commandFacts(verb).exchange || !this.exhausted) return undefined;
    return tooMuch('AUTH and ADAT have failed too often', 421);
  }

  /** Security data has come. @throws FtpSecurityError `syntax/limit-exceeded`, 535 */
  receive(token: Uint8Array): void {
    this.#received += token.length;
    if (this.#received > this.#maxSecurityData) throw tooMuch('more security data than maxSecurityData', 535);
  }

  /** Counts the final reply to AUTH or ADAT as a failure if it refuses. */
  countRefusal({ verb }: CommandRequest, code: number): void {
    if (commandFacts(verb).exchange && code >= 400) this.#failures++;
  }

  /**
   * Ends an exchange that has not been finished, since another begins or another command comes: it counts as a failure. Security
   * data is counted from 0 again.
   * @returns whether there was such an exchange
   */
  endUnfinished(phase: Phase): boolean {
    this.#received = 0;
    if (phase !== 'exchange') return false;
    this.#failures++;
    return true;
  }
}

function tooMuch(why: string, reply: RefusalCode): FtpSecurityError {
  return new FtpSecurityError('syntax/limit-exceeded', why, { reply });
}
