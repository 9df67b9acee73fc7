/**
 * Security data of any mechanism (RFC 2228 §3, ADAT, §5.1 and §8.1): the line around a valid token, its base 64, and
 * its octets. A mechanism may leave octets unprotected, or ignore octets after a token, so a peer may accept such
 * changes. But an incomplete token must be refused (RFC 2743 §2.2.2, GSS_S_DEFECTIVE_TOKEN).
 */
import { encodeBase64 } from '../../base64.js';
import { concat, concatAll, fromUtf8 } from '../../bytes.js';
import type { Choices } from '../choices.js';
import {
  ACCEPT,
  type Change,
  deviation,
  EITHER,
  type ExchangeMutation,
  type ExchangeTurn,
  mutationsOf,
  refuse,
} from '../mutation.js';
import { all, ended, every, flipped, octets, replaced } from '../pieces.js';
import { BASE64 } from './base64.js';

const BAD_COMMAND = refuse('syntax/bad-command', 'sequence/unexpected-command');

/** Replaces the verb and the blank after it. */
const said = (verb: string) => every<unknown>(replaced(verb, 5));

const COMMANDS = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'lines', to: 'server' })({
  'RFC 2228 §8.1': {
    'the valid line': [ACCEPT, lines => lines],
    'ADAT without a blank': [BAD_COMMAND, said('ADAT')],
    'an equals sign behind ADAT': [BAD_COMMAND, said('ADAT=')],
    'ADAT=, as replies have it': [refuse('syntax/bad-base64', 'syntax/bad-command'), said('ADAT ADAT=')],
    'a NUL behind ADAT': [BAD_COMMAND, said('ADAT\0')],
    'a bare LF behind ADAT': [deviation('bare-lf'), every(ended('\n'))],
  },
  'RFC 959 §5.3': {
    'ADAT in small letters': [ACCEPT, said('adat ')],
    'ADAT in mixed case': [ACCEPT, said('aDaT ')],
  },
});

/** A reply with other text around the base 64 of the token, in several lines if the text has them. */
const reply =
  (text: (base64: string, code: number, draw: Choices) => string): Change<ExchangeTurn> =>
  (_lines, draw, { token, code }) =>
    token && [octets(`${text(fromUtf8(encodeBase64(token)), code!, draw)}\r\n`)];

/** Each half of the token in a line, each encoded as base 64. */
const inTwoLines: Change<ExchangeTurn> = (_lines, _draw, { token, code }) => {
  if (token === undefined) return undefined;
  const half = token.length >> 1;
  const line = (separator: string, part: Uint8Array) =>
    concat(octets(`${code}${separator}ADAT=`), encodeBase64(part), octets('\r\n'));
  return [line('-', token.subarray(0, half)), line(' ', token.subarray(half))];
};

const otherCode = (code: number) => (code === 235 ? 335 : 235);

/** A client must not assume an association that the server has not confirmed. */
const NOT_COMPLETE = refuse('sequence/unexpected-reply', 'sequence/no-context', 'security/bad-token');
const NO_DATA = refuse('security/bad-token', 'sequence/no-context');
const REFUSED = refuse('sequence/no-context');
const SEVERAL = deviation('multi-line-adat');

const REPLIES = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'lines', to: 'client' })({
  'RFC 2228 §5.1': {
    'the valid reply': [ACCEPT, reply((data, code) => `${code} ADAT=${data}`)],
    'adat= in small letters': [deviation('adat-case'), reply((data, code) => `${code} adat=${data}`)],
    'words before ADAT=': [deviation('text-before-adat'), reply((data, code) => `${code} Here it is: ADAT=${data}`)],
    'ADAT= in the first line of two': [SEVERAL, reply((data, code) => `${code}-ADAT=${data}\r\n${code} Done`)],
    'ADAT= in the last line of two': [SEVERAL, reply((data, code) => `${code}-Wait\r\n${code} ADAT=${data}`)],
    'ADAT= twice': [EITHER, reply((data, code) => `${code} ADAT=${data} ADAT=${data}`)],
    'the token in two lines, each with base 64 of its own': [SEVERAL, inTwoLines],
    'no ADAT=': [NO_DATA, reply((data, code) => `${code} ${data}`)],
    'a blank within ADAT=': [NO_DATA, reply((data, code) => `${code} ADAT =${data}`)],
    'no security data': [NO_DATA, reply((_, code) => `${code} Security data exchange complete`)],
    'no octet behind ADAT=': [NO_DATA, reply((_, code) => `${code} ADAT=`)],
    '235 where 335 is due, or the other way': [NOT_COMPLETE, reply((data, code) => `${otherCode(code)} ADAT=${data}`)],
    '235 where 335 is due, or the other way, without data': [
      NOT_COMPLETE,
      reply((_, code) => `${otherCode(code)} Go on`),
    ],
    'the code of another command': [NOT_COMPLETE, reply((data, _, draw) => `${draw.of([234, 334])} ADAT=${data}`)],
    'a success that says nothing of security': [
      NOT_COMPLETE,
      reply((data, _, draw) => `${draw.of([200, 230, 232, 331])} ADAT=${data}`),
    ],
  },
  'RFC 2228 §3, ADAT': {
    'a refusal with valid data': [REFUSED, reply((data, _, draw) => `${draw.of([535, 431, 501, 534])} ADAT=${data}`)],
    'a refusal without data': [REFUSED, reply((_data, _, draw) => `${draw.of([535, 431, 501, 503, 534])} No`)],
  },
});

const DEFECTIVE = refuse('security/bad-token', 'security/bad-checksum', 'security/no-key');
/** With this many octets, the base 64 is 64 KiB. */
const LONG = 48 * 1024;
const LARGE = { large: true } as const;
/** The beginnings of tokens of other mechanisms, TLS and NTLM, and of none. */
const FOREIGN = [
  '\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03'.padEnd(52, '\x11'),
  'NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2'.padEnd(40, '\0'),
  'GET / HTTP/1.0\r\n\r\n',
];

function cut(token: Uint8Array, draw: Choices): Uint8Array {
  const third = Math.floor(token.length / 3);
  return token.subarray(0, draw.of([token.length - 1, third, 2 * third, 1 + draw.below(token.length - 1)]));
}

/** Replaces the token by one of these texts. */
const oneOf = (texts: readonly string[]) => every<unknown>((_, draw) => octets(draw.of(texts)));

const TOKENS = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'tokens' })({
  'RFC 2228 §3, ADAT': {
    'no octet of the token': [refuse('security/bad-token', 'syntax/bad-command'), all('')],
    'one octet for the token': [DEFECTIVE, oneOf(['`', '\0', '\x01', '\x16', '\xff'])],
    'the token is cut': [DEFECTIVE, every(cut)],
    'octets behind the token': [EITHER, every((token, draw) => concat(token, draw.octets(draw.of([1, 4, 100]))))],
    'the token comes twice': [EITHER, ([token]) => [concatAll([token!, token!])]],
    'a bit of the token is flipped': [
      EITHER,
      every((token, draw) => flipped(token, draw.below(token.length), draw.below(8))),
    ],
    'octets at random for the token': [DEFECTIVE, every((token, draw) => draw.octets(token.length))],
    'a token of another mechanism': [DEFECTIVE, oneOf(FOREIGN)],
    '48 KiB behind the token': [EITHER, every(ended('\0'.repeat(LONG), 0)), LARGE],
    '48 KiB of one octet for the token': [
      DEFECTIVE,
      every((_, draw) => new Uint8Array(LONG).fill(draw.of([0x60, 0x30, 0, 0x80, 0xff]))),
      LARGE,
    ],
    "the client's own token": [DEFECTIVE, (_token, _draw, { received }) => received && [received], { to: 'client' }],
  },
});

/** The mutations of base 64 for messages, applied to the token of an exchange. */
const TEXTS = BASE64.filter(({ at }) => at === 'base64').map(({ name, source, expected, at, change }) => {
  return { layer: 'exchange', name: `base 64: ${name}`, source, expected, at, change } as const;
});

/** Mutations of the security data of any mechanism. */
export const EXCHANGE: readonly ExchangeMutation[] = [...COMMANDS, ...REPLIES, ...TOKENS, ...TEXTS];
