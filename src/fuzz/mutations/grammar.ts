/** The grammar of outer replies and commands (RFC 959 §4.2 and §5.3, RFC 2228 §5.2), which nothing authenticates. */
import { concat, fromUtf8 } from '../../bytes.js';
import { ACCEPT, type Change, deviation, EITHER, LINES, type Mutation, mutationsOf, refuse } from '../mutation.js';
import { all, anyOne, before, type Edit, every, first, inserted, last, octets, replaced, spliced } from '../pieces.js';

const BAD_REPLY = refuse('syntax/bad-reply');
const BAD_COMMAND = refuse('syntax/bad-command');

/** Replaces the code of every line, or its separator; or the verb and the blank after it. */
const coded = (code: string) => every(replaced(code, 3));
const separated = (separator: string) => every(replaced(separator, 1, 3));
const said = (verb: string) => every(line => spliced(line, 0, line.indexOf(0x20) + 1, octets(verb)));
/** Changes octets of the verb to lower case: those whose position satisfies a condition. */
const small = (isSmall: (at: number) => boolean) =>
  every(line => line.map((octet, at) => (isSmall(at) ? octet | 0x20 : octet)));

const REPLIES = mutationsOf({ layer: 'grammar', at: 'lines', to: 'client' })({
  'RFC 959 §4.2': {
    'a reply code of two digits': [BAD_REPLY, coded('63')],
    'a reply code of four digits': [BAD_REPLY, coded('6311')],
    'a reply code of five digits': [BAD_REPLY, coded('10054')],
    'a reply code of letters': [BAD_REPLY, coded('6E1')],
    'a reply code with a sign': [BAD_REPLY, coded('+63')],
    'a reply code in another script': [BAD_REPLY, coded('\xd9\xa6\xd9\xa3\xd9\xa1')],
    'a reply code that begins with 0': [BAD_REPLY, coded('063')],
    'a reply code of 7yz': [BAD_REPLY, coded('731')],
    'a reply code of 9yz': [BAD_REPLY, coded('999')],
    'no reply code': [BAD_REPLY, coded('')],
    'a blank before the reply code': [BAD_REPLY, first(before(' '))],
    'a tabulator behind the reply code': [BAD_REPLY, separated('\t')],
    'nothing behind the reply code': [BAD_REPLY, separated('')],
    'another character behind the reply code': [BAD_REPLY, separated('_')],
    'a NUL behind the reply code': [BAD_REPLY, separated('\0')],
    'a protected reply of the code alone': [BAD_REPLY, all('631\r\n')],
  },
  'RFC 2228 §5.2': {
    '630, which has no meaning': [BAD_REPLY, coded('630')],
    '634, which has no meaning': [BAD_REPLY, coded('634')],
    '600, which has no meaning': [BAD_REPLY, coded('600')],
    '699, which has no meaning': [BAD_REPLY, coded('699')],
    'a protected reply without token': [BAD_REPLY, last(line => concat(line.subarray(0, 4), octets('\r\n')))],
  },
});

const COMMANDS = mutationsOf({ layer: 'grammar', at: 'lines', to: 'server' })({
  'RFC 959 §5.3': {
    'the verb in small letters': [ACCEPT, small(at => at < 3)],
    'the verb in mixed case': [ACCEPT, small(at => at === 1)],
    'a blank before the verb': [BAD_COMMAND, first(before(' '))],
    'a tabulator behind the verb': [BAD_COMMAND, said('MIC\t')],
    'an equals sign behind the verb': [BAD_COMMAND, said('ENC=')],
    'a NUL behind the verb': [BAD_COMMAND, said('ENC\0')],
    'a blank within the verb': [refuse('sequence/unprotected'), said('M IC ')],
    'a verb with a digit in front': [BAD_COMMAND, said('1ENC ')],
    'a verb of a hundred letters': [BAD_COMMAND, said(`${'ENC'.repeat(33)}E `)],
    'no verb': [BAD_COMMAND, said(' ')],
    'a verb in another script': [BAD_COMMAND, said('\xd0\x95NC ')],
    'a reply where a command is due': [BAD_COMMAND, said('631 ')],
    'a NUL within the token': [BAD_COMMAND, inserted('\0')],
    'a CR within the token': [BAD_COMMAND, every(line => spliced(line, line.length - 6, 0, octets('\r')))],
  },
  'RFC 2228 §3': {
    'a verb with a letter more': [refuse('sequence/unprotected'), said('MICS ')],
    'MIC without token': [BAD_COMMAND, all('MIC\r\n')],
    'MIC with a blank for its token': [BAD_COMMAND, all('MIC \r\n')],
  },
});

const TRUNCATED = refuse('syntax/truncated');
const OPEN = { open: true } as const;
const OTHER_CODES: Record<string, string> = { '1': '632', '2': '631' };

/** Uses the other protected reply code. */
const recoded: Edit<unknown> = line => spliced(line, 0, 3, octets(OTHER_CODES[String.fromCharCode(line[2]!)]!));

/** Replaces the second line of three or more. */
const middle =
  (edit: Edit<unknown>): Change<unknown> =>
  ([head, line, ...rest], draw) =>
    rest.length > 0 ? [head!, edit(line!, draw, undefined)!, ...rest] : undefined;

/** Inserts a line after the first one, made from that line's code. */
const second =
  (line: (code: string) => string): Change<unknown> =>
  ([head, ...rest]) => [head!, octets(line(fromUtf8(head!.subarray(0, 3)))), ...rest];

const OUTER = mutationsOf({ layer: 'outer', at: 'lines', to: 'client', ...LINES })({
  'RFC 2228 §5.2': {
    'a hyphen in the last line': [TRUNCATED, last(replaced('-', 1, 3)), { ...OPEN, needs: [] }],
    'a blank in every line: each is a reply of its own': [deviation('reply-spans-outer'), every(replaced(' ', 1, 3))],
    'another code in the last line': [TRUNCATED, last(recoded), OPEN],
    'another code in the first line': [TRUNCATED, first(recoded), OPEN],
    'another code in a middle line': [BAD_REPLY, middle(recoded)],
    'a middle line without its code': [BAD_REPLY, middle(replaced('', 4))],
    'a blank before the code of a middle line': [BAD_REPLY, middle(before(' '))],
    'a clear line between protected ones': [BAD_REPLY, second(() => '200 Trust me\r\n')],
    'an empty line between protected ones': [BAD_REPLY, second(() => '\r\n')],
    'a line without token between protected ones': [BAD_REPLY, second(code => `${code}-\r\n`)],
    'a separator is the other one': [
      EITHER,
      anyOne(line => spliced(line, 3, 1, octets(line[3] === 0x20 ? '-' : ' '))),
      OPEN,
    ],
  },
});

/** Mutations of lines around tokens. */
export const GRAMMAR: readonly Mutation[] = [...REPLIES, ...COMMANDS, ...OUTER];
