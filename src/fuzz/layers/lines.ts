/**
 * Lines and Telnet (RFC 959 §4.1.3 and §5.3, RFC 854). Servers must take what a user process sends before ABOR, and refuse
 * options (RFC 1123 §4.1.2.12); all other Telnet commands are for peers to take or to refuse.
 */
import { concat, concatAll } from '../../bytes.js';
import { ACCEPT, deviation, EITHER, type Mutation, refuse } from '../mutation.js';
import { every, inserted, last, octets, spliced } from '../pieces.js';

const LINE_END = 'RFC 959 §5.3';
const TELNET = 'RFC 854';
const OPTIONS = 'RFC 1123 §4.1.2.12';
/** Base 64 may be as long as it likes there; but nobody's memory is. */
const NO_LIMIT = 'RFC 2228 §10, which sets no limit';
const TOO_LONG = refuse('syntax/limit-exceeded');
const MANGLED = refuse('syntax/bad-base64', 'syntax/bad-reply', 'syntax/bad-command');
/** What is left of the token may be base 64. */
const CUT = refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum');
const UNENDED = refuse('syntax/truncated');

const ended = (end: string) => every(line => spliced(line, line.length - 2, 2, octets(end)));

const NEGOTIATED = inserted(['\xff\xfb\x01', '\xff\xfc\x03', '\xff\xfd\x18', '\xff\xfe\x22']);

export const LINES: readonly Mutation[] = [
  { name: 'lines end in LF alone', source: LINE_END, expected: deviation('bare-lf'), at: 'lines', change: ended('\n') },
  { name: 'lines end in CR alone', source: LINE_END, expected: UNENDED, open: true, at: 'lines', change: ended('\r') },
  { name: 'lines end in CR CR LF', source: LINE_END, expected: MANGLED, at: 'lines', change: ended('\r\r\n') },
  { name: 'lines end in CR NUL LF', source: LINE_END, expected: MANGLED, at: 'lines', change: ended('\r\0\n') },
  { name: 'lines end in NUL CR LF', source: LINE_END, expected: MANGLED, at: 'lines', change: ended('\0\r\n') },
  {
    name: 'a line has no end',
    source: LINE_END,
    expected: UNENDED,
    open: true,
    at: 'lines',
    change: last(line => line.subarray(0, -2)),
  },
  {
    name: 'a line ends in half of CR LF',
    source: LINE_END,
    expected: UNENDED,
    open: true,
    at: 'lines',
    change: last(line => line.subarray(0, -1)),
  },
  {
    name: 'an empty line goes before',
    source: 'RFC 959 §4.2',
    expected: EITHER,
    at: 'wire',
    change: ([wire]) => [concat(octets('\r\n'), wire!)],
  },
  {
    name: 'a line is longer than any limit that is needed',
    large: true,
    source: NO_LIMIT,
    expected: TOO_LONG,
    at: 'base64',
    change: last(encoded => concat(encoded, new Uint8Array(0x110000).fill(0x41))),
  },
  {
    name: 'a line goes on without end',
    large: true,
    source: NO_LIMIT,
    expected: TOO_LONG,
    open: true,
    at: 'wire',
    change: ([wire]) => [concat(wire!.subarray(0, -2), new Uint8Array(0x110000).fill(0x41))],
  },
  {
    name: 'Synch and Interrupt Process go before',
    to: 'server',
    source: 'RFC 959 §4.1.3',
    expected: ACCEPT,
    at: 'wire',
    change: ([wire]) => [concat(octets('\xff\xf4\xff\xf2'), wire!)],
  },
  {
    name: 'a Telnet command stands in a line',
    source: TELNET,
    expected: EITHER,
    at: 'wire',
    change: inserted(['\xff\xf1', '\xff\xf9', '\xff\xf6']),
  },
  {
    name: 'an option is negotiated in a line',
    to: 'server',
    source: OPTIONS,
    expected: ACCEPT,
    at: 'wire',
    change: NEGOTIATED,
  },
  {
    name: 'an option is negotiated in a reply',
    to: 'client',
    source: OPTIONS,
    expected: EITHER,
    at: 'wire',
    change: NEGOTIATED,
  },
  {
    name: 'a subnegotiation stands in a line',
    source: 'RFC 855',
    expected: EITHER,
    at: 'wire',
    change: inserted('\xff\xfa\x18\x01\xff\xf0'),
  },
  {
    name: 'a Telnet command is cut in two',
    source: TELNET,
    expected: EITHER,
    at: 'chunks',
    change: ([wire], draw) => {
      const at = draw.below(wire!.length);
      return [concat(wire!.subarray(0, at), octets('\xff')), concat(octets('\xf1'), wire!.subarray(at))];
    },
  },
  {
    name: 'a subnegotiation never ends',
    source: 'RFC 855',
    expected: CUT,
    at: 'lines',
    change: last((line, draw) => spliced(line, 5 + draw.below(line.length - 10), 0, octets('\xff\xfa\x18'))),
  },
  {
    name: 'an octet FF stands in the base 64',
    source: TELNET,
    expected: refuse('syntax/bad-base64'),
    at: 'base64',
    change: inserted('\xff\xff'),
  },
  {
    name: 'an IAC stands before an octet that is no command',
    source: TELNET,
    expected: refuse('syntax/bad-base64'),
    at: 'base64',
    change: inserted('\xff'),
  },
  {
    name: 'each octet comes by itself',
    source: 'RFC 793 §1.5',
    expected: ACCEPT,
    at: 'chunks',
    change: ([wire]) => Array.from(wire!, octet => Uint8Array.of(octet)),
  },
  {
    name: 'a chunk ends anywhere',
    source: 'RFC 793 §1.5',
    expected: ACCEPT,
    at: 'chunks',
    change: ([wire], draw) => {
      const at = draw.below(wire!.length);
      return [wire!.subarray(0, at), wire!.subarray(at)];
    },
  },
  {
    name: 'CR and LF come apart',
    source: 'RFC 793 §1.5',
    expected: ACCEPT,
    at: 'chunks',
    change: ([wire]) => [wire!.subarray(0, -1), wire!.subarray(-1)],
  },
  {
    name: 'two messages come in one chunk',
    source: 'RFC 793 §1.5',
    expected: ACCEPT,
    at: 'chunks',
    change: ([wire], _draw, carrier) => [concatAll([wire!, carrier.sound()])],
  },
];
