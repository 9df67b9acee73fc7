/** A security context of Kerberos V5 from its key alone (RFC 4121 §2 and §4.2, RFC 1964 §1.2), as an exchange leaves it. */
import { assertBytes } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import type { SecurityContext, SequenceState, Unwrapped, Wrapped } from '../../../protection/mechanism.js';
import type { TokenLevel } from '../../../protection/protection-level.js';
import { ReplayWindow } from '../../../replay-window.js';
import { destroyOnError } from '../../exchange-generator.js';
import { type CipherOptions, type KerberosKey, kerberosKey } from '../crypto/enctypes.js';
import { buildRfc1964Mic, buildRfc1964Wrap, openRfc1964Wrap, rfc1964SizeLimit, verifyRfc1964Mic } from './rfc1964.js';
import { rfc1964Key } from './rfc1964-keys.js';
import { buildMicToken, buildWrapToken, openWrapToken, verifyMicToken, wrapOverhead } from './rfc4121.js';
import type { Opened } from './token-header.js';

export interface Krb5ContextOptions extends CipherOptions {
  /** Whose tokens `wrap` makes; `unwrap` opens the other side's. */
  role: 'initiator' | 'acceptor';
  /** Number of the encryption type of `key`. */
  enctype: number;
  /** The acceptor's subkey if it asserted one, else the initiator's, else the session key (RFC 4121 §2). Copied. */
  key: Uint8Array;
  /** Whether `key` is a subkey that the acceptor asserted. Tokens of RFC 1964 do not tell. */
  acceptorSubkey: boolean;
  /** Of the next token that this side sends; below 2^64, or below 2^32 with the enctypes of RFC 1964's tokens. */
  sendSequence: bigint | number;
  /** Of the next token that the other side sends. */
  receiveSequence: bigint | number;
  /** Refuse every token but the next one. Default false: data connections share the numbers, and make gaps. */
  strictOrder?: boolean;
  /** Take an encryption type that is not to be trusted any more. Default false. */
  allowWeak?: boolean;
  /**
   * The levels that the peer has as well (conf_avail, RFC 2228 appendix I): no others are made, and a session answers 537 to them.
   * Default safe and private.
   */
  levels?: readonly TokenLevel[];
}

/** With the tokens of GSS_GetMIC, which RFC 2228 never sends and SPNEGO does (RFC 4178 §5). */
export interface Krb5Context extends SecurityContext {
  /** A token that vouches for `text` and does not hold it; it uses one sequence number (RFC 2743 §2.3.1). */
  getMic(text: Uint8Array): Uint8Array;
  /**
   * Verifies such a token of the other side. It throws, and nothing has changed; or its number is used.
   * @throws FtpSecurityError `security/bad-token`, `bad-checksum`, `replayed`, `out-of-sequence`, `wrong-direction`
   */
  verifyMic(text: Uint8Array, token: Uint8Array): SequenceState;
}

/** The per-message tokens of one side of a context. */
interface TokenFormat {
  /** How many sequence numbers there are. */
  readonly numbers: bigint;
  build(plaintext: Uint8Array, sealed: boolean, sequence: bigint): Uint8Array;
  /** @throws FtpSecurityError `security/bad-token`, `wrong-direction`, `bad-checksum` */
  open(token: Uint8Array): Opened;
  sign(text: Uint8Array, sequence: bigint): Uint8Array;
  /** Its sequence number. It throws as `open` does. */
  verify(text: Uint8Array, token: Uint8Array): bigint;
  sizeLimit(sealed: boolean, maxToken: number): number;
  destroy(): void;
}

/** Whether the tokens of a level are sealed. Kerberos has no confidentiality without integrity: no CONF, no 633. */
const SEALED = new Map<TokenLevel, boolean>([
  ['safe', false],
  ['private', true],
]);

/**
 * A context for levels safe and private.
 * @throws FtpSecurityError `security/no-key` when the encryption type is unknown, its keys have another length
 *   or its cipher is missing, `security/weak`, side local, without `allowWeak`
 */
export function krb5Context(options: Krb5ContextOptions): Krb5Context {
  const { role, enctype, key, allowWeak = false } = options;
  if (role !== 'initiator' && role !== 'acceptor') throw new TypeError('role must be initiator or acceptor');
  const prepared = kerberosKey(enctype, key, options);
  const format = destroyOnError(prepared, () => {
    const { weak, name, tokens } = prepared.enctype;
    if (weak && !allowWeak) throw new FtpSecurityError('security/weak', `${name} is weak`, { side: 'local' });
    return tokens === 'rfc4121' ? rfc4121(prepared, options) : rfc1964(prepared, options);
  });
  return destroyOnError(format, () => new NumberedContext(format, options));
}

function rfc4121(key: KerberosKey, { role, acceptorSubkey }: Krb5ContextOptions): TokenFormat {
  const isAcceptor = role === 'acceptor';
  const ours = { sentByAcceptor: isAcceptor, acceptorSubkey };
  const theirs = { sentByAcceptor: !isAcceptor, acceptorSubkey };
  return {
    numbers: 1n << 64n,
    build: (plaintext, sealed, sequence) => buildWrapToken(key, { ...ours, sealed, sequence }, plaintext),
    open: token => openWrapToken(key, theirs, token),
    sign: (text, sequence) => buildMicToken(key, ours, sequence, text),
    verify: (text, token) => verifyMicToken(key, theirs, token, text),
    sizeLimit: (sealed, maxToken) => Math.max(0, maxToken - wrapOverhead(key.enctype, sealed)),
    destroy: () => key.destroy(),
  };
}

function rfc1964(key: KerberosKey, options: Krb5ContextOptions): TokenFormat {
  const isAcceptor = options.role === 'acceptor';
  const framed = rfc1964Key(key, options.key, options);
  return {
    numbers: 1n << 32n,
    build: (plaintext, sealed, sequence) =>
      buildRfc1964Wrap(framed, { sentByAcceptor: isAcceptor, sealed, sequence }, plaintext),
    open: token => openRfc1964Wrap(framed, !isAcceptor, token),
    sign: (text, sequence) => buildRfc1964Mic(framed, isAcceptor, sequence, text),
    verify: (text, token) => verifyRfc1964Mic(framed, !isAcceptor, token, text),
    sizeLimit: (_sealed, maxToken) => rfc1964SizeLimit(framed, maxToken),
    destroy() {
      framed.destroy();
      key.destroy();
    },
  };
}

class NumberedContext implements Krb5Context {
  readonly mechanism = 'GSSAPI';
  readonly #format: TokenFormat;
  readonly #levels: readonly TokenLevel[];
  readonly #numbersFrom: (first: bigint) => ReplayWindow;
  readonly #signExtended: bigint | undefined;
  #received: ReplayWindow;
  #next: bigint;
  #closed = false;

  constructor(
    format: TokenFormat,
    { sendSequence, receiveSequence, strictOrder, levels = [...SEALED.keys()] }: Krb5ContextOptions,
  ) {
    const { numbers } = format;
    this.#format = format;
    this.#levels = levels;
    this.#next = sequenceNumber(sendSequence, numbers, 'sendSequence');
    const first = sequenceNumber(receiveSequence, numbers, 'receiveSequence');
    this.#numbersFrom = number => new ReplayWindow(number, { strict: strictOrder, modulus: numbers });
    this.#received = this.#numbersFrom(first);
    this.#signExtended = signExtended(first, numbers);
  }

  supports(level: TokenLevel): boolean {
    this.#assertOpen();
    return SEALED.has(level) && this.#levels.includes(level);
  }

  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped {
    assertBytes(plaintext, 'plaintext');
    const token = this.#format.build(plaintext, this.#isSealed(level), this.#next);
    this.#advance();
    return { token, level };
  }

  unwrap(token: Uint8Array): Unwrapped {
    assertBytes(token, 'token');
    this.#assertOpen();
    const { plaintext, sealed, sequence } = this.#format.open(token);
    return { plaintext, level: sealed ? 'private' : 'safe', sequence: this.#accept(sequence) };
  }

  getMic(text: Uint8Array): Uint8Array {
    assertBytes(text, 'text');
    this.#assertOpen();
    const token = this.#format.sign(text, this.#next);
    this.#advance();
    return token;
  }

  verifyMic(text: Uint8Array, token: Uint8Array): SequenceState {
    assertBytes(text, 'text');
    assertBytes(token, 'token');
    this.#assertOpen();
    return this.#accept(this.#format.verify(text, token));
  }

  wrapSizeLimit(level: TokenLevel, maxToken: number): number {
    const sealed = this.#isSealed(level);
    if (!Number.isSafeInteger(maxToken) || maxToken < 0) throw new RangeError('maxToken must be an integer, 0 or more');
    return this.#format.sizeLimit(sealed, maxToken);
  }

  get lastReceived(): bigint | undefined {
    return this.#received.last;
  }

  get lastFollows(): boolean {
    return this.#received.lastFollows;
  }

  destroy(): void {
    this.#closed = true;
    this.#format.destroy();
  }

  /** The first number shows where the peer starts to count. */
  #accept(number: bigint): SequenceState {
    const extended = this.#received.last === undefined ? this.#signExtended : undefined;
    const received = extended !== undefined && number >= extended ? this.#numbersFrom(extended) : this.#received;
    const state = received.accept(number);
    this.#received = received;
    return state;
  }

  #advance(): void {
    this.#next = (this.#next + 1n) % this.#format.numbers;
  }

  #isSealed(level: TokenLevel): boolean {
    this.#assertOpen();
    const sealed = SEALED.get(level);
    if (sealed === undefined || !this.#levels.includes(level)) {
      const who = sealed === undefined ? 'Kerberos' : 'the peer';
      throw new FtpSecurityError('security/level-unsupported', `${who} has no level ${level}`, { side: 'local' });
    }
    return sealed;
  }

  #assertOpen(): void {
    if (this.#closed) throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }
}

/**
 * Some peers write the upper half of the exchange's 32-bit numbers as negative (RFC 4120 §5.5.1), and MIT's library once
 * went on from there with 64 bits in its tokens.
 */
function signExtended(first: bigint, numbers: bigint): bigint | undefined {
  const isNegative = numbers === 2n ** 64n && first >= 2n ** 31n && first < 2n ** 32n;
  return isNegative ? first + numbers - 2n ** 32n : undefined;
}

function sequenceNumber(value: bigint | number, numbers: bigint, name: string): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw new RangeError(`${name} is no whole number`);
  const number = BigInt(value);
  if (number < 0n || number >= numbers) throw new RangeError(`${name} is not below ${numbers}, or negative`);
  return number;
}
