/** Small changes to pieces of a message, for the tables of mutations. */
import { concat, fromHex, LF, toHex } from '../bytes.js';
import type { Choices } from './choices.js';
import type { Change } from './mutation.js';

/** Changes one piece; returns undefined if it can't be changed. */
export type Edit = (piece: Uint8Array, draw: Choices) => Uint8Array | undefined;

/** Octets of a text whose characters are all below U+0100. */
export function octets(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Replaces `removed` octets from `at` on by others. */
export function spliced(bytes: Uint8Array, at: number, removed: number, put: Uint8Array = octets('')): Uint8Array {
  return concat(bytes.subarray(0, at), put, bytes.subarray(at + removed));
}

/** Replaces `size` octets at `at` by one of these numbers, in big-endian order; undefined if there are too few octets. */
export const numberAt =
  (at: number, size: number, numbers: readonly (number | bigint)[]): Edit =>
  (piece, draw) =>
    piece.length < at + size ? undefined : spliced(piece, at, size, bigEndian(BigInt(draw.of(numbers)), size));

/** Adds to the number of `size` octets at `at`. */
export const added =
  (at: number, size: number, by: bigint): Edit =>
  piece =>
    spliced(piece, at, size, bigEndian(BigInt(`0x${toHex(piece.subarray(at, at + size))}`) + by, size));

const bigEndian = (number: bigint, size: number) =>
  fromHex(
    BigInt.asUintN(8 * size, number)
      .toString(16)
      .padStart(2 * size, '0'),
  );

/** Inverts the bits of one of these masks in the octet at `at`. */
export const inverted =
  (at: number, ...masks: number[]): Edit =>
  (piece, draw) =>
    spliced(piece, at, 1, Uint8Array.of(piece[at]! ^ draw.of(masks)));

/** Cuts octets into pieces of a size; none gives one empty piece. */
export function piecesOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / size));
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** Inverts a chosen bit among `count` octets from `from` on; default all. */
export function anyBitFlipped(bytes: Uint8Array, draw: Choices, from = 0, count = bytes.length): Uint8Array {
  const at = from + draw.below(count);
  return spliced(bytes, at, 1, Uint8Array.of(bytes[at]! ^ (1 << draw.below(8))));
}

/** Inverts a bit of one of the last `among` octets. */
export function flippedAtEnd(bytes: Uint8Array, draw: Choices, among = 8): Uint8Array {
  return anyBitFlipped(bytes, draw, bytes.length - among, among);
}

/** Removes between 1 and all but one of the octets at the end. */
export function cutShort(bytes: Uint8Array, draw: Choices): Uint8Array {
  return bytes.subarray(0, 1 + draw.below(bytes.length - 1));
}

/** Puts a text before the octets. */
export const before =
  (text: string): Edit =>
  piece =>
    concat(octets(text), piece);

/** Replaces octets by a text: the first ones, or those from `at` on. */
export const replaced =
  (text: string, removed: number, at = 0): Edit =>
  piece =>
    spliced(piece, at, removed, octets(text));

/** Replaces the last octets by a text. */
export const ended =
  (text: string, removed = 2): Edit =>
  piece =>
    spliced(piece, piece.length - removed, removed, octets(text));

/** A little longer than the buffers of 512 octets to 32 KiB that many programs have. */
const BEYOND_BUFFERS = [560, 1100, 2200, 4400, 8800, 17_600, 35_200];

/** How long something is that does not fit into a usual buffer; which one is chosen. */
export const beyondBuffer = (draw: Choices): number => draw.of(BEYOND_BUFFERS);

/** Changes one of the pieces, at a place that depends on their number. */
const editedAt =
  (place: (count: number, draw: Choices) => number) =>
  (edit: Edit): Change<unknown> =>
  (pieces, draw) => {
    const at = place(pieces.length, draw);
    const edited = edit(pieces[at]!, draw);
    return edited && pieces.map((piece, i) => (i === at ? edited : piece));
  };

/** Changes one piece, which is chosen. */
export const anyOne = editedAt((count, draw) => draw.below(count));
/** Changes the first piece. */
export const first = editedAt(() => 0);
/** Changes the last piece. */
export const last = editedAt(count => count - 1);

/** Changes every piece; returns undefined if one of them can't be changed. */
export function every(edit: Edit): Change<unknown> {
  return (pieces, draw) => {
    const edited = pieces.map(piece => edit(piece, draw));
    return edited.every(piece => piece !== undefined) ? edited : undefined;
  };
}

/** Replaces all pieces by one of this text. */
export function all(replacement: string): Change<unknown> {
  return () => [octets(replacement)];
}

/** Inserts something into one piece at a chosen place, after the first octet and before the last. */
export function inserted(put: string | readonly string[]): Change<unknown> {
  return anyOne((piece, draw) => {
    if (piece.length < 2) return undefined;
    const at = 1 + draw.below(piece.length - 1);
    return spliced(piece, at, 0, octets(typeof put === 'string' ? put : draw.of(put)));
  });
}

/** The list with its element at `at` this many times in a row: 0 leaves it out, 2 repeats it. */
export function times<T>(count: number, list: readonly T[], at: number): T[] {
  return list.flatMap((it, i) => (i === at ? new Array<T>(count).fill(it) : [it]));
}

/** Splits a text into its lines, each with its line end. */
export function linesOf(text: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(LF, start) + 1 || text.length;
    lines.push(text.subarray(start, end));
    start = end;
  }
  return lines;
}
