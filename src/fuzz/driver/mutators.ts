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
export interface Replacement {
  chunks: readonly Uint8Array[];
  /** The octets are a valid message that goes before the one to be examined. */
  isValid?: true;
  /** The octets contain the valid reply, and what follows it takes the place of the reply to the next command. */
  isEarly?: true;
}

/** A reply that must be sent to a protected command. */
export interface PendingReply {
  verb: string;
  /** The level of the command. */
  level: ProtectionLevel;
  /** The reply of a conforming server. */
  answer: Answer;
  /** Protects another reply at the same level, and returns its octets. */
  protect(reply: Uint8Array): Uint8Array;
  /** The number of the protected command on this connection, from 1. */
  number: number;
  /** Whether it is to be mutated: nothing has been mutated yet, and the command is that of `at`, or a later one. */
  isTarget: boolean;
  session: FuzzSession;
}

/** A line with security data that must be sent. */
type AdatTurn = Omit<ExchangeTurn, 'to' | 'keys'> & { session: FuzzSession | undefined };

/**
 * Each function may replace a reply; if it returns undefined, or is absent, the valid reply is sent. Replies of the
 * exchange can be replaced until something has been mutated.
 */
export interface ReplyMutator {
  /** Replaces 334. */
  toAuth?(valid: Uint8Array): Replacement | undefined;
  /** Replaces a reply to ADAT, whatever the ADAT contains. */
  toAnyAdat?(): Replacement | undefined;
  /** Replaces 335 or 235. */
  toAdat?(turn: AdatTurn, valid: Uint8Array): Replacement | undefined;
  /** Replaces the reply to a protected command. */
  toCommand?(reply: PendingReply): Replacement | undefined;
  /** The file of the first transfer from the command of `at` on; default a plain file. */
  sends?: Sending;
  /** If that command is a transfer, nothing is transferred. */
  dropsTransfer?: true;
  /** The largest protection buffer that is granted, in octets. */
  bufferSize?: number;
  /** How many commands after the mutated reply are observed; default 1. Infinity: until the client ends the session. */
  behind?: number;
  /** After the mutated reply the client's tokens can't be opened, and no command is executed. */
  isLost?: true;
  /** If a message was mutated: how often the marker was sent before it. */
  markers?: number;
  /** The case as it was played. */
  played?: FuzzCase;
  /** Whether the mutated octets have no end. */
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

const PLAIN: Readonly<Record<Plain, ReplyMutator>> = {
  accept: {
    // The numbers show in the output of a client which replies it has accepted.
    toCommand({ number, answer: [code, text], protect }) {
      if (FOR_MACHINES.includes(code)) return undefined;
      return { chunks: [protect(formatReply(code, `${text} ${markerOf(number)}`))], isValid: true };
    },
  },
  refuse: {
    toCommand({ verb, protect, isTarget }) {
      return isTarget ? { chunks: [protect(formatReply(verb === 'USER' ? 530 : 550, 'No'))] } : undefined;
    },
    dropsTransfer: true,
  },
  send: { sends: 'marked' },
  fail: { sends: 'failing' },
};

function messageMutator(one: MessageCase): ReplyMutator {
  let performed: Rendered | undefined;
  let before: Uint8Array[] = [];
  const mutator: ReplyMutator = {
    markers: 0,
    toCommand(reply) {
      if (!reply.isTarget) return undefined;
      if (performed === undefined) {
        mutator.played = fitted(one, reply);
        performed = perform(mutator.played, reply.session);
        before = [...(performed?.before ?? [])];
        mutator.markers = before.length;
        mutator.isOpen = performed?.open === true;
      }
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
function fitted(one: MessageCase, { answer, level }: PendingReply): MessageCase {
  // With one line, the client prints exactly the mutated text.
  const shape = ruleIn(one).needs?.includes('lines') ? one.text : '200 Ok\r\n';
  const isWeak = !covers(one.level, level) && one.expected.verdict === 'accept';
  return { ...one, ...(isWeak && { expected: { verdict: 'either' } }), text: fittedReply(answer, shape) };
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
      return { toAuth: () => lineIn(line) };
    case 'auth':
      // A client that accepts this has no keys, or other keys.
      return { toAuth: valid => lineIn(line, valid), isLost: true };
    case 'exchange':
      return { toAnyAdat: () => lineIn(line) };
    case 'adat':
      return {
        toAdat: ({ code, session }, valid) => (code === 235 ? lineIn(marked, valid, session) : undefined),
      };
    case 'secured':
      return {
        toCommand: ({ isTarget, session }) => (isTarget ? lineIn(marked, undefined, session) : undefined),
        dropsTransfer: true,
      };
  }
}

/**
 * @param valid  a valid reply, which goes before the line in one piece with it
 * @returns undefined if the mechanism does not have the level of the line
 */
function lineIn(line: ScriptLine, valid?: Uint8Array, session?: FuzzSession): Replacement | undefined {
  const octets = scriptOctets(line, 'client', session?.context);
  if (octets === undefined) return undefined;
  return valid === undefined ? { chunks: [octets] } : { chunks: [concatAll([valid, octets])], isEarly: true };
}
