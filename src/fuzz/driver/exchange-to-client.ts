/** Mutated security data to a client under test (RFC 2228 §3, ADAT). */
import type { FuzzCase } from '../cases.js';
import type { ExchangeKeys } from '../mutation.js';
import { performExchange } from '../perform.js';
import { type ReplyMutator, TO_ITS_END } from './reply-mutator.js';

export function exchangeMutator(one: FuzzCase, keys: ExchangeKeys | undefined): ReplyMutator {
  return {
    toAdat({ session: _, ...turn }) {
      const octets = performExchange(one, { ...turn, to: 'client', keys });
      return octets && { chunks: [octets] };
    },
    behind: TO_ITS_END,
    isLost: true,
  };
}
