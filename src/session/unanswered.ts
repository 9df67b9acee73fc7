/** The commands that wait for a reply: replies come in the order of their commands (RFC 959 §5.4). */
import { type Unanswered, verbAnsweredBy } from './rules.js';

export class UnansweredCommands<C extends Unanswered> {
  readonly #waiting: C[] = [];

  /** Oldest first. */
  get all(): readonly C[] {
    return this.#waiting;
  }

  /** The command that the next reply answers; undefined when nobody has asked anything. */
  get oldest(): C | undefined {
    return this.#waiting[0];
  }

  get youngest(): C | undefined {
    return this.#waiting.at(-1);
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
   * Takes the command away that a reply answers: 1yz leaves it there. 334, 335 and 235 answer AUTH and ADAT alone, which
   * puts the queue right when a recording has lost or hidden replies.
   * @param code  undefined for a reply that could not be read
   */
  settle(code: number | undefined): C | undefined {
    if (code !== undefined && code < 200) return undefined;
    const verb = code === undefined ? undefined : verbAnsweredBy(code);
    if (verb === undefined) return this.#waiting.shift();
    const at = this.#waiting.findIndex(it => it.verb === verb);
    return this.#waiting.splice(0, at + 1).at(-1);
  }
}
