/** How a text is spread over tokens (RFC 2228 §5.2): fragments may be cut anywhere, and their line ends tell nothing. */
import { concat, concatAll } from '../../bytes.js';
import { linesOf } from '../message.js';
import { ACCEPT, deviation, EITHER, type Mutation, refuse } from '../mutation.js';
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

const rows: readonly Omit<Mutation, 'at'>[] = [
  {
    name: 'a whole reply is in one token',
    source: JOINED,
    to: 'client',
    expected: ACCEPT,
    needs: ['lines'],
    change: lines => [concatAll(lines)],
  },
  {
    name: 'the first line of several is cut in two',
    source: JOINED,
    to: 'client',
    expected: ACCEPT,
    needs: ['lines'],
    change: ([head, ...rest], draw) => {
      const at = 4 + draw.below(head!.length - 6);
      return [head!.subarray(0, at), head!.subarray(at), ...rest];
    },
  },
  // Fragments may be lines without their ends, as MIT sends them: a cut can then be read in two ways, and is refused.
  {
    name: 'it is cut anywhere',
    source: JOINED,
    to: 'client',
    expected: EITHER,
    change: (lines, draw) => cut(concatAll(lines), () => 1 + draw.below(20)),
  },
  {
    name: 'each octet is a token',
    source: JOINED,
    to: 'client',
    expected: EITHER,
    change: lines => cut(concatAll(lines), () => 1),
  },
  {
    name: 'CR and LF are in two tokens',
    source: JOINED,
    to: 'client',
    expected: EITHER,
    change: ([head, ...rest]) => [head!.subarray(0, -1), head!.subarray(-1), ...rest],
  },
  { name: 'the last line end is left out', source: JOINED, expected: ACCEPT, change: last(withoutEnd) },
  {
    name: 'each fragment is a line without its end',
    source: JOINED,
    to: 'client',
    expected: deviation('fragment-per-line'),
    needs: ['lines'],
    change: every(withoutEnd),
  },
  {
    name: 'a NUL ends the text',
    source: 'RFC 2228 §3',
    expected: deviation('trailing-nul'),
    change: last(line => concat(line, octets('\0'))),
  },
  { name: 'two NULs end the text', source: 'RFC 2228 §3', expected: BAD, change: withNul(2) },
  // Nothing forbids a fragment of no octets.
  {
    name: 'an empty token goes before',
    source: JOINED,
    to: 'client',
    expected: EITHER,
    change: lines => [octets(''), ...lines],
  },
  {
    name: 'an empty token comes last',
    source: JOINED,
    to: 'client',
    expected: EITHER,
    change: lines => [...lines, octets('')],
  },
  {
    name: 'a token of a NUL alone comes last',
    source: JOINED,
    to: 'client',
    expected: EITHER,
    change: lines => [...lines, octets('\0')],
  },
  { name: 'an empty token instead of the text', source: JOINED, expected: BAD, change: () => [octets('')] },
  {
    name: 'the last line is left out',
    source: JOINED,
    to: 'client',
    expected: refuse('syntax/truncated'),
    open: true,
    needs: ['lines'],
    change: lines => lines.slice(0, -1),
  },
  {
    name: 'half a line, and no more',
    source: JOINED,
    to: 'client',
    expected: BAD,
    needs: ['lines'],
    change: ([head]) => [head!.subarray(0, 6)],
  },
  {
    name: 'a thousand tokens',
    large: true,
    source: JOINED,
    to: 'client',
    expected: ACCEPT,
    needs: ['lines'],
    change: lines => [lines[0]!, ...Array.from({ length: 1000 }, () => lines[1]!), ...lines.slice(1)],
  },
];

/** The first and last line of a reply with others between them. */
function reply(first: string, middle: readonly string[], end: string): Mutation['change'] {
  return () => linesOf(octets([first, ...middle, end].join('\r\n')));
}

const TEXT = 'RFC 959 §4.2';
const LINES_WITHIN: readonly Omit<Mutation, 'at'>[] = [
  {
    name: 'a middle line begins with another code',
    source: TEXT,
    to: 'client',
    expected: ACCEPT,
    change: reply('211-Status', ['550 Not the end', '631-AAAA'], '211 End\r\n'),
  },
  {
    name: 'a middle line begins with the code and a hyphen',
    source: TEXT,
    to: 'client',
    expected: ACCEPT,
    change: reply('211-Status', ['211-More', '2111'], '211 End\r\n'),
  },
  {
    name: 'the last line is the code alone',
    source: 'RFC 3659 §7.2',
    to: 'client',
    expected: ACCEPT,
    change: reply('211-Status', ['More'], '211\r\n'),
  },
  {
    name: 'the code alone ends the reply before its last line',
    source: 'RFC 3659 §7.2',
    to: 'client',
    expected: BAD,
    change: reply('211-Status', ['211'], '211 End\r\n'),
  },
  {
    name: 'a middle line is empty',
    source: TEXT,
    to: 'client',
    expected: ACCEPT,
    change: reply('211-Status', ['', ''], '211 End\r\n'),
  },
];

export const FRAGMENTS: readonly Mutation[] = [...rows, ...LINES_WITHIN].map(
  row => ({ ...row, at: 'fragments' }) as const,
);
