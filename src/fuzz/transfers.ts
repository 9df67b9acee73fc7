/** The data channel bent (RFC 2228 §6): lengths, the end, the order of blocks, and what stands in the place of a block. */
import { concat, concatAll, copy, u32be } from '../bytes.js';
import type { TokenLevel } from '../secure/protection-level.js';
import { choicesFrom, Draw } from './draw.js';
import { ACCEPT, type Expectation, type FuzzSession, refuse } from './mutation.js';
import { flipped, octets, spliced } from './pieces.js';

interface Transfer extends FuzzSession {
  level: TokenLevel;
  bufferSize: number;
  /** What is sent. */
  file: Uint8Array;
  /** One sound block, its length in front. */
  block(plaintext: Uint8Array, level?: TokenLevel): Uint8Array;
}

type Blocks = readonly Uint8Array[];

interface TransferMutation {
  name: string;
  source: string;
  expected: Expectation;
  needs?: 'numbers' | 'received';
  /** Gives what is sent, chunk by chunk; undefined where there is nothing to change. The last block is the empty one. */
  change(blocks: Blocks, draw: Draw, transfer: Transfer): Blocks | undefined;
}

const BLOCK = 'RFC 2228 §6';
const SIZE = 'RFC 2228 §3, PBSZ';
const BAD_BLOCK = refuse('syntax/bad-block');
const TOO_LONG = refuse('syntax/limit-exceeded');
const CUT = refuse('syntax/truncated');
const TRAILING = refuse('syntax/trailing-data');
const DAMAGED = refuse('security/bad-token', 'security/bad-checksum');
const REPLAYED = refuse('security/replayed', 'security/out-of-sequence');
const MOVED = refuse('security/out-of-sequence', 'security/replayed');
const WRONG_LEVEL = refuse('sequence/wrong-level');
const LENGTH = 4;

/** The first block with another length in front. */
const measured = (length: (right: number, transfer: Transfer) => number): TransferMutation['change'] => {
  return ([first, ...rest], _draw, transfer) => [
    concat(u32be(length(first!.length - LENGTH, transfer)), first!.subarray(LENGTH)),
    ...rest,
  ];
};

const TABLE: readonly TransferMutation[] = [
  { name: 'blocks as they ought to be', source: BLOCK, expected: ACCEPT, change: blocks => blocks },
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
    change: ([, ...rest], _draw, { block, bufferSize }) => [block(new Uint8Array(bufferSize + 1)), ...rest],
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
    expected: refuse('syntax/limit-exceeded', 'syntax/bad-block'),
    change: (_blocks, _draw, { file }) => [file],
  },
  {
    name: 'a bit is flipped in a token',
    source: BLOCK,
    expected: DAMAGED,
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
  { name: 'no end', source: BLOCK, expected: CUT, change: blocks => blocks.slice(0, -1) },
  { name: 'nothing at all', source: BLOCK, expected: CUT, change: () => [octets('')] },
  {
    name: 'half a length',
    source: BLOCK,
    expected: CUT,
    change: blocks => [...blocks.slice(0, -1), blocks.at(-1)!.subarray(0, 2)],
  },
  {
    name: 'half a block',
    source: BLOCK,
    expected: CUT,
    change: (blocks, draw) => [
      ...blocks.slice(0, -1),
      blocks.at(-1)!.subarray(0, LENGTH + draw.below(blocks.at(-1)!.length - LENGTH)),
    ],
  },
  {
    name: 'octets behind the end',
    source: BLOCK,
    expected: TRAILING,
    change: blocks => [concat(concatAll(blocks), octets('x'))],
  },
  {
    name: 'a block behind the end',
    source: BLOCK,
    expected: TRAILING,
    change: (blocks, _draw, { block }) => [concat(concatAll(blocks), block(octets('more')))],
  },
  {
    name: 'the end comes twice',
    source: BLOCK,
    expected: TRAILING,
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
    expected: refuse('syntax/trailing-data', 'security/out-of-sequence'),
    needs: 'numbers',
    change: blocks => [concat(blocks[0]!, blocks.at(-1)!, ...blocks.slice(1, -1))],
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
    change: ([, ...rest], _draw, { block, level }) =>
      level === 'private' ? [block(octets('x'), 'safe'), ...rest] : undefined,
  },
  {
    name: 'a block without integrity',
    source: 'RFC 2228 §3, PROT',
    expected: WRONG_LEVEL,
    change: ([, ...rest], _draw, { block, context }) =>
      context.supports('confidential') ? [block(octets('x'), 'confidential'), ...rest] : undefined,
  },
  {
    name: 'a sealed block, where safe is owed',
    source: 'RFC 2228 §3, PROT',
    expected: ACCEPT,
    change: (_blocks, _draw, { block, file, level }) =>
      level === 'safe'
        ? [block(file.subarray(0, 40), 'private'), block(file.subarray(40), 'private'), block(octets(''), 'private')]
        : undefined,
  },
];

/** One bent transfer, as plain data. */
export interface TransferCase {
  layer: 'data';
  name: string;
  source: string;
  expected: Expectation;
  /** That PROT has set. */
  level: TokenLevel;
  /** That PBSZ has set, in octets. */
  bufferSize: number;
  choices: readonly number[];
}

/** The file of every transfer: no octet of it is part of a length that fits. */
export const FILE: Uint8Array = Uint8Array.from({ length: 150 }, (_, i) => 0x80 | (i * 31));
const BUFFER_SIZE = 200;
const PIECE = 60;

/** Cases of every mutation of a transfer, at both levels. */
export function* transferCases({ seed = 2228, variants = 1 }: { seed?: number; variants?: number } = {}) {
  for (let variant = 0; variant < variants; variant++) {
    for (const [i, { name, source, expected }] of TABLE.entries()) {
      const choices = variant === 0 ? [] : choicesFrom(seed + variant * TABLE.length + i, 2);
      for (const level of ['safe', 'private'] as const) {
        const one: TransferCase = { layer: 'data', name, source, expected, level, bufferSize: BUFFER_SIZE, choices };
        yield one;
      }
    }
  }
}

/**
 * The octets of a case, chunk by chunk, for a data connection of a session that stands; the connection is then to be closed.
 * @returns undefined where the case says nothing
 * @throws RangeError when there is no such mutation
 */
export function performTransfer(one: TransferCase, session: FuzzSession): Blocks | undefined {
  const mutation = TABLE.find(({ name }) => name === one.name);
  if (mutation === undefined) throw new RangeError(`no mutation is called data: ${one.name}`);
  const { needs } = mutation;
  if (needs === 'numbers' && !session.numbered) return undefined;
  if (needs === 'received' && session.received === undefined) return undefined;
  const { level, bufferSize } = one;
  const block = (plaintext: Uint8Array, at = level): Uint8Array => {
    const { token } = session.context.wrap(plaintext, at);
    return concat(u32be(token.length), token);
  };
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < FILE.length; at += PIECE) blocks.push(block(FILE.subarray(at, at + PIECE)));
  blocks.push(block(octets('')));
  return mutation.change(blocks, new Draw(one.choices), { ...session, level, bufferSize, file: FILE, block });
}
