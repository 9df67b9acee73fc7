/** How each kind of case, or none, mutates what a conforming server says to a client under test. */
import { concatAll } from '../../bytes.js';
import { formatReply } from '../../ftp/reply.js';
import { covers, type ProtectionLevel } from '../../protection/protection-level.js';
import { type FuzzCase, isMessage, isTransfer, type MessageCase, ruleIn, validTransfer } from '../cases.js';
import { EITHER, type ExchangeKeys, type ExchangeTurn, type FuzzSession, type ScriptLine } from '../mutation.js';
import { scriptOctets } from '../mutations/phases.js';
import { perform, performExchange, type Rendered } from '../perform.js';
import type { Sending } from './server-data.js';
import { type Answer, fittedReply, MARKER, markerOf } from './server-replies.js';

/**
 * Without a case: every reply is valid, with its number as a marker in it, or the command that `at` names is refused; `send` and `fail`
 * have the first transfer from there on go well, with its own marker, or fail at its end.
 */
export type Plain = 'accept' | 'refuse' | 'send' | 'fail';

/** Octets in the place of a valid reply, chunk by chunk. */
export interface Said {
  chunks: readonly Uint8Array[];
  /** It is not what is to be looked at: something valid that goes before. */
  isValid?: true;
  /** The valid reply is in it, and what follows comes in the place of the reply to the next command. */
  isEarly?: true;
}

/** A reply to a protected command that is due. */
export interface Due {
  verb: string;
  /** Of the command. */
  level: ProtectionLevel;
  /** What is required. */
  answer: Answer;
  /** The octets of another reply at the same level. */
  protect(reply: Uint8Array): Uint8Array;
  /** Which protected command of the connection, from 1. */
  number: number;
  session: FuzzSession;
}

/** A line with security data that is due. */
export type AdatTurn = Omit<ExchangeTurn, 'to' | 'keys'> & { session: FuzzSession | undefined };

/**
 * Each is asked until something is mutated, and gives undefined where the valid reply is to go; what is left out does so
 * always.
 */
export interface ReplyMutator {
  /** Instead of 334. */
  toAuth?(valid: Uint8Array): Said | undefined;
  /** Instead of a reply to ADAT, whatever is in it. */
  toAnyAdat?(): Said | undefined;
  /** Instead of 335 or 235. */
  toAdat?(turn: AdatTurn, valid: Uint8Array): Said | undefined;
  /** From the command on that `at` names. */
  toCommand?(due: Due): Said | undefined;
  /** Before that command, and behind what is mutated. */
  toOther?(due: Due): Said | undefined;
  /** What the first transfer from there on sends; default a plain file. */
  sends?: Sending;
  /** Where that command is a transfer, nothing is transferred. */
  dropsTransfer?: true;
  /** The protection buffer that is granted at the most, in octets. */
  bufferSize?: number;
  /** How many commands behind the mutated reply show what a client makes of it; default 1. Infinite: until it says goodbye. */
  behind?: number;
  /** Behind the mutated reply nothing of the client's can be opened, and nothing is carried out. */
  isLost?: true;
  /** Where a message was mutated: how often the marker went before, the case as it was played, and whether it has no end. */
  markers?: number;
  played?: FuzzCase;
  isOpen?: boolean;
}

/** So many commands behind a mutated reply let a client come to its end, so that it does not die of ours. */
export const TO_ITS_END = 16;

/** @param keys  for mutated exchanges */
export function mutatorOf(one: FuzzCase | Plain, keys: ExchangeKeys | undefined): ReplyMutator {
  if (typeof one === 'string') return PLAIN[one];
  if (isMessage(one)) return messageMutator(one);
  if (one.layer === 'exchange') return exchangeMutator(one, keys);
  if (!isTransfer(one)) return scriptMutator(one);
  // Behind a valid file others may follow, which the client sends.
  const behind = one.name === validTransfer(one).name ? Number.POSITIVE_INFINITY : 1;
  return { sends: one, bufferSize: one.bufferSize, behind };
}

/** Replies whose text a client parses: sizes, times and addresses. */
const FOR_MACHINES: readonly number[] = [213, 227, 228, 229];

/** Every reply that is for people gets its number, so that what a client prints shows which replies it has taken. */
function numbered({ number, answer: [code, text], protect }: Due): Said | undefined {
  if (FOR_MACHINES.includes(code)) return undefined;
  return { chunks: [protect(formatReply(code, `${text} ${markerOf(number)}`))], isValid: true };
}

const PLAIN: Readonly<Record<Plain, ReplyMutator>> = {
  accept: { toCommand: numbered, toOther: numbered },
  refuse: {
    toCommand: ({ verb, protect }) => ({ chunks: [protect(formatReply(verb === 'USER' ? 530 : 550, 'No'))] }),
    dropsTransfer: true,
  },
  send: { sends: 'marked' },
  fail: { sends: 'failing' },
};

function messageMutator(one: MessageCase): ReplyMutator {
  let performed: Rendered | undefined;
  let before: Uint8Array[] = [];
  const begin = (due: Due) => {
    mutator.played = fitted(one, due);
    performed = perform(mutator.played, due.session);
    before = [...(performed?.before ?? [])];
    mutator.markers = before.length;
    mutator.isOpen = performed?.open === true;
  };
  const mutator: ReplyMutator = {
    markers: 0,
    toCommand(due) {
      if (performed === undefined) begin(due);
      const valid = before.shift();
      if (valid !== undefined) return { chunks: [valid], isValid: true };
      return performed && { chunks: performed.chunks };
    },
  };
  return mutator;
}

/** A client may refuse a reply for nothing but being weaker than its command. */
function fitted(one: MessageCase, { answer, level }: Due): MessageCase {
  // With one line, what a client prints is what was mutated.
  const shape = ruleIn(one).needs?.includes('lines') ? one.text : '200 Ok\r\n';
  const isWeak = !covers(one.level, level) && one.expected.verdict === 'accept';
  return { ...one, ...(isWeak && { expected: EITHER }), text: fittedReply(answer, shape) };
}

function exchangeMutator(one: FuzzCase, keys: ExchangeKeys | undefined): ReplyMutator {
  return {
    toAdat({ session: _, ...turn }) {
      const octets = performExchange(one, { ...turn, to: 'client', keys });
      return octets && { chunks: [octets] };
    },
    behind: TO_ITS_END,
    isLost: true,
  };
}

function scriptMutator(one: FuzzCase): ReplyMutator {
  const { start, line } = ruleIn(one).script!;
  const marked = { ...line, text: `${line.text} ${MARKER}` };
  switch (start) {
    case 'greeted':
      return { toAuth: () => said(line) };
    case 'auth':
      // A client that believes it has no keys, or others.
      return { toAuth: valid => behind(valid, said(line)), isLost: true };
    case 'exchange':
      return { toAnyAdat: () => said(line) };
    case 'adat':
      return {
        toAdat: ({ code, session }, valid) => (code === 235 ? behind(valid, said(marked, session)) : undefined),
      };
    case 'secured':
      return { toCommand: ({ session }) => said(marked, session), dropsTransfer: true };
  }
}

/** @returns undefined where the mechanism lacks the line's level */
function said(line: ScriptLine, session?: FuzzSession): Said | undefined {
  const octets = scriptOctets(line, 'client', session?.context);
  return octets && { chunks: [octets] };
}

/** In one piece with a valid reply. */
function behind(valid: Uint8Array, line: Said | undefined): Said | undefined {
  return line && { chunks: [concatAll([valid, ...line.chunks])], isEarly: true };
}
