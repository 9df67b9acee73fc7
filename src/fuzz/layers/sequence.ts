/** What sequence numbers show: tokens that come again, in another order, or not at all (RFC 4121 §4.2.1, RFC 2743 §1.2.3). */
import { concat } from '../../bytes.js';
import { EITHER, type Mutation, refuse, rowsAt } from '../mutation.js';

const REPLAYED = refuse('security/replayed');
const SOURCE = 'RFC 2743 §1.2.3';

/** Messages in the place of the one that is due. */
const whole = rowsAt('wire', { needs: ['numbers'], makes: 'everything' });
const tokens = rowsAt('tokens', { to: 'client', needs: ['lines', 'numbers'] });
const lines = rowsAt('lines', { to: 'client', needs: ['lines', 'numbers'] });

export const SEQUENCE: readonly Mutation[] = [
  whole('a message comes again', SOURCE, REPLAYED, { after: 1 }, (_text, _draw, { sent }) => [sent[0]!]),
  whole('a message comes again, after many others', SOURCE, REPLAYED, { after: 40 }, (_text, _draw, { sent }) => [
    sent[0]!,
  ]),
  tokens('a token comes twice in one reply', SOURCE, REPLAYED, tokens => [tokens[0]!, ...tokens]),
  lines('a used token stands in a new reply', SOURCE, REPLAYED, { after: 1 }, ([head, ...rest], _draw, { sent }) => [
    sent[0]!.subarray(0, sent[0]!.indexOf(0x0a) + 1),
    head!,
    ...rest,
  ]),
  tokens('tokens of a reply change places', SOURCE, EITHER, (tokens, draw) => {
    const at = draw.below(tokens.length - 1);
    return tokens.map((token, i) => (i === at ? tokens[at + 1]! : i === at + 1 ? tokens[at]! : token));
  }),
  tokens('a token of a reply is missing', SOURCE, EITHER, (tokens, draw) => {
    const at = draw.below(tokens.length - 1);
    return tokens.filter((_, i) => i !== at);
  }),
  whole('messages before it are missing', SOURCE, EITHER, (_text, draw, { valid }) => {
    for (let lost = 1 + draw.below(70); lost > 0; lost--) valid();
    return [valid()];
  }),
  whole('two messages change places', SOURCE, EITHER, (_text, _draw, { valid }) => {
    const held = valid();
    return [concat(valid(), held)];
  }),
];
