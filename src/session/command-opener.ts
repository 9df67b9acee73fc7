/** Commands as a server gets them: what is in the protected ones, and which rule each breaks. */
import { FtpSecurityError } from '../errors.js';
import type { Command } from '../ftp/command.js';
import type { Deviation, Tolerance } from '../secure/deviations.js';
import { type Unprotected, unprotectCommand } from '../secure/protect.js';
import { levelOfVerb, type TokenLevel } from '../secure/protection-level.js';
import type { SequenceState } from '../secure/security-context.js';
import { askedOf, endsBare } from './asked.js';
import type { Association } from './association.js';
import { type Asked, owesIntegrity, type Policy, refusalOf } from './rules.js';

/** A command, opened and judged. */
export interface Arrived {
  /** The one inside, if it was protected; undefined when it could not be read. */
  command: Command | undefined;
  /** Its level is that of its reply. */
  asked: Asked;
  sequence: SequenceState;
  tolerated: Deviation[];
  /** The rule that it breaks. */
  error: FtpSecurityError | undefined;
}

export class CommandOpener {
  /** The level of the last protected command, as its verb names it. */
  last: TokenLevel | undefined;
  readonly #association: Association;
  readonly #tolerance: Tolerance;
  readonly #policy: Policy;

  constructor(association: Association, tolerance: Tolerance, policy: Policy) {
    this.#association = association;
    this.#tolerance = tolerance;
    this.#policy = policy;
  }

  open(outer: Command): Arrived {
    const claimed = levelOfVerb(outer.verb);
    const arrived: Arrived = {
      command: claimed === undefined ? outer : undefined,
      asked: { verb: '', level: claimed ?? 'clear' },
      sequence: 'none',
      tolerated: [],
      error: undefined,
    };
    try {
      const { inner, level, sequence, tolerated } =
        claimed === undefined ? inTheClear(outer) : this.#open(outer, claimed);
      Object.assign(arrived, { command: inner, sequence, tolerated, asked: { verb: inner.verb, level } });
      this.#check(arrived.asked);
      arrived.asked = askedOf(inner, level);
      this.#check(arrived.asked);
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      arrived.error = error;
    }
    return arrived;
  }

  #open(outer: Command, claimed: TokenLevel): Unprotected<Command> {
    const { context, standing } = this.#association;
    if (context === undefined) throw refusalOf({ verb: '', level: claimed }, standing, this.#policy)!;
    this.last = claimed;
    return unprotectCommand(context, outer, { ...this.#tolerance, integrityOwed: owesIntegrity(standing) });
  }

  #check(asked: Asked): void {
    const refusal = refusalOf(asked, this.#association.standing, this.#policy);
    if (refusal !== undefined) throw refusal;
  }
}

function inTheClear(command: Command): Unprotected<Command> {
  return { inner: command, level: 'clear', sequence: 'none', tolerated: endsBare(command.raw) ? ['bare-lf'] : [] };
}
