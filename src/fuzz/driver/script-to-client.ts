/** A reply out of order to a client under test (RFC 2228 §3, §5 and §7). */
import { concatAll } from '../../bytes.js';
import { type FuzzCase, ruleIn } from '../cases.js';
import type { FuzzSession, Script, ScriptLine } from '../mutation.js';
import { scriptOctets } from '../mutations/phases.js';
import type { ReplyMutator, Said } from './reply-mutator.js';
import { MARKER } from './server-replies.js';

export function scriptMutator(one: FuzzCase): ReplyMutator {
  const { start, line } = ruleIn(one).script!;
  return MUTATORS[start](line);
}

const MUTATORS: Readonly<Record<Script['start'], (line: ScriptLine) => ReplyMutator>> = {
  greeted: line => ({ toAuth: () => said(line) }),
  // A client that believes it has no keys, or others.
  auth: line => ({ toAuth: valid => behind(valid, said(line)), isLost: true }),
  exchange: line => ({ toAnyAdat: () => said(line) }),
  adat: line => ({
    toAdat: ({ code, session }, valid) => (code === 235 ? behind(valid, said(marked(line), session)) : undefined),
  }),
  secured: line => ({ toCommand: ({ session }) => said(marked(line), session), dropsTransfer: true }),
};

/** @returns undefined where the mechanism lacks the line's level */
function said(line: ScriptLine, session?: FuzzSession): Said | undefined {
  const octets = scriptOctets(line, 'client', session?.context);
  return octets && { chunks: [octets] };
}

/** In one piece with a valid reply. */
function behind(valid: Uint8Array, line: Said | undefined): Said | undefined {
  return line && { chunks: [concatAll([valid, ...line.chunks])], isEarly: true };
}

function marked(line: ScriptLine): ScriptLine {
  return { ...line, text: `${line.text} ${MARKER}` };
}
