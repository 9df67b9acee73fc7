/**
 * Who may say what when (RFC 2228 §2, §3, §7, §9 and appendix I), as tables: no octets, no role. What reads or writes a
 * control connection from any side asks here.
 */
import { commandFacts, isTransfer } from '../ftp/commands.js';
import type { Peer } from '../protection/mechanism.js';
import { covers, factsOf, type ProtectionLevel, type TokenLevel } from '../protection/protection-level.js';
import { EXCHANGE_REPLIES, exchangeReply } from '../protection/security-data.js';

/**
 * Where a control connection stands: `clear` no security association; `exchange` AUTH was accepted and security data is
 * due; `secured` an association stands; `cleared` it stands, and CCC has lifted the requirement of integrity.
 */
export type Phase = 'clear' | 'exchange' | 'secured' | 'cleared';

interface Transition {
  /** The phases it starts from. */
  from: readonly Phase[];
  /** The command that was answered, and the first digits of the code that answered it. */
  verb: string;
  code: string;
  to: Phase;
}

const ANY: readonly Phase[] = ['clear', 'exchange', 'secured', 'cleared'];

/** §9's diagram, with CCC (§3) and the two resets: AUTH again (§3) and REIN (appendix I). `clear` before 235 is a recording that starts late. */
const TRANSITIONS: readonly Transition[] = [
  ...EXCHANGE_REPLIES.map(({ code, verb, completes }): Transition => {
    const from: readonly Phase[] = verb === 'AUTH' ? ANY : ['clear', 'exchange'];
    return { from, verb, code: `${code}`, to: completes ? 'secured' : 'exchange' };
  }),
  { from: ['exchange'], verb: 'ADAT', code: '4', to: 'clear' },
  { from: ['exchange'], verb: 'ADAT', code: '5', to: 'clear' },
  { from: ['secured'], verb: 'CCC', code: '2', to: 'cleared' },
  { from: ANY, verb: 'REIN', code: '2', to: 'clear' },
];

/** The phase after a command has been answered with a final reply, or 334 or 335. */
export function phaseAfter(phase: Phase, verb: string, code: number): Phase {
  const digits = `${code}`;
  const found = TRANSITIONS.find(it => it.from.includes(phase) && it.verb === verb && digits.startsWith(it.code));
  return found?.to ?? phase;
}

/** The one command that a code can answer (§5.1); undefined when it may answer others. */
export function verbAnsweredBy(code: number): string | undefined {
  const reply = exchangeReply(code);
  return reply?.answersAlone ? reply.verb : undefined;
}

/** A command that waits for its reply: its verb, and the level it came at. */
export interface PendingCommand {
  verb: string;
  level: ProtectionLevel;
  /** A preliminary reply has come. */
  begun?: boolean;
}

/**
 * Whether a command makes a side send blocks whose sequence numbers lines could have as well. Tokens without integrity
 * have numbers of their own: anybody can forge one.
 * @param protection  of data connections
 */
export function sharesNumbers(verb: string, sender: Peer, protection: ProtectionLevel): boolean {
  return commandFacts(verb).data === sender && factsOf(protection).integrity;
}

/**
 * Whether a line of a side, while it sends blocks, could be moved into the file by whoever is on the way: a token is not
 * bound to its connection, and its number is one that a block could have. A file that ABOR is moved into never ends.
 * @param line  the command, or the one that the line answers
 */
export function couldBecomeBlock({ verb, level }: PendingCommand): boolean {
  return level !== 'clear' && verb !== 'ABOR';
}

/** Whether a command is answered before the oldest one that waits: STAT during a transfer (RFC 959 §4.1.3). */
export function mayOvertake({ verb }: PendingCommand, oldest: PendingCommand | undefined): boolean {
  const isAtOnce = commandFacts(verb).duringTransfer === 'answered-at-once';
  return isAtOnce && oldest?.begun === true && isTransfer(oldest.verb);
}

/**
 * Whether a reply may come in the clear, where the mechanism has integrity: it owes the level of the command that it
 * answers (§7), and none may until CCC. So nobody's clear 334 or 234 ends an association.
 * @param answered  the command; undefined for a reply that nobody asked for
 */
export function replyMayBeClear(phase: Phase, answered: PendingCommand | undefined): boolean {
  if (phase === 'clear' || phase === 'exchange') return true;
  return phase === 'cleared' && (answered === undefined || answered.level === 'clear');
}

/** Whether a reply must come in the clear: after CCC, to a clear command (§3, CCC). */
export function replyMustBeClear(phase: Phase, answered: PendingCommand | undefined): boolean {
  return phase === 'cleared' && answered?.level === 'clear';
}

/** What both sides of a connection must agree on; the rest of what is known of it is in SecurityState. */
export interface ConnectionState {
  phase: Phase;
  /** What the association's mechanism supports; none without an association. */
  levels: readonly TokenLevel[];
  /** As PBSZ has settled it, in octets; undefined before. */
  bufferSize: number | undefined;
  /** Of data connections, as PROT has settled it (§3: clear before). */
  protection: ProtectionLevel;
}

export const NO_ASSOCIATION: ConnectionState = {
  phase: 'clear',
  levels: [],
  bufferSize: undefined,
  protection: 'clear',
};

/** A command, with what its argument asks for. */
export interface CommandRequest extends PendingCommand {
  /** Of AUTH. */
  mechanism?: string;
  /** Of PBSZ; what has been settled, once it is answered. */
  bufferSize?: number;
  /** Of PROT. */
  protection?: ProtectionLevel;
}

/** Where a connection stands when a command has been answered finally. AUTH, when accepted, and REIN leave nothing of what was. */
export function nextState(state: ConnectionState, request: CommandRequest, code: number): ConnectionState {
  const phase = phaseAfter(state.phase, request.verb, code);
  const reset = request.verb === 'AUTH' && code < 400;
  if (reset || phase === 'clear' || phase === 'exchange') return { ...NO_ASSOCIATION, phase };
  const accepted = code >= 200 && code < 300;
  if (accepted && request.verb === 'PBSZ') return { ...state, bufferSize: request.bufferSize ?? state.bufferSize };
  if (accepted && request.verb === 'PROT') return { ...state, protection: request.protection ?? state.protection };
  return { ...state, phase };
}

/** Whether an association stands that has integrity. */
export function hasIntegrity({ levels }: ConnectionState): boolean {
  return levels.some(level => factsOf(level).integrity);
}

/** Whether every line owes integrity: §3 has it so from the end of the exchange until CCC succeeds. */
export function integrityRequired(state: ConnectionState): boolean {
  return state.phase === 'secured' && hasIntegrity(state);
}

/** Whether a protected reply owes integrity: after CCC, if the command that it answers had it (§7). */
export function replyNeedsIntegrity(state: ConnectionState, answered: PendingCommand | undefined): boolean {
  return integrityRequired(state) || (answered !== undefined && factsOf(answered.level).integrity);
}

/**
 * The level that a reply goes at: that of the command that it answers (§7). Where that can't be, since integrity is owed
 * or the mechanism lacks the level, it is that of the last protected command, or the weakest; policy must take either.
 * @param answered  undefined for a reply that nobody asked for
 * @param last  of the last protected command
 */
export function replyLevel(
  state: ConnectionState,
  answered: ProtectionLevel | undefined,
  last: TokenLevel | undefined,
  require?: 'safe' | 'private',
): ProtectionLevel {
  const owed = answered ?? 'clear';
  if (mayReplyAt(owed, state)) return owed;
  const taken = (level: TokenLevel | undefined) =>
    level !== undefined && mayReplyAt(level, state) && (require === undefined || covers(level, require));
  return [last, ...WEAKEST_FIRST].find(taken) ?? 'clear';
}

/** Whether a protected reply may be sent at a level, or a clear one if it is `clear`. */
export function mayReplyAt(level: ProtectionLevel, state: ConnectionState): boolean {
  if (level !== 'clear' && !state.levels.includes(level)) return false;
  return factsOf(level).integrity || !integrityRequired(state);
}

const WEAKEST_FIRST: readonly TokenLevel[] = ['safe', 'private', 'confidential'];

/** The strongest of some levels: what has integrity comes first. */
export function strongest(levels: readonly TokenLevel[]): TokenLevel | undefined {
  return (['private', 'safe', 'confidential'] as const).find(level => levels.includes(level));
}
