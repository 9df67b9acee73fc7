/**
 * Lines and Telnet (RFC 959 §4.1.3 and §5.3, RFC 854). Servers must take what a user process sends before ABOR, and refuse
 * options (RFC 1123 §4.1.2.12); all other Telnet commands are for peers to take or to refuse.
 */
import { concat, concatAll } from '../../bytes.js';
import { ACCEPT, deviation, EITHER, type Mutation, refuse, rowsAt } from '../mutation.js';
import { every, inserted, last, octets, spliced } from '../pieces.js';

const LINE_END = 'RFC 959 §5.3';
const TELNET = 'RFC 854';
const OPTIONS = 'RFC 1123 §4.1.2.12';
/** Base 64 may be as long as it likes there; but no memory is. */
const NO_LIMIT = 'RFC 2228 §10, which sets no limit';
const TOO_LONG = refuse('syntax/limit-exceeded');
const MANGLED = refuse('syntax/bad-base64', 'syntax/bad-reply', 'syntax/bad-command');
/** What is left of the token may be base 64. */
const CUT = refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum');
const UNENDED = refuse('syntax/truncated');

const base64 = rowsAt('base64');
const lines = rowsAt('lines');
const wire = rowsAt('wire');
const chunks = rowsAt('chunks');

const ended = (end: string) => every(line => spliced(line, line.length - 2, 2, octets(end)));

const NEGOTIATED = inserted(['\xff\xfb\x01', '\xff\xfc\x03', '\xff\xfd\x18', '\xff\xfe\x22']);

export const LINES: readonly Mutation[] = [
  lines('lines end in LF alone', LINE_END, deviation('bare-lf'), ended('\n')),
  lines('lines end in CR alone', LINE_END, UNENDED, { open: true }, ended('\r')),
  lines('lines end in CR CR LF', LINE_END, MANGLED, ended('\r\r\n')),
  lines('lines end in CR NUL LF', LINE_END, MANGLED, ended('\r\0\n')),
  lines('lines end in NUL CR LF', LINE_END, MANGLED, ended('\0\r\n')),
  lines(
    'a line has no end',
    LINE_END,
    UNENDED,
    { open: true },
    last(line => line.subarray(0, -2)),
  ),
  lines(
    'a line ends in half of CR LF',
    LINE_END,
    UNENDED,
    { open: true },
    last(line => line.subarray(0, -1)),
  ),
  wire('an empty line goes before', 'RFC 959 §4.2', EITHER, ([wire]) => [concat(octets('\r\n'), wire!)]),
  base64(
    'a line is longer than any limit that is needed',
    NO_LIMIT,
    TOO_LONG,
    { large: true },
    last(encoded => concat(encoded, new Uint8Array(0x110000).fill(0x41))),
  ),
  wire('a line goes on without end', NO_LIMIT, TOO_LONG, { large: true, open: true }, ([wire]) => [
    concat(wire!.subarray(0, -2), new Uint8Array(0x110000).fill(0x41)),
  ]),
  wire('Synch and Interrupt Process go before', 'RFC 959 §4.1.3', ACCEPT, { to: 'server' }, ([wire]) => [
    concat(octets('\xff\xf4\xff\xf2'), wire!),
  ]),
  wire('a Telnet command stands in a line', TELNET, EITHER, inserted(['\xff\xf1', '\xff\xf9', '\xff\xf6'])),
  wire('an option is negotiated in a line', OPTIONS, ACCEPT, { to: 'server' }, NEGOTIATED),
  wire('an option is negotiated in a reply', OPTIONS, EITHER, { to: 'client' }, NEGOTIATED),
  wire('a subnegotiation stands in a line', 'RFC 855', EITHER, inserted('\xff\xfa\x18\x01\xff\xf0')),
  chunks('a Telnet command is cut in two', TELNET, EITHER, ([wire], draw) => {
    const at = draw.below(wire!.length);
    return [concat(wire!.subarray(0, at), octets('\xff')), concat(octets('\xf1'), wire!.subarray(at))];
  }),
  lines(
    'a subnegotiation never ends',
    'RFC 855',
    CUT,
    last((line, draw) => spliced(line, 5 + draw.below(line.length - 10), 0, octets('\xff\xfa\x18'))),
  ),
  base64('an octet FF stands in the base 64', TELNET, refuse('syntax/bad-base64'), inserted('\xff\xff')),
  base64('an IAC stands before an octet that is no command', TELNET, refuse('syntax/bad-base64'), inserted('\xff')),
  chunks('each octet comes by itself', 'RFC 793 §1.5', ACCEPT, ([wire]) =>
    Array.from(wire!, octet => Uint8Array.of(octet)),
  ),
  chunks('a chunk ends anywhere', 'RFC 793 §1.5', ACCEPT, ([wire], draw) => {
    const at = draw.below(wire!.length);
    return [wire!.subarray(0, at), wire!.subarray(at)];
  }),
  chunks('CR and LF come apart', 'RFC 793 §1.5', ACCEPT, ([wire]) => [wire!.subarray(0, -1), wire!.subarray(-1)]),
  chunks('two messages come in one chunk', 'RFC 793 §1.5', ACCEPT, ([wire], _draw, carrier) => [
    concatAll([wire!, carrier.valid()]),
  ]),
];
