/** Small changes to pieces of a message, for the tables of mutations. */
import { concat, copy, LF } from '../bytes.js';
import type { Choices } from './choices.js';
import type { Change, MutationContext } from './mutation.js';

/** Changes one piece. */
export type Edit<C = MutationContext> = (piece: Uint8Array, draw: Choices, carrier: C) => Uint8Array | undefined;

/** Octets of a text whose characters are all below U+0100. */
export function octets(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** With `removed` octets from `at` on taken out, and others put there. */
export function spliced(bytes: Uint8Array, at: number, removed: number, put: Uint8Array = octets('')): Uint8Array {
  return concat(bytes.subarray(0, at), put, bytes.subarray(at + removed));
}

/** One bit of one octet turned over. */
export function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const changed = copy(bytes);
  changed[at]! ^= 1 << bit;
  return changed;
}

/** With a bit of one of the last 8 octets, or so many, turned over. */
export function flippedAtEnd(bytes: Uint8Array, draw: Choices, among = 8): Uint8Array {
  return flipped(bytes, bytes.length - 1 - draw.below(among), draw.below(8));
}

/** A text put before a piece. */
export const before =
  (text: string): Edit<unknown> =>
  piece =>
    concat(octets(text), piece);

/** A text in the place of so many octets: the first ones, or those from `at` on. */
export const replaced =
  (text: string, removed: number, at = 0): Edit<unknown> =>
  piece =>
    spliced(piece, at, removed, octets(text));

/** A text in the place of the last octets. */
export const ended =
  (text: string, removed = 2): Edit<unknown> =>
  piece =>
    concat(piece.subarray(0, piece.length - removed), octets(text));

/** Changes one piece, which is drawn. */
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

/** Changes every piece; undefined where one of them can't be changed. */
export function every<C = MutationContext>(edit: Edit<C>): Change<C> {
  return (pieces, draw, carrier) => {
    const edited = pieces.map(piece => edit(piece, draw, carrier));
    return edited.every(piece => piece !== undefined) ? edited : undefined;
  };
}

/** A text in the place of all that was there. */
export function all(replacement: string): Change<unknown> {
  return () => [octets(replacement)];
}

/** Something put into one piece, at a place that is drawn: behind the first octet, or later; before the last. */
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

/** The lines of a text, each with its line end. */
export function linesOf(text: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(LF, start) + 1 || text.length;
    lines.push(text.subarray(start, end));
    start = end;
  }
  return lines;
}
