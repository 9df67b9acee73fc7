/** Commands that wait for a reply: replies come in the order of their commands (RFC 959 §5.4). */
import { commandFacts } from '../ftp/commands.js';
import { mayOvertake, type PendingCommand, verbAnsweredBy } from './rules.js';

/** The queue of commands that wait for a reply, of a session or an observer. */
export class PendingCommands<C extends PendingCommand> {
  readonly #waiting: C[] = [];

  /** Oldest first. */
  get all(): readonly C[] {
    return this.#waiting;
  }

  /** The command that the next reply answers, unless that reply overtakes; undefined if no command waits. */
  get oldest(): C | undefined {
    return this.#waiting[0];
  }

  /**
   * Whether nothing may be sent or read before a reply has come: it decides how the line after the youngest command is
   * protected.
   */
  get blocked(): boolean {
    return commandFacts(this.#waiting.at(-1)?.verb ?? '').awaited === true;
  }

  /** Adds the youngest. */
  add(command: C): void {
    this.#waiting.push(command);
  }

  /** Removes the oldest. */
  drop(): void {
    this.#waiting.shift();
  }

  /** Removes one that waits. */
  remove(command: C): void {
    this.#waiting.splice(this.#waiting.indexOf(command), 1);
  }

  /** Removes all. */
  clear(): void {
    this.#waiting.length = 0;
  }

  /**
   * The command that a reply answers: the oldest, or STAT during a transfer.
   * @param code  undefined for a reply that could not be read
   */
  commandFor(code: number | undefined): C | undefined {
    const { oldest } = this;
    const isItsReply = (verb: string) => code !== undefined && code < 300 && commandFacts(verb).replies.includes(code);
    return this.#waiting.find(it => mayOvertake(it, oldest) && isItsReply(it.verb)) ?? oldest;
  }

  /**
   * Removes the command that a reply answers; 1yz leaves it there. 334, 335 and 235 answer only AUTH and
   * ADAT, so they correct the queue if a recording lacks replies.
   * @param code  undefined for a reply that could not be read
   * @returns the command; undefined if it still waits, or none did
   */
  takeReply(code: number | undefined): C | undefined {
    const answered = this.commandFor(code);
    if (code !== undefined && code < 200) return undefined;
    const verb = code === undefined ? undefined : verbAnsweredBy(code);
    if (verb === undefined) {
      if (answered !== undefined) this.remove(answered);
      return answered;
    }
    const at = this.#waiting.findIndex(it => it.verb === verb);
    return this.#waiting.splice(0, at + 1).at(-1);
  }
}
