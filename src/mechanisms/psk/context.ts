/**
 * X-PSK tokens: a security context whose keys are derived from the shared key and the nonces of both sides.
 *
 *     token         header, then the protected plaintext
 *     header        1 octet    the level's PROT letter: S, P or E from the initiator, s, p or e from the acceptor
 *                   8 octets   sequence number, big-endian
 *     safe          the plaintext, and HMAC-SHA256 (RFC 2104) over header and plaintext
 *     private       ChaCha20-Poly1305 (RFC 8439 §2.8), the header as additional data
 *     confidential  ChaCha20 (RFC 8439 §2.4, blocks counted from 0), no tag
 *     nonce         of both ciphers: 4 zero octets, sequence number
 *
 * Each direction has two series of sequence numbers, both from 0: one for safe and private tokens, one for confidential tokens.
 * Confidential tokens are not authenticated, so anybody can forge one with any number. In a series of their own, a forged
 * number can't make a verified token look like a replay, or hide that one is missing.
 */
import { chacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { assertBytes, concat, copy, equalConstantTime, toUtf8, u64be, viewOf } from '../../bytes.js';
import { badChecksum, badToken, FtpSecurityError } from '../../errors.js';
import type { SecurityContext, Unwrapped, Wrapped } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { ReplayWindow } from '../../replay-window.js';

/** The side of an association. */
export type Role = 'initiator' | 'acceptor';

/** The protection of one level. */
export interface Protection {
  level: TokenLevel;
  /** PROT letter. No single flipped bit turns one into another, e.g. a private token into a confidential one. */
  letter: number;
  series: 'verified' | 'unverified';
  /** Length of the tag after the plaintext, in octets. */
  tag: number;
  seal(key: Uint8Array, header: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Returns undefined if the tag is wrong. */
  open(key: Uint8Array, header: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** A protection in one direction. */
interface Channel extends Protection {
  from: Role;
  key: Uint8Array;
}

const ROLES: readonly Role[] = ['initiator', 'acceptor'];
const HEADER = 9;
/** Length of HMAC-SHA256, in octets. */
const SHA256_LENGTH = 32;
/** The bit that makes a letter lower case. */
const LOWER_CASE = 0x20;
/** The number of different sequence numbers. After the last, nonces would repeat. */
const SEQUENCE_NUMBERS = 1n << 64n;

export const PROTECTIONS: readonly Protection[] = [
  {
    level: 'safe',
    letter: 0x53,
    series: 'verified',
    tag: SHA256_LENGTH,
    seal: (key, header, plaintext) => concat(plaintext, hmac(sha256, key, concat(header, plaintext))),
    open: (key, header, sealed) => {
      const plaintext = copy(sealed, 0, -SHA256_LENGTH);
      const tag = hmac(sha256, key, concat(header, plaintext));
      return equalConstantTime(tag, sealed.subarray(plaintext.length)) ? plaintext : undefined;
    },
  },
  {
    level: 'private',
    letter: 0x50,
    series: 'verified',
    tag: 16,
    seal: (key, header, plaintext) => chacha20poly1305(key, nonceOf(header), header).encrypt(plaintext),
    open: (key, header, sealed) => {
      try {
        return chacha20poly1305(key, nonceOf(header), header).decrypt(sealed);
      } catch {
        return undefined;
      }
    },
  },
  {
    level: 'confidential',
    letter: 0x45,
    series: 'unverified',
    tag: 0,
    seal: (key, header, plaintext) => chacha20(key, nonceOf(header), plaintext),
    open: (key, header, sealed) => chacha20(key, nonceOf(header), sealed),
  },
];

/** The state that an X-PSK exchange has established; it is passed to `keylog`. */
export interface PskContextOptions {
  /** The side that the context plays. */
  role: Role;
  /** The shared key. */
  key: Uint8Array;
  /** The initiator's nonce, then the acceptor's, 64 octets. Key and nonces together must never be used for two exchanges. */
  nonces: Uint8Array;
  /** The greatest number of tokens in a series. Default 2^64, the maximum. */
  limit?: bigint;
}

/** One side of an association of X-PSK: keys for each level and direction, and the sequence numbers of both series. */
export class PskContext implements SecurityContext {
  readonly mechanism = 'X-PSK';
  readonly #role: Role;
  readonly #limit: bigint;
  readonly #channels: readonly Channel[];
  readonly #next = { verified: 0n, unverified: 0n };
  readonly #received = { verified: new ReplayWindow(0n), unverified: new ReplayWindow(0n) };
  /** The window of the token that `unwrap` opened last. */
  #lastWindow: ReplayWindow | undefined;
  #closed = false;

  constructor({ role, key, nonces, limit = SEQUENCE_NUMBERS }: PskContextOptions) {
    this.#role = role;
    this.#limit = limit;
    this.#channels = ROLES.flatMap(from =>
      PROTECTIONS.map(protection => ({
        ...protection,
        letter: from === 'acceptor' ? protection.letter | LOWER_CASE : protection.letter,
        from,
        key: deriveKey(key, nonces, `${from} ${protection.level}`),
      })),
    );
  }

  supports(level: TokenLevel): boolean {
    this.#assertOpen();
    return PROTECTIONS.some(one => one.level === level);
  }

  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped {
    assertBytes(plaintext, 'plaintext');
    const { letter, series, key, seal } = this.#sending(level);
    const number = this.#next[series];
    if (number >= this.#limit) {
      throw new FtpSecurityError(
        'security/out-of-sequence',
        'all sequence numbers are used: establish a new security context',
        { side: 'local' },
      );
    }
    const header = concat(Uint8Array.of(letter), u64be(number));
    const token = concat(header, seal(key, header, plaintext));
    this.#next[series] = number + 1n;
    return { token, level };
  }

  unwrap(token: Uint8Array): Unwrapped {
    const { plaintext, level, series, number } = this.#open(token);
    // The number is recorded last, so that an error leaves the window unchanged.
    const sequence = this.#received[series].accept(number);
    this.#lastWindow = this.#received[series];
    return { plaintext, level, sequence };
  }

  /** Opens a token without recording its number, so that replays can be shown. */
  reopen(token: Uint8Array): Pick<Unwrapped, 'plaintext' | 'level'> {
    const { plaintext, level } = this.#open(token);
    return { plaintext, level };
  }

  /** A token of the other side, its tag verified. */
  #open(token: Uint8Array): Pick<Channel, 'level' | 'series'> & { plaintext: Uint8Array; number: bigint } {
    assertBytes(token, 'token');
    this.#assertOpen();
    const channel = this.#channels.find(({ letter }) => letter === token[0]);
    if (channel === undefined) throw badToken('not a token of X-PSK: unknown first octet');
    const { from, level, series, tag, key, open } = channel;
    if (token.length < HEADER + tag) throw badToken(`${level} token of X-PSK too short: ${token.length} octets`);
    // The tag would be wrong, too, as each direction has its own keys; but this error is clearer.
    if (from === this.#role) throw new FtpSecurityError('security/wrong-direction', 'reflected token: it is our own');
    const header = copy(token, 0, HEADER);
    const plaintext = open(key, header, token.subarray(HEADER));
    if (plaintext === undefined) throw badChecksum(`wrong tag in a ${level} token`);
    return { plaintext, level, series, number: viewOf(header).getBigUint64(1) };
  }

  wrapSizeLimit(level: TokenLevel, maxToken: number): number {
    const { tag } = this.#sending(level);
    if (!Number.isSafeInteger(maxToken) || maxToken < 0) throw new RangeError('maxToken must be an integer, 0 or more');
    return Math.max(0, maxToken - HEADER - tag);
  }

  get lastReceived(): bigint | undefined {
    return this.#lastWindow?.last;
  }

  get lastFollows(): boolean | undefined {
    return this.#lastWindow?.lastFollows;
  }

  destroy(): void {
    this.#closed = true;
    for (const { key } of this.#channels) key.fill(0);
  }

  #sending(level: TokenLevel): Channel {
    this.#assertOpen();
    const channel = this.#channels.find(one => one.from === this.#role && one.level === level);
    if (channel !== undefined) return channel;
    throw new FtpSecurityError('security/level-unsupported', `X-PSK does not support level ${level}`, {
      side: 'local',
    });
  }

  #assertOpen(): void {
    if (this.#closed) throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }
}

/** HKDF-SHA256 (RFC 5869). The nonces make the keys new in each exchange; the purpose makes them differ from each other. */
export function deriveKey(key: Uint8Array, nonces: Uint8Array, purpose: string): Uint8Array {
  return hkdf(sha256, key, nonces, toUtf8(`X-PSK 1 ${purpose}`), 32);
}

function nonceOf(header: Uint8Array): Uint8Array {
  return concat(new Uint8Array(4), header.subarray(1));
}
