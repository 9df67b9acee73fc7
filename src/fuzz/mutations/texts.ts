/**
 * The text inside tokens (RFC 2228 §3 and §5.2): the octets are verified, but may not be a reply or command. Fragments
 * of a reply may be cut anywhere, and their line ends have no meaning.
 */
import { concatAll } from '../../bytes.js';
import { type Change, mutationsOf } from '../mutation.js';
import { all, beyondBuffer, ended, every, inserted, last, linesOf, octets } from '../pieces.js';

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
    'no code': [BAD_REPLY, all('Logged in\r\n')],
    'a code of one digit': [BAD_REPLY, all('2 Ok\r\n')],
    'a code of five digits': [BAD_REPLY, all('10054 Reset\r\n')],
    'a code of 0yz': [BAD_REPLY, all('031 Ok\r\n')],
    'a code of 7yz': [BAD_REPLY, all('731 Ok\r\n')],
    'a negative code': [BAD_REPLY, all('-20 Ok\r\n')],
    'a code and a tabulator': [BAD_REPLY, all('200\tOk\r\n')],
    'a blank before the code': [BAD_REPLY, all(' 200 Ok\r\n')],
    'a command where a reply is due': [BAD_REPLY, all('QUIT\r\n')],
    'a line end alone': [BAD_REPLY, all('\r\n')],
    'a NUL alone': [BAD_REPLY, all('\0')],
    'a code that is in no table': ['accept', all('599 Who knows\r\n')],
    'escape sequences of terminals': ['accept', all('200 \x1b[2J\x07\x1b]0;x\x07\r\n')],
    'conversions of printf': ['accept', all('200 %s%n%n%999999d\r\n')],
    'a line that is longer than usual buffers': ['accept', longer('200')],
    'a line of 64 KiB': ['accept', all(`200 ${LONG}\r\n`), { large: true }],
  },
  'RFC 2228 §5.2': {
    'two replies in one token': [BAD_REPLY, lines => [concatAll([...lines, ...lines])]],
    'two replies in two tokens': [BAD_REPLY, lines => [...lines, ...lines]],
    'a reply behind its end': [BAD_REPLY, lines => [...lines, octets('500 No\r\n')]],
    'words behind its end': [BAD_REPLY, lines => [...lines, octets('and more\r\n')]],
    'a protected reply within': [BAD_REPLY, (_lines, _draw, { valid }) => [valid()]],
    'a protected reply of no token within': [BAD_REPLY, all('631 AAAA\r\n')],
    'a code of 6yz within': [BAD_REPLY, all('699 What\r\n')],
  },
  'RFC 3659 §7.2': { 'a code alone': ['accept', all('200\r\n')] },
  'RFC 2640 §2': { 'a text in Latin-1': ['accept', all('200 \xe9t\xe9\r\n')] },
  'RFC 2228 §3': { 'octets FF, which are no Telnet here': ['accept', all('200 \xff\xf4\xff\xff\r\n')] },
  'RFC 959 §4.1.2': {
    'an address of passive mode out of range': [
      'accept',
      all('227 Entering Passive Mode (999,256,-1,0,65536,99999)\r\n'),
    ],
  },
  'RFC 3659 §4.2': { 'a size that no number holds': ['accept', all(`213 ${'9'.repeat(400)}\r\n`)] },
  'RFC 959 appendix II': {
    'a directory name with quotation marks without end': ['accept', all(`257 ${'"'.repeat(333)}\r\n`)],
  },
  'RFC 2228 §5.1': { 'security data within': ['accept', all('235 ADAT=AAAA\r\n')] },
});

const COMMANDS = mutationsOf({ layer: 'inner', at: 'fragments', to: 'server' })({
  'RFC 959 §5.3': {
    'a NUL within': [BAD_COMMAND, inserted('\0')],
    'a CR within': [BAD_COMMAND, last(ended('\rx\r\n', 3))],
    'an LF within': [BAD_COMMAND, last(ended('\nx\r\n', 3))],
    'a line end of LF alone': [BAD_COMMAND, last(ended('\n'))],
    'a line end of CR alone': [BAD_COMMAND, last(ended('', 1))],
    'a reply where a command is due': [BAD_COMMAND, all('200 Ok\r\n')],
    'a line end alone': [BAD_COMMAND, all('\r\n')],
    'a NUL alone': [BAD_COMMAND, all('\0')],
    'blanks alone': [BAD_COMMAND, all('    \r\n')],
    'a blank before the verb': [BAD_COMMAND, all(' NOOP\r\n')],
    'no verb': [BAD_COMMAND, all('/etc/passwd\r\n')],
    'a verb of 64 KiB': [BAD_COMMAND, all(`${LONG}\r\n`), { large: true }],
    'an argument that is longer than usual buffers': ['accept', longer('STAT')],
    'an argument of 64 KiB': ['accept', all(`STAT ${LONG}\r\n`), { large: true }],
    'conversions of printf': ['accept', all('STAT %s%n%n%999999d\r\n')],
    'an unknown command': ['accept', all('XYZZY 1\r\n')],
    'a path that climbs': ['accept', all(`STAT ${'../'.repeat(500)}\r\n`)],
    'a pattern that matches too much': ['accept', all(`STAT ${'{*/'.repeat(200)}\r\n`)],
    'the verb in small letters': ['accept', all('noop\r\n')],
  },
  'RFC 2228 §3': {
    'two commands in one token': [BAD_COMMAND, last(ended('DELE rfc2228-fuzz\r\n', 0))],
    'two commands with a NUL between them': [BAD_COMMAND, last(ended('\0DELE rfc2228-fuzz\0'))],
    'MIC within': [BAD_COMMAND, (_lines, _draw, { valid }) => [valid()]],
    'ENC without token within': [BAD_COMMAND, all('ENC\r\n')],
    'conf in small letters within': [BAD_COMMAND, all('conf AAAA\r\n')],
    'octets FF, which are no Telnet here': ['accept', all('STAT \xff\xf4\xff\xff\r\n')],
  },
  'RFC 2640 §2': { 'an argument in Latin-1': ['accept', all('STAT \xe9t\xe9\r\n')] },
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
