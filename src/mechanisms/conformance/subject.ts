/** The mechanism under test, and the cases of the conformance suite. Types only. */

import type { Exchange, ExchangeObserver, SecurityContext } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';

/**
 * How a mechanism numbers its tokens: `none` (KERBEROS_V4); `in-order`, where a token opens in its turn only, as TLS
 * records do (RFC 8446 §5.3); `window`, where tokens may be skipped and come late, and the receiver says so (Kerberos V5).
 */
export type Numbering = 'none' | 'in-order' | 'window';

/** A mechanism under test. */
export interface ConformanceSubject {
  /** A new association each time, with keys of its own: what one side wraps, the other unwraps. */
  contexts(): ConformancePair | Promise<ConformancePair>;
  /** Every level that it has. */
  levels: readonly TokenLevel[];
  /** See {@link Numbering}. Both that number tokens must refuse replays. */
  numbering: Numbering;
  /**
   * The octets of a token with integrity that the mechanism itself leaves unprotected. A change there may go unnoticed,
   * but must not change the plaintext. Default: there are none.
   */
  unprotected?(token: Uint8Array, level: TokenLevel): readonly OctetRange[];
  /** A new security data exchange each time. Without it exchanges are not tested. */
  exchange?(): ConformanceExchange;
  /** A new observer each time, with keys that open these exchanges. Without it observers are not tested. */
  observer?(): ExchangeObserver;
}

/** Both ends of one association. */
export interface ConformancePair {
  initiator: SecurityContext;
  acceptor: SecurityContext;
}

/** Both sides of an exchange that is still to be run. */
export interface ConformanceExchange {
  initiator: Exchange;
  acceptor: Exchange;
}

/** From `start` to before `end`. */
export interface OctetRange {
  start: number;
  end: number;
}

/** One test of the suite, for any test runner. */
export interface ConformanceCase {
  name: string;
  /** Throws, or rejects, with an Error that says what was expected. */
  run(): void | Promise<void>;
}

/** A check of one level. */
export type LevelCheck = (subject: ConformanceSubject, level: TokenLevel) => Promise<void>;

/** A check of the security data exchange; `begin` gives a new one. */
export type ExchangeCheck = (subject: ConformanceSubject, begin: () => ConformanceExchange) => Promise<void>;

/** A check of an observer; `watch` gives a new one. */
export type ObserverCheck = (
  subject: ConformanceSubject,
  begin: () => ConformanceExchange,
  watch: () => ExchangeObserver,
) => Promise<void>;
