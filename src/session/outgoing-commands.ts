/** What a client may send now, and at which level (RFC 2228 §3, §7). */
import { FtpSecurityError } from '../errors.js';
import { type Command, parseCommand } from '../ftp/command.js';
import { commandFacts, isTransfer } from '../ftp/commands.js';
import { protectParsedCommand, withCrlf } from '../protection/protect.js';
import { factsOf, levelOfVerb, type ProtectionLevel } from '../protection/protection-level.js';
import { commandRequest, type Policy, refusalOf } from './command-rules.js';
import type { ClientSessionOptions } from './events.js';
import { type CommandRequest, couldBecomeBlock, sharesNumbers, strongest } from './rules.js';
import type { SecurityState } from './state.js';

/** A command that a client sends, until its final reply has come. */
export type SentCommand = CommandRequest & { command: Command };

const LOCAL = { side: 'local' } as const;

/** The commands of one client session. */
export class OutgoingCommands {
  readonly #state: SecurityState<SentCommand>;
  readonly #policy: Policy;
  readonly #options: ClientSessionOptions;

  /** Each PROT that waits: any of them may decide the level of a transfer after it. */
  readonly #prots = new Set<SentCommand>();
  /** A protected upload that waits, or one that is protected if a PROT that waits is accepted. */
  #upload: SentCommand | undefined;

  constructor(state: SecurityState<SentCommand>, policy: Policy, options: ClientSessionOptions) {
    this.#state = state;
    this.#policy = policy;
    this.#options = options;
  }

  /**
   * Reads a command that the caller wants to send.
   * @param level  default as the options say
   * @throws RangeError for what is not a command, or one that only the session sends
   */
  read(octets: Uint8Array, level?: ProtectionLevel): SentCommand {
    try {
      const command = parseCommand(octets);
      const { verb } = command;
      if (verb === 'ADAT' || levelOfVerb(verb) !== undefined) throw new RangeError(`only the session sends ${verb}`);
      return { command, ...commandRequest(command, this.#levelFor(verb, level)) };
    } catch (error) {
      // What can't be read is a mistake of the caller, not of the peer.
      if (!(error instanceof FtpSecurityError)) throw error;
      throw new RangeError(`not a command that can be sent: ${error.message}`);
    }
  }

  /** Checks whether a command may be sent now. Nothing changes. @throws FtpSecurityError, side local */
  assertMaySend(request: SentCommand): void {
    const refusal = refusalOf(request, this.#state, this.#policy, 'local') ?? this.#bufferTooSmall(request);
    if (refusal !== undefined) throw refusal;
    const { verb, level } = request;
    const { password, duringTransfer } = commandFacts(verb);
    if (this.#upload !== undefined && couldBecomeBlock(request) && (!duringTransfer || this.#state.facts.inOrder)) {
      const message = `${verb} could be moved into the file that is being sent: wait for the final reply to ${this.#upload.verb}`;
      throw new FtpSecurityError('sequence/unexpected-command', message, LOCAL);
    }
    if (password && !factsOf(level).confidentiality && this.#options.allowClearPassword !== true) {
      const message = `refusing to send ${verb} without encryption (set allowClearPassword to permit it)`;
      throw new FtpSecurityError('sequence/unprotected', message, LOCAL);
    }
  }

  /** Protects a command that has been checked, and adds it to those that wait. @returns octets for the server */
  send(request: SentCommand): Uint8Array {
    const { level, verb, command } = request;
    if (this.#upload !== undefined) {
      if (couldBecomeBlock(request)) this.#state.skipNumber();
      if (verb === 'ABOR') this.#state.abortWriter();
    }
    const sent =
      level === 'clear' ? withCrlf(command.raw) : protectParsedCommand(this.#state.controlContext!, level, command);
    this.#state.pending.add(request);
    if (request.protection !== undefined) this.#prots.add(request);
    if (isTransfer(verb) && this.#mayBeProtected(verb)) this.#upload = request;
    return sent;
  }

  /** Forgets a command that has got its final reply. */
  finish(request: SentCommand): void {
    this.#prots.delete(request);
    if (request === this.#upload) this.#upload = undefined;
  }

  /** Whether blocks of ours may have numbers, by the level of now, or by one that may be set before. */
  #mayBeProtected(verb: string): boolean {
    if (sharesNumbers(verb, 'client', this.#state.protection)) return true;
    for (const { protection } of this.#prots) if (sharesNumbers(verb, 'client', protection!)) return true;
    return false;
  }

  #levelFor(verb: string, level: ProtectionLevel | undefined): ProtectionLevel {
    const { levels, phase } = this.#state;
    const best = strongest(levels);
    if (best === undefined) return level ?? 'clear';
    if (commandFacts(verb).password) return best;
    return level ?? (phase === 'cleared' && verb !== 'CCC' ? 'clear' : (this.#options.level ?? best));
  }

  /** The level that PROT asks for, or that a transfer has, must leave room for data in the protection buffer. */
  #bufferTooSmall({ verb, protection = this.#state.protection }: SentCommand): FtpSecurityError | undefined {
    if (verb !== 'PROT' && !isTransfer(verb)) return undefined;
    return this.#state.bufferTooSmall(protection, this.#state.bufferSize, LOCAL);
  }
}
