/**
 * What is outside tokens: octets and lines (RFC 959 §4.1.3 and §5.3, RFC 854), replies and commands (RFC 959 §4.2,
 * RFC 2228 §5.2), which nothing authenticates, and base 64 (RFC 2228 §10). After random changes, all that can be required
 * is that a peer accepts no other text than the protected one. Servers must accept what a user process sends before ABOR,
 * and refuse options (RFC 1123 §4.1.2.12); a peer may accept or refuse all other Telnet commands.
 */

import { encodeBase64 } from '../../base64.js';
import { CRLF, concat, concatAll, fromUtf8 } from '../../bytes.js';
import type { Choices } from '../choices.js';
import type { Change } from '../mutation.js';
import {
  all,
  anyBitFlipped,
  anyOne,
  before,
  type Edit,
  ended,
  every,
  first,
  inserted,
  last,
  octets,
  replaced,
  spliced,
} from '../pieces.js';
import { BAD_TOKEN, mutationsOf, rowsOf, type Table } from '../rows.js';

const BAD_REPLY = 'syntax/bad-reply';
const BAD_COMMAND = 'syntax/bad-command';
const BAD_BASE64 = 'syntax/bad-base64';
const TRUNCATED = 'syntax/truncated';
const TOO_LONG = 'syntax/limit-exceeded';
const MANGLED = [BAD_REPLY, BAD_COMMAND] as const;
const MANGLED_LINE = [BAD_BASE64, ...MANGLED] as const;
/** What is left of the token may be valid base 64. */
const BAD_OR_ALTERED = [BAD_BASE64, ...BAD_TOKEN] as const;
/** Octets that often cause faults in parsers. */
const AWKWARD = ['\0', '\r', '\n', '\t', ' ', '-', '%', '=', '\x7f', '\x80', '\xfe', '\xff'];

/** Changes one piece at a chosen place. */
const anywhere = (edit: (wire: Uint8Array, at: number, draw: Choices) => Uint8Array) =>
  anyOne((wire, draw) => edit(wire, draw.below(wire.length), draw));
const awkward = (draw: Choices) => octets(draw.of(AWKWARD));

const inUtf16 = (wire: Uint8Array) =>
  concatAll([octets('\xff\xfe'), ...Array.from(wire, octet => Uint8Array.of(octet, 0)), CRLF]);

const stretch = (wire: Uint8Array, at: number, draw: Choices) => wire.subarray(at, at + 1 + draw.below(wire.length));
const atRandom: Edit = (wire, draw) => concat(draw.octets(1 + draw.below(2 * wire.length)), CRLF);
const withHighBits: Edit = wire => wire.map(octet => (octet < 0x20 ? octet : octet | 0x80));

/** A reply may be left without end. */
const ANY_OCTETS = mutationsOf({ layer: 'octets', at: 'wire', needs: ['integrity'], open: true })({
  'RFC 2228 §3': {
    'a bit is flipped': ['either', anyOne(anyBitFlipped)],
    'an octet is gone': ['either', anywhere((wire, at) => spliced(wire, at, 1))],
    'an octet is added': ['either', anywhere((wire, at, draw) => spliced(wire, at, 0, awkward(draw)))],
    'an octet is another': ['either', anywhere((wire, at, draw) => spliced(wire, at, 1, awkward(draw)))],
    'a stretch is gone': ['either', anywhere((wire, at, draw) => spliced(wire, at, 1 + draw.below(wire.length)))],
    'a stretch comes twice': ['either', anywhere((wire, at, draw) => spliced(wire, at, 0, stretch(wire, at, draw)))],
    'the line is octets at random': ['either', anyOne(atRandom)],
  },
});

const ENCODINGS = mutationsOf({ layer: 'octets', at: 'wire' })({
  'RFC 959 §5.3': {
    'every octet but the line ends has its high bit set': [MANGLED, every(withHighBits)],
    'the line is in UTF-16': [MANGLED, every(inUtf16)],
    'a byte order mark before the line': [MANGLED, every(before('\xef\xbb\xbf'))],
  },
});

/** The standards set no limit, but memory is limited. */
const LONG = 'A'.repeat(0x110000);
const OPTIONS = ['\xff\xfb\x01', '\xff\xfc\x03', '\xff\xfd\x18', '\xff\xfe\x22'];

const TO_SERVER = { at: 'wire', to: 'server' } as const;
const withSubnegotiation: Edit = (line, draw) =>
  spliced(line, 5 + draw.below(line.length - 10), 0, octets('\xff\xfa\x18'));

/** Sends two chunks: the first ends anywhere, followed by other octets; other octets come before the second. */
const cut =
  (behind = '', front = ''): Change<unknown> =>
  ([wire], draw) => {
    const at = draw.below(wire!.length);
    return [concat(wire!.subarray(0, at), octets(behind)), concat(octets(front), wire!.subarray(at))];
  };

const LINES = mutationsOf({ layer: 'lines', at: 'lines' })({
  'RFC 959 §5.3': {
    'lines end in LF alone': ['bare-lf', every(ended('\n'))],
    'lines end in CR alone': [TRUNCATED, every(ended('\r')), { open: true }],
    'lines end in CR CR LF': [MANGLED_LINE, every(ended('\r\r\n'))],
    'lines end in CR NUL LF': [MANGLED_LINE, every(ended('\r\0\n'))],
    'lines end in NUL CR LF': [MANGLED_LINE, every(ended('\0\r\n'))],
    'a line has no end': [TRUNCATED, last(ended('')), { open: true }],
    'a line ends in half of CR LF': [TRUNCATED, last(ended('', 1)), { open: true }],
  },
  'RFC 959 §4.2': { 'an empty line goes before': ['either', every(before('\r\n')), { at: 'wire' }] },
  'RFC 2228 §10, which sets no limit': {
    'a line is longer than any limit that is needed': [TOO_LONG, last(ended(LONG, 0)), { at: 'base64', large: true }],
    'a line goes on without end': [TOO_LONG, every(ended(LONG)), { at: 'wire', large: true, open: true }],
  },
  'RFC 959 §4.1.3': {
    'Synch and Interrupt Process go before': ['accept', every(before('\xff\xf4\xff\xf2')), TO_SERVER],
  },
  'RFC 854': {
    'a Telnet command in a line': ['either', inserted(['\xff\xf1', '\xff\xf9', '\xff\xf6']), { at: 'wire' }],
    'a Telnet command is cut in two': ['either', cut('\xff', '\xf1'), { at: 'chunks' }],
    'an octet FF in the base 64': [BAD_BASE64, inserted('\xff\xff'), { at: 'base64' }],
    'an IAC before an octet that is no command': [BAD_BASE64, inserted('\xff'), { at: 'base64' }],
  },
  'RFC 1123 §4.1.2.12': {
    'an option is negotiated in a line': ['accept', inserted(OPTIONS), TO_SERVER],
    'an option is negotiated in a reply': ['either', inserted(OPTIONS), { at: 'wire', to: 'client' }],
  },
  'RFC 855': {
    'a subnegotiation in a line': ['either', inserted('\xff\xfa\x18\x01\xff\xf0'), { at: 'wire' }],
    'a subnegotiation never ends': [BAD_OR_ALTERED, last(withSubnegotiation)],
  },
});

const CHUNKS = mutationsOf({ layer: 'lines', at: 'chunks' })({
  'RFC 793 §1.5': {
    'each octet comes by itself': ['accept', ([wire]) => Array.from(wire!, octet => Uint8Array.of(octet))],
    'a chunk ends anywhere': ['accept', cut()],
    'CR and LF come apart': ['accept', ([wire]) => [wire!.subarray(0, -1), wire!.subarray(-1)]],
    'two messages come in one chunk': ['accept', ([wire], _draw, { valid }) => [concatAll([wire!, valid()])]],
  },
});

/** Replaces the code of every line, its separator, or the verb and the blank after it. */
const withCode = (code: string) => every(replaced(code, 3));
const withSeparator = (separator: string) => every(replaced(separator, 1, 3));
const withVerb = (verb: string) => every(line => spliced(line, 0, line.indexOf(0x20) + 1, octets(verb)));
/** Changes the octets at some positions to lower case. */
const inSmallLetters = (isSmall: (at: number) => boolean) =>
  every(line => line.map((octet, at) => (isSmall(at) ? octet | 0x20 : octet)));

const REPLIES = mutationsOf({ layer: 'grammar', at: 'lines', to: 'client' })({
  'RFC 959 §4.2': {
    ...rowsOf('the reply code', BAD_REPLY, withCode, '63', '6311', '10054', '6E1', '+63', '063', '731', '999', ''),
    'a reply code in another script': [BAD_REPLY, withCode('\xd9\xa6\xd9\xa3\xd9\xa1')],
    'a blank before the reply code': [BAD_REPLY, first(before(' '))],
    ...rowsOf('behind the reply code', BAD_REPLY, withSeparator, '\t', '', '_'),
    'a NUL behind the reply code': [BAD_REPLY, withSeparator('\0')],
    'a protected reply of the code alone': [BAD_REPLY, all('631\r\n')],
  },
  'RFC 2228 §5.2': {
    ...rowsOf('the reply code', BAD_REPLY, withCode, '630', '634', '600', '699'),
    'a protected reply without token': [BAD_REPLY, last(line => concat(line.subarray(0, 4), octets('\r\n')))],
  },
});

const COMMANDS = mutationsOf({ layer: 'grammar', at: 'lines', to: 'server' })({
  'RFC 959 §5.3': {
    'the verb in small letters': ['accept', inSmallLetters(at => at < 3)],
    'the verb in mixed case': ['accept', inSmallLetters(at => at === 1)],
    'a blank before the verb': [BAD_COMMAND, first(before(' '))],
    ...rowsOf('the verb', BAD_COMMAND, withVerb, 'MIC\t', 'ENC=', 'ENC\0', '1ENC ', ' ', '\xd0\x95NC ', '631 '),
    'a blank within the verb': ['sequence/unprotected', withVerb('M IC ')],
    'a verb of a hundred letters': [BAD_COMMAND, withVerb(`${'ENC'.repeat(33)}E `)],
    'a NUL within the token': [BAD_COMMAND, inserted('\0')],
    'a CR within the token': [BAD_COMMAND, every(line => spliced(line, line.length - 6, 0, octets('\r')))],
  },
  'RFC 2228 §3': {
    'a verb with a letter more': ['sequence/unprotected', withVerb('MICS ')],
    'MIC without token': [BAD_COMMAND, all('MIC\r\n')],
    'MIC with a blank for its token': [BAD_COMMAND, all('MIC \r\n')],
  },
});

/** Uses the other protected reply code: 632 for 631, or the other way. */
const recoded: Edit = line => spliced(line, 2, 1, Uint8Array.of(line[2]! ^ 3));

const withOtherSeparator: Edit = line => spliced(line, 3, 1, octets(line[3] === 0x20 ? '-' : ' '));

/** Replaces the second line of three or more. */
const middle =
  (edit: Edit): Change<unknown> =>
  ([head, line, ...rest], draw) =>
    rest.length > 0 ? [head!, edit(line!, draw)!, ...rest] : undefined;

/** Inserts a line after the first one, made from that line's code. */
const second =
  (line: (code: string) => string): Change<unknown> =>
  ([head, ...rest]) => [head!, octets(line(fromUtf8(head!.subarray(0, 3)))), ...rest];

const OUTER = mutationsOf({ layer: 'outer', at: 'lines', to: 'client', needs: ['lines'] })({
  'RFC 2228 §5.2': {
    'a hyphen in the last line': [TRUNCATED, last(replaced('-', 1, 3)), { open: true, needs: [] }],
    'a blank in every line: each is a reply of its own': ['reply-spans-outer', every(replaced(' ', 1, 3))],
    'another code in the last line': [TRUNCATED, last(recoded), { open: true }],
    'another code in the first line': [TRUNCATED, first(recoded), { open: true }],
    'another code in a middle line': [BAD_REPLY, middle(recoded)],
    'a middle line without its code': [BAD_REPLY, middle(replaced('', 4))],
    'a blank before the code of a middle line': [BAD_REPLY, middle(before(' '))],
    'a clear line between protected ones': [BAD_REPLY, second(() => '200 Trust me\r\n')],
    'an empty line between protected ones': [BAD_REPLY, second(() => '\r\n')],
    'a line without token between protected ones': [BAD_REPLY, second(code => `${code}-\r\n`)],
    'a separator is the other one': ['either', anyOne(withOtherSeparator), { open: true }],
  },
});

const CUT = [...MANGLED_LINE, ...BAD_TOKEN, TRUNCATED] as const;
const UNALTERED = { needs: ['integrity'] } as const;
const PAD = 0x3d;
const ALPHABET = octets('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

const unpadded = (text: Uint8Array) => text.filter(octet => octet !== PAD);

/** Changes the first text that has padding. */
const padded =
  (edit: (text: Uint8Array) => Uint8Array): Change<unknown> =>
  pieces => {
    const at = pieces.findIndex(piece => piece.at(-1) === PAD);
    return at < 0 ? undefined : pieces.map((piece, i) => (i === at ? edit(piece) : piece));
  };

function withLastBit(text: Uint8Array): Uint8Array {
  const at = text.indexOf(PAD) - 1;
  return spliced(text, at, 1, Uint8Array.of(ALPHABET[ALPHABET.indexOf(text[at]!) | 1]!));
}

/** Changes of the base 64 of a message, or of security data. */
export const BASE64_TEXTS: Table<Change<unknown>> = {
  'RFC 2228 §10': {
    'padding is missing': [BAD_BASE64, padded(unpadded)],
    'padding too much': [BAD_BASE64, anyOne(ended('=', 0))],
    'a whole group of padding': [BAD_BASE64, anyOne(ended('====', 0))],
    'padding before the end': [
      BAD_BASE64,
      anyOne((text, draw) => spliced(text, draw.below(text.length - 4), 1, octets('='))),
    ],
    'nothing but padding': [BAD_BASE64, anyOne(() => octets('===='))],
    'a single character': [BAD_BASE64, anyOne(() => octets('A'))],
    'a length that no octets give': [BAD_BASE64, anyOne(text => concat(unpadded(text).subarray(0, 4), octets('A')))],
    'bits are set behind the last octet': [BAD_BASE64, padded(withLastBit)],
    'a character of the alphabet for URLs': [BAD_BASE64, inserted(['-', '_'])],
    'a character that is in no alphabet': [BAD_BASE64, inserted(['*', ',', '~', '.', '!', '\x7f', '\x80'])],
    'a tabulator within': [BAD_BASE64, inserted('\t')],
    'a blank within': [[...BAD_OR_ALTERED, 'security/wrong-direction'], inserted(' '), UNALTERED],
    'a line break within, as in MIME': [CUT, inserted('\r\n '), { ...UNALTERED, open: true }],
    'it is hex': [BAD_OR_ALTERED, anyOne(() => octets('60819906092a864886f71201020202016f'))],
    'a quotation mark on either side': [BAD_BASE64, anyOne(text => concat(octets('"'), text, octets('"')))],
    'a blank before it': ['blank-around-base64', anyOne(before(' '))],
    'a blank behind it': ['blank-around-base64', anyOne(ended(' ', 0))],
    'words behind it': ['text-after-base64', anyOne(ended(' and more', 0))],
  },
};

/** The mutations of all that is outside tokens. */
export const OUTSIDE = [
  ...ANY_OCTETS,
  ...ENCODINGS,
  ...LINES,
  ...CHUNKS,
  ...REPLIES,
  ...COMMANDS,
  ...OUTER,
  ...mutationsOf({ layer: 'base64', at: 'base64' })(BASE64_TEXTS),
  ...mutationsOf({ layer: 'base64', at: 'tokens' })({
    'RFC 2228 §10': { 'it is encoded twice': [BAD_TOKEN, anyOne(encodeBase64)] },
  }),
];
