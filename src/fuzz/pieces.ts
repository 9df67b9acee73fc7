/** Small changes to pieces of a message, for the tables of mutations. */
import { concat, copy, LF } from '../bytes.js';
import type { Choices } from './choices.js';
import type { Change, MutationContext } from './mutation.js';

/** Changes one piece; returns undefined if it can't be changed. */
export type Edit<C = MutationContext> = (piece: Uint8Array, draw: Choices, carrier: C) => Uint8Array | undefined;

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

/** Inverts one bit of one octet. */
export function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const changed = copy(bytes);
  changed[at]! ^= 1 << bit;
  return changed;
}

/** Inverts a bit of one of the last `among` octets. */
export function flippedAtEnd(bytes: Uint8Array, draw: Choices, among = 8): Uint8Array {
  return flipped(bytes, bytes.length - 1 - draw.below(among), draw.below(8));
}

/** Puts a text before a piece. */
export const before =
  (text: string): Edit<unknown> =>
  piece =>
    concat(octets(text), piece);

/** Replaces octets by a text: the first ones, or those from `at` on. */
export const replaced =
  (text: string, removed: number, at = 0): Edit<unknown> =>
  piece =>
    spliced(piece, at, removed, octets(text));

/** Replaces the last octets by a text. */
export const ended =
  (text: string, removed = 2): Edit<unknown> =>
  piece =>
    concat(piece.subarray(0, piece.length - removed), octets(text));

/** Changes one piece, which is chosen. */
export function anyOne<C = MutationContext>(edit: Edit<C>): Change<C> {
  return (pieces, draw, carrier) => editAt(draw.below(pieces.length), edit)(pieces, draw, carrier);
}

/** Changes the first piece. */
export function first<C = MutationContext>(edit: Edit<C>): Change<C> {
  return editAt(0, edit);
}

/** Changes the last piece. */
export function last<C = MutationContext>(edit: Edit<C>): Change<C> {
  return (pieces, draw, carrier) => editAt(pieces.length - 1, edit)(pieces, draw, carrier);
}

/** Changes every piece; returns undefined if one of them can't be changed. */
export function every<C = MutationContext>(edit: Edit<C>): Change<C> {
  return (pieces, draw, carrier) => {
    const edited = pieces.map(piece => edit(piece, draw, carrier));
    return edited.every(piece => piece !== undefined) ? edited : undefined;
  };
}

/** Replaces everything by a text. */
export function all(replacement: string): Change<unknown> {
  return () => [octets(replacement)];
}

/** Inserts something into one piece at a chosen place, after the first octet and before the last. */
export function inserted(put: string | readonly string[]): Change<unknown> {
  return anyOne<unknown>((piece, draw) => {
    if (piece.length < 2) return undefined;
    const at = 1 + draw.below(piece.length - 1);
    return spliced(piece, at, 0, octets(typeof put === 'string' ? put : draw.of(put)));
  });
}

function editAt<C>(index: number, edit: Edit<C>): Change<C> {
  return (pieces, draw, carrier) => {
    const edited = edit(pieces[index]!, draw, carrier);
    return edited && pieces.map((piece, i) => (i === index ? edited : piece));
  };
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
