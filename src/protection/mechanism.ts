/**
 * The interface between a security mechanism and the codec, sessions and observers: types only. RFC 2228 §2 leaves the rest to the
 * mechanism.
 */
import type { BlockCiphers } from '../block-cipher.js';
import type { FtpSecurityError } from '../errors.js';
import type { TokenLevel } from './protection-level.js';

/**
 * The position of a token in the sequence of its sender. `ok`: the next one; `gap`: tokens before it are missing; `late`: it
 * was missing until now; `none`: the mechanism does not number its tokens.
 */
export type SequenceState = 'ok' | 'gap' | 'late' | 'none';

/** The result of {@link SecurityContext.wrap}. */
export interface Wrapped {
  token: Uint8Array;
  /** The level applied: at least the one requested. The line is labelled with it. */
  level: TokenLevel;
}

/** The result of {@link SecurityContext.unwrap}. */
export interface Unwrapped {
  /** A new plain array: the context does not use its memory again. */
  plaintext: Uint8Array;
  /** The level that the token really has. With `confidential`, the plaintext is not authenticated. */
  level: TokenLevel;
  /** The position of the token among those received. */
  sequence: SequenceState;
}

/**
 * One side of an established security association (RFC 2228 §2). It serves the control connection and all data connections,
 * with one sequence of numbers in each direction. Tokens without integrity are numbered separately, since their numbers can
 * be forged.
 */
export interface SecurityContext {
  /** The name of the mechanism in AUTH. */
  readonly mechanism: string;
  /**
   * Whether there is no token for an empty text, as with GSI. An empty text ends a file (RFC 2228 §6), so such a mechanism has no
   * blocks for data connections. Default false.
   */
  readonly neverEmpty?: boolean;
  /** Whether the mechanism can make tokens of this level. */
  supports(level: TokenLevel): boolean;
  /**
   * Makes one token, and uses one sequence number.
   * @param level  the least that is applied
   * @throws FtpSecurityError `security/level-unsupported`, side `local`
   */
  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped;
  /**
   * Opens one token: verifies it (with `confidential`, only decrypts it) and records its sequence number. If it throws, the
   * state is unchanged.
   * @param token  valid during the call only
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
   * For recordings: any number of tokens may be missing before the next one. Absent where each token has its number in it. Where
   * tokens are counted, as in TLS, the next one is tried under many numbers.
   */
  interrupted?(): void;
  /**
   * How many octets of plaintext fit into a token of at most `maxToken` octets; 0 if not even an empty plaintext fits.
   * Every shorter plaintext fits as well.
   */
  wrapSizeLimit(level: TokenLevel, maxToken: number): number;
  /**
   * The position, in the sequence of the sender, of the token that `unwrap` opened last. It grows by one with each token, also
   * if the numbers start again. Undefined before the first token, and if tokens are not numbered: then missing or reordered
   * blocks of a transfer can't be detected.
   */
  readonly lastReceived?: bigint | undefined;
  /**
   * The time in the token that `unwrap` opened last, in milliseconds since 1970, if tokens have times and no numbers. A sender's
   * later tokens have no earlier time, so reordered blocks of a transfer can be detected, as far as times differ.
   */
  readonly lastTime?: number | undefined;
  /**
   * Whether the token sent before that one has been received too, on any connection; true for the first. It must be defined if
   * `lastReceived` is: sessions take undefined as false, and refuse the line.
   */
  readonly lastFollows?: boolean | undefined;
  /** Forgets the keys. Every later call throws `sequence/closed`. */
  destroy(): void;
}

/** What is known about the peer and the association: names and flags for people and for policy, never a key. */
export interface ExchangeFacts {
  /** Authenticated name of the client, e.g. `user@REALM`. */
  clientName?: string;
  /** Name of the server, e.g. `ftp/host@REALM`. */
  serverName?: string;
  /** Kerberos number of the encryption type that protects the messages. */
  enctype?: number;
  /** Whether the mechanism or its keys are too weak to be trusted today. */
  weak?: boolean;
  /** Why it is weak, for people. */
  weakness?: string;
  /**
   * Whether the peer may refuse every token but the next one of the sequence. If it does not, a session leaves a number out before
   * a line that it sends while its own protected file is under way. To a peer that requires order, it sends such a line only after
   * the transfer: a client refuses to send STAT and QUIT before, a server keeps the reply to STAT.
   */
  inOrder?: boolean;
  [fact: string]: unknown;
}

/** The result of {@link Exchange.step}. */
export interface Step {
  /** The token to send to the peer; absent if there is none. */
  token?: Uint8Array;
  /** Present if the exchange is complete on this side. */
  context?: SecurityContext;
  /** What is known about the peer so far. */
  facts?: ExchangeFacts;
}

/** The addresses of a control connection: 4 octets of IPv4 or 16 of IPv6. An unknown one is absent. */
export interface ChannelEnds {
  /** Address of the client. */
  initiator?: Uint8Array;
  /** Address of the server. */
  acceptor?: Uint8Array;
}

/** One side of a security data exchange (RFC 2228 §3, ADAT): a token of the peer in, a token for it out. */
export interface Exchange {
  /**
   * Processes the peer's token, and makes the next one.
   * @param token  what the peer sent; absent at the initiator's first step, and if a reply carried none
   * @param channel  addresses of the control connection, for mechanisms with channel bindings (RFC 2228 appendix I)
   * @param ciphers  those of the platform, for mechanisms whose options name none
   * @throws FtpSecurityError if the peer's token is rejected; the exchange is over
   */
  step(token?: Uint8Array, channel?: ChannelEnds, ciphers?: BlockCiphers): Step | Promise<Step>;
  /** Ends an unfinished exchange, and erases its keys. A complete exchange is unchanged. */
  destroy?(): void;
}

/** A side of a control connection. */
export type Peer = 'client' | 'server';

/** What an {@link ExchangeObserver} knows after a token. */
export interface ObservedStep {
  facts: ExchangeFacts;
  /** Why the exchange can't be followed although its tokens could be parsed: a key is missing or wrong. */
  problem?: FtpSecurityError;
  /** Opens tokens of the client; present as soon as the keys are known. */
  fromClient?: SecurityContext;
  /** Opens tokens of the server; present as soon as the keys are known. */
  fromServer?: SecurityContext;
}

/** The passive side of a recorded exchange: it reads the tokens of both sides, and can open both directions if it has the keys. */
export interface ExchangeObserver {
  /**
   * Processes the next token of the exchange.
   * @param from  the side that sent it
   * @throws FtpSecurityError if the token can't be parsed
   */
  observe(from: Peer, token: Uint8Array): ObservedStep;
  /** Ends the observation, and erases its keys. Contexts that it has returned are unchanged. */
  destroy?(): void;
}

/** Secrets in a recording, to decrypt what is in it (draft-ietf-opsawg-pcapng §4.7). */
export interface RecordedSecrets {
  /** What they are: 0x544c534b is a TLS key log. */
  type: number;
  data: Uint8Array;
}

/**
 * A mechanism with its options and keys, for sessions, observers, the command line and the fuzzer. A side that is absent is
 * not available.
 */
export interface Mechanism {
  /** The name in AUTH, e.g. `GSSAPI`. */
  readonly name: string;
  /** Which of the mechanisms with that name, e.g. `krb5`. */
  readonly variant: string;
  /** Whether the client's first token belongs to this mechanism: several may share one name in AUTH. */
  recognises(firstToken: Uint8Array): boolean;
  /**
   * The fields of a token that can be read without keys, as named values for people. It may be of the exchange or a message.
   * @throws FtpSecurityError `security/bad-token` for a token that is not of this mechanism
   */
  describe?(token: Uint8Array): object;
  /** This mechanism, with secrets that a recording brings along beside its own keys. */
  withSecrets?(secrets: readonly RecordedSecrets[]): Mechanism;
  /** The client's side of a new exchange. */
  initiator?(): Exchange;
  /** The server's side of a new exchange. */
  acceptor?(): Exchange;
  /** The passive side of a new exchange. */
  observer?(): ExchangeObserver;
}
