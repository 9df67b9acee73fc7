/**
 * The security context of Kerberos V4 (RFC 2228 appendix II). It is weak: a DES key can be found by trying all, the checksum of safe
 * messages can be forged, and private messages have no checksum.
 */
import type { BlockCiphers } from '../../block-cipher.js';
import { assertBytes, copy, equalConstantTime } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { SecurityContext, Unwrapped, Wrapped } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { type DesKey, desKey, eraseKey } from './crypto.js';
import { WEAKNESS } from './describe.js';
import { buildMessage, openMessage, plaintextLimit } from './messages.js';
import { DEFAULT_CLOCK_SKEW, messageTime } from './times.js';

/** Options that an exchange and a context of Kerberos V4 have in common. */
export interface Krb4AssociationOptions {
  /** Block ciphers, which must include `des`, e.g. `nodeCiphers` of `rfc2228/node`. */
  ciphers: BlockCiphers;
  /** Our end of the control connection. Its address is in every message that we send. */
  local: Krb4Endpoint;
  /** The peer's end of the control connection. */
  peer: Krb4Endpoint;
  /** The current time in milliseconds since 1970. Default `Date.now`. */
  clock?: () => number;
  /** The greatest accepted difference between the clocks, in seconds. Default 300; Infinity accepts any time. */
  maxClockSkew?: number;
  /** Send numbers in little-endian order; both orders are accepted. Default false. */
  littleEndian?: boolean;
  /** Must be set, since KERBEROS_V4 is weak. Default false: the context is refused. */
  allowWeak?: boolean;
}

/** Options of {@link krb4Context}. */
export interface Krb4ContextOptions extends Krb4AssociationOptions {
  /** The session key, 8 octets. They are copied. */
  key: Uint8Array;
}

/** Whether messages of a level are encrypted. There is no level confidential (CONF, 633) (RFC 2228 appendix II). */
const SEALED = new Map<TokenLevel, boolean>([
  ['safe', false],
  ['private', true],
]);

/**
 * Creates a security context for levels safe and private (RFC 2228 appendix II). Its tokens have a time but no sequence number, so a
 * replay within `maxClockSkew` is not detected.
 * @throws TypeError, RangeError if an option is invalid
 * @throws FtpSecurityError with side `local`: `security/weak` if `allowWeak` is not set, `security/no-key` if DES is missing
 */
export function krb4Context(options: Krb4ContextOptions): SecurityContext {
  const { key, ciphers, clock, maxClockSkew, littleEndian } = options;
  assertBytes(key, 'key');
  const directions = directionsOf(options);
  assertWeakAllowed(options);
  return new Krb4Context(desKey(key, ciphers), { ...directions, clock, maxClockSkew, littleEndian });
}

/**
 * Both directions of a context.
 * @throws TypeError, RangeError if an endpoint is invalid
 */
export function directionsOf({ local, peer }: Pick<Krb4AssociationOptions, 'local' | 'peer'>) {
  return { sending: directionOf(local, peer), receiving: directionOf(peer, local) };
}

/** @throws FtpSecurityError `security/weak`, with side `local`, if `allowWeak` is not set */
export function assertWeakAllowed({ allowWeak = false }: Pick<Krb4AssociationOptions, 'allowWeak'>): void {
  if (allowWeak) return;
  const message = `KERBEROS_V4 is weak: ${WEAKNESS} (set allowWeak to permit it)`;
  throw new FtpSecurityError('security/weak', message, { side: 'local' });
}

interface ContextState {
  sending: Direction;
  receiving: Direction;
  clock?: (() => number) | undefined;
  maxClockSkew?: number | undefined;
  littleEndian?: boolean | undefined;
}

/** A context whose directions are already known. */
export class Krb4Context implements SecurityContext {
  readonly mechanism = 'KERBEROS_V4';
  readonly #state: ContextState;
  #key: DesKey | undefined;
  #lastTime: number | undefined;

  constructor(key: DesKey, state: ContextState) {
    this.#key = key;
    this.#state = state;
  }

  supports(level: TokenLevel): boolean {
    this.#keyOrThrow();
    return SEALED.has(level);
  }

  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped {
    assertBytes(plaintext, 'plaintext');
    const key = this.#keyOrThrow();
    const sealed = sealedFor(level);
    const { sending, littleEndian = false } = this.#state;
    const { sender, negative } = sending;
    const { seconds, fiveMs } = messageTime(this.#now());
    const message = { plaintext, sealed, sender, seconds: negative ? -seconds : seconds, fiveMs };
    return { token: buildMessage(key, message, littleEndian), level };
  }

  unwrap(token: Uint8Array): Unwrapped {
    assertBytes(token, 'token');
    const { plaintext, sealed, sender, seconds, fiveMs } = openMessage(this.#keyOrThrow(), token);
    const { receiving } = this.#state;
    if (!equalConstantTime(sender, receiving.sender))
      throw wrongDirection('it has another sender address: is there address translation?');
    if (seconds === 0 || seconds < 0 !== receiving.negative)
      throw wrongDirection('its time has the sign of our own messages');
    this.#checkTime(Math.abs(seconds));
    this.#lastTime = Math.abs(seconds) * 1000 + fiveMs * 5;
    return { plaintext, level: sealed ? 'private' : 'safe', sequence: 'none' };
  }

  get lastTime(): number | undefined {
    return this.#lastTime;
  }

  wrapSizeLimit(level: TokenLevel, maxToken: number): number {
    this.#keyOrThrow();
    const sealed = sealedFor(level);
    if (!Number.isSafeInteger(maxToken) || maxToken < 0) throw new RangeError('maxToken must be an integer, 0 or more');
    return plaintextLimit(sealed, maxToken);
  }

  destroy(): void {
    if (this.#key !== undefined) eraseKey(this.#key);
    this.#key = undefined;
  }

  #checkTime(seconds: number): void {
    const { maxClockSkew = DEFAULT_CLOCK_SKEW } = this.#state;
    const age = this.#now() / 1000 - seconds;
    if (Math.abs(age) <= maxClockSkew) return;
    if (age > 0) throw new FtpSecurityError('security/expired', `the message is more than ${maxClockSkew} seconds old`);
    throw new FtpSecurityError('security/clock-skew', `the message is from more than ${maxClockSkew} seconds ahead`);
  }

  #now(): number {
    return (this.#state.clock ?? Date.now)();
  }

  #keyOrThrow(): DesKey {
    if (this.#key !== undefined) return this.#key;
    throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }
}

/** Whether messages of a level are encrypted. @throws FtpSecurityError `security/level-unsupported`, with side `local` */
function sealedFor(level: TokenLevel): boolean {
  const sealed = SEALED.get(level);
  if (sealed !== undefined) return sealed;
  throw new FtpSecurityError('security/level-unsupported', `KERBEROS_V4 does not support level ${level}`, {
    side: 'local',
  });
}

function wrongDirection(reason: string): FtpSecurityError {
  return new FtpSecurityError('security/wrong-direction', `the message is not from the peer: ${reason}`);
}

/** One end of the control connection. Messages on data connections have the addresses of the control connection, too. */
export interface Krb4Endpoint {
  /** IPv4 address, 4 octets in network order. */
  address: Uint8Array;
  /** TCP port, 0 to 65535. */
  port: number;
}

/** The properties of all messages in one direction. */
export interface Direction {
  sender: Uint8Array;
  /** Whether the time is negative. */
  negative: boolean;
}

/** @throws TypeError, RangeError if an endpoint is invalid */
export function directionOf(from: Krb4Endpoint, to: Krb4Endpoint): Direction {
  for (const { address, port } of [from, to]) {
    assertBytes(address, 'address');
    if (address.length !== 4) throw new RangeError('an address of Kerberos V4 must have 4 octets (IPv4)');
    if (!Number.isInteger(port) || port < 0 || port > 0xffff)
      throw new RangeError('a port must be an integer from 0 to 65535');
  }
  const order = compareNumbers(from.address, to.address) || compareNumbers(portOctets(from), portOctets(to));
  return { sender: copy(from.address), negative: order < 0 };
}

/**
 * Compares two addresses or ports, and returns a negative number, zero or a positive one. The last octet counts most: the original
 * implementation compared numbers of network order on little-endian machines, as if they were in its own order.
 */
export function compareNumbers(a: Uint8Array, b: Uint8Array): number {
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

function portOctets({ port }: Krb4Endpoint): Uint8Array {
  return Uint8Array.of(port >> 8, port);
}
