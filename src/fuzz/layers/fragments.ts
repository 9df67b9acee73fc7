/** How a text is spread over tokens (RFC 2228 §5.2): fragments may be cut anywhere, and their line ends tell nothing. */
import { concat, concatAll } from '../../bytes.js';
import { linesOf } from '../message.js';
import { ACCEPT, deviation, EITHER, type Mutation, refuse, rowsAt } from '../mutation.js';
import { every, last, octets } from '../pieces.js';

const BAD = refuse('syntax/bad-reply', 'syntax/bad-command');
const JOINED = 'RFC 2228 §5.2';

const withoutEnd = (line: Uint8Array) => line.subarray(0, -2);
const withNul = (count: number) => every(line => concat(withoutEnd(line), new Uint8Array(count)));

/** Cut in pieces of so many octets, drawn each time. */
function cut(text: Uint8Array, size: () => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < text.length; ) {
    const end = at + size();
    pieces.push(text.subarray(at, end));
    at = end;
  }
  return pieces;
}

const row = rowsAt('fragments');

const rows: readonly Mutation[] = [
  row('a whole reply is in one token', JOINED, ACCEPT, { to: 'client', needs: ['lines'] }, lines => [concatAll(lines)]),
  row(
    'the first line of several is cut in two',
    JOINED,
    ACCEPT,
    { to: 'client', needs: ['lines'] },
    ([head, ...rest], draw) => {
      const at = 4 + draw.below(head!.length - 6);
      return [head!.subarray(0, at), head!.subarray(at), ...rest];
    },
  ),
  // Fragments may be lines without their ends, as MIT sends them: a cut can then be read in two ways, and is refused.
  row('it is cut anywhere', JOINED, EITHER, { to: 'client' }, (lines, draw) =>
    cut(concatAll(lines), () => 1 + draw.below(20)),
  ),
  row('each octet is a token', JOINED, EITHER, { to: 'client' }, lines => cut(concatAll(lines), () => 1)),
  row('CR and LF are in two tokens', JOINED, EITHER, { to: 'client' }, ([head, ...rest]) => [
    head!.subarray(0, -1),
    head!.subarray(-1),
    ...rest,
  ]),
  row('the last line end is left out', JOINED, ACCEPT, last(withoutEnd)),
  row(
    'each fragment is a line without its end',
    JOINED,
    deviation('fragment-per-line'),
    { to: 'client', needs: ['lines'] },
    every(withoutEnd),
  ),
  row(
    'a NUL ends the text',
    'RFC 2228 §3',
    deviation('trailing-nul'),
    last(line => concat(line, octets('\0'))),
  ),
  row('two NULs end the text', 'RFC 2228 §3', BAD, withNul(2)),
  // Nothing forbids a fragment of no octets.
  row('an empty token goes before', JOINED, EITHER, { to: 'client' }, lines => [octets(''), ...lines]),
  row('an empty token comes last', JOINED, EITHER, { to: 'client' }, lines => [...lines, octets('')]),
  row('a token of a NUL alone comes last', JOINED, EITHER, { to: 'client' }, lines => [...lines, octets('\0')]),
  row('an empty token instead of the text', JOINED, BAD, () => [octets('')]),
  row(
    'the last line is left out',
    JOINED,
    refuse('syntax/truncated'),
    { to: 'client', open: true, needs: ['lines'] },
    lines => lines.slice(0, -1),
  ),
  row('half a line, and no more', JOINED, BAD, { to: 'client', needs: ['lines'] }, ([head]) => [head!.subarray(0, 6)]),
  row('a thousand tokens', JOINED, ACCEPT, { large: true, to: 'client', needs: ['lines'] }, lines => [
    lines[0]!,
    ...Array.from({ length: 1000 }, () => lines[1]!),
    ...lines.slice(1),
  ]),
];

/** The first and last line of a reply with others between them. */
function reply(first: string, middle: readonly string[], end: string): Mutation['change'] {
  return () => linesOf(octets([first, ...middle, end].join('\r\n')));
}

const TEXT = 'RFC 959 §4.2';
const LINES_WITHIN: readonly Mutation[] = [
  row(
    'a middle line begins with another code',
    TEXT,
    ACCEPT,
    { to: 'client' },
    reply('211-Status', ['550 Not the end', '631-AAAA'], '211 End\r\n'),
  ),
  row(
    'a middle line begins with the code and a hyphen',
    TEXT,
    ACCEPT,
    { to: 'client' },
    reply('211-Status', ['211-More', '2111'], '211 End\r\n'),
  ),
  row('a middle line is empty', TEXT, ACCEPT, { to: 'client' }, reply('211-Status', ['', ''], '211 End\r\n')),
  row(
    'the last line is the code alone',
    'RFC 3659 §7.2',
    ACCEPT,
    { to: 'client' },
    reply('211-Status', ['More'], '211\r\n'),
  ),
  row(
    'the code alone ends the reply before its last line',
    'RFC 3659 §7.2',
    BAD,
    { to: 'client' },
    reply('211-Status', ['211'], '211 End\r\n'),
  ),
];

export const FRAGMENTS: readonly Mutation[] = [...rows, ...LINES_WITHIN];
