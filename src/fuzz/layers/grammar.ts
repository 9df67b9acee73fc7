/** The grammar of outer replies and commands (RFC 959 §4.2 and §5.3, RFC 2228 §5.2). */
import { concat } from '../../bytes.js';
import { ACCEPT, type Mutation, refuse } from '../mutation.js';
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

const replies: readonly Omit<Mutation, 'to' | 'at'>[] = [
  { name: 'a reply code of two digits', source: REPLY, expected: BAD_REPLY, change: coded('63') },
  { name: 'a reply code of four digits', source: REPLY, expected: BAD_REPLY, change: coded('6311') },
  { name: 'a reply code of five digits', source: REPLY, expected: BAD_REPLY, change: coded('10054') },
  { name: 'a reply code of letters', source: REPLY, expected: BAD_REPLY, change: coded('6E1') },
  { name: 'a reply code with a sign', source: REPLY, expected: BAD_REPLY, change: coded('+63') },
  {
    name: 'a reply code in another script',
    source: REPLY,
    expected: BAD_REPLY,
    change: coded('\xd9\xa6\xd9\xa3\xd9\xa1'),
  },
  { name: 'a reply code that begins with 0', source: REPLY, expected: BAD_REPLY, change: coded('063') },
  { name: 'a reply code of 7yz', source: REPLY, expected: BAD_REPLY, change: coded('731') },
  { name: 'a reply code of 9yz', source: REPLY, expected: BAD_REPLY, change: coded('999') },
  { name: 'no reply code', source: REPLY, expected: BAD_REPLY, change: coded('') },
  {
    name: 'a blank before the reply code',
    source: REPLY,
    expected: BAD_REPLY,
    change: first(line => concat(octets(' '), line)),
  },
  { name: 'a tabulator behind the reply code', source: REPLY, expected: BAD_REPLY, change: separated('\t') },
  { name: 'nothing behind the reply code', source: REPLY, expected: BAD_REPLY, change: separated('') },
  { name: 'another character behind the reply code', source: REPLY, expected: BAD_REPLY, change: separated('_') },
  { name: 'a NUL behind the reply code', source: REPLY, expected: BAD_REPLY, change: separated('\0') },
  { name: '630, which has no meaning', source: PROTECTED_REPLY, expected: BAD_REPLY, change: coded('630') },
  { name: '634, which has no meaning', source: PROTECTED_REPLY, expected: BAD_REPLY, change: coded('634') },
  { name: '600, which has no meaning', source: PROTECTED_REPLY, expected: BAD_REPLY, change: coded('600') },
  { name: '699, which has no meaning', source: PROTECTED_REPLY, expected: BAD_REPLY, change: coded('699') },
  {
    name: 'a protected reply without token',
    source: PROTECTED_REPLY,
    expected: BAD_REPLY,
    change: last(line => concat(line.subarray(0, 4), octets('\r\n'))),
  },
  {
    name: 'a protected reply of the code alone',
    source: REPLY,
    expected: BAD_REPLY,
    needs: [],
    change: () => [octets('631\r\n')],
  },
];

const commands: readonly Omit<Mutation, 'to' | 'at'>[] = [
  {
    name: 'the verb in small letters',
    source: COMMAND,
    expected: ACCEPT,
    change: every(line => line.map((octet, i) => (i < 3 ? octet | 0x20 : octet))),
  },
  {
    name: 'the verb in mixed case',
    source: COMMAND,
    expected: ACCEPT,
    change: every(line => line.map((octet, i) => (i === 1 ? octet | 0x20 : octet))),
  },
  {
    name: 'a blank before the verb',
    source: COMMAND,
    expected: BAD_COMMAND,
    change: first(line => concat(octets(' '), line)),
  },
  { name: 'a tabulator behind the verb', source: COMMAND, expected: BAD_COMMAND, change: said('MIC\t') },
  { name: 'an equals sign behind the verb', source: COMMAND, expected: BAD_COMMAND, change: said('ENC=') },
  { name: 'a NUL behind the verb', source: COMMAND, expected: BAD_COMMAND, change: said('ENC\0') },
  { name: 'a blank within the verb', source: COMMAND, expected: refuse('sequence/unprotected'), change: said('M IC ') },
  {
    name: 'a verb with a letter more',
    source: PROTECTED_COMMAND,
    expected: refuse('sequence/unprotected'),
    change: said('MICS '),
  },
  { name: 'a verb with a digit in front', source: COMMAND, expected: BAD_COMMAND, change: said('1ENC ') },
  {
    name: 'a verb of a hundred letters',
    source: COMMAND,
    expected: BAD_COMMAND,
    change: said(`${'ENC'.repeat(33)}E `),
  },
  { name: 'no verb', source: COMMAND, expected: BAD_COMMAND, change: said(' ') },
  { name: 'a verb in another script', source: COMMAND, expected: BAD_COMMAND, change: said('\xd0\x95NC ') },
  { name: 'a reply where a command is due', source: COMMAND, expected: BAD_COMMAND, change: said('631 ') },
  { name: 'MIC without token', source: PROTECTED_COMMAND, expected: BAD_COMMAND, change: () => [octets('MIC\r\n')] },
  {
    name: 'MIC with a blank for its token',
    source: PROTECTED_COMMAND,
    expected: BAD_COMMAND,
    change: () => [octets('MIC \r\n')],
  },
  { name: 'a NUL within the token', source: COMMAND, expected: BAD_COMMAND, change: inserted('\0') },
  {
    name: 'a CR within the token',
    source: COMMAND,
    expected: BAD_COMMAND,
    change: every(line => spliced(line, line.length - 6, 0, octets('\r'))),
  },
];

export const GRAMMAR: readonly Mutation[] = [
  ...replies.map(row => ({ ...row, to: 'client', at: 'lines' }) as const),
  ...commands.map(row => ({ ...row, to: 'server', at: 'lines' }) as const),
];
