/** The text inside tokens (RFC 2228 §3 and §5.2): verified octets, and yet perhaps no reply or command. */
import { concat, concatAll, fromUtf8 } from '../../bytes.js';
import { ACCEPT, EITHER, type Mutation, refuse, rowsAt } from '../mutation.js';
import { all, inserted, last, octets } from '../pieces.js';

const BAD_REPLY = refuse('syntax/bad-reply');
const BAD_COMMAND = refuse('syntax/bad-command');
const REPLY = 'RFC 959 §4.2';
const INNER_REPLY = 'RFC 2228 §5.2';
const COMMAND = 'RFC 959 §5.3';
const INNER_COMMAND = 'RFC 2228 §3';
/** Longer than a buffer that a program may have. */
const LONG = 'A'.repeat(0x10000);

const reply = rowsAt('fragments', { to: 'client' });
const command = rowsAt('fragments', { to: 'server' });

const replies: readonly Mutation[] = [
  reply('a NUL within', REPLY, BAD_REPLY, inserted('\0')),
  reply(
    'a CR within',
    REPLY,
    BAD_REPLY,
    last(line => concat(line.subarray(0, -3), octets('\rx\r\n'))),
  ),
  reply('an LF within', REPLY, BAD_REPLY, inserted('\n')),
  reply(
    'a line end of LF alone',
    REPLY,
    BAD_REPLY,
    last(line => concat(line.subarray(0, -2), octets('\n'))),
  ),
  reply(
    'a line end of CR alone',
    REPLY,
    BAD_REPLY,
    last(line => line.subarray(0, -1)),
  ),
  reply('two replies in one token', INNER_REPLY, BAD_REPLY, lines => [concatAll([...lines, ...lines])]),
  reply('two replies in two tokens', INNER_REPLY, BAD_REPLY, lines => [...lines, ...lines]),
  reply('a reply behind its end', INNER_REPLY, BAD_REPLY, lines => [...lines, octets('500 No\r\n')]),
  reply('words behind its end', INNER_REPLY, BAD_REPLY, lines => [...lines, octets('and more\r\n')]),
  reply(
    'a protected reply within',
    INNER_REPLY,
    BAD_REPLY,
    all(({ valid }) => fromUtf8(valid())),
  ),
  reply('a protected reply of no token within', INNER_REPLY, BAD_REPLY, all('631 AAAA\r\n')),
  reply('a code of 6yz within', INNER_REPLY, BAD_REPLY, all('699 What\r\n')),
  reply('no code', REPLY, BAD_REPLY, all('Logged in\r\n')),
  reply('a code of one digit', REPLY, BAD_REPLY, all('2 Ok\r\n')),
  reply('a code of five digits', REPLY, BAD_REPLY, all('10054 Reset\r\n')),
  reply('a code of 0yz', REPLY, BAD_REPLY, all('031 Ok\r\n')),
  reply('a code of 7yz', REPLY, BAD_REPLY, all('731 Ok\r\n')),
  reply('a negative code', REPLY, BAD_REPLY, all('-20 Ok\r\n')),
  reply('a code alone', 'RFC 3659 §7.2', ACCEPT, all('200\r\n')),
  reply('a code and a tabulator', REPLY, BAD_REPLY, all('200\tOk\r\n')),
  reply('a blank before the code', REPLY, BAD_REPLY, all(' 200 Ok\r\n')),
  reply('a command where a reply is due', REPLY, BAD_REPLY, all('QUIT\r\n')),
  reply('a line end alone', REPLY, BAD_REPLY, all('\r\n')),
  reply('a NUL alone', REPLY, BAD_REPLY, all('\0')),
  reply('a code that is in no table', REPLY, ACCEPT, all('599 Who knows\r\n')),
  reply('a text in Latin-1', 'RFC 2640 §2', ACCEPT, all('200 \xe9t\xe9\r\n')),
  reply('octets FF, which are no Telnet here', 'RFC 2228 §3', ACCEPT, all('200 \xff\xf4\xff\xff\r\n')),
  reply('escape sequences of terminals', REPLY, ACCEPT, all('200 \x1b[2J\x07\x1b]0;x\x07\r\n')),
  reply('conversions of printf', REPLY, ACCEPT, all('200 %s%n%n%999999d\r\n')),
  reply(
    'an address of passive mode out of range',
    'RFC 959 §4.1.2',
    ACCEPT,
    all('227 Entering Passive Mode (999,256,-1,0,65536,99999)\r\n'),
  ),
  reply('a size that no number holds', 'RFC 3659 §4.2', ACCEPT, all(`213 ${'9'.repeat(400)}\r\n`)),
  reply(
    'a directory name with quotation marks without end',
    'RFC 959 appendix II',
    ACCEPT,
    all(`257 ${'"'.repeat(333)}\r\n`),
  ),
  reply('security data within', 'RFC 2228 §5.1', ACCEPT, all('235 ADAT=AAAA\r\n')),
  reply('a line of 64 KiB', 'RFC 959 §4.2', ACCEPT, { large: true }, all(`200 ${LONG}\r\n`)),
];

const commands: readonly Mutation[] = [
  command('a NUL within', COMMAND, BAD_COMMAND, inserted('\0')),
  command(
    'a CR within',
    COMMAND,
    BAD_COMMAND,
    last(line => concat(line.subarray(0, -3), octets('\rx\r\n'))),
  ),
  command(
    'an LF within',
    COMMAND,
    BAD_COMMAND,
    last(line => concat(line.subarray(0, -3), octets('\nx\r\n'))),
  ),
  command(
    'a line end of LF alone',
    COMMAND,
    BAD_COMMAND,
    last(line => concat(line.subarray(0, -2), octets('\n'))),
  ),
  command(
    'a line end of CR alone',
    COMMAND,
    BAD_COMMAND,
    last(line => line.subarray(0, -1)),
  ),
  command('two commands in one token', INNER_COMMAND, BAD_COMMAND, ([line]) => [
    concat(line!, octets('DELE rfc2228-fuzz\r\n')),
  ]),
  command('two commands with a NUL between them', INNER_COMMAND, BAD_COMMAND, ([line]) => [
    concat(line!.subarray(0, -2), octets('\0DELE rfc2228-fuzz\0')),
  ]),
  command(
    'MIC within',
    INNER_COMMAND,
    BAD_COMMAND,
    all(({ valid }) => fromUtf8(valid())),
  ),
  command('ENC without token within', INNER_COMMAND, BAD_COMMAND, all('ENC\r\n')),
  command('conf in small letters within', INNER_COMMAND, BAD_COMMAND, all('conf AAAA\r\n')),
  command('a reply where a command is due', COMMAND, BAD_COMMAND, all('200 Ok\r\n')),
  command('a line end alone', COMMAND, BAD_COMMAND, all('\r\n')),
  command('a NUL alone', COMMAND, BAD_COMMAND, all('\0')),
  command('blanks alone', COMMAND, BAD_COMMAND, all('    \r\n')),
  command('a blank before the verb', COMMAND, BAD_COMMAND, all(' NOOP\r\n')),
  command('no verb', COMMAND, BAD_COMMAND, all('/etc/passwd\r\n')),
  command('a verb of 64 KiB', COMMAND, BAD_COMMAND, { large: true }, all(`${LONG}\r\n`)),
  command('an argument of 64 KiB', COMMAND, ACCEPT, { large: true }, all(`STAT ${LONG}\r\n`)),
  command('an argument in Latin-1', 'RFC 2640 §2', ACCEPT, all('STAT \xe9t\xe9\r\n')),
  command('octets FF, which are no Telnet here', 'RFC 2228 §3', ACCEPT, all('STAT \xff\xf4\xff\xff\r\n')),
  command('conversions of printf', COMMAND, ACCEPT, all('STAT %s%n%n%999999d\r\n')),
  command('an unknown command', COMMAND, ACCEPT, all('XYZZY 1\r\n')),
  command('a path that climbs', COMMAND, ACCEPT, all(`STAT ${'../'.repeat(500)}\r\n`)),
  command('a pattern that matches too much', COMMAND, ACCEPT, all(`STAT ${'{*/'.repeat(200)}\r\n`)),
  command('the verb in small letters', COMMAND, ACCEPT, all('noop\r\n')),
];

export const INNER: readonly Mutation[] = [
  ...replies,
  ...commands,
  rowsAt('fragments')('the text is octets at random', 'RFC 2228 §3', EITHER, (_lines, draw) => [
    draw.octets(1 + draw.below(200)),
  ]),
];
