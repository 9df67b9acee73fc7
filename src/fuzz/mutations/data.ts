/** Mutations of the data channel (RFC 2228 §6): lengths, the end, the order of blocks, other octets. */
import { CRLF, concat, concatAll, copy, u32be } from '../../bytes.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import type { Change, MutationContext } from '../mutation.js';
import { all, type Edit, first, flippedAtEnd, octets, replaced } from '../pieces.js';
import { BAD_TOKEN, mutationsOf, SAFE } from '../rows.js';

/** Part of the last line of a mutated file: a client that prints it has accepted what came before. */
export const DATA_MARKER = 'data-mutated-2228';
/** Octets in a line of the file, which is sent as one block. */
export const PIECE = 60;
export const FILE_NAMES: readonly string[] = ['first-line', 'second-line', DATA_MARKER];
/**
 * The file of every transfer, in the form of a listing. No four of its octets form a valid block length, so blocks that
 * are out of step are noticed.
 */
export const FILE: Uint8Array = concatAll(
  FILE_NAMES.flatMap(name => {
    const line = `-rw-r--r-- 1 ftp ftp ${`${PIECE}`.padStart(5)} Jan  1  2020 ${name}`;
    return [octets(line.padEnd(PIECE - CRLF.length, '.')), CRLF];
  }),
);

const BAD_BLOCK = 'syntax/bad-block';
const TOO_LONG = 'syntax/limit-exceeded';
const NO_LENGTH = [TOO_LONG, BAD_BLOCK] as const;
const TRUNCATED = 'syntax/truncated';
const REPEATED = ['security/replayed', 'security/out-of-sequence'] as const;
const MOVED = ['security/out-of-sequence', 'security/replayed'] as const;
const EARLY = ['security/out-of-sequence', 'syntax/trailing-data'] as const;
const REFLECTED = ['security/wrong-direction', 'security/bad-checksum', 'security/bad-token'] as const;
const WRONG_LEVEL = 'sequence/wrong-level';
const NUMBERED = { needs: ['numbers'] } as const;
/** Octets of a block's length. */
const LENGTH = 4;
const END = u32be(0);

/** A token after its length. */
export const blockOf = (token: Uint8Array): Uint8Array => concat(u32be(token.length), token);

/** Changes the length before the first block. */
const withLength =
  (length: (right: number, transfer: MutationContext) => number): Change<MutationContext> =>
  ([head, ...rest], _draw, transfer) => {
    const token = head!.subarray(LENGTH);
    return [concat(u32be(length(token.length, transfer)), token), ...rest];
  };

/** Replaces the last block, which is the one without text. */
const endedBy =
  (end: (block: Uint8Array, below: (count: number) => number) => Uint8Array): Change<unknown> =>
  (blocks, draw) => [...blocks.slice(0, -1), end(blocks.at(-1)!, count => draw.below(count))];
/** Adds one more block of a text. */
const withBlock =
  (text: string): Change<MutationContext> =>
  (blocks, _draw, { context, level }) => [concatAll([...blocks, blockOf(context.wrap(octets(text), level).token)])];

const withLengthReversed: Edit = block => concat(copy(block, 0, LENGTH).reverse(), block.subarray(LENGTH));

const BLOCKS = { layer: 'data', at: 'blocks' } as const;

const BLOCKS_AND_LENGTHS = mutationsOf(BLOCKS)({
  'RFC 2228 §6': {
    'valid blocks': ['accept', blocks => blocks],
    'each octet by itself': ['accept', blocks => Array.from(concatAll(blocks), octet => Uint8Array.of(octet))],
    'all in one chunk': ['accept', blocks => [concatAll(blocks)]],
    'a length of zero first': [BAD_BLOCK, blocks => [END, ...blocks]],
    'a negative length': [BAD_BLOCK, withLength(() => 0xffff_ffff)],
    'the least negative length': [BAD_BLOCK, withLength(() => 0x8000_0000)],
    'a length in the other octet order': [NO_LENGTH, first(withLengthReversed)],
    'a length one too small': [BAD_TOKEN, withLength(right => right - 1)],
    'a length that counts itself': [[...BAD_TOKEN, TOO_LONG], withLength(right => right + LENGTH)],
    'no length': [NO_LENGTH, first(replaced('', LENGTH))],
    'the file in the clear': [['sequence/unprotected', TOO_LONG], (_blocks, _draw, { text }) => [text]],
    'a bit is flipped in a token': [BAD_TOKEN, first((it, draw) => flippedAtEnd(it, draw)), { needs: ['integrity'] }],
    'a token of zeros': [BAD_TOKEN, first(block => copy(block).fill(0, LENGTH))],
    "the peer's own token": [REFLECTED, ([, ...its], _, { received }) => received && [blockOf(received), ...its]],
  },
  'RFC 2228 §3, PBSZ': {
    'the greatest length': [TOO_LONG, withLength(() => 0x7fff_ffff)],
    'a length over PBSZ': [TOO_LONG, withLength((_right, { bufferSize }) => bufferSize + 1)],
  },
});

const ENDS = mutationsOf({ ...BLOCKS, late: true })({
  'RFC 2228 §6': {
    'a length of zero for the end': [BAD_BLOCK, endedBy(() => END)],
    'no end': [TRUNCATED, blocks => blocks.slice(0, -1)],
    'nothing at all': [TRUNCATED, all('')],
    'half a length': [TRUNCATED, endedBy(end => end.subarray(0, 2))],
    'half a block': [TRUNCATED, endedBy((end, below) => end.subarray(0, LENGTH + below(end.length - LENGTH)))],
    // The empty block is the end, and a peer need not read further; but octets after it are not part of the file.
    'octets behind the end': ['either', blocks => [concatAll([...blocks, octets('x')])]],
    'a block behind the end': ['either', withBlock('more\r\n')],
    'the end comes twice': ['either', withBlock('')],
    'the end comes early': [
      EARLY,
      ([head, ...rest]) => [concatAll([head!, rest.at(-1)!, ...rest.slice(0, -1)])],
      NUMBERED,
    ],
  },
});

const ORDER = mutationsOf({ ...BLOCKS, ...NUMBERED })({
  'RFC 2228 §6': {
    'a block comes twice': [REPEATED, ([head, ...rest]) => [head!, head!, ...rest]],
    'a block is missing': [MOVED, ([head, _second, ...rest]) => [head!, ...rest]],
    'two blocks change places': [MOVED, ([head, second, ...rest]) => [second!, head!, ...rest]],
  },
});

/** The first block at one level, and the others at another; default that of the transfer. */
export const atLevels =
  (first: TokenLevel, others?: TokenLevel): Change<MutationContext> =>
  (texts, _draw, { context, level }) =>
    context.supports(first)
      ? texts.map((text, i) => context.wrap(text, i === 0 ? first : (others ?? level)).token)
      : undefined;

/** Text so long that its token has more octets than the buffer; it still consists of lines. */
const tooLong: Change<MutationContext> = ([head, ...rest], _draw, { context, level, bufferSize }) => {
  const dots = octets('.'.repeat(Math.max(0, bufferSize + 1 - head!.length)));
  const texts = [concat(head!.subarray(0, -CRLF.length), dots, CRLF), ...rest];
  return texts.map(text => context.wrap(text, level).token);
};

const OF_LEVELS = { only: 'private', needs: ['levels'] } as const;

const TOKENS = mutationsOf({ layer: 'data', at: 'tokens', makes: 'stage' })({
  // A server must answer 535 (§6); a client may have enough buffer for it.
  'RFC 2228 §3, PBSZ': { 'a token over PBSZ': [TOO_LONG, tooLong, { to: 'server' }] },
  'RFC 2228 §6': { 'a token over PBSZ': ['either', tooLong, { to: 'client' }] },
  'RFC 2228 §3, PROT': {
    'a block that is not sealed, where private is required': [WRONG_LEVEL, atLevels('safe'), OF_LEVELS],
    'a block without integrity': [WRONG_LEVEL, atLevels('confidential')],
    'sealed blocks, where safe is required': ['either', atLevels('private', 'private'), SAFE],
  },
});

/** Mutations of transfers; the first changes nothing. */
export const DATA = [...BLOCKS_AND_LENGTHS, ...ENDS, ...ORDER, ...TOKENS];
