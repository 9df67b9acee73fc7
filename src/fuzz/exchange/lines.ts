/** ADAT, and the replies to it (RFC 2228 §3, §5.1 and §8.1): what stands around valid security data. */
import { encodeBase64 } from '../../base64.js';
import { concat, concatAll, fromUtf8 } from '../../bytes.js';
import type { Choices } from '../choices.js';
import { ACCEPT, deviation, EITHER, type Expectation, refuse } from '../mutation.js';
import { octets, spliced } from '../pieces.js';
import type { ExchangeMutation } from './mutation.js';

type Row = Omit<ExchangeMutation, 'to' | 'at'>;

const ADAT = 'RFC 2228 §8.1';
const VERBS = 'RFC 959 §5.3';
const REPLIES = 'RFC 2228 §5.1';
const BAD_COMMAND = refuse('syntax/bad-command', 'sequence/unexpected-command');

/** The verb and the blank behind it replaced. */
const said = (name: string, verb: string, expected: Expectation, source = ADAT): Row => {
  return { name, source, expected, change: line => spliced(line, 0, 5, octets(verb)) };
};

const COMMANDS: readonly Row[] = [
  { name: 'the line as it ought to be', source: ADAT, expected: ACCEPT, change: line => line },
  said('ADAT in small letters', 'adat ', ACCEPT, VERBS),
  said('ADAT in mixed case', 'aDaT ', ACCEPT, VERBS),
  said('ADAT without a blank', 'ADAT', BAD_COMMAND),
  said('an equals sign behind ADAT', 'ADAT=', BAD_COMMAND),
  said('ADAT=, as replies have it', 'ADAT ADAT=', refuse('syntax/bad-base64', 'syntax/bad-command')),
  said('a NUL behind ADAT', 'ADAT\0', BAD_COMMAND),
  {
    name: 'a bare LF behind ADAT',
    source: ADAT,
    expected: deviation('bare-lf'),
    change: line => spliced(line, line.length - 2, 1),
  },
];

/** A reply of other text around the base 64 of the token; of more lines than one if it says so. */
const reply = (
  name: string,
  expected: Expectation,
  text: (base64: string, code: number, draw: Choices) => string,
  source = REPLIES,
): Row => ({
  name,
  source,
  expected,
  change: (_line, draw, { token, code }) => token && octets(`${text(base64Of(token), code!, draw)}\r\n`),
});

const base64Of = (token: Uint8Array) => fromUtf8(encodeBase64(token));
const otherCode = (code: number) => (code === 235 ? 335 : 235);

/** It must not take an association to stand that the server has not said to. */
const NOT_COMPLETE = refuse('sequence/unexpected-reply', 'sequence/no-context', 'security/bad-token');
const NO_DATA = refuse('security/bad-token', 'sequence/no-context');
const REFUSED = refuse('sequence/no-context');

const REPLY_ROWS: readonly Row[] = [
  reply('the reply as it ought to be', ACCEPT, (data, code) => `${code} ADAT=${data}`),
  reply('adat= in small letters', deviation('adat-case'), (data, code) => `${code} adat=${data}`),
  reply('words before ADAT=', deviation('text-before-adat'), (data, code) => `${code} Here it is: ADAT=${data}`),
  reply(
    'ADAT= in the first line of two',
    deviation('multi-line-adat'),
    (data, code) => `${code}-ADAT=${data}\r\n${code} Done`,
  ),
  reply(
    'ADAT= in the last line of two',
    deviation('multi-line-adat'),
    (data, code) => `${code}-Wait\r\n${code} ADAT=${data}`,
  ),
  reply('ADAT= twice', EITHER, (data, code) => `${code} ADAT=${data} ADAT=${data}`),
  {
    name: 'the token in two lines, each with base 64 of its own',
    source: REPLIES,
    expected: deviation('multi-line-adat'),
    change: (_line, _draw, { token, code }) => token && inTwoLines(token, code!),
  },
  reply('no ADAT=', NO_DATA, (data, code) => `${code} ${data}`),
  reply('a blank within ADAT=', NO_DATA, (data, code) => `${code} ADAT =${data}`),
  reply('no security data', NO_DATA, (_, code) => `${code} Security data exchange complete`),
  reply('no octet behind ADAT=', NO_DATA, (_, code) => `${code} ADAT=`),
  reply('235 where 335 is due, or the other way', NOT_COMPLETE, (data, code) => `${otherCode(code)} ADAT=${data}`),
  reply('235 where 335 is due, or the other way, without data', NOT_COMPLETE, (_, code) => `${otherCode(code)} Go on`),
  reply('the code of another command', NOT_COMPLETE, (data, _, draw) => `${draw.of([234, 334])} ADAT=${data}`),
  reply(
    'a success that says nothing of security',
    NOT_COMPLETE,
    (data, _, draw) => `${draw.of([200, 230, 232, 331])} ADAT=${data}`,
  ),
  reply(
    'a refusal with valid data',
    REFUSED,
    (data, _, draw) => `${draw.of([535, 431, 501, 534])} ADAT=${data}`,
    'RFC 2228 §3, ADAT',
  ),
  reply(
    'a refusal without data',
    REFUSED,
    (_data, _, draw) => `${draw.of([535, 431, 501, 503, 534])} No`,
    'RFC 2228 §3, ADAT',
  ),
];

function inTwoLines(token: Uint8Array, code: number): Uint8Array {
  const half = token.length >> 1;
  const line = (separator: string, part: Uint8Array) =>
    concat(octets(`${code}${separator}ADAT=`), encodeBase64(part), octets('\r\n'));
  return concatAll([line('-', token.subarray(0, half)), line(' ', token.subarray(half))]);
}

export const EXCHANGE_LINES: readonly ExchangeMutation[] = [
  ...COMMANDS.map(row => ({ ...row, to: 'server', at: 'line' }) as const),
  ...REPLY_ROWS.map(row => ({ ...row, to: 'client', at: 'line' }) as const),
];
