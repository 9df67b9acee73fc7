/**
 * Which command breaks which rule, and the reply that it is owed (RFC 2228 §3, §6 and §7), as a table: no octets, no role.
 * What the RFC leaves to policy is in the table too.
 */
import { type ErrorCode, FtpSecurityError, type RefusalCode } from '../errors.js';
import type { Command } from '../ftp/command.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import type { ExchangeFacts, SecurityContext } from '../protection/mechanism.js';
import { covers, factsOf, type ProtectionLevel } from '../protection/protection-level.js';
import { parseAuth, parseCcc, parsePbszCommand, parseProt } from '../protection/security-data.js';
import { type CommandRequest, type ConnectionState, integrityRequired } from './rules.js';

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
  /** Nothing but what leads to an association, before one stands. Default: whether `require` is given. */
  requireSecurity?: boolean;
}

/** What a session demands of a new security context. */
export interface ContextPolicy extends Pick<Policy, 'require'> {
  allowWeak?: boolean | undefined;
}

/**
 * What a command asks for, as the rules need it.
 * @param level  that the command comes at
 * @throws FtpSecurityError `syntax/bad-command` for an argument that can't be read: 501, or 504
 */
export function commandRequest(command: Command, level: ProtectionLevel): CommandRequest {
  const { verb } = command;
  switch (verb) {
    case 'AUTH':
      return { verb, level, mechanism: parseAuth(command) };
    case 'PBSZ':
      return { verb, level, bufferSize: parsePbszCommand(command) };
    case 'PROT':
      return { verb, level, protection: parseProt(command) };
    case 'CCC':
      parseCcc(command);
  }
  return { verb, level };
}

/** A rule: what breaks it, and the reply that is owed then. */
interface Rule {
  reply: RefusalCode;
  error: ErrorCode;
  why: string;
  broken(request: CommandRequest, state: ConnectionState, policy: Policy): boolean;
}

/** In the order in which they are applied: first whether a line may be heard at all, then what it asks for. */
const RULES: readonly Rule[] = [
  {
    reply: 503,
    error: 'sequence/no-context',
    why: 'MIC, CONF and ENC come after a security data exchange (§3)',
    broken: ({ level }, { phase }) => level !== 'clear' && (phase === 'clear' || phase === 'exchange'),
  },
  {
    reply: 533,
    error: 'sequence/unprotected',
    why: 'a command in the clear where integrity is owed (§3, CCC)',
    broken: ({ level }, state) => level === 'clear' && integrityRequired(state),
  },
  {
    reply: 533,
    error: 'sequence/wrong-level',
    why: 'CONF before CCC (§3)',
    broken: ({ level }, state) => !factsOf(level).integrity && integrityRequired(state),
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
    broken: ({ verb }, { levels }, { require, requireSecurity = require !== undefined }) =>
      requireSecurity && levels.length === 0 && commandFacts(verb).beforeSecurity !== true,
  },
  {
    reply: 533,
    error: 'sequence/wrong-level',
    why: 'policy wants a higher level (§3)',
    broken: ({ level }, { phase }, { require }) =>
      require !== undefined && phase === 'secured' && !covers(level, require),
  },
  {
    reply: 534,
    error: 'sequence/unexpected-command',
    why: 'policy wants CCC first, and nothing but CCC (§3); AUTH has no 503 (§8.2)',
    broken: ({ verb }, { phase }, { ccc }) => ccc === 'required' && phase === 'secured' && verb === 'AUTH',
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
    broken: ({ verb }, { levels }) => commandFacts(verb).needsAssociation === true && levels.length === 0,
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
    broken: ({ verb }, { protection }, { transfers }) => isTransfer(verb) && transfers?.includes(protection) === false,
  },
];

/**
 * Which rule a command breaks, if it does.
 * @param side  who asked for it
 * @returns the error, with the reply that a server owes
 */
export function refusalOf(
  request: CommandRequest,
  state: ConnectionState,
  policy: Policy = {},
  side: 'local' | 'peer' = 'peer',
): FtpSecurityError | undefined {
  const rule = RULES.find(({ broken }) => broken(request, state, policy));
  return rule && new FtpSecurityError(rule.error, rule.why, { side, reply: rule.reply });
}

/**
 * The policy that a new context breaks, checked before it is in force.
 * @param facts  what its exchange has found out
 * @returns `security/weak` or `security/level-unsupported`, side local, with reply 534
 */
export function contextRefusal(
  context: SecurityContext,
  facts: ExchangeFacts,
  { allowWeak = false, require }: ContextPolicy,
): FtpSecurityError | undefined {
  const refused = { side: 'local', reply: 534 } as const;
  if (facts.weak === true && !allowWeak) {
    return new FtpSecurityError('security/weak', 'the mechanism or its keys are weak', refused);
  }
  if (require === undefined || context.supports(require) || context.supports('private')) return undefined;
  const message = `${context.mechanism} has no level ${require}, which policy wants`;
  return new FtpSecurityError('security/level-unsupported', message, refused);
}
