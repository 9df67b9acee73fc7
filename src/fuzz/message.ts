/** The valid way of a text to the wire, stage by stage (RFC 2228 §3 and §5.2), and where a mutation leaves it. */
import { encodeBase64 } from '../base64.js';
import { CRLF, concat, concatAll, LF, toUtf8 } from '../bytes.js';
import { factsOf } from '../protection/protection-level.js';
import type { Choices } from './choices.js';
import type { Mutation, MutationContext, Stage } from './mutation.js';

type Make = (pieces: readonly Uint8Array[], carrier: MutationContext) => readonly Uint8Array[];

const STAGES: readonly (readonly [Stage, Make])[] = [
  ['fragments', ([text]) => linesOf(text!)],
  ['tokens', (fragments, { context, level }) => fragments.map(fragment => context.wrap(fragment, level).token)],
  ['base64', tokens => tokens.map(encodeBase64)],
  ['lines', (encoded, carrier) => encoded.map((text, i) => concat(prefixOf(carrier, i, encoded.length), text, CRLF))],
  ['wire', lines => [concatAll(lines)]],
  ['chunks', wire => wire],
];

/** The octets of a valid message, and its tokens used. */
export function validMessage(carrier: Omit<MutationContext, 'valid' | 'sent'>): Uint8Array {
  let pieces: readonly Uint8Array[] = [carrier.text];
  for (const [, make] of STAGES) pieces = make(pieces, carrier as MutationContext);
  return pieces[0]!;
}

/**
 * The chunks of a mutated message.
 * @returns undefined when the mutation finds nothing to change; tokens may have been made all the same
 */
export function mutatedMessage(
  mutation: Mutation,
  carrier: MutationContext,
  draw: Choices,
): readonly Uint8Array[] | undefined {
  const { at, makes } = mutation;
  let pieces: readonly Uint8Array[] | undefined = [carrier.text];
  if (makes === 'everything') return mutation.change(pieces, draw, carrier);
  for (const [stage, make] of STAGES) {
    if (stage !== at || makes === undefined) pieces = make(pieces, carrier);
    if (stage === at) pieces = mutation.change(pieces, draw, carrier);
    if (pieces === undefined) return undefined;
  }
  return pieces;
}

/** What stands before the base 64: the verb and a blank, or the code and its separator. */
function prefixOf({ to, level }: MutationContext, index: number, count: number): Uint8Array {
  const { verb, code } = factsOf(level);
  if (to === 'server') return toUtf8(`${verb} `);
  return toUtf8(`${code}${index < count - 1 ? '-' : ' '}`);
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
