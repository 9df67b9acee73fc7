/** Codes and separators of protected replies (RFC 2228 §5.2), which nothing authenticates. */
import { fromUtf8 } from '../../bytes.js';
import { deviation, EITHER, type Mutation, refuse, rowsAt } from '../mutation.js';
import { anyOne, first, last, octets, spliced } from '../pieces.js';

const BAD_REPLY = refuse('syntax/bad-reply');
const UNENDED = refuse('syntax/truncated');
const OTHER: Record<string, string> = { '1': '632', '2': '631' };

/** The other code that protects. */
const recoded = (line: Uint8Array) => spliced(line, 0, 3, octets(OTHER[String.fromCharCode(line[2]!)]!));

const SOURCE = 'RFC 2228 §5.2';
const row = rowsAt('lines', { to: 'client' });

export const OUTER: readonly Mutation[] = [
  row(
    'a hyphen in the last line',
    SOURCE,
    UNENDED,
    { open: true },
    last(line => spliced(line, 3, 1, octets('-'))),
  ),
  row(
    'a blank in every line: each is a reply of its own',
    SOURCE,
    deviation('reply-spans-outer'),
    { needs: ['lines'] },
    lines => lines.map(line => spliced(line, 3, 1, octets(' '))),
  ),
  row('another code in the last line', SOURCE, UNENDED, { open: true, needs: ['lines'] }, last(recoded)),
  row('another code in the first line', SOURCE, UNENDED, { open: true, needs: ['lines'] }, first(recoded)),
  row('another code in a middle line', SOURCE, BAD_REPLY, { needs: ['lines'] }, lines =>
    lines.length > 2 ? [lines[0]!, recoded(lines[1]!), ...lines.slice(2)] : undefined,
  ),
  row('a middle line without its code', SOURCE, BAD_REPLY, { needs: ['lines'] }, lines =>
    lines.length > 2 ? [lines[0]!, lines[1]!.subarray(4), ...lines.slice(2)] : undefined,
  ),
  row('a blank before the code of a middle line', SOURCE, BAD_REPLY, { needs: ['lines'] }, lines =>
    lines.length > 2 ? [lines[0]!, spliced(lines[1]!, 0, 0, octets(' ')), ...lines.slice(2)] : undefined,
  ),
  row('a clear line between protected ones', SOURCE, BAD_REPLY, { needs: ['lines'] }, ([head, ...rest]) => [
    head!,
    octets('200 Trust me\r\n'),
    ...rest,
  ]),
  row('an empty line between protected ones', SOURCE, BAD_REPLY, { needs: ['lines'] }, ([head, ...rest]) => [
    head!,
    octets('\r\n'),
    ...rest,
  ]),
  row('a line without token between protected ones', SOURCE, BAD_REPLY, { needs: ['lines'] }, ([head, ...rest]) => [
    head!,
    octets(`${fromUtf8(head!.subarray(0, 3))}-\r\n`),
    ...rest,
  ]),
  row(
    'a separator is the other one',
    SOURCE,
    EITHER,
    { needs: ['lines'], open: true },
    anyOne(line => spliced(line, 3, 1, octets(line[3] === 0x20 ? '-' : ' '))),
  ),
];
