/** Closing lines of one kind: the first ones, and how many there are more. JSON has all. */

/** How many lines of a kind are shown. */
const MOST = 50;

export class Bounded {
  readonly #what: string;
  readonly #shown: string[] = [];
  #more = 0;

  /** @param what  what the lines are about, in the plural */
  constructor(what: string) {
    this.#what = what;
  }

  /** @param line  is called only if the line is shown */
  add(line: () => string): void {
    if (this.#shown.length < MOST) this.#shown.push(line());
    else this.#more++;
  }

  get lines(): string[] {
    return this.#more === 0 ? this.#shown : [...this.#shown, `and ${this.#more} more ${this.#what}`];
  }
}
