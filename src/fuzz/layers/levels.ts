/** What a line claims against what its token has (RFC 2228 §3 and §5), and what comes from the wrong side. */
import { factsOf, type TokenLevel } from '../../secure/protection-level.js';
import { soundMessage } from '../message.js';
import { ACCEPT, deviation, type Mutation, refuse } from '../mutation.js';
import { flipped, octets, spliced } from '../pieces.js';

const WRONG = refuse('sequence/wrong-level');
const UNPROTECTED = refuse('sequence/unprotected');
const CLAIM = 'RFC 2228 §3, MIC, CONF and ENC; §5.2';

/** Lines that claim one level around tokens that have another. */
function claiming(claimed: TokenLevel, applied: TokenLevel): Pick<Mutation, 'at' | 'makes' | 'change'> {
  return {
    at: 'tokens',
    makes: 'stage',
    change: (fragments, _draw, { context, level }) => {
      // The line's own code is that of the carrier's level.
      if (level !== claimed || !context.supports(applied)) return undefined;
      return fragments.map(fragment => context.wrap(fragment, applied).token);
    },
  };
}

/** Sound lines under another code or verb. */
function relabelled(applied: TokenLevel, claimed: TokenLevel): Pick<Mutation, 'at' | 'change'> {
  return {
    at: 'lines',
    change: (lines, _draw, { to, level }) => {
      if (level !== applied) return undefined;
      const { verb, code } = factsOf(claimed);
      const had = to === 'client' ? 3 : factsOf(level).verb.length;
      return lines.map(line => spliced(line, 0, had, octets(to === 'client' ? `${code}` : verb)));
    },
  };
}

export const LEVEL: readonly Mutation[] = [
  {
    name: 'private is claimed, and the token is not sealed',
    source: CLAIM,
    expected: WRONG,
    ...claiming('private', 'safe'),
  },
  {
    name: 'private is claimed, and the token has no integrity',
    source: CLAIM,
    expected: WRONG,
    ...claiming('private', 'confidential'),
  },
  {
    name: 'safe is claimed, and the token has no integrity',
    source: CLAIM,
    expected: WRONG,
    ...claiming('safe', 'confidential'),
  },
  { name: 'safe is claimed, and the token is sealed', source: CLAIM, expected: ACCEPT, ...claiming('safe', 'private') },
  {
    name: '633 around a token that has integrity',
    source: 'RFC 2228 §3, CCC',
    to: 'client',
    expected: deviation('integrity-under-633'),
    ...relabelled('private', 'confidential'),
  },
  {
    name: 'CONF where integrity is owed',
    source: 'RFC 2228 §3, CCC',
    to: 'server',
    expected: WRONG,
    ...relabelled('private', 'confidential'),
  },
  {
    name: 'confidential is claimed, and the token is not sealed',
    source: CLAIM,
    expected: WRONG,
    ...relabelled('safe', 'confidential'),
  },
  {
    name: 'confidential alone, where integrity is owed',
    source: 'RFC 2228 §3, CCC',
    expected: WRONG,
    at: 'wire',
    makes: 'everything',
    change: (_text, _draw, carrier) =>
      carrier.context.supports('confidential') ? [soundMessage({ ...carrier, level: 'confidential' })] : undefined,
  },
  {
    name: 'one token of several is not sealed',
    source: CLAIM,
    to: 'client',
    expected: WRONG,
    needs: ['lines'],
    at: 'tokens',
    makes: 'stage',
    change: (fragments, draw, { context, level }) => {
      const weaker = draw.below(fragments.length);
      if (level !== 'private') return undefined;
      return fragments.map((fragment, i) => context.wrap(fragment, i === weaker ? 'safe' : 'private').token);
    },
  },
  {
    name: 'the text comes in the clear',
    source: 'RFC 2228 §3, CCC',
    expected: UNPROTECTED,
    at: 'wire',
    makes: 'everything',
    change: ([text]) => [text!],
  },
  {
    name: 'a clear refusal',
    source: 'RFC 2228 §3, CCC',
    to: 'client',
    expected: UNPROTECTED,
    at: 'wire',
    makes: 'everything',
    change: () => [octets('533 Command protection level denied\r\n')],
  },
  {
    name: 'a clear word that the service ends',
    source: 'RFC 2228 §3, CCC',
    to: 'client',
    expected: UNPROTECTED,
    at: 'wire',
    makes: 'everything',
    change: () => [octets('421 Good bye\r\n')],
  },
  {
    name: 'a clear ABOR',
    source: 'RFC 2228 §3, CCC',
    to: 'server',
    expected: UNPROTECTED,
    at: 'wire',
    makes: 'everything',
    change: () => [octets('ABOR\r\n')],
  },
  {
    name: 'a clear CCC',
    source: 'RFC 2228 §3, CCC',
    to: 'server',
    expected: UNPROTECTED,
    at: 'wire',
    makes: 'everything',
    change: () => [octets('CCC\r\n')],
  },
];

const REFLECTED = refuse('security/wrong-direction', 'security/bad-checksum', 'security/bad-token');

export const DIRECTION: readonly Mutation[] = [
  {
    name: "the peer's own token comes back",
    source: 'RFC 4121 §4.2.2, RFC 1964 §1.2.1.2',
    expected: REFLECTED,
    needs: ['received'],
    at: 'tokens',
    makes: 'stage',
    change: (_fragments, _draw, { received }) => [received!],
  },
];

/** Under X-PSK some are confidential ones, which anybody can make. */
const NO_TOKEN = refuse(
  'security/bad-token',
  'security/bad-checksum',
  'security/wrong-direction',
  'sequence/wrong-level',
);

const tokens: readonly Pick<Mutation, 'name' | 'change'>[] = [
  { name: 'a token of one octet', change: () => [Uint8Array.of(5)] },
  { name: 'a token of zeros', change: ([token]) => [new Uint8Array(token!.length)] },
  { name: 'a token of FFs', change: ([token]) => [new Uint8Array(token!.length).fill(0xff)] },
  { name: 'a token of octets at random', change: ([token], draw) => [draw.octets(token!.length)] },
  { name: 'a token is cut short', change: ([token], draw) => [token!.subarray(0, 1 + draw.below(token!.length - 1))] },
  {
    name: 'a token has octets behind it',
    change: ([token], draw) => [spliced(token!, token!.length, 0, draw.octets(1 + draw.below(40)))],
  },
  { name: 'a token comes twice in one line', change: ([token]) => [spliced(token!, 0, 0, token!)] },
  {
    name: 'the first octets of a token are gone',
    change: ([token], draw) => [token!.subarray(1 + draw.below(token!.length - 1))],
  },
  {
    name: 'a bit of the last octets is flipped',
    change: ([token], draw) => [flipped(token!, token!.length - 1 - draw.below(8), draw.below(8))],
  },
];

export const TOKEN: readonly Mutation[] = tokens.map(
  row => ({ ...row, at: 'tokens', source: 'RFC 2743 §2.3.4', expected: NO_TOKEN, needs: ['integrity'] }) as const,
);
