/** The order of lines (RFC 2228 §3, §7 and §8.2). Each script has valid steps and one line that breaks the order. */
import { CRLF, concat, toUtf8 } from '../../bytes.js';
import type { Peer, SecurityContext } from '../../protection/mechanism.js';
import { protectCommand, protectReply } from '../../protection/protect.js';
import type { MutationContext, Script, ScriptLine } from '../mutation.js';
import { type Must, type Row, tableOf } from '../rows.js';

/** A row: the line, what a conforming peer must do with it, and the commands before it. */
function script(start: Script['start'], line: string | ScriptLine, must: Must, before: ScriptLine[] = []): Row<Script> {
  const its: Script = { start, line: typeof line === 'string' ? { text: line } : line, before };
  return [must, its, { script: its }];
}

const safe = (text: string): ScriptLine => ({ text, level: 'safe' });
const PBSZ = [safe('PBSZ 4096')];

/** Makes the mutations of a table; a mechanism without the level of a line does not have its mutation. */
const scriptsTo = (to: Peer) =>
  tableOf<Script, MutationContext>(
    { layer: 'phases', at: 'wire', makes: 'everything', to },
    ({ line }) =>
      (_text, _draw, { context }) => {
        const octets = scriptOctets(line, to, context);
        return octets && [octets];
      },
  );

const TO_SERVER = scriptsTo('server')({
  'RFC 2228 §3, AUTH': {
    'AUTH without a mechanism': script('greeted', 'AUTH', [501]),
    'AUTH with a blank for its mechanism': script('greeted', 'AUTH ', [501]),
    'AUTH with an unknown mechanism': script('greeted', 'AUTH X-UNKNOWN', [504]),
    'AUTH with a mechanism of 5000 letters': script('greeted', `AUTH ${'X'.repeat(5000)}`, [504, 501, 500]),
    'PBSZ in one piece with AUTH': script('auth', 'PBSZ 4096', [503]),
    'MIC in one piece with AUTH': script('auth', 'MIC AAAA', [503]),
    'AUTH in the clear, once the exchange is complete': script('secured', 'AUTH GSSAPI', [533, 503, 534, 504, 334]),
  },
  'RFC 2228 §3, ADAT': {
    'ADAT before AUTH': script('greeted', 'ADAT AAAA', [503]),
    'ADAT without data': script('exchange', 'ADAT', [501]),
    'ADAT that is no base 64': script('exchange', 'ADAT ****', [501]),
    'ADAT without its padding': script('exchange', 'ADAT AA', [501]),
    'ADAT of zeros': script('exchange', 'ADAT AAAAAAAA', [535, 501, 431]),
    'ADAT of 9000 zeros': script('exchange', `ADAT ${'A'.repeat(12_000)}`, [535, 501, 500, 431]),
    'ADAT once the exchange is complete': script('secured', safe('ADAT AAAA'), [503]),
    'ADAT in the clear once the exchange is complete': script('secured', 'ADAT AAAA', [503, 533]),
  },
  'RFC 2228 §3, PBSZ': {
    'PBSZ before an association': script('greeted', 'PBSZ 4096', [503]),
    'PBSZ during the exchange': script('exchange', 'PBSZ 4096', [503]),
    'PBSZ in the clear': script('secured', 'PBSZ 4096', [533]),
    'PBSZ of zero': script('secured', safe('PBSZ 0'), [501]),
    'PBSZ of 2^32': script('secured', safe('PBSZ 4294967296'), [501]),
    'PBSZ of a number that nothing holds': script('secured', safe(`PBSZ ${'9'.repeat(400)}`), [501]),
    'PBSZ of less than nothing': script('secured', safe('PBSZ -1'), [501]),
    'PBSZ in hex': script('secured', safe('PBSZ 0x1000'), [501]),
    'PBSZ of letters': script('secured', safe('PBSZ abc'), [501]),
    'PBSZ without a size': script('secured', safe('PBSZ'), [501]),
  },
  'RFC 2228 §3, PROT': {
    'PROT before an association': script('greeted', 'PROT P', [503]),
    'PROT before PBSZ': script('secured', safe('PROT P'), [503]),
    'PROT in the clear': script('secured', 'PROT C', [533], PBSZ),
    'PROT with a letter that is no level': script('secured', safe('PROT X'), [504, 501], PBSZ),
    'PROT with a small letter': script('secured', safe('PROT p'), [504, 501, 200], PBSZ),
    'PROT with two letters': script('secured', safe('PROT PP'), [504, 501], PBSZ),
    'PROT without a level': script('secured', safe('PROT'), [501, 504], PBSZ),
  },
  'RFC 2228 §3, CCC': {
    'CCC before an association': script('greeted', 'CCC', [503, 533]),
    'CCC in the clear': script('secured', 'CCC', [533]),
    'CCC with an argument': script('secured', safe('CCC now'), [501, 534]),
    'CONF before CCC': script('secured', { text: 'NOOP', level: 'confidential' }, [533, 537]),
  },
  'RFC 2228 §3, MIC, CONF, ENC': {
    'MIC before an association': script('greeted', 'MIC AAAA', [503]),
    'CONF before an association': script('greeted', 'CONF AAAA', [503]),
    'ENC during the exchange': script('exchange', 'ENC AAAA', [503]),
    'MIC that is no base 64': script('secured', 'MIC ****', [501]),
    'MIC of zeros for a token': script('secured', 'MIC AAAAAAAA', [535]),
    'ENC of zeros for a token': script('secured', 'ENC AAAAAAAA', [535]),
    'ENC without token': script('secured', 'ENC', [501]),
  },
  'RFC 2228 §7': {
    'USER in the clear': script('secured', 'USER anna', [533]),
    'PASS in the clear': script('secured', 'PASS secret', [533]),
    'QUIT in the clear': script('secured', 'QUIT', [533]),
    'REIN in the clear': script('secured', 'REIN', [533]),
    'DELE in the clear': script('secured', 'DELE rfc2228-fuzz', [533]),
    'an unknown verb, in the clear': script('secured', 'XYZZY', [533]),
    'no verb': script('secured', '123', [500, 501, 533]),
    'NOOP in one piece with the last ADAT': script('adat', 'NOOP', [533]),
    'USER in one piece with the last ADAT': script('adat', 'USER anna', [533]),
    'PBSZ in one piece with the last ADAT': script('adat', 'PBSZ 4096', [533, 503]),
    'CCC in one piece with the last ADAT': script('adat', 'CCC', [533, 503]),
    'AUTH in one piece with the last ADAT': script('adat', 'AUTH GSSAPI', [533, 503, 534, 504, 334]),
  },
});

const EARLY = ['sequence/no-context', 'sequence/unexpected-reply'] as const;
const UNASKED = ['sequence/unexpected-reply', 'sequence/unprotected'] as const;
const UNPROTECTED = 'sequence/unprotected';
const UNASKED_REPLY = 'a protected reply that was not asked for, in one piece with 235';
const BUFFERED = ['sequence/unprotected', 'sequence/unexpected-reply'] as const;

const TO_CLIENT = scriptsTo('client')({
  // The client may do anything then, except continue in the clear.
  'RFC 2228 §3, AUTH': {
    'AUTH is not understood': script('greeted', '500 What?', 'accept'),
    'AUTH is not there': script('greeted', '502 Not implemented', 'accept'),
    'the mechanism is not known': script('greeted', '504 Unknown mechanism', 'accept'),
    'the mechanism is refused': script('greeted', '534 Refused for policy reasons', 'accept'),
    'AUTH needs what is not there': script('greeted', '431 Come again', 'accept'),
    'the service ends at AUTH': script('greeted', '421 Good bye', 'accept'),
  },
  'RFC 2228 §5.2': {
    '631 before an association': script('greeted', '631 AAAA', EARLY),
    '632 during the exchange': script('exchange', '632 AAAA', EARLY),
    '633 before an association': script('greeted', '633 AAAA', EARLY),
  },
  'RFC 2228 §3, ADAT': {
    '235 to AUTH': script('greeted', '235 ADAT=AAAA', UNASKED),
    '335 to AUTH': script('greeted', '335 ADAT=AAAA', UNASKED),
    '235 in one piece with 334': script('auth', '235 ADAT=AAAA', UNASKED),
    '335 in one piece with 334': script('auth', '335 ADAT=AAAA', UNASKED),
    '334 to ADAT': script('exchange', '334 Once more', UNASKED),
    'security data that is no base 64': script('exchange', '235 ADAT=****', 'syntax/bad-base64'),
    'security data without its padding': script('exchange', '335 ADAT=AA', 'syntax/bad-base64'),
    'the exchange is refused': script('exchange', '535 Failed security check', 'accept'),
    '235 again, in the clear': script('secured', '235 ADAT=AAAA', UNASKED),
  },
  'RFC 2228 §7': {
    'success in the clear': script('secured', '200 Ok', UNPROTECTED),
    'a login that succeeds in the clear': script('secured', '230 Logged in', UNPROTECTED),
    'a failure in the clear': script('secured', '500 What?', UNPROTECTED),
    'a preliminary reply in the clear': script('secured', '150 Here it comes', UNPROTECTED),
    'a clear word that the service ends': script('secured', '421 Good bye', UNPROTECTED),
    'a clear word that protection is denied': script('secured', '533 Command protection level denied', UNPROTECTED),
    'an address of passive mode in the clear': script(
      'secured',
      '227 Entering Passive Mode (203,0,113,9,4,1)',
      UNPROTECTED,
    ),
    'a login in the clear, in one piece with 235': script('adat', '230 Logged in unseen', BUFFERED),
    [UNASKED_REPLY]: script('adat', safe('230 Logged in unseen'), 'either'),
  },
});

export const PHASES = [...TO_SERVER, ...TO_CLIENT];

/**
 * The octets of a line.
 * @param context  the sender's; not needed for a clear line
 * @returns undefined if the mechanism does not have the level, so that the case is not applicable
 */
export function scriptOctets({ text, level }: ScriptLine, to: Peer, context?: SecurityContext): Uint8Array | undefined {
  if (level === undefined) return concat(toUtf8(text), CRLF);
  if (!context?.supports(level)) return undefined;
  return (to === 'server' ? protectCommand : protectReply)(context, level, toUtf8(text));
}
