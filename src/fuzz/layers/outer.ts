/** Codes and separators of protected replies (RFC 2228 §5.2), which nothing authenticates. */
import { fromUtf8 } from '../../bytes.js';
import { deviation, EITHER, type Mutation, refuse } from '../mutation.js';
import { anyOne, first, last, octets, spliced } from '../pieces.js';

const BAD_REPLY = refuse('syntax/bad-reply');
const UNENDED = refuse('syntax/truncated');
const OTHER: Record<string, string> = { '1': '632', '2': '631' };

/** The other code that protects. */
const recoded = (line: Uint8Array) => spliced(line, 0, 3, octets(OTHER[String.fromCharCode(line[2]!)]!));

const rows: readonly Omit<Mutation, 'to' | 'at' | 'source'>[] = [
  {
    name: 'a hyphen in the last line',
    expected: UNENDED,
    open: true,
    change: last(line => spliced(line, 3, 1, octets('-'))),
  },
  {
    name: 'a blank in every line: each is a reply of its own',
    expected: deviation('reply-spans-outer'),
    needs: ['lines'],
    change: lines => lines.map(line => spliced(line, 3, 1, octets(' '))),
  },
  { name: 'another code in the last line', expected: UNENDED, open: true, needs: ['lines'], change: last(recoded) },
  { name: 'another code in the first line', expected: UNENDED, open: true, needs: ['lines'], change: first(recoded) },
  {
    name: 'another code in a middle line',
    expected: BAD_REPLY,
    needs: ['lines'],
    change: lines => (lines.length > 2 ? [lines[0]!, recoded(lines[1]!), ...lines.slice(2)] : undefined),
  },
  {
    name: 'a middle line without its code',
    expected: BAD_REPLY,
    needs: ['lines'],
    change: lines => (lines.length > 2 ? [lines[0]!, lines[1]!.subarray(4), ...lines.slice(2)] : undefined),
  },
  {
    name: 'a blank before the code of a middle line',
    expected: BAD_REPLY,
    needs: ['lines'],
    change: lines =>
      lines.length > 2 ? [lines[0]!, spliced(lines[1]!, 0, 0, octets(' ')), ...lines.slice(2)] : undefined,
  },
  {
    name: 'a clear line between protected ones',
    expected: BAD_REPLY,
    needs: ['lines'],
    change: ([head, ...rest]) => [head!, octets('200 Trust me\r\n'), ...rest],
  },
  {
    name: 'an empty line between protected ones',
    expected: BAD_REPLY,
    needs: ['lines'],
    change: ([head, ...rest]) => [head!, octets('\r\n'), ...rest],
  },
  {
    name: 'a line without token between protected ones',
    expected: BAD_REPLY,
    needs: ['lines'],
    change: ([head, ...rest]) => [head!, octets(`${fromUtf8(head!.subarray(0, 3))}-\r\n`), ...rest],
  },
  {
    name: 'a separator is the other one',
    expected: EITHER,
    needs: ['lines'],
    open: true,
    change: anyOne(line => spliced(line, 3, 1, octets(line[3] === 0x20 ? '-' : ' '))),
  },
];

export const OUTER: readonly Mutation[] = rows.map(
  row => ({ ...row, source: 'RFC 2228 §5.2', to: 'client', at: 'lines' }) as const,
);
