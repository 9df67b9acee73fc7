/** Who may say what when (RFC 2228 §3, §7 and §8.2): scripts, each of valid steps and one line that breaks the order. */
import { CRLF, concat, toUtf8 } from '../bytes.js';
import type { Peer, SecurityContext } from '../protection/mechanism.js';
import { protectCommand, protectReply } from '../protection/protect.js';
import type { TokenLevel } from '../protection/protection-level.js';
import { ACCEPT, EITHER, type Expectation, type Rule, refuse } from './mutation.js';

/** One line: in the clear unless it has a level. It has no line end here. */
export interface ScriptLine {
  text: string;
  level?: TokenLevel;
}

/**
 * Where a session has come to before the line: a greeting, AUTH answered by 334, or an association. With `auth` the line goes
 * in one piece with AUTH, or with 334; with `adat`, with the ADAT that ends the exchange, or with 235: its reader has it
 * in a buffer when the rules change.
 */
export type ScriptStart = 'greeted' | 'auth' | 'exchange' | 'adat' | 'secured';

/** To a server the line is a command; to a client it answers its present command, or with `auth` and `adat` comes before the next. */
export interface Script extends Rule {
  to: Peer;
  start: ScriptStart;
  line: ScriptLine;
  /** Commands that are sent to a server and answered first, and accepted. */
  before: readonly ScriptLine[];
}

type ServerRow = [name: string, start: ScriptStart, line: string | ScriptLine, codes: number[], before?: ScriptLine[]];

const safe = (text: string): ScriptLine => ({ text, level: 'safe' });
const PBSZ = [safe('PBSZ 4096')];

const TO_SERVER: Record<string, readonly ServerRow[]> = {
  'RFC 2228 §3, AUTH': [
    ['AUTH without a mechanism', 'greeted', 'AUTH', [501]],
    ['AUTH with a blank for its mechanism', 'greeted', 'AUTH ', [501]],
    ['AUTH with an unknown mechanism', 'greeted', 'AUTH X-NOBODY', [504]],
    ['PBSZ in one piece with AUTH', 'auth', 'PBSZ 4096', [503]],
    ['MIC in one piece with AUTH', 'auth', 'MIC AAAA', [503]],
    ['AUTH in the clear, where an association stands', 'secured', 'AUTH GSSAPI', [533, 503, 534, 504, 334]],
  ],
  'RFC 2228 §3, ADAT': [
    ['ADAT before AUTH', 'greeted', 'ADAT AAAA', [503]],
    ['ADAT without data', 'exchange', 'ADAT', [501]],
    ['ADAT that is no base 64', 'exchange', 'ADAT ****', [501]],
    ['ADAT without its padding', 'exchange', 'ADAT AA', [501]],
    ['ADAT of zeros', 'exchange', 'ADAT AAAAAAAA', [535, 501, 431]],
    ['ADAT once the exchange is complete', 'secured', safe('ADAT AAAA'), [503]],
    ['ADAT in the clear once the exchange is complete', 'secured', 'ADAT AAAA', [503, 533]],
  ],
  'RFC 2228 §3, PBSZ': [
    ['PBSZ before an association', 'greeted', 'PBSZ 4096', [503]],
    ['PBSZ during the exchange', 'exchange', 'PBSZ 4096', [503]],
    ['PBSZ in the clear', 'secured', 'PBSZ 4096', [533]],
    ['PBSZ of zero', 'secured', safe('PBSZ 0'), [501]],
    ['PBSZ of 2^32', 'secured', safe('PBSZ 4294967296'), [501]],
    ['PBSZ of a number that nothing holds', 'secured', safe(`PBSZ ${'9'.repeat(400)}`), [501]],
    ['PBSZ of less than nothing', 'secured', safe('PBSZ -1'), [501]],
    ['PBSZ in hex', 'secured', safe('PBSZ 0x1000'), [501]],
    ['PBSZ of letters', 'secured', safe('PBSZ abc'), [501]],
    ['PBSZ without a size', 'secured', safe('PBSZ'), [501]],
  ],
  'RFC 2228 §3, PROT': [
    ['PROT before an association', 'greeted', 'PROT P', [503]],
    ['PROT before PBSZ', 'secured', safe('PROT P'), [503]],
    ['PROT in the clear', 'secured', 'PROT C', [533], PBSZ],
    ['PROT with a letter that is no level', 'secured', safe('PROT X'), [504, 501], PBSZ],
    ['PROT with a small letter', 'secured', safe('PROT p'), [504, 501, 200], PBSZ],
    ['PROT with two letters', 'secured', safe('PROT PP'), [504, 501], PBSZ],
    ['PROT without a level', 'secured', safe('PROT'), [501, 504], PBSZ],
  ],
  'RFC 2228 §3, CCC': [
    ['CCC before an association', 'greeted', 'CCC', [503, 533]],
    ['CCC in the clear', 'secured', 'CCC', [533]],
    ['CCC with an argument', 'secured', safe('CCC now'), [501, 534]],
    ['CONF before CCC', 'secured', { text: 'NOOP', level: 'confidential' }, [533, 537]],
  ],
  'RFC 2228 §3, MIC, CONF, ENC': [
    ['MIC before an association', 'greeted', 'MIC AAAA', [503]],
    ['CONF before an association', 'greeted', 'CONF AAAA', [503]],
    ['ENC during the exchange', 'exchange', 'ENC AAAA', [503]],
    ['MIC that is no base 64', 'secured', 'MIC ****', [501]],
    ['MIC of a token that is none', 'secured', 'MIC AAAAAAAA', [535]],
    ['ENC of a token that is none', 'secured', 'ENC AAAAAAAA', [535]],
    ['ENC without token', 'secured', 'ENC', [501]],
  ],
  'RFC 2228 §7': [
    ['USER in the clear', 'secured', 'USER anna', [533]],
    ['PASS in the clear', 'secured', 'PASS secret', [533]],
    ['QUIT in the clear', 'secured', 'QUIT', [533]],
    ['REIN in the clear', 'secured', 'REIN', [533]],
    ['DELE in the clear', 'secured', 'DELE rfc2228-fuzz', [533]],
    ['an unknown verb, in the clear', 'secured', 'XYZZY', [533]],
    ['no verb', 'secured', '123', [500, 501, 533]],
    ['NOOP in one piece with the last ADAT', 'adat', 'NOOP', [533]],
    ['USER in one piece with the last ADAT', 'adat', 'USER anna', [533]],
    ['PBSZ in one piece with the last ADAT', 'adat', 'PBSZ 4096', [533, 503]],
    ['CCC in one piece with the last ADAT', 'adat', 'CCC', [533, 503]],
    ['AUTH in one piece with the last ADAT', 'adat', 'AUTH GSSAPI', [533, 503, 534, 504, 334]],
  ],
};

type ClientRow = [name: string, start: ScriptStart, line: string | ScriptLine, expected: Expectation];

const EARLY = refuse('sequence/no-context', 'sequence/unexpected-reply');
const UNASKED = refuse('sequence/unexpected-reply', 'sequence/unprotected');
const UNPROTECTED = refuse('sequence/unprotected');
const BUFFERED = refuse('sequence/unprotected', 'sequence/unexpected-reply');

const TO_CLIENT: Record<string, readonly ClientRow[]> = {
  // What it does then is its own affair, as long as it does not go on in the clear.
  'RFC 2228 §3, AUTH': [
    ['AUTH is not understood', 'greeted', '500 What?', ACCEPT],
    ['AUTH is not there', 'greeted', '502 Not implemented', ACCEPT],
    ['the mechanism is not known', 'greeted', '504 Unknown mechanism', ACCEPT],
    ['the mechanism is refused', 'greeted', '534 Refused for policy reasons', ACCEPT],
    ['AUTH needs what is not there', 'greeted', '431 Come again', ACCEPT],
    ['the service ends at AUTH', 'greeted', '421 Good bye', ACCEPT],
  ],
  'RFC 2228 §5.2': [
    ['631 before an association', 'greeted', '631 AAAA', EARLY],
    ['632 during the exchange', 'exchange', '632 AAAA', EARLY],
    ['633 before an association', 'greeted', '633 AAAA', EARLY],
  ],
  'RFC 2228 §3, ADAT': [
    ['235 to AUTH', 'greeted', '235 ADAT=AAAA', UNASKED],
    ['335 to AUTH', 'greeted', '335 ADAT=AAAA', UNASKED],
    ['235 in one piece with 334', 'auth', '235 ADAT=AAAA', UNASKED],
    ['335 in one piece with 334', 'auth', '335 ADAT=AAAA', UNASKED],
    ['334 to ADAT', 'exchange', '334 Once more', UNASKED],
    ['security data that is no base 64', 'exchange', '235 ADAT=****', refuse('syntax/bad-base64')],
    ['security data without its padding', 'exchange', '335 ADAT=AA', refuse('syntax/bad-base64')],
    ['the exchange is refused', 'exchange', '535 Failed security check', ACCEPT],
    ['235 again, in the clear', 'secured', '235 ADAT=AAAA', UNASKED],
  ],
  'RFC 2228 §7': [
    ['success in the clear', 'secured', '200 Ok', UNPROTECTED],
    ['a login that succeeds in the clear', 'secured', '230 Logged in', UNPROTECTED],
    ['a failure in the clear', 'secured', '500 What?', UNPROTECTED],
    ['a preliminary reply in the clear', 'secured', '150 Here it comes', UNPROTECTED],
    ['a clear word that the service ends', 'secured', '421 Good bye', UNPROTECTED],
    ['a clear word that protection is denied', 'secured', '533 Command protection level denied', UNPROTECTED],
    ['an address of passive mode in the clear', 'secured', '227 Entering Passive Mode (203,0,113,9,4,1)', UNPROTECTED],
    ['a login in the clear, in one piece with 235', 'adat', '230 Logged in by nobody', BUFFERED],
    [
      'a protected reply that was not asked for, in one piece with 235',
      'adat',
      safe('230 Logged in by nobody'),
      EITHER,
    ],
  ],
};

/** Every script. */
export const SCRIPTS: readonly Script[] = [
  ...rowsOf(TO_SERVER).map(([source, [name, start, line, codes, before = []]]): Script => {
    return { name, source, to: 'server', start, before, line: lineOf(line), expected: { verdict: 'answer', codes } };
  }),
  ...rowsOf(TO_CLIENT).map(([source, [name, start, line, expected]]): Script => {
    return { name, source, to: 'client', start, before: [], line: lineOf(line), expected };
  }),
];

/**
 * The octets of a line.
 * @param context  the sender's; not needed for a clear line
 * @returns undefined where the mechanism lacks the level, so that the case is not applicable
 */
export function scriptOctets({ text, level }: ScriptLine, to: Peer, context?: SecurityContext): Uint8Array | undefined {
  if (level === undefined) return concat(toUtf8(text), CRLF);
  if (!context?.supports(level)) return undefined;
  return (to === 'server' ? protectCommand : protectReply)(context, level, toUtf8(text));
}

function rowsOf<T>(table: Record<string, readonly T[]>): [source: string, row: T][] {
  return Object.entries(table).flatMap(([source, rows]) => rows.map((row): [string, T] => [source, row]));
}

function lineOf(line: string | ScriptLine): ScriptLine {
  return typeof line === 'string' ? { text: line } : line;
}
