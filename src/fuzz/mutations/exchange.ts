/**
 * Security data of any mechanism (RFC 2228 §3, ADAT, §5.1 and §8.1): the line around a valid token, its base 64, and
 * its octets. A mechanism may leave octets unprotected, or ignore octets after a token, so a peer may accept such
 * changes. But an incomplete token must be refused (RFC 2743 §2.2.2, GSS_S_DEFECTIVE_TOKEN).
 */
import { encodeBase64 } from '../../base64.js';
import { concat, concatAll, fromUtf8 } from '../../bytes.js';
import type { Change, ExchangeTurn } from '../mutation.js';
import { all, anyBitFlipped, beyondBuffer, cutShort, type Edit, ended, every, octets, replaced } from '../pieces.js';
import { mutationsOf, rowsOf } from '../rows.js';
import { BASE64_TEXTS } from './lines.js';

const BAD_COMMAND = ['syntax/bad-command', 'sequence/unexpected-command'] as const;

/** Replaces the verb and the blank after it. */
const withVerb = (verb: string) => every(replaced(verb, 5));

const COMMANDS = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'lines', to: 'server' })({
  'RFC 2228 §8.1': {
    'the valid line': ['accept', lines => lines],
    ...rowsOf('the verb', BAD_COMMAND, withVerb, 'ADAT', 'ADAT=', 'ADAT\0'),
    'ADAT=, as replies have it': [['syntax/bad-base64', 'syntax/bad-command'], withVerb('ADAT ADAT=')],
    'a bare LF behind ADAT': ['bare-lf', every(ended('\n'))],
  },
  'RFC 959 §5.3': {
    'ADAT in small letters': ['accept', withVerb('adat ')],
    'ADAT in mixed case': ['accept', withVerb('aDaT ')],
  },
});

/**
 * Another reply: one of these texts, which is chosen, with DATA for the base 64 of the token, CODE for the right code,
 * and OTHER for the code of the other kind of reply to ADAT.
 */
const reply =
  (texts: string | readonly string[]): Change<ExchangeTurn> =>
  (_lines, draw, { token, code }) => {
    if (token === undefined) return undefined;
    const text = typeof texts === 'string' ? texts : draw.of(texts);
    const coded = text.replaceAll('CODE', `${code}`).replace('OTHER', code === 235 ? '335' : '235');
    return [octets(`${coded.replaceAll('DATA', fromUtf8(encodeBase64(token)))}\r\n`)];
  };

const coded = (...codes: number[]) => reply(codes.map(code => `${code} ADAT=DATA`));

/** Each half of the token in a line, each encoded as base 64. */
const inTwoLines: Change<ExchangeTurn> = (_lines, _draw, { token, code }) => {
  if (token === undefined) return undefined;
  const half = token.length >> 1;
  const line = (separator: string, part: Uint8Array) =>
    concat(octets(`${code}${separator}ADAT=`), encodeBase64(part), octets('\r\n'));
  return [line('-', token.subarray(0, half)), line(' ', token.subarray(half))];
};

/** A client must not assume an association that the server has not confirmed. */
const NOT_COMPLETE = ['sequence/unexpected-reply', 'sequence/no-context', 'security/bad-token'] as const;
const NO_DATA = ['security/bad-token', 'sequence/no-context'] as const;
const SEVERAL = 'multi-line-adat';

const REPLIES = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'lines', to: 'client' })({
  'RFC 2228 §5.1': {
    'the valid reply': ['accept', reply('CODE ADAT=DATA')],
    'adat= in small letters': ['adat-case', reply('CODE adat=DATA')],
    'words before ADAT=': ['text-before-adat', reply('CODE Here it is: ADAT=DATA')],
    'ADAT= in the first line of two': [SEVERAL, reply('CODE-ADAT=DATA\r\nCODE Done')],
    'ADAT= in the last line of two': [SEVERAL, reply('CODE-Wait\r\nCODE ADAT=DATA')],
    'ADAT= twice': ['either', reply('CODE ADAT=DATA ADAT=DATA')],
    'the token in two lines, each with base 64 of its own': [SEVERAL, inTwoLines],
    'no ADAT=': [NO_DATA, reply('CODE DATA')],
    'a blank within ADAT=': [NO_DATA, reply('CODE ADAT =DATA')],
    'no security data': [NO_DATA, reply('CODE Security data exchange complete')],
    'no octet behind ADAT=': [NO_DATA, reply('CODE ADAT=')],
    '235 where 335 is due, or the other way': [NOT_COMPLETE, reply('OTHER ADAT=DATA')],
    '235 where 335 is due, or the other way, without data': [NOT_COMPLETE, reply('OTHER Go on')],
    'the code of another command': [NOT_COMPLETE, coded(234, 334)],
    'a success that says nothing of security': [NOT_COMPLETE, coded(200, 230, 232, 331)],
  },
  'RFC 2228 §3, ADAT': {
    'a refusal with valid data': ['sequence/no-context', coded(535, 431, 501, 534)],
    'a refusal without data': ['sequence/no-context', reply(['535 No', '431 No', '501 No', '503 No', '534 No'])],
  },
});

const UNREADABLE = ['security/bad-token', 'security/bad-checksum', 'security/no-key'] as const;
/** With this many octets, the base 64 is 64 KiB. */
const LONG = 48 * 1024;
/** The beginnings of tokens of other mechanisms, TLS and NTLM, and of none. */
const FOREIGN = [
  '\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03'.padEnd(52, '\x11'),
  'NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2'.padEnd(40, '\0'),
  'GET / HTTP/1.0\r\n\r\n',
];

const cutAtThirds: Edit = (token, draw) => {
  const third = Math.floor(token.length / 3);
  return token.subarray(0, draw.of([token.length - 1, third, 2 * third, cutShort(token, draw).length]));
};
/** The first octet is never the right one, so that the token can't be valid by chance. */
const atRandom: Edit = (token, draw) => concat(Uint8Array.of(token[0]! ^ 0xff), draw.octets(token.length - 1));
const ofOneOctet: Edit = (_, draw) => new Uint8Array(LONG).fill(draw.of([0x60, 0x30, 0, 0x80, 0xff]));

const TOKENS = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'tokens' })({
  'RFC 2228 §3, ADAT': {
    'no octet of the token': [['security/bad-token', 'syntax/bad-command'], all('')],
    'one octet for the token': [UNREADABLE, every((_, draw) => octets(draw.of(['`', '\0', '\x01', '\x16', '\xff'])))],
    'the token is cut': [UNREADABLE, every(cutAtThirds)],
    'octets behind the token': ['either', every((token, draw) => concat(token, draw.octets(draw.of([1, 4, 100]))))],
    'more octets behind the token than usual buffers hold': [
      'either',
      every((token, draw) => concat(token, draw.octets(beyondBuffer(draw)))),
    ],
    'the token comes twice': ['either', ([token]) => [concatAll([token!, token!])]],
    'a bit of the token is flipped': ['either', every(anyBitFlipped)],
    'octets at random for the token': [UNREADABLE, every(atRandom)],
    'a token of another mechanism': [UNREADABLE, every((_, draw) => octets(draw.of(FOREIGN)))],
    '48 KiB behind the token': ['either', every(ended('\0'.repeat(LONG), 0)), { large: true }],
    '48 KiB of one octet for the token': [UNREADABLE, every(ofOneOctet), { large: true }],
    "the client's own token": [UNREADABLE, (_token, _draw, { received }) => received && [received], { to: 'client' }],
  },
});

const TEXTS = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'base64', prefix: 'base 64: ' })(BASE64_TEXTS);

export const EXCHANGE = [...COMMANDS, ...REPLIES, ...TOKENS, ...TEXTS];
