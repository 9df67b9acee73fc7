/** What a line claims against what its token has (RFC 2228 §3 and §5), and what comes from the wrong side. */
import { factsOf, type TokenLevel } from '../../protection/protection-level.js';
import { validMessage } from '../message.js';
import { ACCEPT, deviation, type Mutation, refuse, rowsAt } from '../mutation.js';
import { flipped, octets, spliced } from '../pieces.js';

const WRONG = refuse('sequence/wrong-level');
const UNPROTECTED = refuse('sequence/unprotected');
const CLAIM = 'RFC 2228 §3, MIC, CONF and ENC; §5.2';

const CCC = 'RFC 2228 §3, CCC';
/** Its tokens are made here, from fragments. */
const stage = rowsAt('tokens', { makes: 'stage' });
const lines = rowsAt('lines');
/** Something else than a protected message. */
const whole = rowsAt('wire', { makes: 'everything' });

/** Lines that claim one level around tokens that have another. */
function claiming(claimed: TokenLevel, applied: TokenLevel): Mutation['change'] {
  // The line's own code is that of the carrier's level.
  return (fragments, _draw, { context, level }) =>
    level === claimed && context.supports(applied)
      ? fragments.map(fragment => context.wrap(fragment, applied).token)
      : undefined;
}

/** Valid lines under another code or verb. */
function relabelled(applied: TokenLevel, claimed: TokenLevel): Mutation['change'] {
  return (lines, _draw, { to, level }) => {
    if (level !== applied) return undefined;
    const { verb, code } = factsOf(claimed);
    const had = to === 'client' ? 3 : factsOf(level).verb.length;
    return lines.map(line => spliced(line, 0, had, octets(to === 'client' ? `${code}` : verb)));
  };
}

export const LEVEL: readonly Mutation[] = [
  stage('private is claimed, and the token is not sealed', CLAIM, WRONG, claiming('private', 'safe')),
  stage('private is claimed, and the token has no integrity', CLAIM, WRONG, claiming('private', 'confidential')),
  stage('safe is claimed, and the token has no integrity', CLAIM, WRONG, claiming('safe', 'confidential')),
  stage('safe is claimed, and the token is sealed', CLAIM, ACCEPT, claiming('safe', 'private')),
  lines(
    '633 around a token that has integrity',
    CCC,
    deviation('integrity-under-633'),
    { to: 'client' },
    relabelled('private', 'confidential'),
  ),
  lines('CONF where integrity is required', CCC, WRONG, { to: 'server' }, relabelled('private', 'confidential')),
  lines('confidential is claimed, and the token is not sealed', CLAIM, WRONG, relabelled('safe', 'confidential')),
  whole('confidential alone, where integrity is required', CCC, WRONG, (_text, _draw, carrier) =>
    carrier.context.supports('confidential') ? [validMessage({ ...carrier, level: 'confidential' })] : undefined,
  ),
  stage(
    'one token of several is not sealed',
    CLAIM,
    WRONG,
    { to: 'client', needs: ['lines'] },
    (fragments, draw, { context, level }) => {
      const weaker = draw.below(fragments.length);
      if (level !== 'private') return undefined;
      return fragments.map((fragment, i) => context.wrap(fragment, i === weaker ? 'safe' : 'private').token);
    },
  ),
  whole('the text comes in the clear', CCC, UNPROTECTED, ([text]) => [text!]),
  whole('a clear refusal', CCC, UNPROTECTED, { to: 'client' }, () => [
    octets('533 Command protection level denied\r\n'),
  ]),
  whole('a clear word that the service ends', CCC, UNPROTECTED, { to: 'client' }, () => [octets('421 Good bye\r\n')]),
  whole('a clear ABOR', CCC, UNPROTECTED, { to: 'server' }, () => [octets('ABOR\r\n')]),
  whole('a clear CCC', CCC, UNPROTECTED, { to: 'server' }, () => [octets('CCC\r\n')]),
];

const REFLECTED = refuse('security/wrong-direction', 'security/bad-checksum', 'security/bad-token');

export const DIRECTION: readonly Mutation[] = [
  stage(
    "the peer's own token comes back",
    'RFC 4121 §4.2.2, RFC 1964 §1.2.1.2',
    REFLECTED,
    { needs: ['received'] },
    (_fragments, _draw, { received }) => [received!],
  ),
];

/** Under X-PSK some are confidential ones, which anybody can make. */
const NO_TOKEN = refuse(
  'security/bad-token',
  'security/bad-checksum',
  'security/wrong-direction',
  'sequence/wrong-level',
);

const tokenRow = rowsAt('tokens', { needs: ['integrity'] });
const token = (name: string, change: Mutation['change']) => tokenRow(name, 'RFC 2743 §2.3.4', NO_TOKEN, change);

export const TOKEN: readonly Mutation[] = [
  token('a token of one octet', () => [Uint8Array.of(5)]),
  token('a token of zeros', ([token]) => [new Uint8Array(token!.length)]),
  token('a token of FFs', ([token]) => [new Uint8Array(token!.length).fill(0xff)]),
  token('a token of octets at random', ([token], draw) => [draw.octets(token!.length)]),
  token('a token is cut short', ([token], draw) => [token!.subarray(0, 1 + draw.below(token!.length - 1))]),
  token('a token has octets behind it', ([token], draw) => [
    spliced(token!, token!.length, 0, draw.octets(1 + draw.below(40))),
  ]),
  token('a token comes twice in one line', ([token]) => [spliced(token!, 0, 0, token!)]),
  token('the first octets of a token are gone', ([token], draw) => [
    token!.subarray(1 + draw.below(token!.length - 1)),
  ]),
  token('a bit of the last octets is flipped', ([token], draw) => [
    flipped(token!, token!.length - 1 - draw.below(8), draw.below(8)),
  ]),
];
