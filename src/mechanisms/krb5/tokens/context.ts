/** The security context of Kerberos V5, which wraps and unwraps per-message tokens (RFC 4121 §2 and §4.2, RFC 1964 §1.2). */
import { assertBytes } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import type { SecurityContext, SequenceState, Unwrapped, Wrapped } from '../../../protection/mechanism.js';
import type { TokenLevel } from '../../../protection/protection-level.js';
import { ReplayWindow } from '../../../replay-window.js';
import { destroyOnError } from '../../exchange-generator.js';
import type { CipherOptions } from '../crypto/enctypes.js';
import { type KerberosKey, kerberosKey } from '../crypto/kerberos-key.js';
import { buildRfc1964Mic, buildRfc1964Wrap, openRfc1964Wrap, rfc1964SizeLimit, verifyRfc1964Mic } from './rfc1964.js';
import { rfc1964Key } from './rfc1964-keys.js';
import { buildMicToken, buildWrapToken, openWrapToken, verifyMicToken, wrapOverhead } from './rfc4121.js';
import type { Opened } from './token-header.js';

/** Options of {@link krb5Context}: the state that a security data exchange has established. */
export interface Krb5ContextOptions extends CipherOptions {
  /** The side that this context plays: `wrap` makes tokens of this role, `unwrap` takes those of the other. */
  role: 'initiator' | 'acceptor';
  /** Number of the encryption type of `key`, e.g. 18. */
  enctype: number;
  /** The acceptor's subkey if it sent one, else the initiator's, else the session key (RFC 4121 §2). Its octets are copied. */
  key: Uint8Array;
  /** Whether `key` is the acceptor's subkey. Tokens of RFC 1964 have no flag for it and ignore this option. */
  acceptorSubkey: boolean;
  /** Sequence number of the next token that this side sends; below 2^64 with tokens of RFC 4121, below 2^32 with those of RFC 1964. */
  sendSequence: bigint | number;
  /** Sequence number of the next token of the other side; limits as for `sendSequence`. */
  receiveSequence: bigint | number;
  /**
   * Refuse every token except the next one. Default false, since data connections share the numbers of the control connection
   * and cause gaps there.
   */
  strictOrder?: boolean;
  /** Permit weak encryption types (DES, triple DES, RC4). Default false. */
  allowWeak?: boolean;
  /**
   * The levels that both sides support (conf_avail, RFC 2228 appendix I). The context wraps at no other level, and a session
   * replies 537 to a command at another level. Default safe and private.
   */
  levels?: readonly TokenLevel[];
}

/** A Kerberos V5 context. It also has the tokens of GSS_GetMIC, which RFC 2228 does not use but SPNEGO does (RFC 4178 §5). */
export interface Krb5Context extends SecurityContext {
  /**
   * Makes a token that authenticates `text` without containing it, and uses one sequence number (RFC 2743 §2.3.1).
   * @throws FtpSecurityError `sequence/closed` after `destroy`
   */
  getMic(text: Uint8Array): Uint8Array;
  /**
   * Verifies a GetMIC token of the other side. Its sequence number counts as received only if verification succeeds.
   * @returns how its sequence number relates to those before: ok, gap or late
   * @throws FtpSecurityError `security/bad-token`, `security/bad-checksum`, `security/replayed`, `security/out-of-sequence`,
   *   `security/wrong-direction`; `sequence/closed` after `destroy`
   */
  verifyMic(text: Uint8Array, token: Uint8Array): SequenceState;
}

/** The per-message tokens of one side of a context. */
interface TokenFormat {
  /** The number of different sequence numbers. */
  readonly numbers: bigint;
  build(plaintext: Uint8Array, sealed: boolean, sequence: bigint): Uint8Array;
  /** @throws FtpSecurityError `security/bad-token`, `wrong-direction`, `bad-checksum` */
  open(token: Uint8Array): Opened;
  sign(text: Uint8Array, sequence: bigint): Uint8Array;
  /** Returns the token's sequence number. Throws the same errors as `open`. */
  verify(text: Uint8Array, token: Uint8Array): bigint;
  sizeLimit(sealed: boolean, maxToken: number): number;
  destroy(): void;
}

/** Whether tokens of a level are encrypted. Kerberos has no confidentiality without integrity, so no level confidential (CONF, 633). */
const SEALED = new Map<TokenLevel, boolean>([
  ['safe', false],
  ['private', true],
]);

/**
 * Creates a security context for levels safe and private from an established key. Use it when another library has run
 * the exchange; {@link krb5Initiator} and {@link krb5Acceptor} return a context of their own.
 * @throws FtpSecurityError with side `local`: `security/no-key` if the encryption type is not supported, the key has the wrong
 *   length or a cipher is missing; `security/weak` if the encryption type is weak and `allowWeak` is not set
 * @throws TypeError, RangeError if an option is invalid
 * @example
 * ```ts
 * const context = krb5Context({
 *   role: 'initiator',
 *   enctype: 18, // aes256-cts-hmac-sha1-96
 *   key: acceptorSubkey, // 32 octets
 *   acceptorSubkey: true,
 *   sendSequence: 0,
 *   receiveSequence: 0,
 * });
 * socket.write(protectCommand(context, 'private', new TextEncoder().encode('USER anna')));
 * ```
 */
export function krb5Context(options: Krb5ContextOptions): Krb5Context {
  const { role, enctype, key, allowWeak = false } = options;
  if (role !== 'initiator' && role !== 'acceptor') throw new TypeError('role must be "initiator" or "acceptor"');
  const prepared = kerberosKey(enctype, key, options);
  const format = destroyOnError(prepared, () => {
    const { weak, name, tokens } = prepared.enctype;
    if (weak && !allowWeak) {
      throw new FtpSecurityError('security/weak', `${name} is weak (set allowWeak to permit it)`, { side: 'local' });
    }
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
    build: (plaintext, sealed, sequence) =>
      buildWrapToken(key, { sentByAcceptor: isAcceptor, acceptorSubkey, sealed, sequence }, plaintext),
    open: token => openWrapToken(key, theirs, token),
    sign: (text, sequence) => buildMicToken(key, ours, sequence, text),
    verify: (text, token) => verifyMicToken(key, theirs, token, text),
    sizeLimit: (sealed, maxToken) => Math.max(0, maxToken - wrapOverhead(key.enctype, sealed)),
    destroy: () => key.destroy(),
  };
}

function rfc1964(key: KerberosKey, options: Krb5ContextOptions): TokenFormat {
  const isAcceptor = options.role === 'acceptor';
  const tokenKey = rfc1964Key(key, options.key, options);
  return {
    numbers: 1n << 32n,
    build: (plaintext, sealed, sequence) =>
      buildRfc1964Wrap(tokenKey, { sentByAcceptor: isAcceptor, sealed, sequence }, plaintext),
    open: token => openRfc1964Wrap(tokenKey, !isAcceptor, token),
    sign: (text, sequence) => buildRfc1964Mic(tokenKey, isAcceptor, sequence, text),
    verify: (text, token) => verifyRfc1964Mic(tokenKey, !isAcceptor, token, text),
    sizeLimit: (_sealed, maxToken) => rfc1964SizeLimit(tokenKey, maxToken),
    destroy() {
      tokenKey.destroy();
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

  reopen(token: Uint8Array): Pick<Unwrapped, 'plaintext' | 'level'> {
    assertBytes(token, 'token');
    this.#assertOpen();
    const { plaintext, sealed } = this.#format.open(token);
    return { plaintext, level: sealed ? 'private' : 'safe' };
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

  /** Records a verified sequence number. The first one shows whether the peer sign-extends its numbers. */
  #accept(number: bigint): SequenceState {
    const extended = this.#received.last === undefined ? this.#signExtended : undefined;
    const received = extended !== undefined && number >= extended ? this.#numbersFrom(extended) : this.#received;
    const state = received.accept(number);
    this.#received = received;
    return state;
  }

  #advance(): void {
    const next = this.#next + 1n;
    this.#next = next === this.#format.numbers ? 0n : next;
  }

  #isSealed(level: TokenLevel): boolean {
    this.#assertOpen();
    const sealed = SEALED.get(level);
    if (sealed === undefined || !this.#levels.includes(level)) {
      const who = sealed === undefined ? 'Kerberos' : 'the peer';
      throw new FtpSecurityError('security/level-unsupported', `${who} does not support level ${level}`, {
        side: 'local',
      });
    }
    return sealed;
  }

  #assertOpen(): void {
    if (this.#closed) throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }
}

/**
 * Some peers encode initial sequence numbers from 2^31 as negative integers (RFC 4120 §5.5.1), and old versions of MIT Kerberos
 * sign-extend them to 64 bits in their tokens. Returns the number that such a peer starts from.
 */
function signExtended(first: bigint, numbers: bigint): bigint | undefined {
  const isNegative = numbers === 2n ** 64n && first >= 2n ** 31n && first < 2n ** 32n;
  return isNegative ? first + numbers - 2n ** 32n : undefined;
}

function sequenceNumber(value: bigint | number, numbers: bigint, name: string): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw new RangeError(`${name} must be an integer`);
  const number = BigInt(value);
  if (number < 0n || number >= numbers) throw new RangeError(`${name} must be from 0 to ${numbers - 1n}`);
  return number;
}
