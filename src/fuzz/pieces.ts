/** Small changes to pieces of a message, for the tables of mutations. */
import { concat, copy } from '../bytes.js';
import type { Choices } from './choices.js';
import type { MutationContext } from './mutation.js';

type Change<C = MutationContext> = (
  pieces: readonly Uint8Array[],
  draw: Choices,
  carrier: C,
) => readonly Uint8Array[] | undefined;
export type Edit<C = MutationContext> = (piece: Uint8Array, draw: Choices, carrier: C) => Uint8Array | undefined;

/** Octets of a text whose characters are all below U+0100. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
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

/** Changes one piece, whichever is drawn. */
export function anyOne<C = MutationContext>(edit: Edit<C>): Change<C> {
  return (pieces, draw, carrier) => editAt(draw.below(pieces.length), edit)(pieces, draw, carrier);
}

export function first(edit: Edit): Change {
  return editAt(0, edit);
}

export function last(edit: Edit): Change {
  return (pieces, draw, carrier) => editAt(pieces.length - 1, edit)(pieces, draw, carrier);
}

export function every(edit: Edit): Change {
  return (pieces, draw, carrier) => {
    const edited = pieces.map(piece => edit(piece, draw, carrier));
    return edited.every(piece => piece !== undefined) ? edited : undefined;
  };
}

/** The text or octets put in the place of all that was there. */
export function all(replacement: string | ((carrier: MutationContext, draw: Choices) => string)): Change {
  return (_pieces, draw, carrier) => [
    octets(typeof replacement === 'string' ? replacement : replacement(carrier, draw)),
  ];
}

/** Something put into one piece, at a place that is drawn: behind the first octet, or later; before the last. */
export function inserted(put: string | readonly string[]): Change<unknown> {
  return anyOne<unknown>((piece, draw) => {
    if (piece.length < 2) return undefined;
    const at = 1 + draw.below(piece.length - 1);
    return spliced(piece, at, 0, octets(typeof put === 'string' ? put : draw.of(put)));
  });
}

function editAt<C = MutationContext>(index: number, edit: Edit<C>): Change<C> {
  return (pieces, draw, carrier) => {
    const edited = edit(pieces[index]!, draw, carrier);
    return edited && pieces.map((piece, i) => (i === index ? edited : piece));
  };
}
