/** Security data exchanges written as generators, each turn a `yield`; and how one becomes an {@link Exchange}. */
import { assertBytes } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { ChannelEnds, Exchange, Step } from '../protection/mechanism.js';

/** Security data, if there is any. */
export type Token = Uint8Array | undefined;

/**
 * One side of an exchange: `yield` hands out a step and returns the other side's answer. The first `yield` has nothing to
 * hand out yet and only waits.
 */
export type ExchangeGenerator<In = Token, Out = Step> = Generator<Out, Out | undefined, In>;

/**
 * The exchange that a generator runs. Its steps throw what the generator throws, and `sequence/closed` when it is over.
 * @param name  of the mechanism, for errors
 * @param bind  gets the channel, before the step that it comes with
 */
export function exchangeFromGenerator(
  name: string,
  generator: ExchangeGenerator,
  bind: (channel: ChannelEnds) => void = () => {},
): Exchange {
  const step = stepsOf(name, generator);
  return {
    step(token, channel) {
      if (token !== undefined) assertBytes(token, 'token');
      if (channel !== undefined) bind(channel);
      return step(token);
    },
    // Runs its `finally` clauses, which erase keys.
    destroy: () => void generator.return(undefined),
  };
}

/** What a holder of keys is used for; when that fails, its keys are erased. */
export function destroyOnError<T>(holder: { destroy(): void }, use: () => T): T {
  try {
    return use();
  } catch (error) {
    holder.destroy();
    throw error;
  }
}

/** The generator as a function, one turn for each call. After it has returned or thrown, each call throws `sequence/closed`. */
export function stepsOf<In, Out>(name: string, generator: ExchangeGenerator<In, Out>): (input: In) => Out {
  generator.next(); // Runs to the first yield, the first point that can take input.
  return input => {
    const { value } = generator.next(input);
    if (value === undefined) throw new FtpSecurityError('sequence/closed', `the ${name} exchange is over`);
    return value;
  };
}
