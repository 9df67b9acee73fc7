/**
 * What a side knows of its peer's sequence numbers. Lines and the blocks of all transfers share them, so a number that has
 * not come is innocent where a block may have used it, and nowhere else: there a line is missing.
 */
import { FtpSecurityError } from '../errors.js';
import type { BlockReader } from '../protection/data-block.js';

/** What was sent before the first block of a transfer. */
interface Start {
  /** Place of the last line. */
  line: bigint | undefined;
  /** Readers of an earlier transfer whose blocks may have been sent since that line. */
  behind: readonly BlockReader[] | undefined;
}

interface Transfer {
  /** Those made for it; one of them reads it, if any does. */
  readers: BlockReader[];
  /** Known once it has begun. */
  start: Start | undefined;
}

/** What a reader holds the first block of a transfer against. */
export interface FirstBlock {
  after: bigint | undefined;
  gapBefore: boolean;
}

export class PeerSequence {
  readonly #allowMissingLines: boolean;
  /** Place of the last line. */
  #line: bigint | undefined;
  /** The transfer that runs, or the next. */
  #transfer: Transfer = { readers: [], start: undefined };
  /** The last transfer whose blocks, sent by the peer, may have used numbers since the last line. */
  #sharing: Transfer | undefined;

  constructor(allowMissingLines: boolean) {
    this.#allowMissingLines = allowMissingLines;
  }

  get lastLine(): bigint | undefined {
    return this.#line;
  }

  /**
   * A line of the control connection has come, and its number is used.
   * @param follows  whether the token before it has come, on whatever connection
   * @param goesOn  whether it goes on with a reply: then no block comes between
   * @returns `security/out-of-sequence` when it was sent before one that has come, or when a number before it is missing
   *   that no block may have used
   */
  line(place: bigint, follows: boolean, goesOn = false): FtpSecurityError | undefined {
    if (this.#line !== undefined && place < this.#line)
      return outOfSequence('a line was sent before one that has come');
    const isRunning = this.#sharing === this.#transfer;
    const innocent = !goesOn && this.#sharing !== undefined && mayFollowBlock(place, this.#sharing.readers);
    this.#line = place;
    if (!isRunning) this.#sharing = undefined;
    const isMissing = !follows && !innocent && !this.#allowMissingLines;
    return isMissing ? outOfSequence('a line before this one is missing') : undefined;
  }

  /**
   * A transfer begins.
   * @param shares  whether its blocks are the peer's, and use these numbers
   */
  begin(shares: boolean): void {
    this.#transfer.start = this.#now();
    if (shares) this.#sharing = this.#transfer;
  }

  /**
   * The command of a transfer has been answered finally, at once or behind 1yz.
   * @param shares  as in `begin`, for one that has not begun before
   * @param byLine  whether the answer is the peer's line that came last: what is sent from now on is no block of it
   */
  end(shares: boolean, byLine: boolean): void {
    if (this.#transfer.start === undefined && shares) this.#sharing = this.#transfer;
    this.#transfer = { readers: [], start: undefined };
    if (byLine) this.#sharing = undefined;
  }

  /**
   * What the next reader, to be handed to `reads`, holds its first block against when that comes.
   * @param byLine  whether 1yz is a line of the peer with a number: moved to the data connection it would follow the line
   *   before it, so no block is taken before it has come
   * @returns a function that throws FtpSecurityError `security/out-of-sequence` then
   */
  firstBlock(byLine: boolean): () => FirstBlock {
    const transfer = this.#transfer;
    const made = this.#now();
    return () => {
      if (byLine && transfer.start === undefined)
        throw outOfSequence('a block before the 1yz reply that begins the transfer');
      const { line, behind } = transfer.start ?? made;
      if (behind === undefined) return { after: line, gapBefore: false };
      const places = behind.flatMap(({ lastReceived }) => lastReceived ?? []);
      return { after: places.reduce((a, b) => (b > a ? b : a), line ?? 0n), gapBefore: !isRead(behind) };
    };
  }

  reads(reader: BlockReader): void {
    this.#transfer.readers.push(reader);
  }

  #now(): Start {
    return { line: this.#line, behind: this.#sharing?.readers };
  }
}

/** Whether the number before a line may be that of a block: not behind the last one. */
function mayFollowBlock(place: bigint, readers: readonly BlockReader[]): boolean {
  return !readers.some(({ ended, lastReceived = 0n }) => ended && place > lastReceived);
}

/** Whether a transfer has been read to its last block, so that every number behind that one is somebody else's. */
function isRead(readers: readonly BlockReader[]): boolean {
  return readers.some(({ ended }) => ended);
}

function outOfSequence(why: string): FtpSecurityError {
  return new FtpSecurityError('security/out-of-sequence', why);
}
