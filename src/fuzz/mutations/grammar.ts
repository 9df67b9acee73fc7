/** The grammar of outer replies and commands (RFC 959 §4.2 and §5.3, RFC 2228 §5.2), which nothing authenticates. */
import { concat, fromUtf8 } from '../../bytes.js';
import { type Change, mutationsOf } from '../mutation.js';
import { all, anyOne, before, type Edit, every, first, inserted, last, octets, replaced, spliced } from '../pieces.js';

const BAD_REPLY = 'syntax/bad-reply';
const BAD_COMMAND = 'syntax/bad-command';

/** Replaces the code of every line, its separator, or the verb and the blank after it. */
const withCode = (code: string) => every(replaced(code, 3));
const withSeparator = (separator: string) => every(replaced(separator, 1, 3));
const withVerb = (verb: string) => every(line => spliced(line, 0, line.indexOf(0x20) + 1, octets(verb)));
/** Changes the octets at some positions to lower case. */
const inSmallLetters = (isSmall: (at: number) => boolean) =>
  every(line => line.map((octet, at) => (isSmall(at) ? octet | 0x20 : octet)));

const REPLIES = mutationsOf({ layer: 'grammar', at: 'lines', to: 'client' })({
  'RFC 959 §4.2': {
    'a reply code of two digits': [BAD_REPLY, withCode('63')],
    'a reply code of four digits': [BAD_REPLY, withCode('6311')],
    'a reply code of five digits': [BAD_REPLY, withCode('10054')],
    'a reply code of letters': [BAD_REPLY, withCode('6E1')],
    'a reply code with a sign': [BAD_REPLY, withCode('+63')],
    'a reply code in another script': [BAD_REPLY, withCode('\xd9\xa6\xd9\xa3\xd9\xa1')],
    'a reply code that begins with 0': [BAD_REPLY, withCode('063')],
    'a reply code of 7yz': [BAD_REPLY, withCode('731')],
    'a reply code of 9yz': [BAD_REPLY, withCode('999')],
    'no reply code': [BAD_REPLY, withCode('')],
    'a blank before the reply code': [BAD_REPLY, first(before(' '))],
    'a tabulator behind the reply code': [BAD_REPLY, withSeparator('\t')],
    'nothing behind the reply code': [BAD_REPLY, withSeparator('')],
    'another character behind the reply code': [BAD_REPLY, withSeparator('_')],
    'a NUL behind the reply code': [BAD_REPLY, withSeparator('\0')],
    'a protected reply of the code alone': [BAD_REPLY, all('631\r\n')],
  },
  'RFC 2228 §5.2': {
    '630, which has no meaning': [BAD_REPLY, withCode('630')],
    '634, which has no meaning': [BAD_REPLY, withCode('634')],
    '600, which has no meaning': [BAD_REPLY, withCode('600')],
    '699, which has no meaning': [BAD_REPLY, withCode('699')],
    'a protected reply without token': [BAD_REPLY, last(line => concat(line.subarray(0, 4), octets('\r\n')))],
  },
});

const COMMANDS = mutationsOf({ layer: 'grammar', at: 'lines', to: 'server' })({
  'RFC 959 §5.3': {
    'the verb in small letters': ['accept', inSmallLetters(at => at < 3)],
    'the verb in mixed case': ['accept', inSmallLetters(at => at === 1)],
    'a blank before the verb': [BAD_COMMAND, first(before(' '))],
    'a tabulator behind the verb': [BAD_COMMAND, withVerb('MIC\t')],
    'an equals sign behind the verb': [BAD_COMMAND, withVerb('ENC=')],
    'a NUL behind the verb': [BAD_COMMAND, withVerb('ENC\0')],
    'a blank within the verb': ['sequence/unprotected', withVerb('M IC ')],
    'a verb with a digit in front': [BAD_COMMAND, withVerb('1ENC ')],
    'a verb of a hundred letters': [BAD_COMMAND, withVerb(`${'ENC'.repeat(33)}E `)],
    'no verb': [BAD_COMMAND, withVerb(' ')],
    'a verb in another script': [BAD_COMMAND, withVerb('\xd0\x95NC ')],
    'a reply where a command is due': [BAD_COMMAND, withVerb('631 ')],
    'a NUL within the token': [BAD_COMMAND, inserted('\0')],
    'a CR within the token': [BAD_COMMAND, every(line => spliced(line, line.length - 6, 0, octets('\r')))],
  },
  'RFC 2228 §3': {
    'a verb with a letter more': ['sequence/unprotected', withVerb('MICS ')],
    'MIC without token': [BAD_COMMAND, all('MIC\r\n')],
    'MIC with a blank for its token': [BAD_COMMAND, all('MIC \r\n')],
  },
});

const TRUNCATED = 'syntax/truncated';
/** Uses the other protected reply code: 632 for 631, or the other way. */
const recoded: Edit = line => spliced(line, 2, 1, Uint8Array.of(line[2]! ^ 3));

const withOtherSeparator: Edit = line => spliced(line, 3, 1, octets(line[3] === 0x20 ? '-' : ' '));

/** Replaces the second line of three or more. */
const middle =
  (edit: Edit): Change<unknown> =>
  ([head, line, ...rest], draw) =>
    rest.length > 0 ? [head!, edit(line!, draw)!, ...rest] : undefined;

/** Inserts a line after the first one, made from that line's code. */
const second =
  (line: (code: string) => string): Change<unknown> =>
  ([head, ...rest]) => [head!, octets(line(fromUtf8(head!.subarray(0, 3)))), ...rest];

const OUTER = mutationsOf({ layer: 'outer', at: 'lines', to: 'client', needs: ['lines'] })({
  'RFC 2228 §5.2': {
    'a hyphen in the last line': [TRUNCATED, last(replaced('-', 1, 3)), { open: true, needs: [] }],
    'a blank in every line: each is a reply of its own': ['reply-spans-outer', every(replaced(' ', 1, 3))],
    'another code in the last line': [TRUNCATED, last(recoded), { open: true }],
    'another code in the first line': [TRUNCATED, first(recoded), { open: true }],
    'another code in a middle line': [BAD_REPLY, middle(recoded)],
    'a middle line without its code': [BAD_REPLY, middle(replaced('', 4))],
    'a blank before the code of a middle line': [BAD_REPLY, middle(before(' '))],
    'a clear line between protected ones': [BAD_REPLY, second(() => '200 Trust me\r\n')],
    'an empty line between protected ones': [BAD_REPLY, second(() => '\r\n')],
    'a line without token between protected ones': [BAD_REPLY, second(code => `${code}-\r\n`)],
    'a separator is the other one': ['either', anyOne(withOtherSeparator), { open: true }],
  },
});

export const GRAMMAR = [...REPLIES, ...COMMANDS, ...OUTER];
