/**
 * Mutations of the data channel (RFC 2228 §6): lengths, the end, the order of blocks, and other octets instead of a
 * block.
 */
import { CRLF, concat, concatAll, copy, u32be } from '../../bytes.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import {
  ACCEPT,
  type Change,
  CONFIDENTIAL,
  EITHER,
  INTEGRITY,
  type Mutation,
  type MutationContext,
  mutationsOf,
  NUMBERS,
  PRIVATE,
  refuse,
  SAFE,
} from '../mutation.js';
import { all, first, flippedAtEnd, octets, replaced } from '../pieces.js';

/** Part of the last line of a mutated file: a client that prints it has accepted what came before. */
export const DATA_MARKER = 'data-mutated-2228';
/** Octets in a line of the file, which is sent as one block. */
export const PIECE = 60;
/** One name for each line. */
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

const BAD_BLOCK = refuse('syntax/bad-block');
const TOO_LONG = refuse('syntax/limit-exceeded');
const NO_LENGTH = refuse('syntax/limit-exceeded', 'syntax/bad-block');
const TRUNCATED = refuse('syntax/truncated');
const DAMAGED = refuse('security/bad-token', 'security/bad-checksum');
const REPLAYED = refuse('security/replayed', 'security/out-of-sequence');
const MOVED = refuse('security/out-of-sequence', 'security/replayed');
const LATE = { late: true } as const;
const LENGTH = 4;
const END = u32be(0);

/** A token after its length. */
export const blockOf = (token: Uint8Array): Uint8Array => concat(u32be(token.length), token);
const valid = (text: string, { context, level }: MutationContext) => blockOf(context.wrap(octets(text), level).token);

/** Changes the length before the first block. */
const measured = (length: (right: number, transfer: MutationContext) => number) =>
  first((block, _draw, transfer) => concat(u32be(length(block.length - LENGTH, transfer)), block.subarray(LENGTH)));

/** Replaces the last block, which is the one without text, and may add something after it. */
const endedBy =
  (end: (block: Uint8Array, below: (count: number) => number) => Uint8Array): Change<unknown> =>
  (blocks, draw) => [...blocks.slice(0, -1), end(blocks.at(-1)!, count => draw.below(count))];
const behind =
  (more: (transfer: MutationContext) => Uint8Array): Change<MutationContext> =>
  (blocks, _draw, transfer) => [concatAll([...blocks, more(transfer)])];

/** Its first row is the valid transfer. */
const BLOCKS = mutationsOf({ layer: 'data', at: 'blocks' })({
  'RFC 2228 §6': {
    'valid blocks': [ACCEPT, blocks => blocks],
    'each octet by itself': [ACCEPT, blocks => Array.from(concatAll(blocks), octet => Uint8Array.of(octet))],
    'all in one chunk': [ACCEPT, blocks => [concatAll(blocks)]],
    'a length of zero for the end': [BAD_BLOCK, endedBy(() => END), LATE],
    'a length of zero first': [BAD_BLOCK, blocks => [END, ...blocks]],
    'a negative length': [BAD_BLOCK, measured(() => 0xffff_ffff)],
    'the least negative length': [BAD_BLOCK, measured(() => 0x8000_0000)],
    'a length in the other octet order': [
      NO_LENGTH,
      first(block => concat(copy(block, 0, LENGTH).reverse(), block.subarray(LENGTH))),
    ],
    'a length one too small': [DAMAGED, measured(right => right - 1)],
    'a length that counts itself': [
      refuse('security/bad-token', 'security/bad-checksum', 'syntax/limit-exceeded'),
      measured(right => right + LENGTH),
    ],
    'no length': [NO_LENGTH, first(replaced('', LENGTH))],
    'the file in the clear': [
      refuse('sequence/unprotected', 'syntax/limit-exceeded'),
      (_blocks, _draw, { text }) => [text],
    ],
    'a bit is flipped in a token': [DAMAGED, first((block, draw) => flippedAtEnd(block, draw)), INTEGRITY],
    'a token of zeros': [DAMAGED, first(block => copy(block).fill(0, LENGTH))],
    'no end': [TRUNCATED, blocks => blocks.slice(0, -1), LATE],
    'nothing at all': [TRUNCATED, all(''), LATE],
    'half a length': [TRUNCATED, endedBy(end => end.subarray(0, 2)), LATE],
    'half a block': [TRUNCATED, endedBy((end, below) => end.subarray(0, LENGTH + below(end.length - LENGTH))), LATE],
    // The empty block is the end, and a peer need not read further; but octets after it are not part of the file.
    'octets behind the end': [EITHER, behind(() => octets('x')), LATE],
    'a block behind the end': [EITHER, behind(transfer => valid('more\r\n', transfer)), LATE],
    'the end comes twice': [EITHER, behind(transfer => valid('', transfer)), LATE],
    'a block comes twice': [REPLAYED, ([head, ...rest]) => [head!, head!, ...rest], NUMBERS],
    'a block is missing': [MOVED, ([head, _second, ...rest]) => [head!, ...rest], NUMBERS],
    'two blocks change places': [MOVED, ([head, second, ...rest]) => [second!, head!, ...rest], NUMBERS],
    'the end comes early': [
      refuse('security/out-of-sequence', 'syntax/trailing-data'),
      ([head, ...rest]) => [concatAll([head!, rest.at(-1)!, ...rest.slice(0, -1)])],
      { ...NUMBERS, late: true },
    ],
    "the peer's own token": [
      refuse('security/wrong-direction', 'security/bad-checksum', 'security/bad-token'),
      first((_block, _draw, { received }) => blockOf(received!)),
      { needs: ['received'] },
    ],
  },
  'RFC 2228 §3, PBSZ': {
    'the greatest length': [TOO_LONG, measured(() => 0x7fff_ffff)],
    'a length over PBSZ': [TOO_LONG, measured((_right, { bufferSize }) => bufferSize + 1)],
  },
});

const WRONG_LEVEL = refuse('sequence/wrong-level');

const wrapped = (texts: readonly Uint8Array[], { context, level }: MutationContext, first: TokenLevel = level) =>
  texts.map((text, i) => context.wrap(text, i === 0 ? first : level).token);

const firstAt =
  (level: TokenLevel): Change<MutationContext> =>
  (texts, _draw, its) =>
    wrapped(texts, its, level);

/** Text so long that its token has more octets than the buffer; it still consists of lines. */
const tooLong: Change<MutationContext> = ([head, ...rest], _draw, transfer) => {
  const dots = octets('.'.repeat(Math.max(0, transfer.bufferSize + 1 - head!.length)));
  return wrapped([concat(head!.subarray(0, -CRLF.length), dots, CRLF), ...rest], transfer);
};

const TOKENS = mutationsOf({ layer: 'data', at: 'tokens', makes: 'stage' })({
  // A server must answer 535 (§6); a client may have enough buffer for it.
  'RFC 2228 §3, PBSZ': { 'a token over PBSZ': [TOO_LONG, tooLong, { ofClient: EITHER }] },
  'RFC 2228 §3, PROT': {
    'a block that is not sealed, where private is required': [WRONG_LEVEL, firstAt('safe'), PRIVATE],
    'a block without integrity': [WRONG_LEVEL, firstAt('confidential'), CONFIDENTIAL],
    'sealed blocks, where safe is required': [
      EITHER,
      (texts, _draw, its) => wrapped(texts, { ...its, level: 'private' }),
      { ...SAFE, needs: ['private'] },
    ],
  },
});

/** Mutations of transfers; the first changes nothing. */
export const DATA: readonly Mutation[] = [...BLOCKS, ...TOKENS];
