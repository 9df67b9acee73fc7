/** Commands that wait for a reply: replies come in the order of their commands (RFC 959 §5.4). */
import { commandFacts } from '../ftp/commands.js';
import { WaitingList } from '../queue.js';
import { mayBeOvertaken, mayOvertake, type PendingCommand, verbAnsweredBy } from './rules.js';

/** The queue of commands that wait for a reply, of a session or an observer. */
export class PendingCommands<C extends PendingCommand> {
  readonly #waiting = new WaitingList<C>();
  #youngest: C | undefined;

  /** Oldest first. */
  get all(): Iterable<C> {
    return this.#waiting;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** The command that the next reply answers, unless that reply overtakes; undefined if no command waits. */
  get oldest(): C | undefined {
    return this.#waiting.oldest;
  }

  /**
   * Whether nothing may be sent or read before a reply has come: it decides how the line after the youngest command is
   * protected.
   */
  get blocked(): boolean {
    return this.#youngest !== undefined && commandFacts(this.#youngest.verb).awaited === true;
  }

  /** Adds the youngest. */
  add(command: C): void {
    this.#waiting.add(command);
    this.#youngest = command;
  }

  /** Removes the oldest; there must be one. */
  drop(): void {
    this.remove(this.oldest!);
  }

  /** Removes one that waits. Behind one that blocks nothing is added, so the one before it does not matter. */
  remove(command: C): void {
    this.#waiting.delete(command);
    if (command === this.#youngest) this.#youngest = undefined;
  }

  /** Removes all. */
  clear(): void {
    this.#waiting.clear();
    this.#youngest = undefined;
  }

  /**
   * The command that a reply answers: the oldest, or STAT during a transfer.
   * @param code  undefined for a reply that could not be read
   */
  commandFor(code: number | undefined): C | undefined {
    const { oldest } = this;
    if (oldest === undefined || code === undefined || code >= 300 || !mayBeOvertaken(oldest)) return oldest;
    for (const it of this.all) if (mayOvertake(it, oldest) && commandFacts(it.verb).replies.includes(code)) return it;
    return oldest;
  }

  /**
   * Removes the command that a reply answers; 1yz leaves it there. 334, 335 and 235 answer only AUTH and
   * ADAT, so they correct the queue if a recording lacks replies.
   * @param code  undefined for a reply that could not be read
   * @returns the command; undefined if it still waits, or none did
   */
  takeReply(code: number | undefined): C | undefined {
    if (code !== undefined && code < 200) return undefined;
    const verb = code === undefined ? undefined : verbAnsweredBy(code);
    const answered = verb === undefined ? this.commandFor(code) : this.#first(verb);
    if (answered === undefined) return undefined;
    if (verb !== undefined) while (this.oldest !== answered) this.drop();
    this.remove(answered);
    return answered;
  }

  #first(verb: string): C | undefined {
    for (const it of this.all) if (it.verb === verb) return it;
    return undefined;
  }
}
