/**
 * The blocks of a recorded data connection (RFC 2228 §6). Each block is checked by itself: reading continues after a
 * block that is broken, replayed or out of order, where a BlockReader would stop.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { ByteQueue } from '../byte-queue.js';
import { copy, startsWith, toHex, viewOf } from '../bytes.js';
import { type ErrorCode, FtpSecurityError, refusalFrom } from '../errors.js';
import type { SecurityContext, Unwrapped } from '../protection/mechanism.js';
import { covers, type ProtectionLevel, type TokenLevel } from '../protection/protection-level.js';
import type { Verdict } from '../session/events.js';

/** Computes SHA-256 of octets that come in parts. */
export interface Sha256 {
  update(octets: Uint8Array): unknown;
  digest(): Uint8Array;
}

export interface DataBlocksOptions {
  /** Opens the sender's tokens; undefined if its key is not known. */
  context: SecurityContext | undefined;
  /** The level set with PROT. At level `clear`, the octets are read as blocks only if the first block opens. */
  level: ProtectionLevel;
  /** The buffer size set with PBSZ, in octets; undefined if unknown. */
  bufferSize: number | undefined;
  /** Receives the plaintext of each opened block, in the order of the blocks. */
  write?: ((plaintext: Uint8Array) => void) | undefined;
  /** Begins the hash of a file. Default the built-in one; false for none. */
  sha256?: (() => Sha256) | false | undefined;
  /** Receives the place of each block among the sender's tokens, as in `SecurityContext.lastReceived`. */
  received?: ((place: bigint) => void) | undefined;
  /** Whether the capture has the data connection from its start. Default true. */
  fromStart?: boolean;
  /** Whether it is known to be a data connection of that level. If not, the octets are read as at level `clear`. Default true. */
  isCertain?: boolean;
}

/** The result for all blocks of a data connection. */
export interface DataResult {
  /** The weakest level of all opened tokens; undefined if none was opened. */
  applied: TokenLevel | undefined;
  /** Number of complete blocks, including empty ones. */
  blocks: number;
  /** Octets of plaintext in all blocks; undefined if one of them did not open. */
  bytes: number | undefined;
  sha256: string | undefined;
  verdict: Exclude<Verdict, 'clear'>;
  /** Why the octets can't be opened, if it is not that a key is missing. */
  problem: FtpSecurityError | undefined;
  error: FtpSecurityError | undefined;
  /** Octets that are missing from the capture; nothing after them can be read. */
  lost: number;
  /** Whether the capture has the data connection from its start to the block of zero octets. */
  complete: boolean;
}

const LENGTH = 4;
/** The longest token that the reader waits for, in octets. PBSZ allows 2^32-1, but peers use about 64 KiB. */
const MAX_TOKEN = 2 ** 26;
/** The same for the first token where the octets are mostly not blocks: at level `clear`. */
const MAX_FIRST_DOUBTFUL = 2 ** 20;

/**
 * First octets of a TLS handshake. GridFTP protects its data connections with TLS of its own. Read as the length of a
 * block, these octets are more than MAX_TOKEN.
 */
const TLS_HANDSHAKE = [0x16, 3];

/** Errors of whole tokens that come at the wrong time. */
const OUT_OF_PLACE: ReadonlySet<ErrorCode> = new Set(['security/replayed', 'security/out-of-sequence']);

export class DataBlocks {
  readonly #options: DataBlocksOptions;
  readonly #octets = new ByteQueue();
  readonly #hash: Sha256 | undefined;
  readonly #levels = new Set<TokenLevel>();
  #blocks = 0;
  #bytes = 0;
  #failed = false;
  /** Whether the available keys can't open the tokens, or the connection is TLS. */
  #unkeyed: boolean;
  #ended = false;
  /** Whether nothing more can be read: a length is invalid, or octets are missing. */
  #stopped = false;
  #lost = 0;
  /** The time of the last token, if tokens are not numbered. */
  #time: number | undefined;
  #problem: FtpSecurityError | undefined;
  #error: FtpSecurityError | undefined;

  constructor(options: DataBlocksOptions) {
    this.#options = options;
    if (options.sha256 !== false) this.#hash = options.sha256?.() ?? sha256.create();
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

  /** Reports octets that are missing from the capture. */
  gap(octets: number): void {
    this.#lost += octets;
    this.#stopped = true;
  }

  /**
   * Ends the data connection.
   * @param isCut  whether only the capture ends, so that more octets may have come
   * @returns undefined if the octets are not blocks: at level `clear`, if the first block did not open
   */
  end(isCut: boolean): DataResult | undefined {
    const { fromStart = true } = this.#options;
    if (this.#isDoubtful) return undefined;
    if (this.#lost === 0 && !this.#stopped && !isCut) this.#checkEnd();
    const applied = weakest(this.#levels);
    // Without a whole block, nothing has been verified either.
    const isEmpty = this.#blocks === 0 && !this.#failed;
    if (isEmpty && (this.#lost > 0 || isCut)) this.#unkeyed = true;
    const failed = this.#failed || isEmpty;
    const isOpen = !this.#unkeyed && !failed;
    const isWhole = this.#ended && !this.#stopped && this.#octets.length === 0;
    return {
      complete: isOpen && isWhole && fromStart,
      applied,
      blocks: this.#blocks,
      bytes: isOpen ? this.#bytes : undefined,
      sha256: isOpen && this.#hash ? toHex(this.#hash.digest()) : undefined,
      verdict: this.#unkeyed ? 'unkeyed' : failed ? 'failed' : applied === 'confidential' ? 'decrypted' : 'verified',
      problem: this.#problem,
      error: this.#error,
      lost: this.#lost,
    };
  }

  /** Whether the octets may be no blocks. */
  get #isDoubtful(): boolean {
    const { level, isCertain = true } = this.#options;
    return (level === 'clear' || !isCertain) && this.#levels.size === 0;
  }

  #checkEnd(): void {
    if (this.#octets.length > 0 && this.#startsWithin()) return;
    if (this.#octets.length > 0) this.#fail('syntax/truncated', 'the data connection ended within a block');
    else if (!this.#ended && !this.#unkeyed && !this.#failed)
      this.#fail('syntax/truncated', 'the data connection ended before the block of zero octets');
  }

  /** The next whole token; undefined when more octets are needed. */
  #token(): Uint8Array | undefined {
    if (this.#octets.length < LENGTH) return undefined;
    if (this.#blocks === 0 && startsWith(this.#octets.view(), TLS_HANDSHAKE)) {
      this.#problem = new FtpSecurityError('security/no-key', 'TLS of its own, which is not opened');
      this.#unkeyed = true;
      this.#stopped = true;
      return undefined;
    }
    const length = viewOf(this.#octets.view()).getUint32(0);
    const { bufferSize } = this.#options;
    const most = this.#isDoubtful ? MAX_FIRST_DOUBTFUL : MAX_TOKEN;
    if (length === 0 || length > most) {
      if (this.#startsWithin()) return undefined;
      this.#fail(
        length === 0 ? 'syntax/bad-block' : 'syntax/limit-exceeded',
        `a block can't have the length ${length}`,
      );
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
    const { context, level, isCertain = true, write } = this.#options;
    if (context === undefined || this.#unkeyed) return;
    const opened = this.#open(context, token);
    if (this.#unkeyed) return;
    if (opened === undefined) {
      this.#failed = true;
      // Then octets that do not open as a first block are ordinary data.
      if (this.#isDoubtful) this.#stopped = true;
      return;
    }
    const { plaintext, level: applied } = opened;
    this.#levels.add(applied);
    if (level !== 'clear' && isCertain && !covers(applied, level)) {
      this.#fail('sequence/wrong-level', `a ${applied} block in a ${level} transfer`);
    }
    if (plaintext.length === 0) this.#ended = true;
    this.#bytes += plaintext.length;
    this.#hash?.update(plaintext);
    write?.(plaintext);
  }

  #open(context: SecurityContext, token: Uint8Array): Pick<Unwrapped, 'plaintext' | 'level'> | undefined {
    try {
      const opened = context.unwrap(token);
      // The tokens of level confidential have numbers of their own, and anybody can forge them.
      if (opened.level !== 'confidential') this.#checkPlace(context);
      return opened;
    } catch (error) {
      const { code, message } = refusalFrom(error);
      if (code === 'security/no-key') this.#unkeyed = true;
      if (this.#unkeyed || (!OUT_OF_PLACE.has(code) && this.#startsWithin())) return undefined;
      this.#fail(code, `block ${this.#blocks}: ${message}`);
      return OUT_OF_PLACE.has(code) ? context.reopen?.(token) : undefined;
    }
  }

  #checkPlace({ lastReceived, lastTime }: SecurityContext): void {
    if (lastReceived !== undefined) this.#options.received?.(lastReceived);
    else if (lastTime !== undefined && this.#time !== undefined && lastTime < this.#time)
      this.#fail('security/out-of-sequence', 'the blocks of the transfer are not in order');
    this.#time = lastTime;
  }

  /**
   * Whether the first octets that were captured may be within a block, because the capture begins late. Then nothing can be
   * read.
   */
  #startsWithin(): boolean {
    const { fromStart = true } = this.#options;
    if (fromStart || this.#levels.size > 0) return false;
    this.#unkeyed = true;
    this.#stopped = true;
    return true;
  }

  /** Keeps the first error. */
  #fail(code: ErrorCode, message: string): void {
    this.#error ??= new FtpSecurityError(code, message);
  }
}

/** The weakest level of the tokens. `confidential` is the weakest, because it has no integrity; Kerberos never uses it. */
function weakest(levels: ReadonlySet<TokenLevel>): TokenLevel | undefined {
  const order: readonly TokenLevel[] = ['confidential', 'safe', 'private'];
  return order.find(level => levels.has(level));
}
