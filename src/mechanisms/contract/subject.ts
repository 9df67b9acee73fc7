/** What the contract is about: a mechanism under test, and the cases that it is put to. Types only. */
import type { TokenLevel } from '../../secure/protection-level.js';
import type { Exchange, ExchangeObserver, SecurityContext } from '../../secure/security-context.js';

/** A mechanism under test. */
export interface ContractSubject {
  /** A new association each time, with keys of its own: what one side wraps, the other unwraps. */
  contexts(): ContractPair | Promise<ContractPair>;
  /** Every level that it has. */
  levels: readonly TokenLevel[];
  /** Whether its tokens are numbered, so that it refuses replays. */
  numbered: boolean;
  /**
   * The octets of a token with integrity that the mechanism itself leaves unprotected. A change there may go unnoticed,
   * but must not change the plaintext. Default: there are none.
   */
  unprotected?(token: Uint8Array, level: TokenLevel): readonly OctetRange[];
  /** A new security data exchange each time. Without it nothing is asked about exchanges. */
  exchange?(): ContractExchange;
  /** A new observer each time, with keys that open these exchanges. Without it nothing is asked about observers. */
  observer?(): ExchangeObserver;
}

/** Both ends of one association. */
export interface ContractPair {
  initiator: SecurityContext;
  acceptor: SecurityContext;
}

/** Both sides of an exchange that is still to be run. */
export interface ContractExchange {
  initiator: Exchange;
  acceptor: Exchange;
}

/** From `start` to before `end`. */
export interface OctetRange {
  start: number;
  end: number;
}

export interface ContractCase {
  name: string;
  /** Throws, or rejects, with an Error that says what is owed. */
  run(): void | Promise<void>;
}

/** Something that is owed at each level. */
export type Clause = (subject: ContractSubject, level: TokenLevel) => Promise<void>;

/** Something that is owed by exchanges; `begin` gives a new one. */
export type ExchangeClause = (subject: ContractSubject, begin: () => ContractExchange) => Promise<void>;

/** Something that is owed by observers; `watch` gives a new one. */
export type ObserverClause = (
  subject: ContractSubject,
  begin: () => ContractExchange,
  watch: () => ExchangeObserver,
) => Promise<void>;
