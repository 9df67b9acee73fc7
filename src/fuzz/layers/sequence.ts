/** What sequence numbers show: tokens that come again, in another order, or not at all (RFC 4121 §4.2.1, RFC 2743 §1.2.3). */
import { concat } from '../../bytes.js';
import { EITHER, type Mutation, refuse } from '../mutation.js';

const REPLAYED = refuse('security/replayed');
const SOURCE = 'RFC 2743 §1.2.3';

const rows: readonly Omit<Mutation, 'source'>[] = [
  {
    name: 'a message comes again',
    expected: REPLAYED,
    after: 1,
    at: 'wire',
    makes: 'everything',
    change: (_text, _draw, { sent }) => [sent[0]!],
  },
  {
    name: 'a message comes again, after many others',
    expected: REPLAYED,
    after: 40,
    at: 'wire',
    makes: 'everything',
    change: (_text, _draw, { sent }) => [sent[0]!],
  },
  {
    name: 'a token comes twice in one reply',
    expected: REPLAYED,
    to: 'client',
    needs: ['lines', 'numbers'],
    at: 'tokens',
    change: tokens => [tokens[0]!, ...tokens],
  },
  {
    name: 'a used token stands in a new reply',
    expected: REPLAYED,
    to: 'client',
    needs: ['lines', 'numbers'],
    after: 1,
    at: 'lines',
    change: ([head, ...rest], _draw, { sent }) => [sent[0]!.subarray(0, sent[0]!.indexOf(0x0a) + 1), head!, ...rest],
  },
  {
    name: 'tokens of a reply change places',
    expected: EITHER,
    to: 'client',
    needs: ['lines', 'numbers'],
    at: 'tokens',
    change: (tokens, draw) => {
      const at = draw.below(tokens.length - 1);
      return tokens.map((token, i) => (i === at ? tokens[at + 1]! : i === at + 1 ? tokens[at]! : token));
    },
  },
  {
    name: 'a token of a reply is missing',
    expected: EITHER,
    to: 'client',
    needs: ['lines', 'numbers'],
    at: 'tokens',
    change: (tokens, draw) => {
      const at = draw.below(tokens.length - 1);
      return tokens.filter((_, i) => i !== at);
    },
  },
  {
    name: 'messages before it are missing',
    expected: EITHER,
    at: 'wire',
    makes: 'everything',
    change: (_text, draw, { sound }) => {
      for (let lost = 1 + draw.below(70); lost > 0; lost--) sound();
      return [sound()];
    },
  },
  {
    name: 'two messages change places',
    expected: EITHER,
    at: 'wire',
    makes: 'everything',
    change: (_text, _draw, { sound }) => {
      const held = sound();
      return [concat(sound(), held)];
    },
  },
];

export const SEQUENCE: readonly Mutation[] = rows.map(row => ({ needs: ['numbers'], ...row, source: SOURCE }));
