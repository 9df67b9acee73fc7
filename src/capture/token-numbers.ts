/**
 * The numbers of the tokens of a security association, on its control connection and its data connections, which share one
 * series for each direction (RFC 2228 §6 and session/state.ts). A capture may show a block before or after the lines that were
 * sent around it. So a number that is missing is judged only when nothing can supply it any more: when the control connection
 * has a later line, or has ended.
 *
 * Two questions are answered. Is a transfer whole: does its first block follow the line before the transfer, and does each of
 * its blocks follow the block before, except for lines that were sent in between? And is a gap between two lines explained by
 * the blocks of a transfer?
 */
import { FtpSecurityError } from '../errors.js';
import type { Peer } from '../protection/mechanism.js';
import type { ObservedMessage } from '../session/events.js';
import { type PositionRange, PositionSet } from './position-set.js';

/** How many gaps of one side are kept open. If there are more, the oldest stays as it is. */
const MAX_OPEN = 64;

/** Positions that were missing before a line. */
interface Gap extends PositionRange {
  message: ObservedMessage;
  /** The transfer whose blocks may have them. */
  transfer: TransferStart | undefined;
  /** Whether a line has come that has one of them. */
  hasLine: boolean;
}

/** Where a transfer begins in the sequence of its sender. */
export interface TransferStart {
  /** Position of what its sender had sent before; undefined until the transfer begins, and if it is not known. */
  after: bigint | undefined;
  /** Whether `after` is the last position before its blocks: not if an earlier transfer was not read to its end. */
  isExact: boolean;
  /** Whether the transfer has begun (1yz), or has been answered without that. */
  begun: boolean;
  /** Whether its final reply has come. */
  answered: boolean;
  /** The blocks of its data connection, if that is in the capture. */
  blocks: BlockNumbers | undefined;
}

/** One direction of the association. */
class Side {
  /** Position of the last line. */
  line: bigint | undefined;
  /** The highest position of all tokens. */
  highest: bigint | undefined;
  /** The lines that broke no rule. */
  readonly lines = new PositionSet();
  readonly all = new PositionSet();
  gaps: Gap[] = [];
  /** The last transfer whose blocks may have been sent since the last line. */
  sharing: TransferStart | undefined;
  /** Positions that lines may have which could not be read. */
  readonly unread: PositionRange[] = [];
  /** Whether a transfer that is not known may have used positions since the last line. */
  isUncertain = false;
  /** Whether the next line ends such a range. */
  isInterrupted = false;
  /** No line comes any more. */
  ended = false;
}

export class TokenNumbers {
  readonly #sides: Record<Peer, Side> = { client: new Side(), server: new Side() };

  /** Records a line of the control connection. */
  line(message: ObservedMessage): void {
    const { place, from, level, applied, error } = message;
    const side = this.#sides[from];
    if (place === undefined) {
      // A token that was not opened may have used a number.
      if (level !== 'clear') this.interrupt(from);
      return;
    }
    // The tokens of level confidential have numbers of their own, and anybody can forge them.
    if (applied === 'confidential') return;
    this.#gap(side, place, message);
    for (const gap of side.gaps) gap.hasLine ||= gap.from <= place && place < gap.to;
    if (side.isInterrupted) this.#endInterruption(side, place);
    side.isUncertain = false;
    if (side.line === undefined || place > side.line) side.line = place;
    add(side, place);
    if (error === undefined) side.lines.add(place);
    if (side.sharing?.answered) side.sharing = undefined;
  }

  /** Lines of one side could not be read here. One of them may have begun a transfer, of either side. */
  interrupt(from: Peer): void {
    for (const side of Object.values(this.#sides)) {
      side.sharing = undefined;
      side.isUncertain = true;
    }
    const side = this.#sides[from];
    if (side.isInterrupted) return;
    side.isInterrupted = true;
    side.unread.push({ from: side.line ?? 0n, to: INFINITE });
  }

  /** A transfer begins. */
  begin(from: Peer, start: TransferStart): void {
    if (start.begun) return;
    const side = this.#sides[from];
    const { line, sharing, isInterrupted, isUncertain } = side;
    const read = sharing?.blocks?.isWhole === true ? sharing.blocks.last : undefined;
    start.begun = true;
    start.after = greatest(line, sharing?.after, read);
    start.isExact =
      !isInterrupted && !isUncertain && (sharing === undefined || (sharing.isExact && read !== undefined));
    side.sharing = start;
  }

  /**
   * The numbers of the blocks on a data connection.
   * @param start  of its transfer; undefined if that is not known
   * @param fromStart  whether its first octets were captured
   * @param isCertain  whether it is the data connection of that transfer, even if it has no block
   */
  blocks(
    from: Peer,
    start: TransferStart | undefined,
    { fromStart, isCertain }: { fromStart: boolean; isCertain: boolean },
  ): BlockNumbers {
    const blocks = new BlockNumbers(from, this.#sides[from], fromStart);
    if (start !== undefined) blocks.belongTo(start, isCertain);
    return blocks;
  }

  /** The control connection has ended, or the association. */
  end(): void {
    for (const side of Object.values(this.#sides)) side.ended = true;
  }

  /** Whether blocks may still change what is said of a line. */
  isOpen(message: ObservedMessage): boolean {
    const side = this.#sides[message.from];
    if (side.gaps.length === 0) return false;
    side.gaps = side.gaps.filter(gap => !settleGap(side, gap));
    return !side.ended && side.gaps.some(gap => gap.message === message);
  }

  #gap(side: Side, place: bigint, message: ObservedMessage): void {
    const next = side.highest === undefined ? place : side.highest + 1n;
    if (place <= next) return;
    const gap = { from: next, to: place, message, transfer: side.sharing, hasLine: false };
    side.gaps.push(gap);
    if (side.gaps.length > MAX_OPEN) side.gaps.shift();
  }

  #endInterruption(side: Side, place: bigint): void {
    side.isInterrupted = false;
    side.unread.at(-1)!.to = place;
    if (side.unread.length > MAX_OPEN) side.unread.shift();
  }
}

/** Greater than every position. */
const INFINITE = 1n << 80n;

function greatest(...places: (bigint | undefined)[]): bigint | undefined {
  return places.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a));
}

function add(side: Side, place: bigint): void {
  side.all.add(place);
  if (side.highest === undefined || place > side.highest) side.highest = place;
}

/**
 * Decides on a gap: blocks have filled it, or the transfer whose blocks could fill it has been read to its end.
 * @returns whether it is decided
 */
function settleGap(side: Side, gap: Gap): boolean {
  const { message, transfer } = gap;
  const missing = side.all.firstMissing(gap);
  if (missing === undefined) {
    fill(gap);
    return true;
  }
  if (transfer === undefined) return message.from === 'server';
  if (transfer.blocks?.isWhole !== true) {
    if (transfer.blocks?.isCut) excuse(gap);
    return transfer.blocks?.ended === true;
  }
  // Nothing is sent between the last block and the next line.
  if (!isUnread(side, missing)) message.error ??= outOfSequence('a line before this one is missing');
  return true;
}

/** The missing numbers may be those of blocks that were not captured: of a client, also where PROT asks for none. */
function excuse({ message }: Gap): void {
  if (message.from === 'client' && message.error?.code === 'security/out-of-sequence') message.error = undefined;
}

/**
 * All numbers that were missing before a line have come. Where the line itself broke the rules, as there was no transfer, a client
 * may have made blocks before its commands; if they were lines, moved to a data connection, its blocks are an error. But a server
 * begins each transfer by a line, which could be what was moved.
 */
function fill({ message, hasLine }: Gap): void {
  if (message.sequence !== 'gap') return;
  const isRefused = message.error?.code === 'security/out-of-sequence';
  if (isRefused && (hasLine || message.from === 'server')) return;
  if (isRefused) message.error = undefined;
  message.sequence = 'ok';
}

/** Whether a line that could not be read may have a position. */
function isUnread({ unread }: Side, position: bigint): boolean {
  return unread.some(({ from, to }) => from <= position && position < to);
}

/** The numbers of the blocks on one data connection. */
export class BlockNumbers {
  readonly #from: Peer;
  readonly #side: Side;
  readonly #fromStart: boolean;
  #transfer: TransferStart | undefined;
  readonly #holes: PositionRange[] = [];
  #first: bigint | undefined;
  #last: bigint | undefined;
  #isReordered = false;
  #ended = false;
  #isComplete = false;

  constructor(from: Peer, side: Side, fromStart: boolean) {
    this.#from = from;
    this.#side = side;
    this.#fromStart = fromStart;
  }

  /**
   * Sets the transfer of these blocks, which may be known only later.
   * @param isCertain  whether they are its blocks even if there are none
   */
  belongTo(transfer: TransferStart, isCertain: boolean): void {
    this.#transfer = transfer;
    if (isCertain || this.#first !== undefined) transfer.blocks = this;
  }

  /** Undefined if it is not known, or if the first blocks were not captured. */
  get #start(): TransferStart | undefined {
    return this.#fromStart ? this.#transfer : undefined;
  }

  /** Position of the last block; undefined before the first, and if blocks are not numbered. */
  get last(): bigint | undefined {
    return this.#last;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it had blocks, and has ended before its last one: the rest was not captured, or was not sent. */
  get isCut(): boolean {
    return this.#ended && !this.#isComplete && this.#first !== undefined;
  }

  /** Whether the data connection was read from its first block to its last. */
  get isWhole(): boolean {
    return this.#isComplete && this.error === undefined && this.isCertain;
  }

  add(place: bigint): void {
    add(this.#side, place);
    if (this.#first === undefined && this.#transfer !== undefined) this.#transfer.blocks = this;
    const before = this.#last;
    this.#first ??= place;
    if (before !== undefined && place <= before) this.#isReordered = true;
    else if (before !== undefined && place > before + 1n) this.#addHole({ from: before + 1n, to: place });
    if (before === undefined || place > before) this.#last = place;
  }

  /** @param isComplete  whether the data connection was captured from its start to the block that ends it */
  end(isComplete: boolean): void {
    this.#ended = true;
    this.#isComplete = isComplete;
  }

  /** Whether no line can come any more that changes the result. */
  get isSettled(): boolean {
    const { line, ended } = this.#side;
    if (this.#first === undefined || ended) return true;
    if (this.#start !== undefined && !this.#start.begun) return false;
    return this.#missing.every(([hole]) => line !== undefined && line >= hole.to);
  }

  /** `security/out-of-sequence` if a block is missing, or was moved. */
  get error(): FtpSecurityError | undefined {
    const after = this.#after;
    if (this.#isReordered || (after !== undefined && this.#first !== undefined && this.#first <= after))
      return outOfSequence('the blocks of the transfer are not in order');
    const missing = this.#missing.find(([hole, position]) => this.#isCertain(hole, position));
    return missing && outOfSequence('a block of the transfer is missing');
  }

  /** Whether all numbers are known to be right. If not, and there is no error, lines of the control connection are missing. */
  get isCertain(): boolean {
    const first = this.#first;
    if (first === undefined) return true;
    if (this.#start?.begun !== true || this.#missing.length > 0) return false;
    // Without a 1yz reply, a line has to be right before the first block. From the server, that reply itself could have been
    // moved to the data connection.
    if (this.#after === undefined && this.#from === 'server') return false;
    return this.#after !== undefined || this.#side.lines.firstMissing({ from: first - 1n, to: first }) === undefined;
  }

  get #after(): bigint | undefined {
    return this.#start?.after;
  }

  /** The ranges that lines must have, each with the first position that no line has. */
  get #missing(): [PositionRange, bigint][] {
    const [after, first] = [this.#after, this.#first];
    const holes = [...this.#holes];
    if (after !== undefined && first !== undefined) holes.unshift({ from: after + 1n, to: first });
    return holes.flatMap(hole => {
      const missing = this.#side.lines.firstMissing(hole);
      return missing === undefined ? [] : [[hole, missing] as [PositionRange, bigint]];
    });
  }

  /** Whether a missing position must be that of a block. */
  #isCertain({ to }: PositionRange, position: bigint): boolean {
    if (to === this.#first && this.#start !== undefined && !this.#start.isExact) return false;
    return !isUnread(this.#side, position);
  }

  /** After many holes, the transfer is broken in any case. */
  #addHole(hole: PositionRange): void {
    if (this.#holes.length < MAX_OPEN) this.#holes.push(hole);
  }
}

function outOfSequence(message: string): FtpSecurityError {
  return new FtpSecurityError('security/out-of-sequence', message);
}
