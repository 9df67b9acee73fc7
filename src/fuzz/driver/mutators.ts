/** The replies of a conforming server to a client under test, and how each kind of case changes them. */
import { concatAll } from '../../bytes.js';
import { commandFacts } from '../../ftp/commands.js';
import { formatReply } from '../../ftp/reply.js';
import { covers, type ProtectionLevel } from '../../protection/protection-level.js';
import { type FuzzCase, isMessage, isTransfer, type MessageCase, ruleIn, validTransfer } from '../cases.js';
import type { ExchangeKeys, ExchangeTurn, FuzzSession, Script } from '../mutation.js';
import { FILE } from '../mutations/data.js';
import { scriptOctets } from '../mutations/phases.js';
import { perform, performExchange, type Rendered } from '../perform.js';
import { type ClientTrace, MARKER, markerOf } from './client-trace.js';
import type { Answer, Sending } from './server-data.js';

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

/** A reply that must be sent to AUTH, to ADAT, or to a protected command. */
export type PendingReply = {
  /** Makes the valid reply. */
  valid: () => Uint8Array;
  session: FuzzSession | undefined;
} & ({ to: 'AUTH' } | { to: 'ADAT'; turn: Omit<ExchangeTurn, 'to' | 'keys'> } | CommandReply);

interface CommandReply {
  to: 'command';
  session: FuzzSession;
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
}

/** What a server does differently from a conforming one. */
export interface ReplyMutator {
  /** Replaces a reply; undefined sends the valid one. In the exchange it is called until something was mutated. */
  replace?(reply: PendingReply): Replacement | undefined;
  /** ADAT is answered without a step of the mechanism. */
  skipsExchange?: true;
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
  /** What it adds to the trace of the client. */
  notes?: Pick<ClientTrace, 'markers' | 'played'>;
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
  if (!isTransfer(one)) return scriptMutator(ruleIn(one).script!);
  // After a valid file, the client may start further transfers.
  const behind = one.name === validTransfer(one).name ? Number.POSITIVE_INFINITY : 1;
  return { sends: one, bufferSize: one.bufferSize, behind };
}

/** Replies whose text a client parses: sizes, times and addresses. */
const FOR_MACHINES: readonly number[] = [213, 227, 228, 229];

const PLAIN: Readonly<Record<Plain, ReplyMutator>> = {
  accept: {
    // The numbers show in the output of a client which replies it has accepted.
    replace(reply) {
      if (reply.to !== 'command' || FOR_MACHINES.includes(reply.answer[0])) return undefined;
      const [code, text] = reply.answer;
      return { chunks: [reply.protect(formatReply(code, `${text} ${markerOf(reply.number)}`))], isValid: true };
    },
  },
  refuse: {
    replace(reply) {
      if (reply.to !== 'command' || !reply.isTarget) return undefined;
      return { chunks: [reply.protect(formatReply(reply.verb === 'USER' ? 530 : 550, 'No'))] };
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
    notes: { markers: 0 },
    replace(reply) {
      if (reply.to !== 'command' || !reply.isTarget) return undefined;
      if (performed === undefined) {
        const played = fitted(one, reply);
        performed = perform(played, reply.session);
        before = [...(performed?.before ?? [])];
        mutator.notes = { markers: before.length, played };
        mutator.isOpen = performed?.open === true;
      }
      const valid = before.shift();
      return valid ? { chunks: [valid], isValid: true } : performed && { chunks: performed.chunks };
    },
  };
  return mutator;
}

/** Gives the case the text of the required reply. A client may refuse a reply of a lower level than its command. */
function fitted(one: MessageCase, { answer, level }: CommandReply): MessageCase {
  // With one line, the client prints exactly the mutated text.
  const shape = ruleIn(one).needs?.includes('lines') ? one.text : '200 Ok\r\n';
  const isWeak = !covers(one.level, level) && one.expected.verdict === 'accept';
  return { ...one, ...(isWeak && { expected: { verdict: 'either' } }), text: fittedReply(answer, shape) };
}

function exchangeMutator(one: FuzzCase, keys: ExchangeKeys | undefined): ReplyMutator {
  return {
    replace(reply) {
      const octets = reply.to === 'ADAT' && performExchange(one, { ...reply.turn, to: 'client', keys });
      return octets ? { chunks: [octets] } : undefined;
    },
    behind: TO_ITS_END,
    isLost: true,
  };
}

/** The reply that the line of a script replaces, or that it follows in one piece. */
const PLACES: Record<Script['start'], ReplyMutator & Pick<PendingReply, 'to'> & { isEarly?: true }> = {
  greeted: { to: 'AUTH' },
  // A client that accepts this has no keys, or other keys.
  auth: { to: 'AUTH', isEarly: true, isLost: true },
  exchange: { to: 'ADAT', skipsExchange: true },
  adat: { to: 'ADAT', isEarly: true },
  secured: { to: 'command', dropsTransfer: true },
};

function scriptMutator({ start, line }: Script): ReplyMutator {
  const { to, isEarly, ...mutator } = PLACES[start];
  const isMarked = start === 'adat' || start === 'secured';
  const marked = isMarked ? { ...line, text: `${line.text} ${MARKER}` } : line;
  return {
    ...mutator,
    replace(reply) {
      if (reply.to !== to || (reply.to === 'command' && !reply.isTarget)) return undefined;
      if (reply.to === 'ADAT' && start === 'adat' && reply.turn.code !== 235) return undefined;
      const octets = scriptOctets(marked, 'client', reply.session?.context);
      if (octets === undefined) return undefined;
      return isEarly ? { chunks: [concatAll([reply.valid(), octets])], isEarly } : { chunks: [octets] };
    },
  };
}

/** Replies whose text a client parses, and those that are not the first success in the table of commands. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  USER: [232, 'User logged in'],
  SYST: [215, 'UNIX Type: L8'],
  PWD: [257, '"/" is here'],
  XPWD: [257, '"/" is here'],
  MKD: [257, '"/made" created'],
  SIZE: [213, `${FILE.length}`],
  MDTM: [213, '20200101000000'],
  OPTS: [200, 'Done'],
};

/** The reply of a conforming server to a command, without its data connection. Of the other RFCs it has only the above. */
export function usualAnswer(verb: string): Answer {
  const { source, replies, resets } = commandFacts(verb);
  const code = replies.find(it => it >= 200 && it < 400);
  const isKnown = code !== undefined && source.startsWith('RFC 959') && !resets;
  return ANSWERS[verb] ?? (isKnown ? [code, 'Done'] : [502, 'Not implemented']);
}

/** A reply with the number of lines of `shape`, and the marker in its last line. */
export function fittedReply([code, text]: Answer, shape: string): string {
  const lines = shape.split('\r\n').slice(0, -1);
  const coded = lines.slice(0, -1).map(line => line.replace(/^\d{3}/, `${code}`));
  return [...coded, `${code} ${text} ${MARKER}`, ''].join('\r\n');
}
