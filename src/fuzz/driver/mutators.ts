/** How each kind of case changes the replies of a conforming server to a client under test. */
import { concatAll } from '../../bytes.js';
import { formatReply } from '../../ftp/reply.js';
import { covers, type ProtectionLevel } from '../../protection/protection-level.js';
import { type FuzzCase, isMessage, isTransfer, type MessageCase, ruleIn, validTransfer } from '../cases.js';
import type { ExchangeKeys, ExchangeTurn, FuzzSession, ScriptLine } from '../mutation.js';
import { scriptOctets } from '../mutations/phases.js';
import { perform, performExchange, type Rendered } from '../perform.js';
import type { Sending } from './server-data.js';
import { type Answer, fittedReply, MARKER, markerOf } from './server-replies.js';

/**
 * A connection without a case. `accept`: every reply is valid, with its number as a marker. `refuse`: the command that
 * `at` selects is refused. `send` and `fail`: the first transfer from that command on succeeds, with its own marker, or
 * fails at its end.
 */
export type Plain = 'accept' | 'refuse' | 'send' | 'fail';

/** Octets that replace a valid reply, chunk by chunk. */
export interface Said {
  chunks: readonly Uint8Array[];
  /** The octets are a valid message that goes before the one to be examined. */
  isValid?: true;
  /** The octets contain the valid reply, and what follows it takes the place of the reply to the next command. */
  isEarly?: true;
}

/** A reply that must be sent to a protected command. */
export interface Due {
  verb: string;
  /** The level of the command. */
  level: ProtectionLevel;
  /** The reply of a conforming server. */
  answer: Answer;
  /** Protects another reply at the same level, and returns its octets. */
  protect(reply: Uint8Array): Uint8Array;
  /** The number of the protected command on this connection, from 1. */
  number: number;
  session: FuzzSession;
}

/** A line with security data that must be sent. */
export type AdatTurn = Omit<ExchangeTurn, 'to' | 'keys'> & { session: FuzzSession | undefined };

/**
 * Each function is called until something has been mutated. It returns undefined if the valid reply is to be sent; a
 * function that is absent means the same for every reply.
 */
export interface ReplyMutator {
  /** Replaces 334. */
  toAuth?(valid: Uint8Array): Said | undefined;
  /** Replaces a reply to ADAT, whatever the ADAT contains. */
  toAnyAdat?(): Said | undefined;
  /** Replaces 335 or 235. */
  toAdat?(turn: AdatTurn, valid: Uint8Array): Said | undefined;
  /** Replaces replies from the command on that `at` selects. */
  toCommand?(due: Due): Said | undefined;
  /** Replaces replies before that command, and after the mutated reply. */
  toOther?(due: Due): Said | undefined;
  /** The file of the first transfer from that command on; default a plain file. */
  sends?: Sending;
  /** If that command is a transfer, nothing is transferred. */
  dropsTransfer?: true;
  /** The largest protection buffer that is granted, in octets. */
  bufferSize?: number;
  /** How many commands after the mutated reply are observed; default 1. Infinity: until the client ends the session. */
  behind?: number;
  /** After the mutated reply the client's tokens can't be opened, and no command is carried out. */
  isLost?: true;
  /**
   * If a message was mutated: how often the marker was sent before, the case as it was played, and whether it has no
   * end.
   */
  markers?: number;
  played?: FuzzCase;
  isOpen?: boolean;
}

/** Commands after a mutated reply. With this many a client reaches its own end, and is not stopped by the driver. */
export const TO_ITS_END = 16;

/** @param keys  for mutated exchanges */
export function mutatorOf(one: FuzzCase | Plain, keys: ExchangeKeys | undefined): ReplyMutator {
  if (typeof one === 'string') return PLAIN[one];
  if (isMessage(one)) return messageMutator(one);
  if (one.layer === 'exchange') return exchangeMutator(one, keys);
  if (!isTransfer(one)) return scriptMutator(one);
  // After a valid file, the client may start further transfers.
  const behind = one.name === validTransfer(one).name ? Number.POSITIVE_INFINITY : 1;
  return { sends: one, bufferSize: one.bufferSize, behind };
}

/** Replies whose text a client parses: sizes, times and addresses. */
const FOR_MACHINES: readonly number[] = [213, 227, 228, 229];

/**
 * Adds its number to every reply that is meant for people, so that the output of a client shows which replies it has
 * accepted.
 */
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

/**
 * Gives the case the text of the required reply. If its level is lower than that of the command, a client may refuse it
 * for that alone.
 */
function fitted(one: MessageCase, { answer, level }: Due): MessageCase {
  // With one line, the client prints exactly the mutated text.
  const shape = ruleIn(one).needs?.includes('lines') ? one.text : '200 Ok\r\n';
  const isWeak = !covers(one.level, level) && one.expected.verdict === 'accept';
  return { ...one, ...(isWeak && { expected: { verdict: 'either' as const } }), text: fittedReply(answer, shape) };
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
      // A client that accepts this has no keys, or other keys.
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

/** @returns undefined if the mechanism does not have the level of the line */
function said(line: ScriptLine, session?: FuzzSession): Said | undefined {
  const octets = scriptOctets(line, 'client', session?.context);
  return octets && { chunks: [octets] };
}

/** The line after a valid reply, in one piece with it. */
function behind(valid: Uint8Array, line: Said | undefined): Said | undefined {
  return line && { chunks: [concatAll([valid, ...line.chunks])], isEarly: true };
}
