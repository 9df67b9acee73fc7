/** Cases of mutated transfers, as plain data, and the octets that a case comes to in a session that stands. */
import { CRLF, concat, concatAll, toUtf8, u32be } from '../bytes.js';
import type { TokenLevel } from '../secure/protection-level.js';
import type { Peer } from '../secure/security-context.js';
import { Choices, choicesFrom } from './choices.js';
import type { Expectation, FuzzSession } from './mutation.js';
import { octets } from './pieces.js';
import { type Blocks, type Piece, TRANSFERS, type TransferMutation } from './transfer-mutations.js';

/** One mutated transfer, as plain data. */
export interface TransferCase {
  layer: 'data';
  name: string;
  source: string;
  /** Who receives it. */
  to: Peer;
  expected: Expectation;
  /** That PROT has set. */
  level: TokenLevel;
  /** That PBSZ has set, in octets. */
  bufferSize: number;
  choices: readonly number[];
}

/** In the last line of a file that is mutated: a client that shows it has taken what came before. */
export const DATA_MARKER = 'data-mutated-2228';

/** Octets of a line of the file, which is a block. */
export const PIECE = 60;
/** A name for each line. */
export const FILE_NAMES: readonly string[] = ['first-line', 'second-line', DATA_MARKER];
const LINES = FILE_NAMES.map(name =>
  toUtf8(`-rw-r--r-- 1 ftp ftp ${`${PIECE}`.padStart(5)} Jan  1  2020 ${name}`.padEnd(PIECE - CRLF.length, '.')),
);

/** The file of every transfer, which is a listing as well. No octets of it are a length that fits. */
export const FILE: Uint8Array = concatAll(LINES.flatMap(line => [line, CRLF]));
/** Octets, for PBSZ. */
export const BUFFER_SIZE = 200;
const PEERS: readonly Peer[] = ['client', 'server'];

export interface TransferOptions {
  /** The same seed gives the same cases. Default 2228. */
  seed?: number;
  /** How many of each mutation, with other choices. Default 1. */
  variants?: number;
  to?: Peer;
  level?: TokenLevel;
}

/** Cases of every mutation of a transfer, at both levels. */
export function* transferCases(options: TransferOptions = {}): Generator<TransferCase> {
  const { seed = 2228, variants = 1, to: onlyTo, level: onlyLevel } = options;
  for (let variant = 0; variant < variants; variant++) {
    for (const [i, { name }] of TRANSFERS.entries()) {
      const choices = variant === 0 ? [] : choicesFrom(seed + variant * TRANSFERS.length + i, 2);
      for (const to of PEERS) {
        for (const level of ['safe', 'private'] as const) {
          if ((onlyTo ?? to) !== to || (onlyLevel ?? level) !== level) continue;
          yield transferCaseOf({ name, to, level, bufferSize: BUFFER_SIZE, choices });
        }
      }
    }
  }
}

/** @throws RangeError when there is no such mutation */
export function transferCaseOf(
  one: Pick<TransferCase, 'name' | 'to' | 'level' | 'bufferSize' | 'choices'>,
): TransferCase {
  const { name, to, level, bufferSize, choices } = one;
  const { source, expected, ofClient } = mutationOf(name);
  const its = to === 'client' ? (ofClient ?? expected) : expected;
  return { layer: 'data', name, source, to, expected: its, level, bufferSize, choices };
}

/** Whether there is a mutation of that name. */
export function isTransfer(name: string): boolean {
  return TRANSFERS.some(it => it.name === name);
}

/** The same transfer with nothing mutated. */
export function validTransfer(one: TransferCase): TransferCase {
  return transferCaseOf({ ...one, name: TRANSFERS[0]!.name, choices: [] });
}

/** Whether a peer may have handed on the whole file before it can know that the transfer is mutated. */
export function isLate({ name }: TransferCase): boolean {
  return mutationOf(name).late === true;
}

/**
 * The octets of a case, chunk by chunk, for a data connection of a session that stands; the connection is then to be closed.
 * @returns undefined where the case says nothing
 * @throws RangeError when there is no such mutation
 */
export function performTransfer(one: TransferCase, session: FuzzSession): Blocks | undefined {
  const { needs, make, change } = mutationOf(one.name);
  if (needs === 'numbers' && !session.numbered) return undefined;
  if (needs === 'received' && session.received === undefined) return undefined;
  if (needs === 'integrity' && !session.integrity.includes(one.level)) return undefined;
  const { level, bufferSize } = one;
  const block = (plaintext: Uint8Array, at = level): Uint8Array => {
    const { token } = session.context.wrap(plaintext, at);
    return concat(u32be(token.length), token);
  };
  const transfer = { ...session, level, bufferSize, file: FILE, block };
  const pieces = piecesOf(level);
  const made = make === undefined ? pieces : make(pieces, transfer);
  if (made === undefined) return undefined;
  const blocks = made.map(piece => block(piece.text, piece.level));
  return change === undefined ? blocks : change(blocks, new Choices(one.choices), transfer);
}

/** Lines of the file, and nothing for its end. */
function piecesOf(level: TokenLevel): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < FILE.length; at += PIECE) pieces.push({ text: FILE.subarray(at, at + PIECE), level });
  return [...pieces, { text: octets(''), level }];
}

function mutationOf(name: string): TransferMutation {
  const mutation = TRANSFERS.find(it => it.name === name);
  if (mutation === undefined) throw new RangeError(`no mutation is called data: ${name}`);
  return mutation;
}
