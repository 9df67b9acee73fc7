/**
 * Who may say what when (RFC 2228 §2, §3 and §9), as tables: no octets, no role. What reads a control connection from
 * any side asks here.
 */
import type { ProtectionLevel } from '../secure/protection-level.js';

/**
 * Where a control connection stands: `clear` no security association; `exchange` AUTH was accepted and security data is
 * due; `secured` an association stands; `relaxed` it stands, and CCC has lifted the requirement of integrity.
 */
export type Phase = 'clear' | 'exchange' | 'secured' | 'relaxed';

interface Transition {
  /** The phases it starts from. */
  from: readonly Phase[];
  /** The command that was answered, and the first digits of the code that answered it. */
  verb: string;
  code: string;
  to: Phase;
}

const ANY: readonly Phase[] = ['clear', 'exchange', 'secured', 'relaxed'];

/** §9's diagram, with CCC (§3) and the two resets: AUTH again (§3) and REIN (appendix I). `clear` before 235 is a recording that starts late. */
const TRANSITIONS: readonly Transition[] = [
  { from: ANY, verb: 'AUTH', code: '334', to: 'exchange' },
  { from: ANY, verb: 'AUTH', code: '234', to: 'secured' },
  { from: ['clear', 'exchange'], verb: 'ADAT', code: '335', to: 'exchange' },
  { from: ['clear', 'exchange'], verb: 'ADAT', code: '235', to: 'secured' },
  { from: ['exchange'], verb: 'ADAT', code: '4', to: 'clear' },
  { from: ['exchange'], verb: 'ADAT', code: '5', to: 'clear' },
  { from: ['secured'], verb: 'CCC', code: '2', to: 'relaxed' },
  { from: ANY, verb: 'REIN', code: '2', to: 'clear' },
];

/** The phase after a command has been answered with a final reply, or 334 or 335. */
export function phaseAfter(phase: Phase, verb: string, code: number): Phase {
  const digits = `${code}`;
  const found = TRANSITIONS.find(it => it.from.includes(phase) && it.verb === verb && digits.startsWith(it.code));
  return found?.to ?? phase;
}

/** Commands that make an association, so that they need none (§7). */
const NEEDS_NO_PROTECTION: ReadonlySet<string> = new Set(['AUTH', 'ADAT']);

/** Whether a command may come in the clear, where the mechanism has integrity (§2, §3 CCC). */
export function commandMayBeClear(phase: Phase, verb: string): boolean {
  return phase !== 'secured' || NEEDS_NO_PROTECTION.has(verb);
}

/** A command that waits for its reply: its verb, and the level it came at. */
export interface Unanswered {
  verb: string;
  level: ProtectionLevel;
}

/**
 * Whether a reply may come in the clear, where the mechanism has integrity: it owes the level of the command that it
 * answers (§7), and before CCC the clear is lawful for the exchange alone.
 * @param answered  the command; undefined for a reply that nobody asked for
 */
export function replyMayBeClear(phase: Phase, answered: Unanswered | undefined): boolean {
  if (phase === 'clear' || phase === 'exchange') return true;
  if (answered === undefined) return phase === 'relaxed';
  return answered.level === 'clear' && commandMayBeClear(phase, answered.verb);
}

/** Whether a reply must come in the clear: after CCC, to a clear command (§3, CCC). */
export function replyMustBeClear(phase: Phase, answered: Unanswered | undefined): boolean {
  return phase === 'relaxed' && answered?.level === 'clear';
}
