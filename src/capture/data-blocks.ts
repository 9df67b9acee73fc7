/**
 * The blocks of a recorded data connection (RFC 2228 §6), each looked at by itself: it goes on behind a block that is broken,
 * replayed or out of its place, where a BlockReader ends.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { ByteQueue } from '../byte-queue.js';
import { copy, startsWith, toHex, viewOf } from '../bytes.js';
import { type ErrorCode, FtpSecurityError, refusalFrom } from '../errors.js';
import type { SecurityContext, Unwrapped } from '../protection/mechanism.js';
import { covers, type ProtectionLevel, type TokenLevel } from '../protection/protection-level.js';
import type { Verdict } from '../session/events.js';

export interface DataBlocksOptions {
  /** Of the sender's tokens; undefined where its key is not known. */
  context: SecurityContext | undefined;
  /** What PROT has settled. At level clear the octets may be blocks all the same, and are taken for such if the first one opens. */
  level: ProtectionLevel;
  /** What PBSZ has settled, if that is known. */
  bufferSize: number | undefined;
  /** Takes the plaintext of each block that was opened, in the order in which they came. */
  write?: ((plaintext: Uint8Array) => void) | undefined;
  /** Takes the place of each block among the tokens of its sender, as of `SecurityContext.lastReceived`. */
  received?: ((place: bigint) => void) | undefined;
}

/** What the blocks came to. */
export interface DataResult {
  /** What the tokens had, at the least; undefined where none was opened. */
  applied: TokenLevel | undefined;
  /** All complete blocks, the empty ones too. */
  blocks: number;
  /** Of the plaintext of all blocks; undefined where one of them did not open. */
  bytes: number | undefined;
  sha256: string | undefined;
  verdict: Exclude<Verdict, 'clear'>;
  error: FtpSecurityError | undefined;
  /** Octets that are not in the capture: from there on nothing can be read. */
  lost: number;
}

const LENGTH = 4;
/** A token that claims to be longer is not waited for. PBSZ allows for 2^32-1, and peers have some 64 KiB. */
const MAX_TOKEN = 2 ** 26;
/** Nor is the first one of clear octets, which mostly are no blocks. */
const MAX_FIRST_CLEAR = 2 ** 20;

/**
 * How a handshake of TLS begins. Servers and clients of GridFTP protect their data connections with TLS of its own; as a length
 * of a block these octets are more than MAX_TOKEN.
 */
const TLS_HANDSHAKE = [0x16, 3];

/** Errors of tokens that are whole, and come at the wrong time. */
const OUT_OF_PLACE: ReadonlySet<ErrorCode> = new Set(['security/replayed', 'security/out-of-sequence']);

export class DataBlocks {
  readonly #options: DataBlocksOptions;
  readonly #octets = new ByteQueue();
  readonly #hash = sha256.create();
  readonly #levels = new Set<TokenLevel>();
  #blocks = 0;
  #bytes = 0;
  #failed = false;
  /** The keys at hand are others than those of the tokens, or of TLS. */
  #unkeyed: boolean;
  #ended = false;
  /** Nothing more can be read: lengths make no sense, or octets are missing. */
  #stopped = false;
  #lost = 0;
  #error: FtpSecurityError | undefined;

  constructor(options: DataBlocksOptions) {
    this.#options = options;
    this.#unkeyed = options.context === undefined;
  }

  push(octets: Uint8Array): void {
    if (this.#stopped) return;
    this.#octets.append(octets);
    while (!this.#stopped) {
      const token = this.#token();
      if (token === undefined) break;
      this.#block(token);
    }
    if (this.#stopped) this.#octets.drop(this.#octets.length);
  }

  /** Octets are missing in the capture. */
  gap(octets: number): void {
    this.#lost += octets;
    this.#stopped = true;
  }

  /** @returns undefined where these are no blocks: at level clear, unless the first one opens */
  end(): DataResult | undefined {
    const { level } = this.#options;
    if (level === 'clear' && this.#levels.size === 0) return undefined;
    if (this.#lost === 0 && !this.#stopped) this.#checkEnd();
    const applied = weakest(this.#levels);
    // Where there is no whole block, nothing has been verified either.
    const failed = this.#failed || (this.#blocks === 0 && this.#lost === 0);
    const isOpen = !this.#unkeyed && !failed;
    return {
      applied,
      blocks: this.#blocks,
      bytes: isOpen ? this.#bytes : undefined,
      sha256: isOpen ? toHex(this.#hash.digest()) : undefined,
      verdict: this.#unkeyed ? 'unkeyed' : failed ? 'failed' : applied === 'confidential' ? 'decrypted' : 'verified',
      error: this.#error,
      lost: this.#lost,
    };
  }

  #checkEnd(): void {
    if (this.#octets.length > 0) this.#fail('syntax/truncated', 'the data connection ended within a block');
    else if (!this.#ended && !this.#unkeyed && !this.#failed)
      this.#fail('syntax/truncated', 'the data connection ended before the block of zero octets');
  }

  /** The next whole token; undefined when more octets are needed. */
  #token(): Uint8Array | undefined {
    if (this.#octets.length < LENGTH) return undefined;
    if (this.#blocks === 0 && startsWith(this.#octets.view(), TLS_HANDSHAKE)) {
      this.#unkeyed = true;
      this.#stopped = true;
      return undefined;
    }
    const length = viewOf(this.#octets.view()).getUint32(0);
    const { bufferSize, level } = this.#options;
    const most = level === 'clear' && this.#levels.size === 0 ? MAX_FIRST_CLEAR : MAX_TOKEN;
    if (length === 0 || length > most) {
      this.#fail(length === 0 ? 'syntax/bad-block' : 'syntax/limit-exceeded', `${length} is no length of a block`);
      this.#stopped = true;
      return undefined;
    }
    if (bufferSize !== undefined && length > bufferSize) {
      this.#fail('syntax/limit-exceeded', `a block of ${length} octets, where PBSZ has ${bufferSize}`);
    }
    if (this.#octets.length < LENGTH + length) return undefined;
    const token = copy(this.#octets.view(), LENGTH, LENGTH + length);
    this.#octets.drop(LENGTH + length);
    return token;
  }

  #block(token: Uint8Array): void {
    if (this.#ended) this.#fail('syntax/trailing-data', 'blocks behind the block of zero octets');
    this.#blocks++;
    const { context, level, write } = this.#options;
    if (context === undefined || this.#unkeyed) return;
    const opened = this.#open(context, token);
    if (this.#unkeyed) return;
    if (opened === undefined) {
      this.#failed = true;
      // What is no block at the start of clear octets is just that.
      if (level === 'clear' && this.#levels.size === 0) this.#stopped = true;
      return;
    }
    const { plaintext, level: applied } = opened;
    this.#levels.add(applied);
    if (level !== 'clear' && !covers(applied, level)) {
      this.#fail('sequence/wrong-level', `a ${applied} block in a ${level} transfer`);
    }
    if (plaintext.length === 0) this.#ended = true;
    this.#bytes += plaintext.length;
    this.#hash.update(plaintext);
    write?.(plaintext);
  }

  #open(context: SecurityContext, token: Uint8Array): Pick<Unwrapped, 'plaintext' | 'level'> | undefined {
    try {
      const opened = context.unwrap(token);
      if (context.lastReceived !== undefined) this.#options.received?.(context.lastReceived);
      return opened;
    } catch (error) {
      const { code, message } = refusalFrom(error);
      if (code === 'security/no-key') this.#unkeyed = true;
      if (this.#unkeyed) return undefined;
      this.#fail(code, `block ${this.#blocks}: ${message}`);
      return OUT_OF_PLACE.has(code) ? context.reopen?.(token) : undefined;
    }
  }

  /** Notes the first rule that was broken. */
  #fail(code: ErrorCode, message: string): void {
    this.#error ??= new FtpSecurityError(code, message);
  }
}

/** What all tokens had. Kerberos has no confidentiality without integrity, and other mechanisms don't vouch for such blocks. */
function weakest(levels: ReadonlySet<TokenLevel>): TokenLevel | undefined {
  const order: readonly TokenLevel[] = ['confidential', 'safe', 'private'];
  return order.find(level => levels.has(level));
}
