/**
 * The text inside tokens (RFC 2228 §3 and §5.2): the octets are verified, but may not be a reply or command. Fragments
 * of a reply may be cut anywhere, and their line ends have no meaning.
 */
import { concatAll } from '../../bytes.js';
import type { Change } from '../mutation.js';
import { all, beyondBuffer, ended, every, inserted, last, linesOf, octets } from '../pieces.js';
import { mutationsOf, rowsOf } from '../rows.js';

const BAD = ['syntax/bad-reply', 'syntax/bad-command'] as const;

/** Cuts all lines into pieces of a given number of octets, which is chosen each time. */
const cut =
  (most: number): Change<unknown> =>
  (lines, draw) => {
    const text = concatAll(lines);
    const pieces: Uint8Array[] = [];
    for (let at = 0, end: number; at < text.length; at = end) {
      end = at + 1 + (most > 1 ? draw.below(most) : 0);
      pieces.push(text.subarray(at, end));
    }
    return pieces;
  };

/** Cuts the first line into two pieces. */
const headCut =
  (at: (length: number, below: (count: number) => number) => number): Change<unknown> =>
  ([head, ...rest], draw) => {
    const place = at(head!.length, count => draw.below(count));
    return [head!.subarray(0, place), head!.subarray(place), ...rest];
  };

/** Replaces the text by a reply of these lines. */
const reply =
  (...lines: readonly string[]): Change<unknown> =>
  () =>
    linesOf(octets(`${lines.join('\r\n')}\r\n`));

const ANY_FRAGMENTS = mutationsOf({ layer: 'fragments', at: 'fragments' })({
  'RFC 2228 §5.2': {
    'the last line end is left out': ['accept', last(ended(''))],
    'an empty token instead of the text': [BAD, all('')],
  },
  'RFC 2228 §3': {
    'a NUL ends the text': ['trailing-nul', last(ended('\0', 0))],
    'two NULs end the text': [BAD, every(ended('\0\0'))],
  },
});

const FRAGMENTS_OF_REPLIES = mutationsOf({ layer: 'fragments', at: 'fragments', to: 'client' })({
  'RFC 2228 §5.2': {
    // MIT sends fragments that are lines without their ends. A cut can then be read in two ways, so a peer may refuse
    // it.
    'it is cut anywhere': ['either', cut(20)],
    'each octet is a token': ['either', cut(1)],
    'CR and LF are in two tokens': ['either', headCut(length => length - 1)],
    // RFC 2228 does not forbid a fragment of no octets.
    'an empty token goes before': ['either', lines => [octets(''), ...lines]],
    'an empty token comes last': ['either', lines => [...lines, octets('')]],
    'a token of a NUL alone comes last': ['either', lines => [...lines, octets('\0')]],
  },
  'RFC 959 §4.2': {
    'a middle line begins with another code': ['accept', reply('211-Status', '550 Not the end', '631-AAAA', '211 End')],
    'a middle line begins with the code and a hyphen': ['accept', reply('211-Status', '211-More', '2111', '211 End')],
    'a middle line is empty': ['accept', reply('211-Status', '', '', '211 End')],
  },
  'RFC 3659 §7.2': {
    'the last line is the code alone': ['accept', reply('211-Status', 'More', '211')],
    'the code alone ends the reply before its last line': [BAD, reply('211-Status', '211', '211 End')],
  },
});

const withThousand: Change<unknown> = ([head, ...rest]) => [head!, ...new Array(1000).fill(rest[0]!), ...rest];

const SEVERAL_LINES = mutationsOf({ layer: 'fragments', at: 'fragments', to: 'client', needs: ['lines'] })({
  'RFC 2228 §5.2': {
    'a whole reply is in one token': ['accept', lines => [concatAll(lines)]],
    'the first line of several is cut in two': ['accept', headCut((length, below) => 4 + below(length - 6))],
    'each fragment is a line without its end': ['fragment-per-line', every(ended(''))],
    'the last line is left out': ['syntax/truncated', lines => lines.slice(0, -1), { open: true }],
    'half a line, and no more': [BAD, ([head]) => [head!.subarray(0, 6)]],
    'a thousand tokens': ['accept', withThousand, { large: true }],
  },
});

/** A text of one line. */
const line = (text: string) => all(`${text}\r\n`);

const BAD_REPLY = 'syntax/bad-reply';
const BAD_COMMAND = 'syntax/bad-command';
/** Longer than the buffer of many programs. */
const LONG = 'A'.repeat(0x10000);
const longer =
  (head: string): Change<unknown> =>
  (_lines, draw) => [octets(`${head} ${'A'.repeat(beyondBuffer(draw))}\r\n`)];

const REPLIES = mutationsOf({ layer: 'inner', at: 'fragments', to: 'client' })({
  'RFC 959 §4.2': {
    'a NUL within': [BAD_REPLY, inserted('\0')],
    'a CR within': [BAD_REPLY, last(ended('\rx\r\n', 3))],
    'an LF within': [BAD_REPLY, inserted('\n')],
    'a line end of LF alone': [BAD_REPLY, last(ended('\n'))],
    'a line end of CR alone': [BAD_REPLY, last(ended('', 1))],
    ...rowsOf('the text', BAD_REPLY, line, 'Logged in', '2 Ok', '10054 Reset', '031 Ok', '731 Ok', '-20 Ok'),
    ...rowsOf('the text', BAD_REPLY, line, 'QUIT', '', '200\tOk', ' 200 Ok'),
    'a NUL alone': [BAD_REPLY, all('\0')],
    ...rowsOf('the text', 'accept', line, '599 Who knows', '200 \x1b[2J\x07\x1b]0;x\x07', '200 %s%n%n%999999d'),
    'a line that is longer than usual buffers': ['accept', longer('200')],
    'a line of 64 KiB': ['accept', line(`200 ${LONG}`), { large: true }],
  },
  'RFC 2228 §5.2': {
    'two replies in one token': [BAD_REPLY, lines => [concatAll([...lines, ...lines])]],
    'two replies in two tokens': [BAD_REPLY, lines => [...lines, ...lines]],
    'a reply behind its end': [BAD_REPLY, lines => [...lines, octets('500 No\r\n')]],
    'words behind its end': [BAD_REPLY, lines => [...lines, octets('and more\r\n')]],
    'a protected reply within': [BAD_REPLY, (_lines, _draw, { valid }) => [valid()]],
    ...rowsOf('the text', BAD_REPLY, line, '631 AAAA', '699 What'),
  },
  'RFC 3659 §7.2': rowsOf('the text', 'accept', line, '200'),
  'RFC 2640 §2': rowsOf('the text', 'accept', line, '200 \xe9t\xe9'),
  'RFC 2228 §3': { 'octets FF, which are no Telnet here': ['accept', line('200 \xff\xf4\xff\xff')] },
  'RFC 959 §4.1.2': rowsOf('the text', 'accept', line, '227 Entering Passive Mode (999,256,-1,0,65536,99999)'),
  'RFC 3659 §4.2': { 'a size that no number holds': ['accept', line(`213 ${'9'.repeat(400)}`)] },
  'RFC 959 appendix II': {
    'a directory name with quotation marks without end': ['accept', line(`257 ${'"'.repeat(333)}`)],
  },
  'RFC 2228 §5.1': rowsOf('the text', 'accept', line, '235 ADAT=AAAA'),
});

const COMMANDS = mutationsOf({ layer: 'inner', at: 'fragments', to: 'server' })({
  'RFC 959 §5.3': {
    'a NUL within': [BAD_COMMAND, inserted('\0')],
    'a CR within': [BAD_COMMAND, last(ended('\rx\r\n', 3))],
    'an LF within': [BAD_COMMAND, last(ended('\nx\r\n', 3))],
    'a line end of LF alone': [BAD_COMMAND, last(ended('\n'))],
    'a line end of CR alone': [BAD_COMMAND, last(ended('', 1))],
    ...rowsOf('the text', BAD_COMMAND, line, '200 Ok', '', '    ', ' NOOP', '/etc/passwd'),
    'a NUL alone': [BAD_COMMAND, all('\0')],
    'a verb of 64 KiB': [BAD_COMMAND, line(LONG), { large: true }],
    'an argument that is longer than usual buffers': ['accept', longer('STAT')],
    'an argument of 64 KiB': ['accept', line(`STAT ${LONG}`), { large: true }],
    ...rowsOf('the text', 'accept', line, 'STAT %s%n%n%999999d', 'XYZZY 1', 'noop'),
    'a path that climbs': ['accept', line(`STAT ${'../'.repeat(500)}`)],
    'a pattern that matches too much': ['accept', line(`STAT ${'{*/'.repeat(200)}`)],
  },
  'RFC 2228 §3': {
    'two commands in one token': [BAD_COMMAND, last(ended('DELE rfc2228-fuzz\r\n', 0))],
    'two commands with a NUL between them': [BAD_COMMAND, last(ended('\0DELE rfc2228-fuzz\0'))],
    'MIC within': [BAD_COMMAND, (_lines, _draw, { valid }) => [valid()]],
    ...rowsOf('the text', BAD_COMMAND, line, 'ENC', 'conf AAAA'),
    'octets FF, which are no Telnet here': ['accept', line('STAT \xff\xf4\xff\xff')],
  },
  'RFC 2640 §2': { 'an argument in Latin-1': ['accept', line('STAT \xe9t\xe9')] },
});

const ANY_TEXT = mutationsOf({ layer: 'inner', at: 'fragments' })({
  'RFC 2228 §3': { 'the text is octets at random': ['either', (_, draw) => [draw.octets(1 + draw.below(200))]] },
});

export const INNER_TEXTS = [
  ...ANY_FRAGMENTS,
  ...FRAGMENTS_OF_REPLIES,
  ...SEVERAL_LINES,
  ...REPLIES,
  ...COMMANDS,
  ...ANY_TEXT,
];
