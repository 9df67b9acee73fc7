/**
 * Which line may come when, and at which level (RFC 2228 §2, §3, §7, §9 and appendix I), as tables and pure functions. They read
 * no octets, and apply to client, server and observer alike.
 */
import { FtpSecurityError } from '../errors.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import type { Peer } from '../protection/mechanism.js';
import { covers, factsOf, type ProtectionLevel, type TokenLevel } from '../protection/protection-level.js';
import { EXCHANGE_REPLIES, exchangeReply } from '../protection/security-data.js';

/**
 * The phase of a control connection. `clear`: there is no security association; `exchange`: AUTH was accepted, and security data
 * comes next; `secured`: there is an association; `cleared`: there is one, and CCC has lifted the requirement of integrity.
 */
export type Phase = 'clear' | 'exchange' | 'secured' | 'cleared';

interface Transition {
  /** The phases in which it applies. */
  from: readonly Phase[];
  /** The command that was answered. */
  verb: string;
  /** The first digits of the code that answered it. */
  code: string;
  to: Phase;
}

const ANY: readonly Phase[] = ['clear', 'exchange', 'secured', 'cleared'];

/**
 * The diagram of §9, with CCC (§3) and the two resets: another AUTH (§3) and REIN (appendix I). In a recording that starts
 * late, 235 may come in phase `clear`.
 */
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
  const found = TRANSITIONS.find(it => it.verb === verb && it.from.includes(phase) && `${code}`.startsWith(it.code));
  return found?.to ?? phase;
}

/** The only command that a code can answer (§5.1); undefined if it can answer others. */
export function verbAnsweredBy(code: number): string | undefined {
  const reply = exchangeReply(code);
  return reply?.answersAlone ? reply.verb : undefined;
}

/** A command that waits for its reply. */
export interface PendingCommand {
  /** In upper case; empty if it is not known, or must have no effect. */
  verb: string;
  /** How it was protected. */
  level: ProtectionLevel;
  /** A preliminary reply has come. */
  begun?: boolean;
}

/**
 * Whether a command makes a side send blocks that have sequence numbers in common with its lines. Tokens without integrity
 * are numbered separately, since anybody can forge their numbers.
 * @param protection  the level of data connections
 */
export function sharesNumbers(verb: string, sender: Peer, protection: ProtectionLevel): boolean {
  return commandFacts(verb).data === sender && factsOf(protection).integrity;
}

/**
 * Whether somebody on the way could move a line into a file that the same side is sending: a token is not bound to its
 * connection, and the number of the line is one that a block could have. ABOR does no harm there: the file that it is moved
 * into never ends.
 * @param line  the command, or the one that the line answers
 */
export function couldBecomeBlock({ verb, level }: PendingCommand): boolean {
  return level !== 'clear' && verb !== 'ABOR';
}

/** Whether the reply to a command comes before that to the oldest one: STAT during a transfer (RFC 959 §4.1.3). */
export function mayOvertake({ verb }: PendingCommand, oldest: PendingCommand | undefined): boolean {
  return oldest !== undefined && mayBeOvertaken(oldest) && commandFacts(verb).duringTransfer === 'answered-at-once';
}

/** Whether the reply to a younger command may come before that to the oldest one: that one is a transfer which has begun. */
export function mayBeOvertaken({ verb, begun }: PendingCommand): boolean {
  return begun === true && isTransfer(verb);
}

/**
 * Whether a reply may come in the clear, if the mechanism has integrity: not before CCC succeeds, and after that not to a
 * protected command (§7). So a clear 334 or 234 that somebody inserts ends no association.
 * @param answered  the command; undefined for a reply without a command
 */
export function replyMayBeClear(phase: Phase, answered: PendingCommand | undefined): boolean {
  if (phase === 'clear' || phase === 'exchange') return true;
  return phase === 'cleared' && (answered === undefined || answered.level === 'clear');
}

/** Whether a reply must come in the clear: after CCC, to a clear command (§3, CCC). */
export function replyMustBeClear(phase: Phase, answered: PendingCommand | undefined): boolean {
  return phase === 'cleared' && answered?.level === 'clear';
}

/** What client and server must agree on. The rest of what is known of a connection is in SecurityState. */
export interface ConnectionState {
  phase: Phase;
  /** What the mechanism of the association supports; empty without an association. */
  levels: readonly TokenLevel[];
  /** The protection buffer that PBSZ has set, in octets; undefined before. */
  bufferSize: number | undefined;
  /** The level of data connections that PROT has set (§3: clear before). */
  protection: ProtectionLevel;
}

/** The state at the start of a connection, and after REIN. */
export const NO_ASSOCIATION: ConnectionState = {
  phase: 'clear',
  levels: [],
  bufferSize: undefined,
  protection: 'clear',
};

/** A command, with what its argument asks for. */
export interface CommandRequest extends PendingCommand {
  /** For AUTH: the name, in upper case. */
  mechanism?: string;
  /** For PBSZ: octets; when it has been answered, the size that both sides use. */
  bufferSize?: number;
  /** For PROT. */
  protection?: ProtectionLevel;
  /** In a recording: its argument, and the number of its message. Absent if it broke a rule, so that it must have no effect. */
  argument?: string | undefined;
  message?: number;
  /** In a recording, for ADAT: the security data. */
  token?: Uint8Array;
}

/** Whether a server has accepted AUTH, which ends the association before it (§3, AUTH). */
export function isNewExchange(verb: string, code: number): boolean {
  return verb === 'AUTH' && exchangeReply(code)?.verb === 'AUTH';
}

/** The state after the final reply to a command. An accepted AUTH or REIN resets all of it. */
export function nextState(state: ConnectionState, request: CommandRequest, code: number): ConnectionState {
  const phase = phaseAfter(state.phase, request.verb, code);
  if (phase === 'clear') return NO_ASSOCIATION;
  if (isNewExchange(request.verb, code) || phase === 'exchange') return { ...NO_ASSOCIATION, phase };
  const accepted = code >= 200 && code < 300;
  if (accepted && request.verb === 'PBSZ') return { ...state, bufferSize: request.bufferSize ?? state.bufferSize };
  if (accepted && request.verb === 'PROT') return { ...state, protection: request.protection ?? state.protection };
  return phase === state.phase ? state : { ...state, phase };
}

/** The error of a line that needs an association where there is none. */
export function noAssociation(): FtpSecurityError {
  return new FtpSecurityError('sequence/no-context', 'there is no security association');
}

/** The error of a reply, or a line of one, that must not be clear. */
export function clearReply(): FtpSecurityError {
  return new FtpSecurityError('sequence/unprotected', 'a reply in the clear where protection is required');
}

/** The error of our own side when it uses a session that has ended. */
export function sessionClosed(): FtpSecurityError {
  return new FtpSecurityError('sequence/closed', 'the session is closed', { side: 'local' });
}

/** Whether there is an association with integrity. */
export function hasIntegrity({ levels }: ConnectionState): boolean {
  return levels.some(level => factsOf(level).integrity);
}

/** Whether every line must have integrity: from the end of the exchange until CCC succeeds (§3). */
export function integrityRequired(state: ConnectionState): boolean {
  return state.phase === 'secured' && hasIntegrity(state);
}

/** Whether a protected reply must have integrity. After CCC it must if the command that it answers had it (§7). */
export function replyNeedsIntegrity(state: ConnectionState, answered: PendingCommand | undefined): boolean {
  return integrityRequired(state) || (answered !== undefined && factsOf(answered.level).integrity);
}

/**
 * The level at which a server sends a reply: that of the command that it answers (§7). If integrity is required and that
 * level lacks it, or the mechanism lacks the level, it is the level of the last protected command, or else the weakest that
 * policy accepts.
 * @param answered  the level of the command; undefined for a reply without a command
 * @param last  the level of the last protected command
 * @param require  the lowest level that policy accepts
 */
export function replyLevel(
  state: ConnectionState,
  answered: ProtectionLevel | undefined,
  last: TokenLevel | undefined,
  require?: 'safe' | 'private',
): ProtectionLevel {
  const wanted = answered ?? 'clear';
  if (mayReplyAt(wanted, state)) return wanted;
  const accepted = (level: TokenLevel | undefined) =>
    level !== undefined && mayReplyAt(level, state) && (require === undefined || covers(level, require));
  return [last, ...WEAKEST_FIRST].find(accepted) ?? 'clear';
}

/** Whether a protected reply may be sent at a level, or a clear one if it is `clear`. */
export function mayReplyAt(level: ProtectionLevel, state: ConnectionState): boolean {
  if (level !== 'clear' && !state.levels.includes(level)) return false;
  return factsOf(level).integrity || !integrityRequired(state);
}

const WEAKEST_FIRST: readonly TokenLevel[] = ['safe', 'private', 'confidential'];

/** The strongest of some levels: those with integrity come first. @returns undefined for an empty list */
export function strongest(levels: readonly TokenLevel[]): TokenLevel | undefined {
  return (['private', 'safe', 'confidential'] as const).find(level => levels.includes(level));
}
