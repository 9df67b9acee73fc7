/**
 * Tokens of any mechanism: octets that are no token, what sequence numbers show (RFC 4121 §4.2.1, RFC 2743 §1.2.3), what comes
 * from the wrong side, and what a line claims against what its token has (RFC 2228 §3 and §5).
 */
import { concat } from '../../bytes.js';
import { factsOf, type TokenLevel } from '../../protection/protection-level.js';
import type { Choices } from '../choices.js';
import {
  ACCEPT,
  type Change,
  deviation,
  EITHER,
  INTEGRITY,
  LINES,
  type Mutation,
  type MutationContext,
  mutationsOf,
  NUMBERS,
  refuse,
} from '../mutation.js';
import { all, flippedAtEnd, linesOf, octets, spliced } from '../pieces.js';

/** Under X-PSK some are confidential ones, which anybody can make. */
const NO_TOKEN = refuse(
  'security/bad-token',
  'security/bad-checksum',
  'security/wrong-direction',
  'sequence/wrong-level',
);

/** The first token alone, changed. */
const only =
  (edit: (token: Uint8Array, draw: Choices) => Uint8Array): Change<unknown> =>
  ([token], draw) => [edit(token!, draw)];

const TOKENS = mutationsOf({ layer: 'token', at: 'tokens', ...INTEGRITY })({
  'RFC 2743 §2.3.4': {
    'a token of one octet': [NO_TOKEN, all('\x05')],
    'a token of zeros': [NO_TOKEN, only(({ length }) => new Uint8Array(length))],
    'a token of FFs': [NO_TOKEN, only(({ length }) => new Uint8Array(length).fill(0xff))],
    'a token of octets at random': [NO_TOKEN, only(({ length }, draw) => draw.octets(length))],
    'a token is cut short': [NO_TOKEN, only((token, draw) => token.subarray(0, 1 + draw.below(token.length - 1)))],
    'a token has octets behind it': [NO_TOKEN, only((token, draw) => concat(token, draw.octets(1 + draw.below(40))))],
    'a token comes twice in one line': [NO_TOKEN, only(token => concat(token, token))],
    'the first octets of a token are gone': [
      NO_TOKEN,
      only((token, draw) => token.subarray(1 + draw.below(token.length - 1))),
    ],
    'a bit of the last octets is flipped': [NO_TOKEN, only(flippedAtEnd)],
  },
});

const REPLAYED = refuse('security/replayed');

const again: Change<MutationContext> = (_text, _draw, { sent }) => [sent[0]!];

const MESSAGES_OUT_OF_ORDER = mutationsOf({ layer: 'sequence', at: 'wire', makes: 'everything', ...NUMBERS })({
  'RFC 2743 §1.2.3': {
    'a message comes again': [REPLAYED, again, { after: 1 }],
    'a message comes again, after many others': [REPLAYED, again, { after: 40 }],
    'messages before it are missing': [
      EITHER,
      (_text, draw, { valid }) => {
        for (let lost = 1 + draw.below(70); lost > 0; lost--) valid();
        return [valid()];
      },
    ],
    'two messages change places': [
      EITHER,
      (_text, _draw, { valid }) => {
        const held = valid();
        return [concat(valid(), held)];
      },
    ],
  },
});

const TOKENS_OUT_OF_ORDER = mutationsOf({ layer: 'sequence', at: 'tokens', to: 'client', needs: ['lines', 'numbers'] })(
  {
    'RFC 2743 §1.2.3': {
      'a token comes twice in one reply': [REPLAYED, tokens => [tokens[0]!, ...tokens]],
      'a used token in a new reply': [
        REPLAYED,
        ([head, ...rest], _draw, { sent }) => [linesOf(sent[0]!)[0]!, head!, ...rest],
        { at: 'lines', after: 1 },
      ],
      'tokens of a reply change places': [
        EITHER,
        (tokens, draw) => {
          const at = draw.below(tokens.length - 1);
          return [...tokens.slice(0, at), tokens[at + 1]!, tokens[at]!, ...tokens.slice(at + 2)];
        },
      ],
      'a token of a reply is missing': [
        EITHER,
        (tokens, draw) => {
          const at = draw.below(tokens.length - 1);
          return tokens.filter((_, i) => i !== at);
        },
      ],
    },
  },
);

const WRONG_LEVEL = refuse('sequence/wrong-level');
const UNPROTECTED = refuse('sequence/unprotected');

/** Lines that claim one level around tokens that have another: the line's own code is that of the context's level. */
const claiming =
  (claimed: TokenLevel, applied: TokenLevel): Change<MutationContext> =>
  (fragments, _draw, { context, level }) =>
    level === claimed && context.supports(applied)
      ? fragments.map(fragment => context.wrap(fragment, applied).token)
      : undefined;

const weakened: Change<MutationContext> = (fragments, draw, { context, level }) => {
  const weaker = draw.below(fragments.length);
  if (level !== 'private') return undefined;
  return fragments.map((fragment, i) => context.wrap(fragment, i === weaker ? 'safe' : 'private').token);
};

/** Valid lines under another code or verb. */
const relabelled =
  (applied: TokenLevel, claimed: TokenLevel): Change<MutationContext> =>
  (lines, _draw, { to, level }) => {
    if (level !== applied) return undefined;
    const { verb, code } = factsOf(claimed);
    const had = to === 'client' ? 3 : factsOf(level).verb.length;
    return lines.map(line => spliced(line, 0, had, octets(to === 'client' ? `${code}` : verb)));
  };

/** The text as it is, without integrity. */
const unverifiable: Change<MutationContext> = (_text, _draw, { context, valid }) =>
  context.supports('confidential') ? [valid('confidential')] : undefined;

const CLAIMS = mutationsOf({ layer: 'level', at: 'tokens', makes: 'stage' })({
  'RFC 2228 §3, MIC, CONF and ENC; §5.2': {
    'private is claimed, and the token is not sealed': [WRONG_LEVEL, claiming('private', 'safe')],
    'private is claimed, and the token has no integrity': [WRONG_LEVEL, claiming('private', 'confidential')],
    'safe is claimed, and the token has no integrity': [WRONG_LEVEL, claiming('safe', 'confidential')],
    'safe is claimed, and the token is sealed': [ACCEPT, claiming('safe', 'private')],
    'one token of several is not sealed': [WRONG_LEVEL, weakened, { ...LINES, to: 'client' }],
  },
});

const LABELS = mutationsOf({ layer: 'level', at: 'lines' })({
  'RFC 2228 §3, MIC, CONF and ENC; §5.2': {
    'confidential is claimed, and the token is not sealed': [WRONG_LEVEL, relabelled('safe', 'confidential')],
  },
  'RFC 2228 §3, CCC': {
    '633 around a token that has integrity': [
      deviation('integrity-under-633'),
      relabelled('private', 'confidential'),
      { to: 'client' },
    ],
    'CONF where integrity is required': [WRONG_LEVEL, relabelled('private', 'confidential'), { to: 'server' }],
  },
});

const UNPROTECTED_TEXTS = mutationsOf({ layer: 'level', at: 'wire', makes: 'everything' })({
  'RFC 2228 §3, CCC': {
    'confidential alone, where integrity is required': [WRONG_LEVEL, unverifiable],
    'the text comes in the clear': [UNPROTECTED, text => text],
    'a clear refusal': [UNPROTECTED, all('533 Command protection level denied\r\n'), { to: 'client' }],
    'a clear word that the service ends': [UNPROTECTED, all('421 Good bye\r\n'), { to: 'client' }],
    'a clear ABOR': [UNPROTECTED, all('ABOR\r\n'), { to: 'server' }],
    'a clear CCC': [UNPROTECTED, all('CCC\r\n'), { to: 'server' }],
  },
});

const REFLECTED = refuse('security/wrong-direction', 'security/bad-checksum', 'security/bad-token');

const DIRECTION = mutationsOf({ layer: 'direction', at: 'tokens', makes: 'stage' })({
  'RFC 4121 §4.2.2, RFC 1964 §1.2.1.2': {
    "the peer's own token comes back": [
      REFLECTED,
      (_fragments, _draw, { received }) => [received!],
      { needs: ['received'] },
    ],
  },
});

/** Mutations of the tokens of any mechanism, and of what is sent in their place. */
export const TOKEN: readonly Mutation[] = [
  ...TOKENS,
  ...MESSAGES_OUT_OF_ORDER,
  ...TOKENS_OUT_OF_ORDER,
  ...DIRECTION,
  ...CLAIMS,
  ...LABELS,
  ...UNPROTECTED_TEXTS,
];
