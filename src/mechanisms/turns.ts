/** Exchanges as they are spoken, turn by turn: how a generator becomes an {@link Exchange}. */
import { assertBytes } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { ChannelEnds, Exchange, Step } from '../secure/security-context.js';

/**
 * `yield` hands a step out, and comes back with what the other side says to it. The first one has nothing to hand out
 * yet, and only waits.
 */
export type Turns<In, Out> = Generator<Out, Out | undefined, In>;
export type Token = Uint8Array | undefined;

/**
 * Steps throw what the turns throw, and `sequence/closed` when they are over.
 * @param name  of the mechanism, for errors
 * @param bind  told the channel, before the turn that it comes with
 */
export function spokenExchange(
  name: string,
  turns: Turns<Token, Step>,
  bind: (channel: ChannelEnds) => void = () => {},
): Exchange {
  const step = inTurn(name, turns);
  return {
    step(token, channel) {
      if (token !== undefined) assertBytes(token, 'token');
      if (channel !== undefined) bind(channel);
      return step(token);
    },
    // Its `finally` clauses run.
    destroy: () => void turns.return(undefined),
  };
}

/** What holds keys is of no use once the rest has failed: it erases them. */
export function orDestroyed<T>(holder: { destroy(): void }, use: () => T): T {
  try {
    return use();
  } catch (error) {
    holder.destroy();
    throw error;
  }
}

/** Once the turns have returned or thrown, there is nothing more to say. */
export function inTurn<In, Out>(name: string, turns: Turns<In, Out>): (said: In) => Out {
  turns.next(); // Runs to the first yield, which alone can take what is said.
  return said => {
    const { value } = turns.next(said);
    if (value === undefined) throw new FtpSecurityError('sequence/closed', `the ${name} exchange is over`);
    return value;
  };
}
