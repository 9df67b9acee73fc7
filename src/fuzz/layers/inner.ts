/** The text inside tokens (RFC 2228 §3 and §5.2): verified octets, and yet perhaps no reply or command. */
import { concat, concatAll, fromUtf8 } from '../../bytes.js';
import { ACCEPT, EITHER, type Mutation, refuse } from '../mutation.js';
import { all, inserted, last, octets } from '../pieces.js';

const BAD_REPLY = refuse('syntax/bad-reply');
const BAD_COMMAND = refuse('syntax/bad-command');
const REPLY = 'RFC 959 §4.2';
const INNER_REPLY = 'RFC 2228 §5.2';
const COMMAND = 'RFC 959 §5.3';
const INNER_COMMAND = 'RFC 2228 §3';
/** Longer than a buffer that somebody may have thought of. */
const LONG = 'A'.repeat(0x10000);

type Row = Omit<Mutation, 'at' | 'to'>;

const replies: readonly Row[] = [
  { name: 'a NUL within', source: REPLY, expected: BAD_REPLY, change: inserted('\0') },
  {
    name: 'a CR within',
    source: REPLY,
    expected: BAD_REPLY,
    change: last(line => concat(line.subarray(0, -3), octets('\rx\r\n'))),
  },
  { name: 'an LF within', source: REPLY, expected: BAD_REPLY, change: inserted('\n') },
  {
    name: 'a line end of LF alone',
    source: REPLY,
    expected: BAD_REPLY,
    change: last(line => concat(line.subarray(0, -2), octets('\n'))),
  },
  { name: 'a line end of CR alone', source: REPLY, expected: BAD_REPLY, change: last(line => line.subarray(0, -1)) },
  {
    name: 'two replies in one token',
    source: INNER_REPLY,
    expected: BAD_REPLY,
    change: lines => [concatAll([...lines, ...lines])],
  },
  {
    name: 'two replies in two tokens',
    source: INNER_REPLY,
    expected: BAD_REPLY,
    change: lines => [...lines, ...lines],
  },
  {
    name: 'a reply behind its end',
    source: INNER_REPLY,
    expected: BAD_REPLY,
    change: lines => [...lines, octets('500 No\r\n')],
  },
  {
    name: 'words behind its end',
    source: INNER_REPLY,
    expected: BAD_REPLY,
    change: lines => [...lines, octets('and more\r\n')],
  },
  {
    name: 'a protected reply within',
    source: INNER_REPLY,
    expected: BAD_REPLY,
    change: all(({ sound }) => fromUtf8(sound())),
  },
  {
    name: 'a protected reply of no token within',
    source: INNER_REPLY,
    expected: BAD_REPLY,
    change: all('631 AAAA\r\n'),
  },
  { name: 'a code of 6yz within', source: INNER_REPLY, expected: BAD_REPLY, change: all('699 What\r\n') },
  { name: 'no code', source: REPLY, expected: BAD_REPLY, change: all('Logged in\r\n') },
  { name: 'a code of one digit', source: REPLY, expected: BAD_REPLY, change: all('2 Ok\r\n') },
  { name: 'a code of five digits', source: REPLY, expected: BAD_REPLY, change: all('10054 Reset\r\n') },
  { name: 'a code of 0yz', source: REPLY, expected: BAD_REPLY, change: all('031 Ok\r\n') },
  { name: 'a code of 7yz', source: REPLY, expected: BAD_REPLY, change: all('731 Ok\r\n') },
  { name: 'a negative code', source: REPLY, expected: BAD_REPLY, change: all('-20 Ok\r\n') },
  { name: 'a code and a tabulator', source: REPLY, expected: BAD_REPLY, change: all('200\tOk\r\n') },
  { name: 'a blank before the code', source: REPLY, expected: BAD_REPLY, change: all(' 200 Ok\r\n') },
  { name: 'a command where a reply is due', source: REPLY, expected: BAD_REPLY, change: all('QUIT\r\n') },
  { name: 'a line end alone', source: REPLY, expected: BAD_REPLY, change: all('\r\n') },
  { name: 'a NUL alone', source: REPLY, expected: BAD_REPLY, change: all('\0') },
  { name: 'a code alone', source: 'RFC 3659 §7.2', expected: ACCEPT, change: all('200\r\n') },
  { name: 'a code that is in no table', source: REPLY, expected: ACCEPT, change: all('599 Who knows\r\n') },
  { name: 'a text in Latin-1', source: 'RFC 2640 §2', expected: ACCEPT, change: all('200 \xe9t\xe9\r\n') },
  {
    name: 'octets FF, which are no Telnet here',
    source: 'RFC 2228 §3',
    expected: ACCEPT,
    change: all('200 \xff\xf4\xff\xff\r\n'),
  },
  {
    name: 'escape sequences of terminals',
    source: REPLY,
    expected: ACCEPT,
    change: all('200 \x1b[2J\x07\x1b]0;x\x07\r\n'),
  },
  { name: 'conversions of printf', source: REPLY, expected: ACCEPT, change: all('200 %s%n%n%999999d\r\n') },
  {
    name: 'an address of passive mode out of range',
    source: 'RFC 959 §4.1.2',
    expected: ACCEPT,
    change: all('227 Entering Passive Mode (999,256,-1,0,65536,99999)\r\n'),
  },
  {
    name: 'a size that no number holds',
    source: 'RFC 3659 §4.2',
    expected: ACCEPT,
    change: all(`213 ${'9'.repeat(400)}\r\n`),
  },
  {
    name: 'a directory name with quotation marks without end',
    source: 'RFC 959 appendix II',
    expected: ACCEPT,
    change: all(`257 ${'"'.repeat(333)}\r\n`),
  },
  { name: 'security data within', source: 'RFC 2228 §5.1', expected: ACCEPT, change: all('235 ADAT=AAAA\r\n') },
  { name: 'a line of 64 KiB', large: true, source: 'RFC 959 §4.2', expected: ACCEPT, change: all(`200 ${LONG}\r\n`) },
];

const commands: readonly Row[] = [
  { name: 'a NUL within', source: COMMAND, expected: BAD_COMMAND, change: inserted('\0') },
  {
    name: 'a CR within',
    source: COMMAND,
    expected: BAD_COMMAND,
    change: last(line => concat(line.subarray(0, -3), octets('\rx\r\n'))),
  },
  {
    name: 'an LF within',
    source: COMMAND,
    expected: BAD_COMMAND,
    change: last(line => concat(line.subarray(0, -3), octets('\nx\r\n'))),
  },
  {
    name: 'a line end of LF alone',
    source: COMMAND,
    expected: BAD_COMMAND,
    change: last(line => concat(line.subarray(0, -2), octets('\n'))),
  },
  {
    name: 'a line end of CR alone',
    source: COMMAND,
    expected: BAD_COMMAND,
    change: last(line => line.subarray(0, -1)),
  },
  {
    name: 'two commands in one token',
    source: INNER_COMMAND,
    expected: BAD_COMMAND,
    change: ([line]) => [concat(line!, octets('DELE rfc2228-fuzz\r\n'))],
  },
  {
    name: 'two commands with a NUL between them',
    source: INNER_COMMAND,
    expected: BAD_COMMAND,
    change: ([line]) => [concat(line!.subarray(0, -2), octets('\0DELE rfc2228-fuzz\0'))],
  },
  {
    name: 'MIC within',
    source: INNER_COMMAND,
    expected: BAD_COMMAND,
    change: all(({ sound }) => fromUtf8(sound())),
  },
  { name: 'ENC without token within', source: INNER_COMMAND, expected: BAD_COMMAND, change: all('ENC\r\n') },
  { name: 'conf in small letters within', source: INNER_COMMAND, expected: BAD_COMMAND, change: all('conf AAAA\r\n') },
  { name: 'a reply where a command is due', source: COMMAND, expected: BAD_COMMAND, change: all('200 Ok\r\n') },
  { name: 'a line end alone', source: COMMAND, expected: BAD_COMMAND, change: all('\r\n') },
  { name: 'a NUL alone', source: COMMAND, expected: BAD_COMMAND, change: all('\0') },
  { name: 'blanks alone', source: COMMAND, expected: BAD_COMMAND, change: all('    \r\n') },
  { name: 'a blank before the verb', source: COMMAND, expected: BAD_COMMAND, change: all(' NOOP\r\n') },
  { name: 'no verb', source: COMMAND, expected: BAD_COMMAND, change: all('/etc/passwd\r\n') },
  { name: 'a verb of 64 KiB', large: true, source: COMMAND, expected: BAD_COMMAND, change: all(`${LONG}\r\n`) },
  {
    name: 'an argument of 64 KiB',
    large: true,
    source: COMMAND,
    expected: ACCEPT,
    change: all(`STAT ${LONG}\r\n`),
  },
  { name: 'an argument in Latin-1', source: 'RFC 2640 §2', expected: ACCEPT, change: all('STAT \xe9t\xe9\r\n') },
  {
    name: 'octets FF, which are no Telnet here',
    source: 'RFC 2228 §3',
    expected: ACCEPT,
    change: all('STAT \xff\xf4\xff\xff\r\n'),
  },
  { name: 'conversions of printf', source: COMMAND, expected: ACCEPT, change: all('STAT %s%n%n%999999d\r\n') },
  { name: 'a command that nobody has', source: COMMAND, expected: ACCEPT, change: all('XYZZY 1\r\n') },
  { name: 'a path that climbs', source: COMMAND, expected: ACCEPT, change: all(`STAT ${'../'.repeat(500)}\r\n`) },
  {
    name: 'a pattern that matches too much',
    source: COMMAND,
    expected: ACCEPT,
    change: all(`STAT ${'{*/'.repeat(200)}\r\n`),
  },
  { name: 'the verb in small letters', source: COMMAND, expected: ACCEPT, change: all('noop\r\n') },
];

export const INNER: readonly Mutation[] = [
  ...replies.map(row => ({ ...row, to: 'client', at: 'fragments' }) as const),
  ...commands.map(row => ({ ...row, to: 'server', at: 'fragments' }) as const),
  {
    name: 'the text is octets at random',
    source: 'RFC 2228 §3',
    expected: EITHER,
    at: 'fragments',
    change: (_lines, draw) => [draw.octets(1 + draw.below(200))],
  },
];
