/** The data channel mutated (RFC 2228 §6): lengths, the end, the order of blocks, and what stands in the place of a block. */
import { CRLF, concat, concatAll, copy, u32be } from '../bytes.js';
import type { TokenLevel } from '../protection/protection-level.js';
import type { Choices } from './choices.js';
import {
  ACCEPT,
  EITHER,
  type Expectation,
  type FuzzSession,
  type RowEnd,
  type Rule,
  refuse,
  rowEnd,
} from './mutation.js';
import { flipped, octets, spliced } from './pieces.js';

/** A transfer on its way out, and the session that it belongs to. */
interface Transfer extends FuzzSession {
  level: TokenLevel;
  bufferSize: number;
  /** What is sent. */
  file: Uint8Array;
  /** One valid block, its length in front. */
  block(plaintext: Uint8Array, level?: TokenLevel): Uint8Array;
}

/** With the length in front of each. */
export type Blocks = readonly Uint8Array[];

/** The plaintext of a block, and the level that it gets. */
export interface Piece {
  text: Uint8Array;
  level: TokenLevel;
}

export interface TransferMutation extends Rule {
  needs?: 'numbers' | 'received' | 'integrity';
  /** What is wrong comes behind the last block of text, so that a peer may have handed on all of it before it knows. */
  late?: true;
  /** Changes what is made into blocks, in its order; undefined where there is nothing to change. The last is empty. */
  make?: (pieces: readonly Piece[], transfer: Transfer) => readonly Piece[] | undefined;
  /** Gives what is sent, chunk by chunk; without it the blocks as they are. The last block is the empty one. */
  change?: (blocks: Blocks, draw: Choices, transfer: Transfer) => Blocks;
}

const BLOCK = 'RFC 2228 §6';
const SIZE = 'RFC 2228 §3, PBSZ';
const BAD_BLOCK = refuse('syntax/bad-block');
const TOO_LONG = refuse('syntax/limit-exceeded');
const CUT = refuse('syntax/truncated');
const DAMAGED = refuse('security/bad-token', 'security/bad-checksum');
const REPLAYED = refuse('security/replayed', 'security/out-of-sequence');
const MOVED = refuse('security/out-of-sequence', 'security/replayed');
const WRONG_LEVEL = refuse('sequence/wrong-level');
const LENGTH = 4;

/** The first piece made otherwise. */
const madeFirst =
  (edit: (piece: Piece, transfer: Transfer) => Partial<Piece> | undefined): NonNullable<TransferMutation['make']> =>
  ([first, ...rest], transfer) => {
    const edited = edit(first!, transfer);
    return edited && [{ ...first!, ...edited }, ...rest];
  };

/** The first block with another length in front. */
const measured = (length: (right: number, transfer: Transfer) => number): NonNullable<TransferMutation['change']> => {
  return ([first, ...rest], _draw, transfer) => [
    concat(u32be(length(first!.length - LENGTH, transfer)), first!.subarray(LENGTH)),
    ...rest,
  ];
};

type Also = Pick<TransferMutation, 'ofClient' | 'needs' | 'late'>;

const rowsOf =
  <K extends 'make' | 'change'>(kind: K) =>
  (
    name: string,
    source: string,
    expected: Expectation,
    ...end: RowEnd<Also, TransferMutation[K]>
  ): TransferMutation => {
    const [also, change] = rowEnd(end);
    return { name, source, expected, ...also, [kind]: change };
  };
/** Other pieces; and other blocks. */
const made = rowsOf('make');
const sent = rowsOf('change');

/** Every mutation of a transfer; the first changes nothing. */
export const TRANSFERS: readonly TransferMutation[] = [
  sent('blocks as they ought to be', BLOCK, ACCEPT, blocks => blocks),
  sent('each octet by itself', BLOCK, ACCEPT, blocks => Array.from(concatAll(blocks), octet => Uint8Array.of(octet))),
  sent('all in one chunk', BLOCK, ACCEPT, blocks => [concatAll(blocks)]),
  sent('a length of zero for the end', BLOCK, BAD_BLOCK, { late: true }, blocks => [...blocks.slice(0, -1), u32be(0)]),
  sent('a length of zero first', BLOCK, BAD_BLOCK, blocks => [u32be(0), ...blocks]),
  sent(
    'a negative length',
    BLOCK,
    BAD_BLOCK,
    measured(() => 0xffff_ffff),
  ),
  sent(
    'the least negative length',
    BLOCK,
    BAD_BLOCK,
    measured(() => 0x8000_0000),
  ),
  sent(
    'the greatest length',
    SIZE,
    TOO_LONG,
    measured(() => 0x7fff_ffff),
  ),
  sent(
    'a length over PBSZ',
    SIZE,
    TOO_LONG,
    measured((_right, { bufferSize }) => bufferSize + 1),
  ),
  // 535 is required by a server (§6); of a client whose buffer has room for it nothing is said.
  made(
    'a token over PBSZ',
    SIZE,
    TOO_LONG,
    { ofClient: EITHER },
    madeFirst(({ text }, { bufferSize }) => ({ text: padded(text, bufferSize + 1) })),
  ),
  sent(
    'a length in the other octet order',
    BLOCK,
    refuse('syntax/limit-exceeded', 'syntax/bad-block'),
    ([first, ...rest]) => [concat(copy(first!, 0, LENGTH).reverse(), first!.subarray(LENGTH)), ...rest],
  ),
  sent(
    'a length one too small',
    BLOCK,
    DAMAGED,
    measured(right => right - 1),
  ),
  sent(
    'a length that counts itself',
    BLOCK,
    refuse('security/bad-token', 'security/bad-checksum', 'syntax/limit-exceeded'),
    measured(right => right + LENGTH),
  ),
  sent('no length', BLOCK, refuse('syntax/limit-exceeded', 'syntax/bad-block'), ([first, ...rest]) => [
    first!.subarray(LENGTH),
    ...rest,
  ]),
  sent(
    'the file in the clear',
    BLOCK,
    refuse('sequence/unprotected', 'syntax/limit-exceeded'),
    (_blocks, _draw, { file }) => [file],
  ),
  sent('a bit is flipped in a token', BLOCK, DAMAGED, { needs: 'integrity' }, ([first, ...rest], draw) => [
    flipped(first!, first!.length - 1 - draw.below(8), draw.below(8)),
    ...rest,
  ]),
  sent('a token of zeros', BLOCK, DAMAGED, ([first, ...rest]) => [
    spliced(first!, LENGTH, first!.length, new Uint8Array(first!.length - LENGTH)),
    ...rest,
  ]),
  sent('no end', BLOCK, CUT, { late: true }, blocks => blocks.slice(0, -1)),
  sent('nothing at all', BLOCK, CUT, { late: true }, () => [octets('')]),
  sent('half a length', BLOCK, CUT, { late: true }, blocks => [...blocks.slice(0, -1), blocks.at(-1)!.subarray(0, 2)]),
  sent('half a block', BLOCK, CUT, { late: true }, (blocks, draw) => [
    ...blocks.slice(0, -1),
    blocks.at(-1)!.subarray(0, LENGTH + draw.below(blocks.at(-1)!.length - LENGTH)),
  ]),
  // The block of zero octets is the end, and no one has to read on; but what is read is not the file.
  sent('octets behind the end', BLOCK, EITHER, { late: true }, blocks => [concat(concatAll(blocks), octets('x'))]),
  sent('a block behind the end', BLOCK, EITHER, { late: true }, (blocks, _draw, { block }) => [
    concat(concatAll(blocks), block(octets('more\r\n'))),
  ]),
  sent('the end comes twice', BLOCK, EITHER, { late: true }, (blocks, _draw, { block }) => [
    concat(concatAll(blocks), block(octets(''))),
  ]),
  sent('a block comes twice', BLOCK, REPLAYED, { needs: 'numbers' }, ([first, ...rest]) => [first!, first!, ...rest]),
  sent('a block is missing', BLOCK, MOVED, { needs: 'numbers' }, ([first, _second, ...rest]) => [first!, ...rest]),
  sent('two blocks change places', BLOCK, MOVED, { needs: 'numbers' }, ([first, second, ...rest]) => [
    second!,
    first!,
    ...rest,
  ]),
  sent(
    'the end comes early',
    BLOCK,
    refuse('security/out-of-sequence', 'syntax/trailing-data'),
    { needs: 'numbers', late: true },
    blocks => [concatAll([blocks[0]!, blocks.at(-1)!, ...blocks.slice(1, -1)])],
  ),
  sent(
    "the peer's own token",
    BLOCK,
    refuse('security/wrong-direction', 'security/bad-checksum', 'security/bad-token'),
    { needs: 'received' },
    ([, ...rest], _draw, { received }) => [concat(u32be(received!.length), received!), ...rest],
  ),
  made(
    'a block that is not sealed, where private is required',
    'RFC 2228 §3, PROT',
    WRONG_LEVEL,
    madeFirst(({ level }) => (level === 'private' ? { level: 'safe' } : undefined)),
  ),
  made(
    'a block without integrity',
    'RFC 2228 §3, PROT',
    WRONG_LEVEL,
    madeFirst((_, { context }) => (context.supports('confidential') ? { level: 'confidential' } : undefined)),
  ),
  made('sealed blocks, where safe is required', 'RFC 2228 §3, PROT', EITHER, (pieces, { level, context }) =>
    level === 'safe' && context.supports('private')
      ? pieces.map(({ text }) => ({ text, level: 'private' }))
      : undefined,
  ),
];

/** So long that its token has more octets than that, and still lines. */
function padded(text: Uint8Array, length: number): Uint8Array {
  const dots = new Uint8Array(Math.max(0, length - text.length)).fill(0x2e);
  return concat(text.subarray(0, -CRLF.length), dots, CRLF);
}
