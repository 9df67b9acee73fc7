/** Commands that wait for a reply: replies come in the order of their commands (RFC 959 §5.4). */
import { commandFacts } from '../ftp/commands.js';
import { mayOvertake, type PendingCommand, verbAnsweredBy } from './rules.js';

export class PendingCommands<C extends PendingCommand> {
  readonly #waiting: C[] = [];

  /** Oldest first. */
  get all(): readonly C[] {
    return this.#waiting;
  }

  /** The command that the next reply answers, unless it overtakes; undefined when no command waits. */
  get oldest(): C | undefined {
    return this.#waiting[0];
  }

  /** Whether nothing may be sent or read before a reply has come: the youngest command decides how the next line is read. */
  get blocked(): boolean {
    return commandFacts(this.#waiting.at(-1)?.verb ?? '').awaited === true;
  }

  add(command: C): void {
    this.#waiting.push(command);
  }

  /** Forgets the oldest. */
  drop(): void {
    this.#waiting.shift();
  }

  remove(command: C): void {
    this.#waiting.splice(this.#waiting.indexOf(command), 1);
  }

  clear(): void {
    this.#waiting.length = 0;
  }

  /**
   * The command that a reply answers by its place.
   * @param code  undefined for a reply that could not be read
   */
  answering(code: number | undefined): C | undefined {
    const { oldest } = this;
    const isItsReply = (verb: string) => code !== undefined && code < 300 && commandFacts(verb).replies.includes(code);
    return this.#waiting.find(it => mayOvertake(it, oldest) && isItsReply(it.verb)) ?? oldest;
  }

  /**
   * Takes the command away that a reply answers: 1yz leaves it there, and begins it. 334, 335 and 235 answer AUTH and ADAT alone, which
   * puts the queue right when a recording has lost or hidden replies.
   * @param code  undefined for a reply that could not be read
   */
  resolve(code: number | undefined): C | undefined {
    const answered = this.answering(code);
    if (code !== undefined && code < 200) {
      if (answered !== undefined) answered.begun = true;
      return undefined;
    }
    const verb = code === undefined ? undefined : verbAnsweredBy(code);
    if (verb === undefined) {
      if (answered !== undefined) this.remove(answered);
      return answered;
    }
    const at = this.#waiting.findIndex(it => it.verb === verb);
    return this.#waiting.splice(0, at + 1).at(-1);
  }
}
