/**
 * X-PSK tokens: a security context whose keys come from a shared key and from the nonces that both sides drew.
 *
 *     token         header, then the plaintext as its level has it
 *     header        1 octet    the level's PROT letter: S, P or E from the initiator, s, p or e from the acceptor
 *                   8 octets   sequence number, big-endian
 *     safe          the plaintext, and HMAC-SHA256 (RFC 2104) over header and plaintext
 *     private       ChaCha20-Poly1305 (RFC 8439 §2.8), the header as additional data
 *     confidential  ChaCha20 (RFC 8439 §2.4, blocks counted from 0), no tag
 *     nonce         of both ciphers: 4 zero octets, sequence number
 *
 * A direction has two series of sequence numbers, each from 0: one that the safe and private tokens share, and one for
 * the confidential tokens. Nothing vouches for a confidential token, so anyone can forge one with any number; in a
 * series of its own it makes no verified token a replay, and hides none that is missing.
 */
import { chacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { assertBytes, concat, copy, equalConstantTime, toUtf8, u64be, viewOf } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import type { SecurityContext, Unwrapped, Wrapped } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { ReplayWindow } from '../../replay-window.js';

export type Role = 'initiator' | 'acceptor';

/** How a level protects. */
export interface Protection {
  level: TokenLevel;
  /** PROT letter. No bit flipped in one makes it another: a private token never passes for a confidential one by it. */
  letter: number;
  series: 'verified' | 'unverified';
  /** Octets that follow the plaintext. */
  tag: number;
  seal(key: Uint8Array, header: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Gives undefined when the tag is wrong. */
  open(key: Uint8Array, header: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** A protection in one direction. */
interface Channel extends Protection {
  from: Role;
  key: Uint8Array;
}

const ROLES: readonly Role[] = ['initiator', 'acceptor'];
const HEADER = 9;
/** The bit that makes a letter small. */
const SMALL = 0x20;
/** An 8-octet number counts so far. Past it a nonce would come twice. */
const NUMBERS = 1n << 64n;

export const PROTECTIONS: readonly Protection[] = [
  {
    level: 'safe',
    letter: 0x53,
    series: 'verified',
    tag: 32,
    seal: (key, header, plaintext) => concat(plaintext, hmac(sha256, key, concat(header, plaintext))),
    open: (key, header, sealed) => {
      const plaintext = copy(sealed, 0, -32);
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

export interface PskContextOptions {
  role: Role;
  key: Uint8Array;
  /** The initiator's, then the acceptor's. Two contexts must never be made of the same key and nonces. */
  nonces: Uint8Array;
  /** How many tokens a series may have. Default 2^64, which is the most. */
  limit?: bigint;
}

export class PskContext implements SecurityContext {
  readonly mechanism = 'X-PSK';
  readonly #role: Role;
  readonly #limit: bigint;
  readonly #channels: readonly Channel[];
  readonly #next = { verified: 0n, unverified: 0n };
  readonly #received = { verified: new ReplayWindow(0n), unverified: new ReplayWindow(0n) };
  #last: ReplayWindow | undefined;
  #closed = false;

  constructor({ role, key, nonces, limit = NUMBERS }: PskContextOptions) {
    this.#role = role;
    this.#limit = limit;
    this.#channels = ROLES.flatMap(from =>
      PROTECTIONS.map(protection => ({
        ...protection,
        letter: from === 'acceptor' ? protection.letter | SMALL : protection.letter,
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
      throw new FtpSecurityError('security/out-of-sequence', 'every sequence number is used', { side: 'local' });
    }
    const header = concat(Uint8Array.of(letter), u64be(number));
    const token = concat(header, seal(key, header, plaintext));
    this.#next[series] = number + 1n;
    return { token, level };
  }

  unwrap(token: Uint8Array): Unwrapped {
    const { plaintext, level, series, number } = this.#open(token);
    // Last, when all else holds: it throws and has recorded nothing, or the number is used.
    const sequence = this.#received[series].accept(number);
    this.#last = this.#received[series];
    return { plaintext, level, sequence };
  }

  reopen(token: Uint8Array): Pick<Unwrapped, 'plaintext' | 'level'> {
    const { plaintext, level } = this.#open(token);
    return { plaintext, level };
  }

  /** A token of the other side, its tag verified. */
  #open(token: Uint8Array): Pick<Channel, 'level' | 'series'> & { plaintext: Uint8Array; number: bigint } {
    assertBytes(token, 'token');
    this.#assertOpen();
    const channel = this.#channels.find(({ letter }) => letter === token[0]);
    if (channel === undefined) throw badToken('not an X-PSK token: unknown first octet');
    const { from, level, series, tag, key, open } = channel;
    if (token.length < HEADER + tag) throw badToken('X-PSK token too short');
    // The tag would tell too, as each direction has its keys; this says what is wrong.
    if (from === this.#role) throw new FtpSecurityError('security/wrong-direction', 'our own token came back');
    const header = copy(token, 0, HEADER);
    const plaintext = open(key, header, token.subarray(HEADER));
    if (plaintext === undefined) throw new FtpSecurityError('security/bad-checksum', `wrong tag in a ${level} token`);
    return { plaintext, level, series, number: viewOf(header).getBigUint64(1) };
  }

  wrapSizeLimit(level: TokenLevel, maxToken: number): number {
    const { tag } = this.#sending(level);
    if (!Number.isSafeInteger(maxToken) || maxToken < 0) throw new RangeError('maxToken must be an integer, 0 or more');
    return Math.max(0, maxToken - HEADER - tag);
  }

  get lastReceived(): bigint | undefined {
    return this.#last?.last;
  }

  get lastFollows(): boolean | undefined {
    return this.#last?.lastFollows;
  }

  destroy(): void {
    this.#closed = true;
    for (const { key } of this.#channels) key.fill(0);
  }

  #sending(level: TokenLevel): Channel {
    this.#assertOpen();
    const channel = this.#channels.find(one => one.from === this.#role && one.level === level);
    if (channel !== undefined) return channel;
    throw new FtpSecurityError('security/level-unsupported', `X-PSK has no level ${level}`, { side: 'local' });
  }

  #assertOpen(): void {
    if (this.#closed) throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }
}

/** HKDF-SHA256 (RFC 5869): the nonces make keys that are new in every exchange, the purpose keeps them apart. */
export function deriveKey(key: Uint8Array, nonces: Uint8Array, purpose: string): Uint8Array {
  return hkdf(sha256, key, nonces, toUtf8(`X-PSK 1 ${purpose}`), 32);
}

function nonceOf(header: Uint8Array): Uint8Array {
  return concat(new Uint8Array(4), header.subarray(1));
}
