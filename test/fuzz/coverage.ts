/**
 * Which code has run, by V8's precise block coverage. V8 reports the ranges of a function that did not run; so per function
 * the stretches are kept that have never run yet, and whatever shortens them is new.
 */
import { type Profiler, Session } from 'node:inspector';

type Stretch = readonly [start: number, end: number];

export class Coverage {
  readonly #script: string;
  readonly #session = new Session();
  /** Per function, by its place in the script: what has not run. */
  #missed = new Map<string, readonly Stretch[]>();
  /** As it was before the last look. */
  #before = this.#missed;

  /** @param script  the end of the URL of the one script that counts */
  constructor(script: string) {
    this.#script = script;
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Forgets what has run. */
  reset(): void {
    this.take();
    this.#missed = new Map();
  }

  /** Takes the last look back: what it noted is new again. */
  forgetLast(): void {
    this.#missed = this.#before;
  }

  /** Whether code has run since the last look that had never run before. */
  take(): boolean {
    const { result } = this.#post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType;
    this.#before = this.#missed;
    let news = false;
    for (const { url, functions } of result) {
      if (!url.endsWith(this.#script)) continue;
      for (const { ranges } of functions) if (ranges[0]!.count > 0 && this.#note(ranges)) news = true;
    }
    return news;
  }

  /** Functions that have run, and the blocks in them that have not. */
  get totals(): { functions: number; missed: number } {
    return { functions: this.#missed.size, missed: [...this.#missed.values()].reduce((sum, it) => sum + it.length, 0) };
  }

  stop(): void {
    this.#post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  #note(ranges: readonly Profiler.CoverageRange[]): boolean {
    const key = `${ranges[0]!.startOffset}-${ranges[0]!.endOffset}`;
    const missed = missedIn(ranges);
    const before = this.#missed.get(key);
    const both = before === undefined ? missed : intersection(before, missed);
    if (before !== undefined && lengthOf(both) === lengthOf(before)) return false;
    if (this.#missed === this.#before) this.#missed = new Map(this.#before);
    this.#missed.set(key, both);
    return true;
  }

  /** Its answer comes at once: the session is of this thread. */
  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, params, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}

/** Inner ranges override outer ones, and stand behind them. */
function missedIn(ranges: readonly Profiler.CoverageRange[]): Stretch[] {
  const points = [...new Set(ranges.flatMap(({ startOffset, endOffset }) => [startOffset, endOffset]))].sort(
    (a, b) => a - b,
  );
  const missed: Stretch[] = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const [start, end] = [points[i]!, points[i + 1]!];
    const innermost = ranges.filter(range => range.startOffset <= start && end <= range.endOffset).at(-1);
    if (innermost?.count === 0) missed.push([start, end]);
  }
  return missed;
}

function intersection(a: readonly Stretch[], b: readonly Stretch[]): Stretch[] {
  return a
    .flatMap(([start, end]) => b.map(([from, to]): Stretch => [Math.max(start, from), Math.min(end, to)]))
    .filter(([start, end]) => start < end);
}

function lengthOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, [start, end]) => sum + end - start, 0);
}
