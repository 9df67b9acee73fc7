/** The octets that the case of a message comes to in a live session. */
import { copy, toUtf8 } from '../bytes.js';
import { type FuzzCase, MUTATIONS, mutationIn } from './cases.js';
import { Choices } from './choices.js';
import { mutatedMessage, validMessage } from './message.js';
import type { FuzzSession, Mutation, MutationContext } from './mutation.js';

/** What is to be sent, in turn. */
export interface Rendered {
  /** Valid messages that must be accepted; the octets of each. */
  before: readonly Uint8Array[];
  /** The mutated message, in the chunks that it is to be sent in. */
  chunks: readonly Uint8Array[];
  /** It has no end: nothing can follow, and the connection is to be closed. */
  open: boolean;
}

/**
 * The octets of a case in a session that stands.
 * @returns undefined where the case says nothing: a mechanism without numbers, a text without padding, no token yet. The
 *   session's next number may have moved on all the same
 * @throws RangeError when there is no such mutation of a message
 */
export function perform(one: FuzzCase, session: FuzzSession): Rendered | undefined {
  const mutation = mutationIn(MUTATIONS, one);
  const { level = 'safe', text = '' } = one;
  const base = { ...session, to: one.to, level, text: toUtf8(text) };
  if (!(mutation.needs ?? []).every(need => NEEDS[need](base))) return undefined;
  const before = Array.from({ length: mutation.after ?? 0 }, () => validMessage(base));
  const carrier: MutationContext = { ...base, sent: before, valid: () => validMessage(base) };
  const chunks = mutatedMessage(mutation, carrier, new Choices(one.choices));
  return chunks && { before, chunks: chunks.map(chunk => copy(chunk)), open: mutation.open ?? false };
}

const NEEDS: Record<
  NonNullable<Mutation['needs']>[number],
  (carrier: Omit<MutationContext, 'sent' | 'valid'>) => boolean
> = {
  lines: ({ text }) => text.indexOf(0x0a) < text.length - 1,
  numbers: ({ numbered }) => numbered,
  integrity: ({ integrity, level }) => integrity.includes(level),
  received: ({ received }) => received !== undefined,
};
