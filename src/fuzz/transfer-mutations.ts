/** The data channel bent (RFC 2228 §6): lengths, the end, the order of blocks, and what stands in the place of a block. */
import { CRLF, concat, concatAll, copy, u32be } from '../bytes.js';
import type { TokenLevel } from '../secure/protection-level.js';
import type { Draw } from './draw.js';
import { ACCEPT, EITHER, type Expectation, type FuzzSession, refuse } from './mutation.js';
import { flipped, octets, spliced } from './pieces.js';

/** A transfer on its way out, and the session that it belongs to. */
interface Transfer extends FuzzSession {
  level: TokenLevel;
  bufferSize: number;
  /** What is sent. */
  file: Uint8Array;
  /** One sound block, its length in front. */
  block(plaintext: Uint8Array, level?: TokenLevel): Uint8Array;
}

/** With the length in front of each. */
export type Blocks = readonly Uint8Array[];

/** The plaintext of a block, and the level that it gets. */
export interface Piece {
  text: Uint8Array;
  level: TokenLevel;
}

export interface TransferMutation {
  name: string;
  source: string;
  expected: Expectation;
  /** Where a client is free to do what a server is not. */
  ofClient?: Expectation;
  needs?: 'numbers' | 'received' | 'integrity';
  /** What is wrong comes behind the last block of text, so that a peer may have handed on all of it before it knows. */
  late?: true;
  /** Changes what is made into blocks, in its order; undefined where there is nothing to change. The last is empty. */
  make?: (pieces: readonly Piece[], transfer: Transfer) => readonly Piece[] | undefined;
  /** Gives what is sent, chunk by chunk; without it the blocks as they are. The last block is the empty one. */
  change?: (blocks: Blocks, draw: Draw, transfer: Transfer) => Blocks;
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

/** Every mutation of a transfer; the first changes nothing. */
export const TRANSFERS: readonly TransferMutation[] = [
  { name: 'blocks as they ought to be', source: BLOCK, expected: ACCEPT },
  {
    name: 'each octet by itself',
    source: BLOCK,
    expected: ACCEPT,
    change: blocks => Array.from(concatAll(blocks), octet => Uint8Array.of(octet)),
  },
  { name: 'all in one chunk', source: BLOCK, expected: ACCEPT, change: blocks => [concatAll(blocks)] },
  {
    name: 'a length of zero for the end',
    source: BLOCK,
    expected: BAD_BLOCK,
    late: true,
    change: blocks => [...blocks.slice(0, -1), u32be(0)],
  },
  { name: 'a length of zero first', source: BLOCK, expected: BAD_BLOCK, change: blocks => [u32be(0), ...blocks] },
  { name: 'a negative length', source: BLOCK, expected: BAD_BLOCK, change: measured(() => 0xffff_ffff) },
  { name: 'the least negative length', source: BLOCK, expected: BAD_BLOCK, change: measured(() => 0x8000_0000) },
  { name: 'the greatest length', source: SIZE, expected: TOO_LONG, change: measured(() => 0x7fff_ffff) },
  {
    name: 'a length over PBSZ',
    source: SIZE,
    expected: TOO_LONG,
    change: measured((_right, { bufferSize }) => bufferSize + 1),
  },
  {
    name: 'a token over PBSZ',
    source: SIZE,
    expected: TOO_LONG,
    // 535 is owed by a server (§6); of a client whose buffer has room for it nothing is said.
    ofClient: EITHER,
    make: madeFirst(({ text }, { bufferSize }) => ({ text: padded(text, bufferSize + 1) })),
  },
  {
    name: 'a length in the other octet order',
    source: BLOCK,
    expected: refuse('syntax/limit-exceeded', 'syntax/bad-block'),
    change: ([first, ...rest]) => [concat(copy(first!, 0, LENGTH).reverse(), first!.subarray(LENGTH)), ...rest],
  },
  { name: 'a length one too small', source: BLOCK, expected: DAMAGED, change: measured(right => right - 1) },
  {
    name: 'a length that counts itself',
    source: BLOCK,
    expected: refuse('security/bad-token', 'security/bad-checksum', 'syntax/limit-exceeded'),
    change: measured(right => right + LENGTH),
  },
  {
    name: 'no length',
    source: BLOCK,
    expected: refuse('syntax/limit-exceeded', 'syntax/bad-block'),
    change: ([first, ...rest]) => [first!.subarray(LENGTH), ...rest],
  },
  {
    name: 'the file in the clear',
    source: BLOCK,
    expected: refuse('sequence/unprotected', 'syntax/limit-exceeded'),
    change: (_blocks, _draw, { file }) => [file],
  },
  {
    name: 'a bit is flipped in a token',
    source: BLOCK,
    expected: DAMAGED,
    needs: 'integrity',
    change: ([first, ...rest], draw) => [flipped(first!, first!.length - 1 - draw.below(8), draw.below(8)), ...rest],
  },
  {
    name: 'a token of zeros',
    source: BLOCK,
    expected: DAMAGED,
    change: ([first, ...rest]) => [
      spliced(first!, LENGTH, first!.length, new Uint8Array(first!.length - LENGTH)),
      ...rest,
    ],
  },
  { name: 'no end', source: BLOCK, expected: CUT, late: true, change: blocks => blocks.slice(0, -1) },
  { name: 'nothing at all', source: BLOCK, expected: CUT, late: true, change: () => [octets('')] },
  {
    name: 'half a length',
    source: BLOCK,
    expected: CUT,
    late: true,
    change: blocks => [...blocks.slice(0, -1), blocks.at(-1)!.subarray(0, 2)],
  },
  {
    name: 'half a block',
    source: BLOCK,
    expected: CUT,
    late: true,
    change: (blocks, draw) => [
      ...blocks.slice(0, -1),
      blocks.at(-1)!.subarray(0, LENGTH + draw.below(blocks.at(-1)!.length - LENGTH)),
    ],
  },
  // The block of zero octets is the end, and nobody has to read on; but what is read is nobody's file.
  {
    name: 'octets behind the end',
    source: BLOCK,
    expected: EITHER,
    late: true,
    change: blocks => [concat(concatAll(blocks), octets('x'))],
  },
  {
    name: 'a block behind the end',
    source: BLOCK,
    expected: EITHER,
    late: true,
    change: (blocks, _draw, { block }) => [concat(concatAll(blocks), block(octets('more\r\n')))],
  },
  {
    name: 'the end comes twice',
    source: BLOCK,
    expected: EITHER,
    late: true,
    change: (blocks, _draw, { block }) => [concat(concatAll(blocks), block(octets('')))],
  },
  {
    name: 'a block comes twice',
    source: BLOCK,
    expected: REPLAYED,
    needs: 'numbers',
    change: ([first, ...rest]) => [first!, first!, ...rest],
  },
  {
    name: 'a block is missing',
    source: BLOCK,
    expected: MOVED,
    needs: 'numbers',
    change: ([first, _second, ...rest]) => [first!, ...rest],
  },
  {
    name: 'two blocks change places',
    source: BLOCK,
    expected: MOVED,
    needs: 'numbers',
    change: ([first, second, ...rest]) => [second!, first!, ...rest],
  },
  {
    name: 'the end comes early',
    source: BLOCK,
    expected: refuse('security/out-of-sequence', 'syntax/trailing-data'),
    needs: 'numbers',
    late: true,
    change: blocks => [concatAll([blocks[0]!, blocks.at(-1)!, ...blocks.slice(1, -1)])],
  },
  {
    name: "the peer's own token",
    source: BLOCK,
    expected: refuse('security/wrong-direction', 'security/bad-checksum', 'security/bad-token'),
    needs: 'received',
    change: ([, ...rest], _draw, { received }) => [concat(u32be(received!.length), received!), ...rest],
  },
  {
    name: 'a block that is not sealed, where private is owed',
    source: 'RFC 2228 §3, PROT',
    expected: WRONG_LEVEL,
    make: madeFirst(({ level }) => (level === 'private' ? { level: 'safe' } : undefined)),
  },
  {
    name: 'a block without integrity',
    source: 'RFC 2228 §3, PROT',
    expected: WRONG_LEVEL,
    make: madeFirst((_, { context }) => (context.supports('confidential') ? { level: 'confidential' } : undefined)),
  },
  {
    name: 'sealed blocks, where safe is owed',
    source: 'RFC 2228 §3, PROT',
    expected: EITHER,
    make: (pieces, { level, context }) =>
      level === 'safe' && context.supports('private')
        ? pieces.map(({ text }) => ({ text, level: 'private' }))
        : undefined,
  },
];

/** So long that its token has more octets than that, and still lines. */
function padded(text: Uint8Array, length: number): Uint8Array {
  const dots = new Uint8Array(Math.max(0, length - text.length)).fill(0x2e);
  return concat(text.subarray(0, -CRLF.length), dots, CRLF);
}
