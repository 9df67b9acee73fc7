/** Removes the protection of commands for a server, and finds the rule that each one breaks (RFC 2228 §3). */
import { type FtpSecurityError, refusalFrom } from '../errors.js';
import type { Command } from '../ftp/command.js';
import { isTransfer } from '../ftp/commands.js';
import type { Deviation, Tolerance } from '../protection/deviations.js';
import type { SequenceState } from '../protection/mechanism.js';
import { type Unprotected, type UnprotectOptions, unprotectCommand } from '../protection/protect.js';
import { levelOfVerb, type TokenLevel } from '../protection/protection-level.js';
import { hasBareLf } from '../protection/token-text.js';
import { commandRequest, type Policy, refusalOf } from './command-rules.js';
import { type CommandRequest, integrityRequired, mayReplyAt } from './rules.js';
import type { SecurityState } from './state.js';

/** A command that has come, without its protection. */
export interface Arrived {
  /** The inner command, if it was protected; undefined if it could not be read. */
  command: Command | undefined;
  /** What it asks for; its level is also that of the reply. */
  request: CommandRequest;
  sequence: SequenceState;
  tolerated: Deviation[];
  /**
   * Whether it is the next line of the client: its token could be opened and is not a replay, and no line before it is
   * missing.
   */
  authentic: boolean;
  /** The first rule that it breaks. */
  error: FtpSecurityError | undefined;
}

/** Removes the protection of commands. */
export class CommandUnprotector {
  /** The level that the verb of the last protected command names, if a reply may have it. */
  last: TokenLevel | undefined;
  readonly #state: SecurityState;
  readonly #options: UnprotectOptions;
  readonly #policy: Policy;

  constructor(state: SecurityState, tolerance: Tolerance, policy: Policy) {
    this.#state = state;
    this.#options = {
      ...tolerance,
      get requireIntegrity() {
        return integrityRequired(state);
      },
    };
    this.#policy = policy;
  }

  /** Takes the next command. What is wrong with it is in the result. */
  open(outer: Command): Arrived {
    const claimed = levelOfVerb(outer.verb);
    const { controlContext } = this.#state;
    const before = controlContext?.lastReceived;
    let opened: Unprotected<Command> | undefined;
    let request: CommandRequest = { verb: '', level: claimed ?? 'clear' };
    let error: FtpSecurityError | undefined;
    try {
      opened = claimed === undefined ? inTheClear(outer) : this.#open(outer, claimed);
      request = { verb: opened.inner.verb, level: opened.level };
      this.#check(request);
      request = commandRequest(opened.inner, opened.level);
      this.#check(request);
      this.#checkBuffer(request);
    } catch (refusal) {
      error = refusalFrom(refusal);
    }
    const { inner: command, sequence = 'none', tolerated = [] } = opened ?? {};
    // The content of a valid token may not be a command. If tokens are not numbered, this can't be seen any more.
    const genuine = opened !== undefined || controlContext?.lastReceived !== before;
    const authentic = claimed !== undefined && genuine && error?.code !== 'security/out-of-sequence';
    return { command, request, sequence, tolerated, authentic, error };
  }

  #open(outer: Command, claimed: TokenLevel): Unprotected<Command> {
    const state = this.#state;
    const { controlContext } = state;
    if (controlContext === undefined) throw refusalOf({ verb: '', level: claimed }, state, this.#policy)!;
    if (mayReplyAt(claimed, state)) this.last = claimed;
    return unprotectCommand(controlContext, outer, this.#options);
  }

  #check(request: CommandRequest): void {
    const refusal = refusalOf(request, this.#state, this.#policy);
    if (refusal !== undefined) throw refusal;
  }

  /**
   * Any PBSZ is granted (§3). If the buffer is too small, PROT is refused by 431, since it may follow another PBSZ, and a
   * transfer by 534.
   */
  #checkBuffer({ verb, protection }: CommandRequest): void {
    const state = this.#state;
    if (verb !== 'PROT' && !isTransfer(verb)) return;
    const reply = verb === 'PROT' ? 431 : 534;
    const bufferTooSmall = state.bufferTooSmall(protection ?? state.protection, state.bufferSize, {
      reply,
    });
    if (bufferTooSmall !== undefined) throw bufferTooSmall;
  }
}

function inTheClear(command: Command): Unprotected<Command> {
  return { inner: command, level: 'clear', sequence: 'none', tolerated: hasBareLf(command.raw) ? ['bare-lf'] : [] };
}
