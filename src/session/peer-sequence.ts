/**
 * Which sequence numbers of one side have come, and which numbers may be missing. Lines and the blocks of all transfers share
 * them, so a number that has not come is accounted for where a block may have used it, and nowhere else: there a line is missing.
 */
import { FtpSecurityError } from '../errors.js';
import { type BeforeFirstBlock, BlockReader, type BlockReaderOptions } from '../protection/data-block.js';
import type { SecurityContext } from '../protection/mechanism.js';
import { factsOf, type ProtectionLevel } from '../protection/protection-level.js';

/** What was sent before the first block of a transfer. */
interface Start {
  /** Position of the last line. */
  line: bigint | undefined;
  /** Readers of an earlier transfer whose blocks may have been sent since that line. */
  earlier: readonly ReadBlocks[] | undefined;
}

/** How far the blocks of a transfer have been read. */
type ReadBlocks = Pick<BlockReader, 'ended' | 'lastReceived'>;

interface Transfer {
  /** Those made for it; one of them reads it, if any does. */
  readers: BlockReader[];
  /** Known once it has begun. */
  start: Start | undefined;
  /** `start`, and those of its readers that were made before. */
  starts: Start[];
}

/** Options of {@link PeerSequence.dataReader}. */
export interface SequencedReaderOptions extends Pick<BlockReaderOptions, 'interleaved' | 'bufferSize'> {
  /**
   * Whether the transfer begins with a line that has a number, the 1yz reply. Then no block is accepted before it, since that
   * line itself, moved to the data connection, would follow the line before it. Default false.
   */
  announced?: boolean;
  /** Whether a block may be seen before that line, as in a recording; default false: `security/out-of-sequence`. */
  unordered?: boolean;
  /** Read the transfer that ended last, instead of the current or the next one. Default false. */
  ended?: boolean;
}

/** The sequence of one side: what it sends on the control connection and on data connections. */
export class PeerSequence {
  readonly #allowMissingLines: boolean;
  /** Position of the last line. */
  #line: bigint | undefined;
  /** The transfer that runs, or the next. */
  #transfer: Transfer = newTransfer();
  /** The one before. */
  #ended: Transfer = this.#transfer;
  /** The last transfer whose blocks, sent by this side, may have used numbers since the last line. */
  #sharing: Transfer | undefined;

  constructor(allowMissingLines: boolean) {
    this.#allowMissingLines = allowMissingLines;
  }

  /** Position of the last line; undefined before the first. */
  get lastLine(): bigint | undefined {
    return this.#line;
  }

  /**
   * A line of the control connection has come, and its number is used.
   * @param position  of its token among those of this side
   * @param follows  whether the token before it has come, on whatever connection
   * @param goesOn  whether it continues a reply: then no block comes between
   * @returns `security/out-of-sequence` when it was sent before one that has come, or when a number before it is missing
   *   that no block may have used
   */
  line(position: bigint, follows: boolean, goesOn = false): FtpSecurityError | undefined {
    if (this.#line !== undefined && position < this.#line)
      return outOfSequence('a line was sent before one that has come');
    const isRunning = this.#sharing === this.#transfer;
    const explained = !goesOn && this.#sharing !== undefined && mayFollowBlock(position, this.#sharing.readers);
    this.#line = position;
    if (!isRunning) this.#sharing = undefined;
    const isMissing = !follows && !explained && !this.#allowMissingLines;
    return isMissing ? outOfSequence('a line before this one is missing') : undefined;
  }

  /**
   * A transfer begins.
   * @param shares  whether its blocks are of this side, and use these numbers
   */
  begin(shares: boolean): void {
    this.#transfer.start = this.#startOf(this.#transfer);
    if (shares) this.#sharing = this.#transfer;
  }

  /**
   * The command of a transfer has got its final reply, with or without 1yz before.
   * @param shares  as in `begin`, for one that has not begun before
   * @param byLine  whether the answer is the line of this side that came last: what is sent from now on is not one of its blocks
   */
  end(shares: boolean, byLine: boolean): void {
    if (this.#transfer.start === undefined && shares) this.#sharing = this.#transfer;
    forgetReaders(this.#ended);
    this.#ended = this.#transfer;
    this.#transfer = newTransfer();
    if (byLine) this.#sharing = undefined;
  }

  /**
   * A reader of blocks that refuses those that are out of order.
   * @param context  not needed at level `clear`
   * @throws RangeError, TypeError as BlockReader
   */
  dataReader(
    context: SecurityContext | undefined,
    level: ProtectionLevel,
    { announced = false, unordered = false, ended = false, ...options }: SequencedReaderOptions,
  ): BlockReader {
    const transfer = ended ? this.#ended : this.#transfer;
    const made = this.#startOf(transfer);
    const first = (): BeforeFirstBlock => {
      const early = announced && transfer.start === undefined;
      if (early && !unordered)
        throw outOfSequence(
          'a block before the 1yz reply of its transfer, or its reader was made after the final reply',
        );
      const { after, gapBefore } = beforeFirstBlock(transfer.start ?? made);
      return { after: factsOf(level).integrity ? after : undefined, gapBefore: gapBefore || early };
    };
    const reader = new BlockReader(context, level, { ...options, first });
    transfer.readers.push(reader);
    return reader;
  }

  /** What has been sent before a transfer, as of now. */
  #startOf(transfer: Transfer): Start {
    const start = { line: this.#line, earlier: this.#sharing?.readers };
    transfer.starts.push(start);
    return start;
  }
}

function newTransfer(): Transfer {
  return { readers: [], start: undefined, starts: [] };
}

/** Where no line comes between transfers, as after CCC, each would otherwise keep the readers of all before it in memory. */
function forgetReaders({ starts }: Transfer): void {
  for (const start of starts)
    start.earlier = start.earlier?.map(({ ended, lastReceived }) => ({ ended, lastReceived }));
}

/**
 * A context for the control connection: `unwrap` checks the order of the lines, and `lastReceived` is the position of the last
 * one.
 */
export function controlContext(context: SecurityContext, sequence: PeerSequence): SecurityContext {
  let follows: boolean | undefined;
  return {
    mechanism: context.mechanism,
    supports: level => context.supports(level),
    wrap: (plaintext, level) => context.wrap(plaintext, level),
    unwrap(token) {
      const opened = context.unwrap(token);
      // Anybody can forge the number of a confidential token.
      const position = opened.level === 'confidential' ? undefined : context.lastReceived;
      follows = position === undefined || context.lastFollows;
      const error = position === undefined ? undefined : sequence.line(position, follows === true);
      if (error !== undefined) throw error;
      return opened;
    },
    get lastReceived() {
      return sequence.lastLine;
    },
    get lastFollows() {
      return follows;
    },
    wrapSizeLimit: (level, maxToken) => context.wrapSizeLimit(level, maxToken),
    destroy: () => context.destroy(),
  };
}

/** Blocks of the transfer before may still be missing, unless it was read to its last block. */
function beforeFirstBlock({ line, earlier }: Start): Required<BeforeFirstBlock> {
  if (earlier === undefined) return { after: line, gapBefore: false };
  const isRead = earlier.some(({ ended }) => ended);
  const after = earlier.reduce(
    (last, { lastReceived = 0n }) => (lastReceived > last ? lastReceived : last),
    line ?? 0n,
  );
  return { after, gapBefore: !isRead };
}

/** Whether the number before a line may be that of a block: not after the last one. */
function mayFollowBlock(position: bigint, readers: readonly ReadBlocks[]): boolean {
  return !readers.some(({ ended, lastReceived = 0n }) => ended && position > lastReceived);
}

function outOfSequence(why: string): FtpSecurityError {
  return new FtpSecurityError('security/out-of-sequence', why);
}
