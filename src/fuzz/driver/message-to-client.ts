/** A bent reply to a client under test. */
import { covers } from '../../secure/protection-level.js';
import { type MessageCase, mutationOf, type Performance, perform } from '../cases.js';
import { EITHER } from '../mutation.js';
import type { Bender, Due, Said } from './bender.js';
import { fittedReply } from './sound-server.js';

export function messageBender(one: MessageCase): Bender {
  return new MessageBender(one);
}

class MessageBender implements Bender {
  readonly #one: MessageCase;
  #performance: Performance | undefined;
  #before: Uint8Array[] = [];
  played: MessageCase | undefined;

  constructor(one: MessageCase) {
    this.#one = one;
  }

  get markers(): number {
    return this.#performance?.before.length ?? 0;
  }

  get isOpen(): boolean {
    return this.#performance?.open === true;
  }

  toCommand(due: Due): Said | undefined {
    this.#performance ??= this.#perform(due);
    if (this.#performance === undefined) return undefined;
    const before = this.#before.shift();
    return before ? { chunks: [before], isSound: true } : { chunks: this.#performance.chunks };
  }

  /** A client may refuse a reply for nothing but being weaker than its command. */
  #perform({ answer, level, session }: Due): Performance | undefined {
    // With one line, what a client prints is what was bent.
    const shape = mutationOf(this.#one)?.needs?.includes('lines') ? this.#one.text : '200 Ok\r\n';
    const isWeak = !covers(this.#one.level, level) && this.#one.expected.verdict === 'accept';
    this.played = { ...this.#one, ...(isWeak && { expected: EITHER }), text: fittedReply(answer, shape) };
    const performance = perform(this.played, session);
    this.#before = [...(performance?.before ?? [])];
    return performance;
  }
}
