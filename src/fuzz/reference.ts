/**
 * Sessions and exchanges under fixed keys, in which a case always gives the same octets. The corpus consists of these
 * octets, and the plan leaves out cases that would repeat them.
 */
import type { BlockCiphers } from '../block-cipher.js';
import { formatReply } from '../ftp/reply.js';
import { formatAuth } from '../protection/security-data.js';
import type { FuzzCase } from './cases.js';
import { MECHANISMS } from './mechanisms/index.js';
import type { Reference, SampleExchange } from './mechanisms/mechanism.js';
import type { ExchangeTurn } from './mutation.js';
import { lineOf, perform, performExchange } from './perform.js';

/**
 * Each token format once, and each exchange; those that need DES only if `ciphers` has it.
 * @param seed  for confounders and nonces
 */
export function references(seed: number, ciphers: BlockCiphers = {}): Reference[] {
  return MECHANISMS.flatMap(({ name: mechanism, references: of }) =>
    of(seed, ciphers).map(({ exchange, ...its }) => ({
      ...its,
      mechanism,
      ...(exchange && { exchange: madeOnce(exchange) }),
    })),
  );
}

function madeOnce(exchange: SampleExchange): SampleExchange {
  let made: readonly ExchangeTurn[] | undefined;
  return { ...exchange, turns: () => (made ??= exchange.turns()) };
}

/**
 * The octets that are sent in a reference, chunk by chunk: the messages before the case, and the case.
 * @returns undefined if the case is not applicable
 */
export function referenceChunks(one: FuzzCase, { session, exchange }: Reference): readonly Uint8Array[] | undefined {
  if (one.layer === 'exchange') return exchange && exchangeChunks(one, exchange);
  const performed = session && perform(one, session(one.to));
  return performed && [...performed.before, ...performed.chunks];
}

/** The octets of one side from AUTH up to the mutated line. */
function exchangeChunks(one: FuzzCase, { mechanism, turns }: SampleExchange): readonly Uint8Array[] | undefined {
  const before = [one.to === 'server' ? formatAuth(mechanism) : formatReply(334, 'Security data, please')];
  for (const turn of turns().filter(({ to }) => to === one.to)) {
    const mutated = performExchange(one, turn);
    if (mutated !== undefined) return [...before, mutated];
    before.push(lineOf(turn));
  }
  return undefined;
}
