/**
 * Which command breaks which rule, and the code that refuses it (RFC 2228 §3, §6 and §7), as a table. What the RFC leaves to
 * policy is in the table too. Servers apply it to the commands that come, clients to those that they are about to send.
 */
import { type ErrorCode, FtpSecurityError, type RefusalCode } from '../errors.js';
import type { Command } from '../ftp/command.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import { DEVIATIONS, OPTIONAL_DEVIATIONS, type Tolerance } from '../protection/deviations.js';
import type { ExchangeFacts, SecurityContext, Step } from '../protection/mechanism.js';
import { covers, factsOf, type ProtectionLevel } from '../protection/protection-level.js';
import { parseAuth, parseCcc, parsePbszCommand, parseProt } from '../protection/security-data.js';
import { type CommandRequest, type ConnectionState, integrityRequired } from './rules.js';

/** What a side requires beyond the RFC (§7). */
export interface Policy {
  /** Names that AUTH may have, in upper case; default any. */
  mechanisms?: readonly string[];
  /** CCC is granted, refused, or required before any other command if the mechanism has integrity; default granted. */
  ccc?: 'allowed' | 'refused' | 'required';
  /** The lowest level of commands and replies until CCC succeeds. */
  require?: 'safe' | 'private';
  /** The levels that data connections may have; default all. */
  transfers?: readonly ProtectionLevel[];
  /**
   * Until there is an association, accept only the commands that may come before one, such as AUTH. Default: whether `require`
   * is given.
   */
  requireSecurity?: boolean;
}

/**
 * @throws RangeError for levels that a policy can't have, since it would refuse everything and not say why; and for another word
 *   about CCC, since it would grant it
 */
export function assertPolicy({ ccc, require, transfers = [] }: Policy): void {
  assertOneOf('ccc', ccc, ['allowed', 'refused', 'required']);
  assertOneOf('require', require, ['safe', 'private']);
  transfers.forEach(factsOf);
}

const KNOWN = [...DEVIATIONS, ...OPTIONAL_DEVIATIONS];

/** @throws RangeError for a deviation that does not exist, since it would permit nothing and not say why */
export function assertTolerance({ tolerate = [] }: Tolerance): void {
  for (const name of tolerate) assertOneOf('tolerate', name, KNOWN);
}

/** @throws RangeError for a value of an option that does not exist */
export function assertOneOf<T>(name: string, value: T | undefined, words: readonly T[]): void {
  if (value !== undefined && !words.includes(value)) throw new RangeError(`${name} must be ${words.join(' or ')}`);
}

/** What a session requires of a new security context. */
export interface ContextPolicy extends Pick<Policy, 'require'> {
  /** Accept a mechanism or keys that are weak. Default false. */
  allowWeak?: boolean | undefined;
}

/**
 * What a command asks for, as the rules need it.
 * @param level  how the command is protected
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

/** A rule, and how a command that breaks it is refused. */
interface Rule {
  reply: RefusalCode;
  error: ErrorCode;
  /** The message of the error; the option that decides on it, if one does, is in brackets. */
  why: string;
  broken(request: CommandRequest, state: ConnectionState, policy: Policy): boolean;
}

/** In the order in which they are applied: first those for the level of the line, then those for its request. */
const RULES: readonly Rule[] = [
  {
    reply: 503,
    error: 'sequence/no-context',
    why: 'MIC, CONF and ENC come after a security data exchange (RFC 2228 §3)',
    broken: ({ level }, { phase }) => level !== 'clear' && (phase === 'clear' || phase === 'exchange'),
  },
  {
    reply: 533,
    error: 'sequence/unprotected',
    why: 'a command in the clear where integrity is required (RFC 2228 §3, CCC)',
    broken: (request, state) => request.level === 'clear' && mustHaveIntegrity(request, state),
  },
  {
    reply: 533,
    error: 'sequence/wrong-level',
    why: 'CONF where integrity is required (RFC 2228 §3)',
    broken: (request, state) => !factsOf(request.level).integrity && mustHaveIntegrity(request, state),
  },
  {
    reply: 537,
    error: 'security/level-unsupported',
    why: 'the mechanism has no such level (RFC 2228 §3)',
    broken: ({ level }, { levels }) => level !== 'clear' && !levels.includes(level),
  },
  {
    reply: 533,
    error: 'sequence/unprotected',
    why: 'policy requires a security association first (require, requireSecurity; RFC 2228 §3)',
    broken: ({ verb }, { levels }, { require, requireSecurity = require !== undefined }) =>
      requireSecurity && levels.length === 0 && commandFacts(verb).beforeSecurity !== true,
  },
  {
    reply: 533,
    error: 'sequence/wrong-level',
    why: 'policy requires a higher level (require; RFC 2228 §3)',
    broken: ({ level }, { phase }, { require }) =>
      require !== undefined && phase === 'secured' && !covers(level, require),
  },
  {
    reply: 534,
    error: 'sequence/unexpected-command',
    why: 'policy requires CCC first (ccc; RFC 2228 §3)', // AUTH has no 503 (§8.2).
    broken: ({ verb }, state, { ccc }) => ccc === 'required' && integrityRequired(state) && verb === 'AUTH',
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'policy requires CCC first (ccc; RFC 2228 §3)',
    broken: ({ verb }, state, { ccc }) => ccc === 'required' && integrityRequired(state) && verb !== 'CCC',
  },
  {
    reply: 502,
    error: 'sequence/unexpected-command',
    why: 'the security extensions are not offered (RFC 2228 §3, AUTH)',
    broken: ({ verb }, _, { mechanisms }) => verb === 'AUTH' && mechanisms?.length === 0,
  },
  {
    reply: 504,
    error: 'sequence/unexpected-command',
    why: 'AUTH names a mechanism that is not known here (RFC 2228 §3)',
    broken: ({ mechanism }, _, { mechanisms }) => mechanism !== undefined && mechanisms?.includes(mechanism) === false,
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'ADAT comes after AUTH, and not once the exchange is complete (RFC 2228 §3)',
    broken: ({ verb }, { phase }) => verb === 'ADAT' && phase !== 'exchange',
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'PBSZ, PROT and CCC come after a security data exchange (RFC 2228 §3)',
    broken: ({ verb }, { levels }) => commandFacts(verb).needsAssociation === true && levels.length === 0,
  },
  {
    reply: 503,
    error: 'sequence/unexpected-command',
    why: 'PROT comes after PBSZ (RFC 2228 §3)',
    broken: ({ verb }, { bufferSize }) => verb === 'PROT' && bufferSize === undefined,
  },
  {
    reply: 534,
    error: 'sequence/unexpected-command',
    why: 'policy keeps the control connection protected (ccc; RFC 2228 §3, CCC)',
    broken: ({ verb }, _, { ccc }) => verb === 'CCC' && ccc === 'refused',
  },
  {
    reply: 536,
    error: 'security/level-unsupported',
    why: 'the mechanism has no such level for data (RFC 2228 §3, PROT)',
    broken: ({ protection = 'clear' }, { levels }) => protection !== 'clear' && !levels.includes(protection),
  },
  {
    reply: 534,
    error: 'sequence/wrong-level',
    why: 'policy does not accept that level for data (transfers; RFC 2228 §3, PROT)',
    broken: ({ protection }, _, { transfers }) => protection !== undefined && transfers?.includes(protection) === false,
  },
  {
    reply: 534,
    error: 'sequence/wrong-level',
    why: 'policy requires another level for data (transfers; RFC 2228 §6)',
    broken: ({ verb }, { protection }, { transfers }) => isTransfer(verb) && transfers?.includes(protection) === false,
  },
];

/** CCC itself must have integrity at any time (§3). */
function mustHaveIntegrity({ verb }: CommandRequest, state: ConnectionState): boolean {
  return integrityRequired(state) || (verb === 'CCC' && state.levels.length > 0);
}

/**
 * The first rule that a command breaks.
 * @param side  `local` for a command that we are about to send, `peer` for one that has come
 * @returns the error, with the code that refuses the command; undefined if it breaks none
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
 * The policy that a new context breaks. It is checked before the context is used.
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
    return new FtpSecurityError(
      'security/weak',
      'the mechanism or its keys are weak (set allowWeak to permit it)',
      refused,
    );
  }
  if (require === undefined || context.supports(require) || context.supports('private')) return undefined;
  const message = `${context.mechanism} does not support level ${require}, which policy requires`;
  return new FtpSecurityError('security/level-unsupported', message, refused);
}

/** Takes the step of a mechanism. If that throws, e.g. since the session was closed meanwhile, its context is erased. */
export function takeStep<T>({ context }: Step, work: () => T): T {
  try {
    return work();
  } catch (error) {
    context?.destroy();
    throw error;
  }
}
