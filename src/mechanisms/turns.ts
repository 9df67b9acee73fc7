/** Exchanges as they are spoken, turn by turn: how a generator becomes an {@link Exchange}. */
import { assertBytes } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { Exchange, Step } from '../secure/security-context.js';

/**
 * `yield` hands a step out, and comes back with what the other side says to it. The first one has nothing to hand out
 * yet, and only waits.
 */
export type Turns<In, Out> = Generator<Out, Out | undefined, In>;
export type Token = Uint8Array | undefined;

/** @param name  of the mechanism, for errors. Steps throw what the turns throw, and `sequence/closed` when they are over */
export function spokenExchange(name: string, turns: Turns<Token, Step>): Exchange {
  const step = inTurn(name, turns);
  return {
    step(token) {
      if (token !== undefined) assertBytes(token, 'token');
      return step(token);
    },
  };
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
