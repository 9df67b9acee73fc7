/** The types of the conformance suite: the mechanism under test, and the cases. */
import type { Exchange, ExchangeObserver, SecurityContext } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';

/**
 * How a mechanism numbers its tokens: `none`, it does not (KERBEROS_V4); `in-order`, each token must be the next, as for TLS
 * records (RFC 8446 §5.3); `window`, tokens may be skipped or late, and the receiver reports it (Kerberos V5).
 *
 * With `in-order`, the exchange must give the fact `inOrder: true`, so that sessions leave no number out. Lines and blocks of one
 * sender share their numbers but have no order among each other on the wire: read each transfer to its end before the next line.
 */
export type Numbering = 'none' | 'in-order' | 'window';

/** A mechanism under test. */
export interface ConformanceSubject {
  /** Returns both sides of a new association, with new keys. */
  contexts(): ConformancePair | Promise<ConformancePair>;
  /** All levels that the mechanism supports. */
  levels: readonly TokenLevel[];
  /** How it numbers tokens. With `in-order` and `window`, replays must be refused. */
  numbering: Numbering;
  /**
   * Returns the octets of a token with integrity that the mechanism itself does not protect. A change there may be undetected, but
   * must not change the plaintext. Default none.
   */
  unprotected?(token: Uint8Array, level: TokenLevel): readonly OctetRange[];
  /** Returns both sides of a new security data exchange. Without it, exchanges are not tested. */
  exchange?(): ConformanceExchange;
  /** Returns a new observer, with keys for these exchanges. Without it, observers are not tested. */
  observer?(): ExchangeObserver;
}

/** Both sides of one association. */
export interface ConformancePair {
  /** The client's context. */
  initiator: SecurityContext;
  /** The server's context. */
  acceptor: SecurityContext;
}

/** Both sides of an exchange that has not begun. */
export interface ConformanceExchange {
  /** The client's side. */
  initiator: Exchange;
  /** The server's side. */
  acceptor: Exchange;
}

/** A range of octets, counted from the start of a token. */
export interface OctetRange {
  /** Offset of the first octet. */
  start: number;
  /** Offset after the last octet. */
  end: number;
}

/** One case of the suite. */
export interface ConformanceCase {
  /** What is tested, as a sentence. */
  name: string;
  /** What it is about: a context and its tokens, their sequence numbers, the security data exchange, or its observer. */
  topic: 'tokens' | 'numbering' | 'exchange' | 'observer';
  /** Runs the case. If it fails, throws or rejects with an Error that says what was expected. */
  run(): void | Promise<void>;
}

/** A check of one level. */
export type LevelCheck = (subject: ConformanceSubject, level: TokenLevel) => Promise<void>;

/** A check of the security data exchange; `begin` returns a new one. */
export type ExchangeCheck = (subject: ConformanceSubject, begin: () => ConformanceExchange) => Promise<void>;

/** A check of an observer; `watch` returns a new one. */
export type ObserverCheck = (
  subject: ConformanceSubject,
  begin: () => ConformanceExchange,
  watch: () => ExchangeObserver,
) => Promise<void>;
