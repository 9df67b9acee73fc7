/**
 * Octets and lines (RFC 959 §4.1.3 and §5.3, RFC 854). After random changes, all that can be required is that a peer
 * accepts no other text than the protected one. Servers must accept what a user process sends before ABOR, and refuse
 * options (RFC 1123 §4.1.2.12); a peer may accept or refuse all other Telnet commands.
 */
import { CRLF, concat, concatAll, copy } from '../../bytes.js';
import type { Choices } from '../choices.js';
import { BAD_TOKEN, type Change, mutationsOf } from '../mutation.js';
import { anyBitFlipped, anyOne, before, type Edit, ended, every, inserted, last, octets, spliced } from '../pieces.js';

const MANGLED = ['syntax/bad-reply', 'syntax/bad-command'] as const;
/** Octets that often cause faults in parsers. */
const AWKWARD = ['\0', '\r', '\n', '\t', ' ', '-', '%', '=', '\x7f', '\x80', '\xfe', '\xff'];

/** Changes one piece at a chosen place. */
const anywhere = (edit: (wire: Uint8Array, at: number, draw: Choices) => Uint8Array) =>
  anyOne((wire, draw) => edit(wire, draw.below(wire.length), draw));
const awkward = (draw: Choices) => octets(draw.of(AWKWARD));

const inUtf16 = (wire: Uint8Array) =>
  concatAll([octets('\xff\xfe'), ...Array.from(wire, octet => Uint8Array.of(octet, 0)), CRLF]);

const stretch = (wire: Uint8Array, at: number, draw: Choices) => wire.subarray(at, at + 1 + draw.below(wire.length));
const withNeighboursExchanged: Edit = (wire, draw) => {
  const at = draw.below(wire.length - 1);
  return spliced(wire, at, 2, copy(wire, at, at + 2).reverse());
};
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
    'two neighbours change places': ['either', anyOne(withNeighboursExchanged)],
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

const MANGLED_LINE = ['syntax/bad-base64', 'syntax/bad-reply', 'syntax/bad-command'] as const;
const BAD_BASE64 = 'syntax/bad-base64';
/** The rest of the token may be valid base 64. */
const CUT = ['syntax/bad-base64', ...BAD_TOKEN] as const;
const TRUNCATED = 'syntax/truncated';
const TOO_LONG = 'syntax/limit-exceeded';
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
    'a subnegotiation never ends': [CUT, last(withSubnegotiation)],
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

export const WIRE = [...ANY_OCTETS, ...ENCODINGS, ...LINES, ...CHUNKS];
