/** Security data exchanges written as generators: each `yield` sends a token and receives the answer. */
import type { BlockCiphers } from '../block-cipher.js';
import { assertBytes } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { ChannelEnds, Exchange, Step } from '../protection/mechanism.js';

/** Security data, or undefined if there is none. */
export type Token = Uint8Array | undefined;

/**
 * One side of an exchange: `yield` gives a step to the caller and returns the other side's answer. The value of the first `yield` is
 * not used; it only waits for the first input.
 */
export type ExchangeGenerator<In = Token, Out = Step> = Generator<Out, Out | undefined, In>;

/**
 * Makes an {@link Exchange} from a generator. Its steps throw what the generator throws, and `sequence/closed` when it is over.
 * @param name  the mechanism's name, for errors
 * @param bind  called with the addresses of the channel, and with the ciphers of the platform, before the step that received them
 */
export function exchangeFromGenerator(
  name: string,
  generator: ExchangeGenerator,
  bind: (channel: ChannelEnds, ciphers: BlockCiphers | undefined) => void = () => {},
): Exchange {
  const step = stepsOf(name, generator);
  return {
    step(token, channel = {}, ciphers = undefined) {
      if (token !== undefined) assertBytes(token, 'token');
      bind(channel, ciphers);
      return step(token);
    },
    // Runs its `finally` clauses, which erase keys.
    destroy: () => void generator.return(undefined),
  };
}

/** Runs `use`, and destroys the holder of keys if it throws. */
export function destroyOnError<T>(holder: { destroy(): void }, use: () => T): T {
  try {
    return use();
  } catch (error) {
    holder.destroy();
    throw error;
  }
}

/** A function that runs a generator by one `yield` per call. After the generator has returned or thrown, it throws `sequence/closed`. */
export function stepsOf<In, Out>(name: string, generator: ExchangeGenerator<In, Out>): (input: In) => Out {
  generator.next(); // Runs to the first yield, the first point that can take input.
  return input => {
    const { value } = generator.next(input);
    if (value === undefined) {
      const message = `the ${name} exchange is over: each connection needs one of its own`;
      throw new FtpSecurityError('sequence/closed', message);
    }
    return value;
  };
}
