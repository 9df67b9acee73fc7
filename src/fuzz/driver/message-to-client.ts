/** A mutated reply to a client under test. */
import { covers } from '../../protection/protection-level.js';
import { type MessageCase, ruleIn } from '../cases.js';
import { EITHER } from '../mutation.js';
import { perform, type Rendered } from '../perform.js';
import type { Due, ReplyMutator, Said } from './reply-mutator.js';
import { fittedReply } from './server-replies.js';

export function messageMutator(one: MessageCase): ReplyMutator {
  return new MessageMutator(one);
}

class MessageMutator implements ReplyMutator {
  readonly #one: MessageCase;
  #performance: Rendered | undefined;
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
    return before ? { chunks: [before], isValid: true } : { chunks: this.#performance.chunks };
  }

  /** A client may refuse a reply for nothing but being weaker than its command. */
  #perform({ answer, level, session }: Due): Rendered | undefined {
    // With one line, what a client prints is what was mutated.
    const shape = ruleIn(this.#one).needs?.includes('lines') ? this.#one.text : '200 Ok\r\n';
    const isWeak = !covers(this.#one.level, level) && this.#one.expected.verdict === 'accept';
    this.played = { ...this.#one, ...(isWeak && { expected: EITHER }), text: fittedReply(answer, shape) };
    const performance = perform(this.played, session);
    this.#before = [...(performance?.before ?? [])];
    return performance;
  }
}
