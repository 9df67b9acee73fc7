/** The grammar of outer replies and commands (RFC 959 §4.2 and §5.3, RFC 2228 §5.2). */
import { concat } from '../../bytes.js';
import { ACCEPT, type Mutation, refuse, rowsAt } from '../mutation.js';
import { every, first, inserted, last, octets, spliced } from '../pieces.js';

const BAD_REPLY = refuse('syntax/bad-reply');
const BAD_COMMAND = refuse('syntax/bad-command');
const REPLY = 'RFC 959 §4.2';
const PROTECTED_REPLY = 'RFC 2228 §5.2';
const COMMAND = 'RFC 959 §5.3';
const PROTECTED_COMMAND = 'RFC 2228 §3';

/** Every line's code and separator replaced. */
const coded = (code: string) => every(line => spliced(line, 0, 3, octets(code)));
const separated = (separator: string) => every(line => spliced(line, 3, 1, octets(separator)));
/** The verb and the blank behind it replaced. */
const said = (verb: string) => every(line => spliced(line, 0, line.indexOf(0x20) + 1, octets(verb)));

const reply = rowsAt('lines', { to: 'client' });
const command = rowsAt('lines', { to: 'server' });

const replies: readonly Mutation[] = [
  reply('a reply code of two digits', REPLY, BAD_REPLY, coded('63')),
  reply('a reply code of four digits', REPLY, BAD_REPLY, coded('6311')),
  reply('a reply code of five digits', REPLY, BAD_REPLY, coded('10054')),
  reply('a reply code of letters', REPLY, BAD_REPLY, coded('6E1')),
  reply('a reply code with a sign', REPLY, BAD_REPLY, coded('+63')),
  reply('a reply code in another script', REPLY, BAD_REPLY, coded('\xd9\xa6\xd9\xa3\xd9\xa1')),
  reply('a reply code that begins with 0', REPLY, BAD_REPLY, coded('063')),
  reply('a reply code of 7yz', REPLY, BAD_REPLY, coded('731')),
  reply('a reply code of 9yz', REPLY, BAD_REPLY, coded('999')),
  reply('no reply code', REPLY, BAD_REPLY, coded('')),
  reply(
    'a blank before the reply code',
    REPLY,
    BAD_REPLY,
    first(line => concat(octets(' '), line)),
  ),
  reply('a tabulator behind the reply code', REPLY, BAD_REPLY, separated('\t')),
  reply('nothing behind the reply code', REPLY, BAD_REPLY, separated('')),
  reply('another character behind the reply code', REPLY, BAD_REPLY, separated('_')),
  reply('a NUL behind the reply code', REPLY, BAD_REPLY, separated('\0')),
  reply('630, which has no meaning', PROTECTED_REPLY, BAD_REPLY, coded('630')),
  reply('634, which has no meaning', PROTECTED_REPLY, BAD_REPLY, coded('634')),
  reply('600, which has no meaning', PROTECTED_REPLY, BAD_REPLY, coded('600')),
  reply('699, which has no meaning', PROTECTED_REPLY, BAD_REPLY, coded('699')),
  reply(
    'a protected reply without token',
    PROTECTED_REPLY,
    BAD_REPLY,
    last(line => concat(line.subarray(0, 4), octets('\r\n'))),
  ),
  reply('a protected reply of the code alone', REPLY, BAD_REPLY, () => [octets('631\r\n')]),
];

const commands: readonly Mutation[] = [
  command(
    'the verb in small letters',
    COMMAND,
    ACCEPT,
    every(line => line.map((octet, i) => (i < 3 ? octet | 0x20 : octet))),
  ),
  command(
    'the verb in mixed case',
    COMMAND,
    ACCEPT,
    every(line => line.map((octet, i) => (i === 1 ? octet | 0x20 : octet))),
  ),
  command(
    'a blank before the verb',
    COMMAND,
    BAD_COMMAND,
    first(line => concat(octets(' '), line)),
  ),
  command('a tabulator behind the verb', COMMAND, BAD_COMMAND, said('MIC\t')),
  command('an equals sign behind the verb', COMMAND, BAD_COMMAND, said('ENC=')),
  command('a NUL behind the verb', COMMAND, BAD_COMMAND, said('ENC\0')),
  command('a blank within the verb', COMMAND, refuse('sequence/unprotected'), said('M IC ')),
  command('a verb with a letter more', PROTECTED_COMMAND, refuse('sequence/unprotected'), said('MICS ')),
  command('a verb with a digit in front', COMMAND, BAD_COMMAND, said('1ENC ')),
  command('a verb of a hundred letters', COMMAND, BAD_COMMAND, said(`${'ENC'.repeat(33)}E `)),
  command('no verb', COMMAND, BAD_COMMAND, said(' ')),
  command('a verb in another script', COMMAND, BAD_COMMAND, said('\xd0\x95NC ')),
  command('a reply where a command is due', COMMAND, BAD_COMMAND, said('631 ')),
  command('MIC without token', PROTECTED_COMMAND, BAD_COMMAND, () => [octets('MIC\r\n')]),
  command('MIC with a blank for its token', PROTECTED_COMMAND, BAD_COMMAND, () => [octets('MIC \r\n')]),
  command('a NUL within the token', COMMAND, BAD_COMMAND, inserted('\0')),
  command(
    'a CR within the token',
    COMMAND,
    BAD_COMMAND,
    every(line => spliced(line, line.length - 6, 0, octets('\r'))),
  ),
];

export const GRAMMAR: readonly Mutation[] = [...replies, ...commands];
