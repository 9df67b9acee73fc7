/**
 * The data channel (RFC 2228 §6): a byte stream cut into blocks, each a length of four octets and one token; a block of
 * zero octets ends it. At level `clear` there are no blocks, and the end of the connection is the end of the file.
 */

import { ByteQueue } from '../byte-queue.js';
import { assertBytes, concat, concatAll, copy, u32be, viewOf } from '../bytes.js';
import { type ErrorCode, FtpSecurityError } from '../errors.js';
import type { SecurityContext, SequenceState } from './mechanism.js';
import { covers, type ProtectionLevel, type TokenLevel } from './protection-level.js';
import { MAX_PROTECTION_BUFFER } from './security-data.js';

export interface BlockOptions {
  /** What PBSZ has settled: the most octets that a token may have (§3, PBSZ). Needed at every level but `clear`. */
  bufferSize?: number | undefined;
}

export interface BlockReaderOptions extends BlockOptions {
  /**
   * Whether tokens of the control connection may be sent during the transfer, as with commands that are answered
   * meanwhile. A block that was taken out, or moved to the control connection, can then only be told by what is missing in
   * the context's numbers. Default false: it is `security/out-of-sequence`.
   */
  interleaved?: boolean;
  /**
   * Place of the token that was sent last before the first block, as of `lastReceived`: of the command, or the first 1yz
   * reply. It is looked at when that block comes. Default: the transfer may begin anywhere.
   */
  readonly after?: bigint | undefined;
  /** Whether tokens may be missing between `after` and the first block, as behind a transfer that nobody read. Default false. */
  readonly gapBefore?: boolean;
}

/** One block of a transfer, opened. At level `clear`, where there are no blocks, whatever octets have come. */
export interface Block {
  plaintext: Uint8Array;
  /** What its token really had. */
  level: ProtectionLevel;
  sequence: SequenceState;
}

const LENGTH = 4;
/** Lengths from here on are negative to peers that read them signed, so they come from nobody who means a block. */
const MAX_LENGTH = 2 ** 31;
/** Our tokens are no longer, however much the peer would buffer: a block is held until it is full. */
const MAX_TOKEN = 0x10_0000;

/** The sender's side: octets of a file in, octets for the data connection out. Plaintext is held for one block at most. */
export class BlockWriter {
  readonly #context: SecurityContext | undefined;
  readonly #level: ProtectionLevel;
  /** Octets of plaintext that fill a block. */
  readonly #size: number;
  readonly #plaintext = new ByteQueue();
  /** Why it takes nothing more. */
  #closed: unknown;

  /**
   * @param context  not needed at level `clear`
   * @throws RangeError for a buffer size out of 1 to 2^32-1; FtpSecurityError `syntax/limit-exceeded` when no block fits
   *   into it, `security/level-unsupported`
   */
  constructor(context: SecurityContext | undefined, level: ProtectionLevel, { bufferSize }: BlockOptions = {}) {
    this.#context = context;
    this.#level = level;
    this.#size = level === 'clear' ? 0 : contextOf(context).wrapSizeLimit(level, tokenLimit(bufferSize));
    if (level !== 'clear' && this.#size === 0) {
      const message = `a protection buffer of ${bufferSize} octets holds no block`;
      throw new FtpSecurityError('syntax/limit-exceeded', message, { side: 'local', reply: 535 });
    }
  }

  /**
   * Takes octets of the file; they are copied.
   * @returns the blocks that they fill, maybe none
   * @throws FtpSecurityError `sequence/closed` after `end` or `abort`, and what the mechanism refuses: nothing more can be written
   */
  write(chunk: Uint8Array): Uint8Array {
    assertBytes(chunk, 'chunk');
    this.#assertOpen();
    if (this.#level === 'clear') return copy(chunk);
    this.#plaintext.append(chunk);
    const blocks: Uint8Array[] = [];
    while (this.#plaintext.length >= this.#size) blocks.push(this.#block(this.#size));
    return concatAll(blocks);
  }

  /**
   * Ends the file.
   * @returns the rest of it, and the block of zero octets
   * @throws FtpSecurityError as {@link write}
   */
  end(): Uint8Array {
    this.#assertOpen();
    const blocks: Uint8Array[] = [];
    if (this.#plaintext.length > 0) blocks.push(this.#block(this.#plaintext.length));
    if (this.#level !== 'clear') blocks.push(this.#block(0));
    this.#closed = new FtpSecurityError('sequence/closed', 'the file has been ended', { side: 'local' });
    return concatAll(blocks);
  }

  /** Whether nothing more can be written: the file has been ended, or given up. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Gives the file up: it never gets the block that ends it, so that no recipient takes what was sent for the whole. */
  abort(): void {
    this.#closed ??= new FtpSecurityError('sequence/closed', 'the transfer has been aborted', { side: 'local' });
  }

  #block(size: number): Uint8Array {
    const plaintext = this.#plaintext.view().subarray(0, size);
    try {
      const { token } = this.#context!.wrap(plaintext, this.#level as TokenLevel);
      this.#plaintext.drop(size);
      return concat(u32be(token.length), token);
    } catch (error) {
      // Blocks made before it in the same call are lost, and the stream with them.
      this.#closed = error;
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }
}

/**
 * The recipient's side: octets of the data connection in, verified plaintext out, block by block. It takes any chunking
 * in linear time, and holds what has come and is not asked for; the largest block is that of `bufferSize`.
 *
 * The blocks of one transfer come in the order in which they were sent, and none is missing between them; where the
 * mechanism numbers its tokens, what breaks that is refused. After an error every further call throws it again.
 */
export class BlockReader {
  readonly #context: SecurityContext | undefined;
  readonly #level: ProtectionLevel;
  readonly #maxToken: number;
  readonly #options: BlockReaderOptions;
  readonly #octets = new ByteQueue();
  #ended = false;
  #failed: unknown;
  /** Place of the last block among the tokens of its sender. */
  #place: bigint | undefined;

  /**
   * @param context  not needed at level `clear`
   * @throws RangeError for a buffer size out of 1 to 2^32-1
   */
  constructor(context: SecurityContext | undefined, level: ProtectionLevel, options: BlockReaderOptions = {}) {
    this.#context = level === 'clear' ? undefined : contextOf(context);
    this.#level = level;
    this.#maxToken = level === 'clear' ? 0 : checkedSize(options.bufferSize);
    this.#options = options;
  }

  /** Whether the file has come to its end: only then is it whole. */
  get ended(): boolean {
    return this.#ended && this.#failed === undefined;
  }

  /** Place of the last block among the tokens of its sender, as of the context's `lastReceived`; undefined before the first. */
  get lastReceived(): bigint | undefined {
    return this.#place;
  }

  /** Takes what has come; it is copied. */
  push(chunk: Uint8Array): void {
    assertBytes(chunk, 'chunk');
    if (this.#failed === undefined) this.#octets.append(chunk);
  }

  /**
   * The plaintext of the next block; undefined when more octets are needed, or the file has ended.
   * @throws FtpSecurityError as {@link nextBlock}
   */
  next(): Uint8Array | undefined {
    const block = this.nextBlock();
    if (block === undefined || block.plaintext.length > 0) return block?.plaintext;
    return this.next(); // behind the last block: nothing, or an error
  }

  /**
   * The next block, the last one of zero octets too, with what its token had; undefined when more octets are needed, or the file
   * has ended.
   * @throws FtpSecurityError `syntax/bad-block` for a length that none has, `syntax/limit-exceeded` for a token over the
   *   buffer size, `sequence/wrong-level`, `security/out-of-sequence` for a block out of its place,
   *   `syntax/trailing-data` for octets behind the last block, and what the mechanism refuses: 535 (§6)
   */
  nextBlock(): Block | undefined {
    return this.#failing(() => (this.#level === 'clear' ? this.#clear() : this.#protected(this.#level)));
  }

  /**
   * Tells that the data connection has ended. To be called when `next` has given undefined.
   * @throws FtpSecurityError `syntax/truncated` before the block of zero octets
   */
  close(): void {
    this.#failing(() => {
      if (this.#level === 'clear') this.#ended = true;
      if (!this.#ended) throw refusal('syntax/truncated', 'the data connection ended before the block of zero octets');
      this.#refuseTrailing();
    });
  }

  #clear(): Block | undefined {
    const plaintext = this.#take(this.#octets.length);
    return plaintext.length > 0 ? { plaintext, level: 'clear', sequence: 'none' } : undefined;
  }

  #protected(level: TokenLevel): Block | undefined {
    if (this.#ended) this.#refuseTrailing();
    const token = this.#ended ? undefined : this.#token();
    const block = token && this.#open(token, level);
    if (block?.plaintext.length === 0) this.#ended = true;
    return block;
  }

  /** The next whole token. Its length is judged before a single octet of it is waited for. */
  #token(): Uint8Array | undefined {
    if (this.#octets.length < LENGTH) return undefined;
    const length = viewOf(this.#octets.view()).getUint32(0);
    if (length === 0 || length >= MAX_LENGTH) throw refusal('syntax/bad-block', `${length} is no length of a block`);
    if (length > this.#maxToken) {
      const message = `a block of ${length} octets, where the protection buffer has ${this.#maxToken}`;
      throw refusal('syntax/limit-exceeded', message);
    }
    if (this.#octets.length < LENGTH + length) return undefined;
    this.#octets.drop(LENGTH);
    return this.#take(length);
  }

  #open(token: Uint8Array, level: TokenLevel): Block {
    const context = this.#context!;
    const block = context.unwrap(token);
    if (!covers(block.level, level))
      throw refusal('sequence/wrong-level', `a ${block.level} block in a ${level} transfer`);
    this.#checkPlace(context);
    return block;
  }

  /** Also what has come elsewhere is missing here: both connections have the same keys, so a block can pass for a line. */
  #checkPlace({ lastReceived }: SecurityContext): void {
    if (lastReceived === undefined) return;
    const { after, gapBefore = false, interleaved = false } = this.#options;
    const before = this.#place ?? after;
    const gapless = !interleaved && !(gapBefore && this.#place === undefined);
    this.#place = lastReceived;
    if (before === undefined) return;
    if (lastReceived < before) throw refusal('security/out-of-sequence', 'blocks out of their order');
    if (lastReceived > before + 1n && gapless) throw refusal('security/out-of-sequence', 'a block is missing');
  }

  #take(count: number): Uint8Array {
    const octets = copy(this.#octets.view(), 0, count);
    this.#octets.drop(count);
    return octets;
  }

  #refuseTrailing(): void {
    if (this.#octets.length > 0) throw refusal('syntax/trailing-data', 'octets behind the block of zero octets');
  }

  #failing<T>(read: () => T): T {
    if (this.#failed !== undefined) throw this.#failed;
    try {
      return read();
    } catch (error) {
      this.#failed = error;
      this.#octets.drop(this.#octets.length);
      throw error;
    }
  }
}

/** §6: whatever fails during a transfer is answered by 535. */
function refusal(code: ErrorCode, message: string): FtpSecurityError {
  return new FtpSecurityError(code, message, { reply: 535 });
}

function contextOf(context: SecurityContext | undefined): SecurityContext {
  if (context === undefined) throw new TypeError('a protected transfer needs a security context');
  return context;
}

function tokenLimit(bufferSize: number | undefined): number {
  return Math.min(checkedSize(bufferSize), MAX_TOKEN);
}

function checkedSize(size: number | undefined): number {
  if (size !== undefined && Number.isInteger(size) && size >= 1 && size <= MAX_PROTECTION_BUFFER) return size;
  throw new RangeError('bufferSize must be a size of PBSZ, 1 to 2^32-1');
}
