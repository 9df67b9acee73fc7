/** What a security mechanism provides to the codec and to sessions: types only. RFC 2228 §2 leaves the rest to it. */
import type { FtpSecurityError } from '../errors.js';
import type { TokenLevel } from './protection-level.js';

/**
 * Where a token stands among those received before it: `ok` the next one, `gap` some before it have not come, `late` it
 * fills such a gap, `none` the mechanism does not number its tokens.
 */
export type SequenceState = 'ok' | 'gap' | 'late' | 'none';

export interface Wrapped {
  token: Uint8Array;
  /** What was applied: at least what was asked for. The line is labelled with it. */
  level: TokenLevel;
}

export interface Unwrapped {
  plaintext: Uint8Array;
  /** What the token really had; `confidential` means that nothing vouches for the plaintext. */
  level: TokenLevel;
  sequence: SequenceState;
}

/**
 * An established security association (RFC 2228 §2). One serves the control connection and every data connection, with
 * one sequence of numbers in each direction; tokens without integrity are numbered apart, since anybody can forge their
 * numbers.
 */
export interface SecurityContext {
  /** The name that AUTH knows it by. */
  readonly mechanism: string;
  supports(level: TokenLevel): boolean;
  /**
   * Makes one token, and uses one sequence number.
   * @throws FtpSecurityError `security/level-unsupported`, side local
   */
  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped;
  /**
   * Opens one token. It throws, and nothing has changed; or the token is verified (decrypted, if `confidential`) and its
   * number used.
   * @throws FtpSecurityError `security/bad-token`, `bad-checksum`, `replayed`, `out-of-sequence`, `wrong-direction`
   */
  unwrap(token: Uint8Array): Unwrapped;
  /**
   * Opens one token whatever its number is, and changes nothing: for recordings, where what was replayed or moved is shown as
   * such. Absent where tokens are not numbered. Nothing that it gives may be acted upon.
   * @throws FtpSecurityError `security/bad-token`, `bad-checksum`, `wrong-direction`
   */
  reopen?(token: Uint8Array): Pick<Unwrapped, 'plaintext' | 'level'>;
  /**
   * How many octets of plaintext fit into a token of at most `maxToken` octets; 0 when not even an empty one fits.
   * Every shorter plaintext fits as well.
   */
  wrapSizeLimit(level: TokenLevel, maxToken: number): number;
  /**
   * The place of the token that `unwrap` opened last among those of its sender: one more with each, also where numbers
   * start again. Undefined before the first, and where tokens are not numbered: then nobody can tell the blocks of a
   * transfer in their order from the same in another, or less one.
   */
  readonly lastReceived?: bigint | undefined;
  /** Whether the token sent before that one has been received as well, on whatever connection. Comes with `lastReceived`. */
  readonly lastFollows?: boolean | undefined;
  /** Forgets the keys. Every later call throws `sequence/closed`. */
  destroy(): void;
}

/** What an exchange has found out: names and flags for people and for policy, never a key. */
export interface ExchangeFacts {
  clientName?: string;
  serverName?: string;
  /** Kerberos number of the encryption type that protects the messages. */
  enctype?: number;
  /** The mechanism or its keys are too weak to be trusted today. */
  weak?: boolean;
  /** Why, for people. */
  weakness?: string;
  [fact: string]: unknown;
}

export interface Step {
  /** To be sent to the peer; absent when there is none. */
  token?: Uint8Array;
  /** Present when the exchange is complete on this side. */
  context?: SecurityContext;
  facts?: ExchangeFacts;
}

/** The addresses of a control connection, 4 octets of IPv4 or 16 of IPv6. One that is not known is absent. */
export interface ChannelEnds {
  /** Of the client. */
  initiator?: Uint8Array;
  /** Of the server. */
  acceptor?: Uint8Array;
}

/** One side of a security data exchange (RFC 2228 §3, ADAT): a token of the peer in, a token for it out. */
export interface Exchange {
  /**
   * @param token  what the peer sent; absent at the initiator's first step, and where a reply carried none
   * @param channel  of the control connection, for mechanisms that bind themselves to it (RFC 2228 appendix I)
   * @throws FtpSecurityError when the peer's token is refused; the exchange is over
   */
  step(token?: Uint8Array, channel?: ChannelEnds): Step | Promise<Step>;
  /** Ends an exchange that will not go on, and erases its keys; one that is complete stays as it is. */
  destroy?(): void;
}

export type Peer = 'client' | 'server';

/** What an observer of an exchange knows after a token. */
export interface ObservedStep {
  facts: ExchangeFacts;
  /** Why the exchange can't be followed though its tokens could be read: a key that is missing or wrong. */
  problem?: FtpSecurityError;
  /** Opens what the client sends; present as soon as the keys are known. */
  fromClient?: SecurityContext;
  /** Opens what the server sends. */
  fromServer?: SecurityContext;
}

/** The passive side of a recorded exchange: it reads the tokens of both sides, and opens both directions if it has the keys. */
export interface ExchangeObserver {
  /**
   * Takes the next token of the exchange.
   * @param from  who sent it
   * @throws FtpSecurityError when the token can't be read
   */
  observe(from: Peer, token: Uint8Array): ObservedStep;
}

/**
 * A mechanism with its options and keys, as everything above mechanisms takes it: sessions, observers, the command, the
 * fuzzer. A side that is absent is not offered.
 */
export interface Mechanism {
  /** The name that AUTH knows it by, e.g. `GSSAPI`. */
  readonly name: string;
  /** Which of the mechanisms under that name, e.g. `krb5`. */
  readonly variant: string;
  /** Whether the client's first token is one of this mechanism: several may share one AUTH name. */
  recognises(firstToken: Uint8Array): boolean;
  /**
   * What can be read without keys of a token, of the exchange or of a message: named values for people.
   * @throws FtpSecurityError `security/bad-token` for a token that is not of this mechanism
   */
  describe?(token: Uint8Array): object;
  /** The client's side of a new exchange. */
  initiator?(): Exchange;
  /** The server's side of a new exchange. */
  acceptor?(): Exchange;
  /** The passive side of a new exchange. */
  observer?(): ExchangeObserver;
}
