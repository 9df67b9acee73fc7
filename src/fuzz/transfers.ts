/** The file of every transfer, and the octets that a case of the data channel comes to in a live session. */
import { CRLF, concat, concatAll, toUtf8, u32be } from '../bytes.js';
import type { TokenLevel } from '../protection/protection-level.js';
import { caseOf, mutationIn, type TransferCase } from './cases.js';
import { Choices } from './choices.js';
import type { FuzzSession } from './mutation.js';
import { octets } from './pieces.js';
import { type Blocks, type Piece, TRANSFERS } from './transfer-mutations.js';

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
/** The same transfer with nothing mutated. */
export function validTransfer(one: TransferCase): TransferCase {
  return { ...one, ...caseOf({ ...TRANSFERS[0]!, layer: 'data' }, { ...one, choices: [] }) };
}

/** Whether a peer may have handed on the whole file before it can know that the transfer is mutated. */
export function isLate(one: TransferCase): boolean {
  return mutationIn(TRANSFERS, one).late === true;
}

/**
 * The octets of a case, chunk by chunk, for a data connection of a session that stands; the connection is then to be closed.
 * @returns undefined where the case says nothing
 * @throws RangeError when there is no such mutation
 */
export function performTransfer(one: TransferCase, session: FuzzSession): Blocks | undefined {
  const { level, bufferSize } = one;
  const { needs, make, change } = mutationIn(TRANSFERS, one);
  if (needs === 'numbers' && !session.numbered) return undefined;
  if (needs === 'received' && session.received === undefined) return undefined;
  if (needs === 'integrity' && !session.integrity.includes(level)) return undefined;
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
