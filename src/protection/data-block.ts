/**
 * The data channel (RFC 2228 §6): a byte stream in blocks. Each block is a length of four octets and one token; an empty
 * plaintext marks the end. At level `clear` there are no blocks, and the end of the connection is the end of the file.
 */

import { ByteQueue } from '../byte-queue.js';
import { assertBytes, concatAll, copy, u32be, viewOf } from '../bytes.js';
import { atPlace, type ErrorCode, FtpSecurityError } from '../errors.js';
import type { SecurityContext, SequenceState, Unwrapped } from './mechanism.js';
import { covers, type ProtectionLevel, type TokenLevel } from './protection-level.js';
import { MAX_PROTECTION_BUFFER } from './security-data.js';

/** Options of {@link BlockWriter}. */
export interface BlockOptions {
  /** The negotiated protection buffer: the most octets that a token may have (§3, PBSZ). Required at every level but `clear`. */
  bufferSize?: number | undefined;
}

/** Options of {@link BlockReader}. */
export interface BlockReaderOptions extends BlockOptions {
  /**
   * Whether tokens of the control connection may be sent during the transfer, e.g. with commands that are answered meanwhile.
   * They make gaps, so a block that was removed, or moved to the control connection, is then not detected here, but only by
   * the numbers that stay missing in the context. Default false: a gap is `security/out-of-sequence`.
   */
  interleaved?: boolean;
  /** What comes before the first block; called when that block comes. Default: the transfer may begin at any position. */
  readonly first?: () => BeforeFirstBlock;
}

/** What comes before the first block of a transfer. */
export interface BeforeFirstBlock {
  /**
   * Position of the last token before that block, in the sense of `lastReceived`: that of the command, or of the first 1yz reply.
   * Undefined: the transfer may begin at any position.
   */
  after: bigint | undefined;
  /** Whether tokens may be missing between `after` and that block, e.g. after a transfer that was not read. Default false. */
  gapBefore?: boolean;
}

/** One block of a transfer, opened. At level `clear`, where there are no blocks, whatever octets have come. */
export interface Block {
  plaintext: Uint8Array;
  /** What its token really had. */
  level: ProtectionLevel;
  sequence: SequenceState;
}

const ANYWHERE: BeforeFirstBlock = { after: undefined };

const LENGTH = 4;
/** Peers that read lengths as signed take these for negative numbers, so no peer sends them. */
const MAX_LENGTH = 2 ** 31;
/**
 * The most octets of a token that we make, even if the peer permits more: a block is held in memory until it is full, and
 * nothing else happens while it is encrypted.
 */
const MAX_TOKEN = 0x4_0000;

/**
 * The sending side of a data connection (RFC 2228 §6): octets of a file in, blocks out. At most one block of plaintext is held
 * in memory.
 * @example
 * const writer = session.dataWriter();
 * socket.write(writer.write(chunk)); // for each chunk of the file
 * socket.end(writer.end());
 */
export class BlockWriter {
  readonly #context: SecurityContext | undefined;
  readonly #level: ProtectionLevel;
  /** Octets of plaintext in a full block. */
  readonly #size: number;
  readonly #plaintext = new ByteQueue();
  /** The error of further calls: the transfer has ended or failed. */
  #closed: unknown;

  /**
   * @param context  not needed at level `clear`
   * @throws RangeError for a buffer size outside 1 to 2^32-1; FtpSecurityError `syntax/limit-exceeded` if no block fits into
   *   it, `security/level-unsupported`
   */
  constructor(context: SecurityContext | undefined, level: ProtectionLevel, { bufferSize }: BlockOptions = {}) {
    this.#context = context;
    this.#level = level;
    this.#size = level === 'clear' ? 0 : contextOf(context).wrapSizeLimit(level, tokenLimit(bufferSize));
    if (level !== 'clear' && this.#size === 0) {
      const message = `a protection buffer of ${bufferSize} octets is too small for a block: ask for a larger one by PBSZ`;
      throw new FtpSecurityError('syntax/limit-exceeded', message, { side: 'local', reply: 535 });
    }
  }

  /**
   * Adds octets of the file; they are copied.
   * @returns the blocks that are now full, possibly none
   * @throws FtpSecurityError `sequence/closed` after `end` or `abort`, and the errors of the mechanism, after which nothing more
   *   can be written
   */
  write(chunk: Uint8Array): Uint8Array {
    assertBytes(chunk, 'chunk');
    this.#assertOpen();
    if (this.#level === 'clear') return copy(chunk);
    const blocks: Uint8Array[] = [];
    let at = 0;
    // A block that begins before this chunk is filled up; those within it need no copy.
    if (this.#plaintext.length > 0) {
      at = Math.min(chunk.length, this.#size - this.#plaintext.length);
      this.#plaintext.append(chunk.subarray(0, at));
      if (this.#plaintext.length < this.#size) return concatAll(blocks);
      this.#add(blocks, this.#plaintext.view());
      this.#plaintext.drop(this.#size);
    }
    for (; chunk.length - at >= this.#size; at += this.#size) this.#add(blocks, chunk.subarray(at, at + this.#size));
    // Before the next append, which may use the memory of a token that is its plaintext.
    const full = concatAll(blocks);
    this.#plaintext.append(chunk.subarray(at));
    return full;
  }

  /**
   * Ends the file.
   * @returns the last blocks; one with an empty plaintext marks the end
   * @throws FtpSecurityError as {@link write}
   */
  end(): Uint8Array {
    this.#assertOpen();
    const blocks: Uint8Array[] = [];
    if (this.#plaintext.length > 0) this.#add(blocks, this.#plaintext.view());
    if (this.#level !== 'clear') this.#add(blocks, new Uint8Array());
    this.#closed = new FtpSecurityError('sequence/closed', 'the file has been ended', { side: 'local' });
    return concatAll(blocks);
  }

  /** Whether nothing more can be written, after `end`, `abort` or an error. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Aborts the transfer: no block marks the end, so the recipient does not accept the file as complete. */
  abort(): void {
    this.#closed ??= new FtpSecurityError('sequence/closed', 'the transfer has been aborted', { side: 'local' });
  }

  /** Adds the two parts of a block: the length of a token, and the token. */
  #add(blocks: Uint8Array[], plaintext: Uint8Array): void {
    try {
      const { token } = this.#context!.wrap(plaintext, this.#level as TokenLevel);
      blocks.push(u32be(token.length), token);
    } catch (error) {
      // Blocks of the same call before this one are lost, so the stream can't continue.
      this.#closed = error;
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }
}

/**
 * The receiving side of a data connection (RFC 2228 §6): octets in, verified plaintext out, block by block. Chunks may have any
 * size; work is linear. Octets that `next` has not returned yet are held in memory; a block has at most `bufferSize` octets.
 *
 * If the mechanism numbers its tokens, a missing or reordered block is an error. After an error, every further call throws it
 * again.
 * @example
 * const reader = session.dataReader();
 * reader.push(chunk); // octets from the data connection
 * for (let text = reader.next(); text !== undefined; text = reader.next()) file.write(text);
 * reader.close(); // at the end of the connection: throws if the file is not complete
 */
export class BlockReader {
  readonly #context: SecurityContext | undefined;
  readonly #level: ProtectionLevel;
  readonly #maxToken: number;
  readonly #options: BlockReaderOptions;
  readonly #octets = new ByteQueue();
  /** How many have been verified. */
  #blocks = 0;
  #ended = false;
  #failed: unknown;
  /** Position of the last block in the sequence of its sender. */
  #position: bigint | undefined;

  /**
   * @param context  not needed at level `clear`
   * @throws RangeError for a buffer size outside 1 to 2^32-1; FtpSecurityError `security/level-unsupported` if the mechanism has no
   *   blocks
   */
  constructor(context: SecurityContext | undefined, level: ProtectionLevel, options: BlockReaderOptions = {}) {
    this.#context = level === 'clear' ? undefined : contextOf(context);
    this.#level = level;
    this.#maxToken = level === 'clear' ? 0 : checkedSize(options.bufferSize);
    this.#options = options;
  }

  /** Whether the end of the file was received: only then is it complete. */
  get ended(): boolean {
    return this.#ended && this.#failed === undefined;
  }

  /** Position of the last block in the sequence of its sender, as the context's `lastReceived`; undefined before the first block. */
  get lastReceived(): bigint | undefined {
    return this.#position;
  }

  /** Adds octets received; they are copied. */
  push(chunk: Uint8Array): void {
    assertBytes(chunk, 'chunk');
    if (this.#failed === undefined) this.#octets.append(chunk);
  }

  /**
   * The plaintext of the next block; undefined if more octets are needed, or the file has ended.
   * @throws FtpSecurityError as {@link nextBlock}
   */
  next(): Uint8Array | undefined {
    const block = this.nextBlock();
    if (block === undefined || block.plaintext.length > 0) return block?.plaintext;
    return this.next(); // after the last block: nothing, or an error
  }

  /**
   * The next block, the last one of zero octets too, with what its token had; undefined if more octets are needed, or the file
   * has ended.
   * @throws FtpSecurityError `syntax/bad-block` for an invalid length, `syntax/limit-exceeded` for a token larger than the
   *   protection buffer, `sequence/wrong-level`, `security/out-of-sequence` for a missing or reordered block,
   *   `syntax/trailing-data` for octets after the last block, and the errors of the mechanism (all 535, §6)
   */
  nextBlock(): Block | undefined {
    return this.#failing(() => (this.#level === 'clear' ? this.#clear() : this.#protected(this.#level)));
  }

  /**
   * Declares the end of the data connection. Call it after `next` has returned undefined.
   * @throws FtpSecurityError `syntax/truncated` if the end of the file was not received
   */
  close(): void {
    this.#failing(() => {
      if (this.#level === 'clear') this.#ended = true;
      if (!this.#ended)
        throw refusal('syntax/truncated', 'the data connection ended before the empty block that ends the file');
      this.#refuseTrailing();
    });
  }

  #clear(): Block | undefined {
    const plaintext = this.#octets.take(this.#octets.length);
    return plaintext.length > 0 ? { plaintext, level: 'clear', sequence: 'none' } : undefined;
  }

  #protected(level: TokenLevel): Block | undefined {
    if (this.#ended) this.#refuseTrailing();
    const token = this.#ended ? undefined : this.#token();
    if (token === undefined) return undefined;
    const block = this.#open(token, level);
    this.#octets.drop(LENGTH + token.length);
    if (block.plaintext.length === 0) this.#ended = true;
    return block;
  }

  /** The next whole token, in the memory of the queue. Its length is checked as soon as it has been received. */
  #token(): Uint8Array | undefined {
    if (this.#octets.length < LENGTH) return undefined;
    const octets = this.#octets.view();
    const length = viewOf(octets).getUint32(0);
    if (length === 0 || length >= MAX_LENGTH)
      throw refusal('syntax/bad-block', `a block can't have the length ${length}`);
    if (length > this.#maxToken) {
      const message = `a block of ${length} octets is larger than the protection buffer of ${this.#maxToken}`;
      throw refusal('syntax/limit-exceeded', message);
    }
    return octets.length < LENGTH + length ? undefined : octets.subarray(LENGTH, LENGTH + length);
  }

  #open(token: Uint8Array, level: TokenLevel): Block {
    const context = this.#context!;
    const block = this.#unwrap(context, token);
    if (!covers(block.level, level))
      throw refusal('sequence/wrong-level', `a ${block.level} block in a transfer at level ${level}`);
    this.#checkPosition(context);
    return block;
  }

  #unwrap(context: SecurityContext, token: Uint8Array): Unwrapped {
    try {
      const block = context.unwrap(token);
      this.#blocks++;
      return isSeparate(block.plaintext, token) ? block : { ...block, plaintext: copy(block.plaintext) };
    } catch (error) {
      throw atPlace(`block ${this.#blocks + 1}`, error);
    }
  }

  /** A block received on the control connection is missing here too: both have the same keys, so it could have been moved there. */
  #checkPosition({ lastReceived }: SecurityContext): void {
    if (lastReceived === undefined) return;
    const { first, interleaved = false } = this.#options;
    const { after, gapBefore = false } =
      this.#position === undefined ? (first?.() ?? ANYWHERE) : { after: this.#position };
    this.#position = lastReceived;
    if (after === undefined) return;
    if (lastReceived < after) throw refusal('security/out-of-sequence', 'the blocks of the transfer are not in order');
    if (lastReceived > after + 1n && !gapBefore && !interleaved)
      throw refusal('security/out-of-sequence', 'a block of the transfer is missing');
  }

  #refuseTrailing(): void {
    if (this.#octets.length > 0)
      throw refusal('syntax/trailing-data', 'octets after the empty block that ends the file');
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

/** Whether a plaintext is a plain array outside the memory of its token, which is used again. */
function isSeparate(plaintext: Uint8Array, token: Uint8Array): boolean {
  return plaintext.buffer !== token.buffer && plaintext.constructor === Uint8Array;
}

/** §6: the server answers every failure during a transfer with 535. */
function refusal(code: ErrorCode, message: string): FtpSecurityError {
  return new FtpSecurityError(code, message, { reply: 535 });
}

function contextOf(context: SecurityContext | undefined): SecurityContext {
  if (context === undefined) throw new TypeError('a transfer at this level needs a security context');
  if (!context.neverEmpty) return context;
  const message = `${context.mechanism} with these tokens has no blocks for data connections: ask for PROT C`;
  throw new FtpSecurityError('security/level-unsupported', message, { side: 'local', reply: 536 });
}

function tokenLimit(bufferSize: number | undefined): number {
  return Math.min(checkedSize(bufferSize), MAX_TOKEN);
}

function checkedSize(size: number | undefined): number {
  if (size !== undefined && Number.isInteger(size) && size >= 1 && size <= MAX_PROTECTION_BUFFER) return size;
  throw new RangeError('bufferSize must be 1 to 2^32-1 octets (PBSZ)');
}
