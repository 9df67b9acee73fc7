/**
 * Tokens of any mechanism: octets that are not a token, wrong sequence numbers (RFC 4121 §4.2.1, RFC 2743 §1.2.3),
 * tokens from the wrong side, and lines that claim another level than their token has (RFC 2228 §3 and §5).
 */
import { concat, concatAll } from '../../bytes.js';
import { factsOf, type TokenLevel } from '../../protection/protection-level.js';
import type { Choices } from '../choices.js';
import type { Change, MutationContext } from '../mutation.js';
import { all, beyondBuffer, cutShort, flippedAtEnd, linesOf, octets, spliced, times } from '../pieces.js';
import { BAD_TOKEN, DIRECTION, mutationsOf, PRIVATE, SAFE } from '../rows.js';
import { atLevels } from './data.js';

/** With X-PSK some of them are confidential tokens, which anyone can make. */
const NO_TOKEN = [...BAD_TOKEN, 'security/wrong-direction', 'sequence/wrong-level'] as const;

/** One token instead of all: the first one, changed. */
const only =
  (edit: (token: Uint8Array, draw: Choices) => Uint8Array): Change<unknown> =>
  ([token], draw) => [edit(token!, draw)];

const TOKENS = mutationsOf({ layer: 'token', at: 'tokens', needs: ['integrity'] })({
  'RFC 2743 §2.3.4': {
    'a token of one octet': [NO_TOKEN, all('\x05')],
    'a token of zeros': [NO_TOKEN, only(({ length }) => new Uint8Array(length))],
    'a token of FFs': [NO_TOKEN, only(({ length }) => new Uint8Array(length).fill(0xff))],
    'a token of octets at random': [NO_TOKEN, only(({ length }, draw) => draw.octets(length))],
    'a token is cut short': [NO_TOKEN, only(cutShort)],
    'a token has octets behind it': [NO_TOKEN, only((token, draw) => concat(token, draw.octets(1 + draw.below(40))))],
    'a token is longer than usual buffers': [NO_TOKEN, only((it, draw) => concat(it, draw.octets(beyondBuffer(draw))))],
    'a token comes twice in one line': [NO_TOKEN, only(token => concat(token, token))],
    'the first octets of a token are gone': [NO_TOKEN, only((it, draw) => it.subarray(1 + draw.below(it.length - 1)))],
    'a bit of the last octets is flipped': [NO_TOKEN, only(flippedAtEnd)],
  },
});

const REPLAYED = 'security/replayed';
const UNPROTECTED = 'sequence/unprotected';
const WRONG_LEVEL = 'sequence/wrong-level';

const again: Change<MutationContext> = (_text, _draw, { sent }) => [sent[0]!];

const afterLost: Change<MutationContext> = (_text, draw, { valid }) => {
  for (let lost = 1 + draw.below(70); lost > 0; lost--) valid();
  return [valid()];
};
const confidential: Change<MutationContext> = (_text, _draw, { context, valid }) =>
  context.supports('confidential') ? [valid('confidential')] : undefined;

/** Other octets instead of a message. */
const WHOLE = { at: 'wire', makes: 'everything' } as const;

const MESSAGES_OUT_OF_ORDER = mutationsOf({ layer: 'sequence', ...WHOLE, needs: ['numbers'] })({
  'RFC 2743 §1.2.3': {
    'a message comes again': [REPLAYED, again, { after: 1 }],
    'a message comes again, after many others': [REPLAYED, again, { after: 40 }],
    'messages before it are missing': ['either', afterLost],
    'two messages change places': ['either', (_text, _draw, { valid }) => [concatAll([valid(), valid()].reverse())]],
  },
});

const CLEAR_TEXTS = mutationsOf({ layer: 'level', ...WHOLE })({
  'RFC 2228 §3, CCC': {
    'confidential alone, where integrity is required': [WRONG_LEVEL, confidential],
    'the text comes in the clear': [UNPROTECTED, text => text],
    'a clear refusal': [UNPROTECTED, all('533 Command protection level denied\r\n'), { to: 'client' }],
    'a clear word that the service ends': [UNPROTECTED, all('421 Good bye\r\n'), { to: 'client' }],
    'a clear ABOR': [UNPROTECTED, all('ABOR\r\n'), { to: 'server' }],
    'a clear CCC': [UNPROTECTED, all('CCC\r\n'), { to: 'server' }],
  },
});

const AFTER_ONE = { at: 'lines', after: 1 } as const;
const IN_REPLIES = { layer: 'sequence', at: 'tokens', to: 'client', needs: ['lines', 'numbers'] } as const;

const TOKENS_OUT_OF_ORDER = mutationsOf(IN_REPLIES)({
  'RFC 2743 §1.2.3': {
    'a token comes twice in one reply': [REPLAYED, tokens => [tokens[0]!, ...tokens]],
    'a used token in a new reply': [REPLAYED, (lines, _, { sent }) => [linesOf(sent[0]!)[0]!, ...lines], AFTER_ONE],
    'tokens of a reply change places': ['either', tokens => [...tokens].reverse()],
    'a token of a reply is missing': ['either', (tokens, draw) => times(0, tokens, draw.below(tokens.length - 1))],
  },
});

/** All tokens have another level than their lines claim. */
const atLevel = (applied: TokenLevel) => atLevels(applied, applied);
/** The same for one token, which is chosen. */
const oneSafe: Change<MutationContext> = (fragments, draw, { context, level }) => {
  const weaker = draw.below(fragments.length);
  return fragments.map((fragment, i) => context.wrap(fragment, i === weaker ? 'safe' : level).token);
};

const OF_LEVELS = { needs: ['levels'] } as const;
const SEVERAL = { needs: ['lines', 'levels'], only: 'private', to: 'client' } as const;
const REFLECTED = ['security/wrong-direction', 'security/bad-checksum', 'security/bad-token'] as const;

const OTHER_TOKENS = mutationsOf({ layer: 'level', at: 'tokens', makes: 'stage' })({
  'RFC 2228 §3, MIC, CONF and ENC; §5.2': {
    'private is claimed, and the token is not sealed': [WRONG_LEVEL, atLevel('safe'), { ...PRIVATE, ...OF_LEVELS }],
    'private is claimed, and the token has no integrity': [WRONG_LEVEL, atLevel('confidential'), PRIVATE],
    'safe is claimed, and the token has no integrity': [WRONG_LEVEL, atLevel('confidential'), SAFE],
    'safe is claimed, and the token is sealed': ['accept', atLevel('private'), SAFE],
    'one token of several is not sealed': [WRONG_LEVEL, oneSafe, SEVERAL],
  },
  'RFC 4121 §4.2.2, RFC 1964 §1.2.1.2': {
    "the peer's own token comes back": [REFLECTED, (_texts, _, { received }) => received && [received], DIRECTION],
  },
});

/** Valid lines under the code or verb of confidential ones. */
const asConfidential: Change<MutationContext> = (lines, _draw, { to, level }) => {
  const { verb, code } = factsOf('confidential');
  const had = to === 'client' ? 3 : factsOf(level).verb.length;
  return lines.map(line => spliced(line, 0, had, octets(to === 'client' ? `${code}` : verb)));
};

const LABELS = mutationsOf({ layer: 'level', at: 'lines' })({
  'RFC 2228 §3, MIC, CONF and ENC; §5.2': {
    'confidential is claimed, and the token is not sealed': [WRONG_LEVEL, asConfidential, { ...SAFE, ...OF_LEVELS }],
  },
  'RFC 2228 §3, CCC': {
    '633 around a token that has integrity': ['integrity-under-633', asConfidential, { ...PRIVATE, to: 'client' }],
    'CONF where integrity is required': [WRONG_LEVEL, asConfidential, { ...PRIVATE, to: 'server' }],
  },
});

export const TOKEN = [
  ...TOKENS,
  ...MESSAGES_OUT_OF_ORDER,
  ...CLEAR_TEXTS,
  ...TOKENS_OUT_OF_ORDER,
  ...OTHER_TOKENS,
  ...LABELS,
];
