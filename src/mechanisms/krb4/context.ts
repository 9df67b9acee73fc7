/**
 * A security context of Kerberos V4 from its session key (RFC 2228 appendix II). It is weak: a DES key can be searched
 * through, the checksum of safe messages can be forged, and private messages have no checksum at all.
 */
import { assertBytes, copy, equalConstantTime } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { SecurityContext, Unwrapped, Wrapped } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import type { BlockCiphers } from '../block-cipher.js';
import { type DesKey, desKey, forgetKey } from './crypto.js';
import { WEAKNESS } from './describe.js';
import { buildMessage, openMessage, plaintextLimit } from './messages.js';
import { DEFAULT_CLOCK_SKEW, messageTime } from './times.js';

/** What both ends of an association have to know, beside its key. */
export interface Krb4AssociationOptions {
  /** DES is needed: `nodeCiphers` of `rfc2228/node` has it. */
  ciphers: BlockCiphers;
  /** Our end of the control connection: its address goes into every message. */
  local: Krb4Endpoint;
  peer: Krb4Endpoint;
  /** Milliseconds since 1970; default the system's. */
  clock?: () => number;
  /** Seconds that the clocks may differ by. Default 300; Infinity takes any time. */
  maxClockSkew?: number;
  /** Numbers in the messages that `wrap` makes; either order is read. Default false. */
  littleEndian?: boolean;
  /** Without it the context is refused. */
  allowWeak?: boolean;
}

export interface Krb4ContextOptions extends Krb4AssociationOptions {
  /** The session key, 8 octets. Copied. */
  key: Uint8Array;
}

/** RFC 2228 appendix II: CONF and 633 are not there. */
const SEALED = new Map<TokenLevel, boolean>([
  ['safe', false],
  ['private', true],
]);

/**
 * A context for levels safe and private. Its tokens are not numbered: only the time shows a replay, so a token
 * can be replayed while the clocks still agree.
 * @throws FtpSecurityError `security/weak`, side local, without `allowWeak`
 */
export function krb4Context(options: Krb4ContextOptions): SecurityContext {
  const { key, ciphers, clock, maxClockSkew, littleEndian } = options;
  assertBytes(key, 'key');
  const directions = directionsOf(options);
  return new Krb4Context(desKey(key, ciphers), { ...directions, clock, maxClockSkew, littleEndian });
}

/**
 * Both directions of an association that is allowed.
 * @throws FtpSecurityError `security/weak`, side local; TypeError, RangeError when an endpoint is not valid
 */
export function directionsOf({ local, peer, allowWeak = false }: Krb4AssociationOptions) {
  const directions = { sending: directionOf(local, peer), receiving: directionOf(peer, local) };
  if (allowWeak) return directions;
  throw new FtpSecurityError('security/weak', `KERBEROS_V4 is weak: ${WEAKNESS}`, { side: 'local' });
}

interface ContextState {
  sending: Direction;
  receiving: Direction;
  clock?: (() => number) | undefined;
  maxClockSkew?: number | undefined;
  littleEndian?: boolean | undefined;
}

/** The same where the directions are known otherwise than by endpoints. */
export class Krb4Context implements SecurityContext {
  readonly mechanism = 'KERBEROS_V4';
  readonly #state: ContextState;
  #key: DesKey | undefined;

  constructor(key: DesKey, state: ContextState) {
    this.#key = key;
    this.#state = state;
  }

  supports(level: TokenLevel): boolean {
    this.#open();
    return SEALED.has(level);
  }

  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped {
    assertBytes(plaintext, 'plaintext');
    const key = this.#open();
    const sealed = isSealed(level);
    const { sending, littleEndian = false } = this.#state;
    const { sender, negative } = sending;
    const { seconds, fiveMs } = messageTime(this.#now());
    const message = { plaintext, sealed, sender, seconds: negative ? -seconds : seconds, fiveMs };
    return { token: buildMessage(key, message, littleEndian), level };
  }

  unwrap(token: Uint8Array): Unwrapped {
    assertBytes(token, 'token');
    const { plaintext, sealed, sender, seconds } = openMessage(this.#open(), token);
    const { receiving } = this.#state;
    if (!equalConstantTime(sender, receiving.sender)) throw wrongDirection('its sender has another address');
    if (seconds === 0 || seconds < 0 !== receiving.negative) throw wrongDirection('its time has the sign of the other');
    this.#checkTime(Math.abs(seconds));
    return { plaintext, level: sealed ? 'private' : 'safe', sequence: 'none' };
  }

  wrapSizeLimit(level: TokenLevel, maxToken: number): number {
    this.#open();
    const sealed = isSealed(level);
    if (!Number.isSafeInteger(maxToken) || maxToken < 0) throw new RangeError('maxToken must be an integer, 0 or more');
    return plaintextLimit(sealed, maxToken);
  }

  destroy(): void {
    if (this.#key !== undefined) forgetKey(this.#key);
    this.#key = undefined;
  }

  #checkTime(seconds: number): void {
    const { maxClockSkew = DEFAULT_CLOCK_SKEW } = this.#state;
    if (maxClockSkew === Number.POSITIVE_INFINITY || Math.abs(this.#now() / 1000 - seconds) <= maxClockSkew) return;
    throw new FtpSecurityError('security/expired', `a message of a time more than ${maxClockSkew} seconds away`);
  }

  #now(): number {
    return (this.#state.clock ?? Date.now)();
  }

  #open(): DesKey {
    if (this.#key !== undefined) return this.#key;
    throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }
}

function isSealed(level: TokenLevel): boolean {
  const sealed = SEALED.get(level);
  if (sealed !== undefined) return sealed;
  throw new FtpSecurityError('security/level-unsupported', `KERBEROS_V4 has no level ${level}`, { side: 'local' });
}

function wrongDirection(why: string): FtpSecurityError {
  return new FtpSecurityError('security/wrong-direction', `not a message from the peer: ${why}`);
}

/** One end of the control connection; its address and port identify its side on the data connections too. */
export interface Krb4Endpoint {
  /** IPv4: 4 octets in network order. */
  address: Uint8Array;
  port: number;
}

/** What every message of one direction has. */
export interface Direction {
  sender: Uint8Array;
  /** Whether the time is negative. */
  negative: boolean;
}

/** @throws TypeError, RangeError when an endpoint is not valid */
export function directionOf(from: Krb4Endpoint, to: Krb4Endpoint): Direction {
  for (const { address, port } of [from, to]) {
    assertBytes(address, 'address');
    if (address.length !== 4) throw new RangeError('an address of Kerberos V4 has 4 octets');
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new RangeError('a port is from 0 to 65535');
  }
  const order = compareNumbers(from.address, to.address) || compareNumbers(portOctets(from), portOctets(to));
  return { sender: copy(from.address), negative: order < 0 };
}

/**
 * Negative, zero or positive, as the first number is less, equal or greater. The octet that network order puts last counts
 * most: so it came out on a VAX, and so it stayed.
 */
export function compareNumbers(a: Uint8Array, b: Uint8Array): number {
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

function portOctets({ port }: Krb4Endpoint): Uint8Array {
  return Uint8Array.of(port >> 8, port);
}
