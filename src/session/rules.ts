/**
 * Who may say what when (RFC 2228 §2, §3, §7, §9 and appendix I), as tables: no octets, no role. What reads or writes a
 * control connection from any side asks here.
 */
import { type ErrorCode, FtpSecurityError, type RefusalCode } from '../errors.js';
import { covers, factsOf, type ProtectionLevel, type TokenLevel } from '../secure/protection-level.js';

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

/** Codes that answer one command alone. */
const ANSWERS_ALONE: Readonly<Record<number, string>> = { 334: 'AUTH', 335: 'ADAT', 235: 'ADAT' };

/** The one command that a code can answer (§5.1); undefined when it may answer others. */
export function verbAnsweredBy(code: number): string | undefined {
  return ANSWERS_ALONE[code];
}

/** Behind these nobody knows how the next line is to be read before they are answered. */
const WAITED_FOR: ReadonlySet<string> = new Set(['AUTH', 'ADAT', 'REIN']);

/** Whether nothing may be sent, or read, behind a command before its final reply. */
export function mustBeWaitedFor(verb: string): boolean {
  return WAITED_FOR.has(verb);
}

/** Commands that make an association, so that they need none (§7). */
const NEEDS_NO_PROTECTION: ReadonlySet<string> = new Set(['AUTH', 'ADAT']);

/** Whether a command may come in the clear, where the mechanism has integrity (§2, §3 CCC). A server may be stricter. */
export function commandMayBeClear(phase: Phase, verb: string): boolean {
  return phase !== 'secured' || NEEDS_NO_PROTECTION.has(verb);
}

/** A command that waits for its reply: its verb, and the level it came at. */
export interface Unanswered {
  verb: string;
  level: ProtectionLevel;
  /** A preliminary reply has come. */
  begun?: boolean;
}

/** Whether a command is answered before the oldest one that waits: STAT during a transfer (RFC 959 §4.1.3). */
export function mayOvertake({ verb }: Unanswered, oldest: Unanswered | undefined): boolean {
  return verb === 'STAT' && oldest?.begun === true && TRANSFERS.has(oldest.verb);
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

/** What both sides of a connection must agree on. */
export interface Standing {
  phase: Phase;
  /** What the association's mechanism supports; none without an association. */
  levels: readonly TokenLevel[];
  /** As PBSZ has settled it, in octets; undefined before. */
  bufferSize: number | undefined;
  /** Of data connections, as PROT has settled it (§3: clear before). */
  protection: ProtectionLevel;
}

export const NO_ASSOCIATION: Standing = { phase: 'clear', levels: [], bufferSize: undefined, protection: 'clear' };

/** A command, with what its argument asks for. */
export interface Asked extends Unanswered {
  /** Of AUTH. */
  mechanism?: string;
  /** Of PBSZ; what has been settled, once it is answered. */
  bufferSize?: number;
  /** Of PROT. */
  protection?: ProtectionLevel;
}

/** Where a connection stands when a command has been answered finally. AUTH, when accepted, and REIN leave nothing of what was. */
export function standingAfter(standing: Standing, asked: Asked, code: number): Standing {
  const phase = phaseAfter(standing.phase, asked.verb, code);
  const reset = asked.verb === 'AUTH' && code < 400;
  if (reset || phase === 'clear' || phase === 'exchange') return { ...NO_ASSOCIATION, phase };
  const accepted = code >= 200 && code < 300;
  if (accepted && asked.verb === 'PBSZ') return { ...standing, bufferSize: asked.bufferSize };
  if (accepted && asked.verb === 'PROT') return { ...standing, protection: asked.protection! };
  return { ...standing, phase };
}

/** Whether an association stands that has integrity. */
export function hasIntegrity({ levels }: Standing): boolean {
  return levels.some(level => factsOf(level).integrity);
}

/** Whether every line owes integrity: §3 has it so from the end of the exchange until CCC succeeds. */
export function owesIntegrity(standing: Standing): boolean {
  return standing.phase === 'secured' && hasIntegrity(standing);
}

/** Whether a protected reply owes integrity: after CCC, if the command that it answers had it (§7). */
export function replyOwesIntegrity(standing: Standing, answered: Unanswered | undefined): boolean {
  return owesIntegrity(standing) || (answered !== undefined && factsOf(answered.level).integrity);
}

/**
 * The level that a reply goes at: that of the command that it answers (§7). Where that can't be, since integrity is owed
 * or the mechanism lacks the level, it is that of the last protected command, or the weakest that policy takes.
 * @param answered  undefined for a reply that nobody asked for
 * @param last  of the last protected command
 */
export function replyLevel(
  standing: Standing,
  answered: ProtectionLevel | undefined,
  last: TokenLevel | undefined,
  { require }: Policy = {},
): ProtectionLevel {
  const { levels } = standing;
  const fits = (level: ProtectionLevel = 'clear') =>
    (level === 'clear' || levels.includes(level)) && (!owesIntegrity(standing) || factsOf(level).integrity);
  const weakest = WEAKEST_FIRST.find(level => fits(level) && (require === undefined || covers(level, require)));
  return [answered, last, weakest].find((level, i) => (i === 0 || level !== undefined) && fits(level)) ?? 'clear';
}

const WEAKEST_FIRST: readonly TokenLevel[] = ['safe', 'private', 'confidential'];

/** The strongest of some levels: what has integrity comes first. */
export function strongest(levels: readonly TokenLevel[]): TokenLevel | undefined {
  return (['private', 'safe', 'confidential'] as const).find(level => levels.includes(level));
}

/** What a side demands beyond the RFC (§7). */
export interface Policy {
  /** Names that AUTH may have, in upper case; default any. */
  mechanisms?: readonly string[];
  /** CCC is granted, refused, or owed before all else; default granted. */
  ccc?: 'allowed' | 'refused' | 'required';
  /** The least level of commands and replies until CCC succeeds. */
  require?: 'safe' | 'private';
  /** The levels that data connections may have; default all. */
  transfers?: readonly ProtectionLevel[];
  /** Nothing but what leads to an association, before one stands. */
  requireSecurity?: boolean;
}

/** Commands that say nothing of a user and do nothing for one. */
const BEFORE_SECURITY: ReadonlySet<string> = new Set('AUTH ADAT REIN QUIT NOOP FEAT HELP SYST OPTS HOST'.split(' '));
const NEEDS_ASSOCIATION: ReadonlySet<string> = new Set(['PBSZ', 'PROT', 'CCC']);
/** §6, and those that are younger: MLSD (RFC 3659 §7). */
const TRANSFERS: ReadonlySet<string> = new Set('STOR STOU RETR LIST NLST APPE MLSD'.split(' '));

/** A rule: what breaks it, and the reply that is owed then. */
interface Rule {
  reply: RefusalCode;
  error: ErrorCode;
  why: string;
  broken(asked: Asked, standing: Standing, policy: Policy): boolean;
}

/** In the order in which they are applied: first whether a line may be heard at all, then what it asks for. */
const RULES: readonly Rule[] = [
  {
    reply: 503,
    error: 'sequence/no-context',
    why: 'MIC, CONF and ENC come after a security data exchange (§3)',
    broken: ({ level }, { levels }) => level !== 'clear' && levels.length === 0,
  },
  {
    reply: 533,
    error: 'sequence/unprotected',
    why: 'a command in the clear where integrity is owed (§3, CCC)',
    broken: ({ level }, standing) => level === 'clear' && owesIntegrity(standing),
  },
  {
    reply: 533,
    error: 'sequence/wrong-level',
    why: 'CONF before CCC (§3)',
    broken: ({ level }, standing) => !factsOf(level).integrity && owesIntegrity(standing),
  },
  {
    reply: 537,
    error: 'security/level-unsupported',
    why: 'the mechanism has no such level (§3)',
    broken: ({ level }, { levels }) => level !== 'clear' && !levels.includes(level),
  },
  {
    reply: 533,
    error: 'sequence/unprotected',
    why: 'policy wants a security association first (§3)',
    broken: ({ verb }, { levels }, { requireSecurity }) =>
      requireSecurity === true && levels.length === 0 && !BEFORE_SECURITY.has(verb),
  },
  {
    reply: 533,
    error: 'sequence/wrong-level',
    why: 'policy wants a higher level (§3)',
    broken: ({ level }, { phase }, { require }) =>
      require !== undefined && phase === 'secured' && !covers(level, require),
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'policy wants CCC first (§3)',
    broken: ({ verb }, { phase }, { ccc }) => ccc === 'required' && phase === 'secured' && verb !== 'CCC',
  },
  {
    reply: 502,
    error: 'sequence/unexpected-command',
    why: 'the security extensions are not offered (§3, AUTH)',
    broken: ({ verb }, _, { mechanisms }) => verb === 'AUTH' && mechanisms?.length === 0,
  },
  {
    reply: 504,
    error: 'sequence/unexpected-command',
    why: 'AUTH names no mechanism that is known here (§3)',
    broken: ({ mechanism }, _, { mechanisms }) => mechanism !== undefined && mechanisms?.includes(mechanism) === false,
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'ADAT comes after AUTH, and not once the exchange is complete (§3)',
    broken: ({ verb }, { phase }) => verb === 'ADAT' && phase !== 'exchange',
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'PBSZ, PROT and CCC come after a security data exchange (§3)',
    broken: ({ verb }, { levels }) => NEEDS_ASSOCIATION.has(verb) && levels.length === 0,
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'PROT comes after PBSZ (§3)',
    broken: ({ verb }, { bufferSize }) => verb === 'PROT' && bufferSize === undefined,
  },
  {
    reply: 534,
    error: 'sequence/unexpected-command',
    why: 'policy keeps the control connection protected (§3, CCC)',
    broken: ({ verb }, _, { ccc }) => verb === 'CCC' && ccc === 'refused',
  },
  {
    reply: 536,
    error: 'security/level-unsupported',
    why: 'the mechanism has no such level for data (§3, PROT)',
    broken: ({ protection = 'clear' }, { levels }) => protection !== 'clear' && !levels.includes(protection),
  },
  {
    reply: 534,
    error: 'sequence/wrong-level',
    why: 'policy does not take that level for data (§3, PROT)',
    broken: ({ protection }, _, { transfers }) => protection !== undefined && transfers?.includes(protection) === false,
  },
  {
    reply: 534,
    error: 'sequence/wrong-level',
    why: 'policy wants another level for data (§6)',
    broken: ({ verb }, { protection }, { transfers }) =>
      TRANSFERS.has(verb) && transfers?.includes(protection) === false,
  },
];

/**
 * Which rule a command breaks, if it does.
 * @param side  who asked for it
 * @returns the error, with the reply that a server owes
 */
export function refusalOf(
  asked: Asked,
  standing: Standing,
  policy: Policy = {},
  side: 'local' | 'peer' = 'peer',
): FtpSecurityError | undefined {
  const rule = RULES.find(({ broken }) => broken(asked, standing, policy));
  return rule && new FtpSecurityError(rule.error, rule.why, { side, reply: rule.reply });
}
