/** The table of commands, held against the lists of the RFCs themselves. */
import { describe, expect, it } from 'vitest';
import { formatCommand, parseCommand } from '../../src/ftp/command.js';
import { COMMANDS, commandFacts, isTransfer } from '../../src/ftp/commands.js';
import { classify } from '../../src/ftp/reply-codes.js';

/** RFC 959 §5.4, "Command-Reply Sequences", without the layout that shows which reply follows which. */
const RFC_959 = `
USER 230 530 500 501 421 331 332
PASS 230 202 530 500 501 503 421 332
ACCT 230 202 530 500 501 503 421
CWD 250 500 501 502 421 530 550
CDUP 200 500 501 502 421 530 550
SMNT 202 250 500 501 502 421 530 550
REIN 120 220 421 500 502
QUIT 221 500
PORT 200 500 501 421 530
PASV 227 500 501 502 421 530
MODE 200 500 501 504 421 530
TYPE 200 500 501 504 421 530
STRU 200 500 501 504 421 530
ALLO 200 202 500 501 504 421 530
REST 500 501 502 421 530 350
STOR 125 150 110 226 250 425 426 451 551 552 532 450 452 553 500 501 421 530
STOU 125 150 110 226 250 425 426 451 551 552 532 450 452 553 500 501 421 530
RETR 125 150 110 226 250 425 426 451 450 550 500 501 421 530
LIST 125 150 226 250 425 426 451 450 500 501 502 421 530
NLST 125 150 226 250 425 426 451 450 500 501 502 421 530
APPE 125 150 110 226 250 425 426 451 551 552 532 450 550 452 553 500 501 502 421 530
RNFR 450 550 500 501 502 421 530 350
RNTO 250 532 553 500 501 502 503 421 530
DELE 250 450 550 500 501 502 421 530
RMD 250 500 501 502 421 530 550
MKD 257 500 501 502 421 530 550
PWD 257 500 501 502 421 550
ABOR 225 226 500 501 502 421
SYST 215 500 501 502 421
STAT 211 212 213 450 500 501 502 421 530
HELP 211 214 500 501 502 421
SITE 200 202 500 501 530
NOOP 200 500 421`;

/** RFC 2228 §8.2; CCC is missing there and comes from §3. */
const RFC_2228 = `
AUTH 234 334 502 504 534 431 500 501 421
ADAT 235 335 503 501 535 500 501 421
PBSZ 200 503 500 501 421 530
PROT 200 504 536 503 534 431 500 501 421 530
CCC 200 534 503
MIC 535 533 500 501 421
CONF 535 533 500 501 421
ENC 535 533 500 501 421
USER 232 336
STOR 534 535
STOU 534 535
RETR 534 535
LIST 534 535
NLST 534 535
APPE 534 535`;

/** RFC 2389 §3 and §4. */
const RFC_2389 = `
FEAT 211 500 501 502
OPTS 200 451 500 501 502
`;

/** "In addition to these reply codes, any security command can return 500, 501, 502, 533, or 421" (§8.2). */
const ANY_SECURITY_COMMAND = [500, 501, 502, 533, 421];
const SECURITY_COMMANDS = ['AUTH', 'ADAT', 'PBSZ', 'PROT', 'CCC', 'MIC', 'CONF', 'ENC'];

/** RFC 2228 §3 and §5.1: 503 before the exchange, 537 for a level that the mechanism lacks. */
const PROTECTED_COMMANDS = ['MIC', 'CONF', 'ENC'];

/** RFC 5797 §3, the column of commands, and HOST (RFC 7151). */
const REGISTRY =
  `ABOR ACCT ADAT ALLO APPE AUTH CCC CDUP CONF CWD DELE ENC EPRT EPSV FEAT HELP LANG LIST LPRT LPSV MDTM MIC
  MKD MLSD MLST MODE NLST NOOP OPTS PASS PASV PBSZ PORT PROT PWD QUIT REIN REST RETR RMD RNFR RNTO SITE SIZE SMNT STAT STOR
  STOU STRU SYST TYPE USER XCUP XCWD XMKD XPWD XRMD HOST`.split(/\s+/);

function listed(text: string): [verb: string, codes: number[]][] {
  return text
    .trim()
    .split('\n')
    .map(line => [line.split(' ')[0]!, line.split(' ').slice(1).map(Number)]);
}

function expectedOf(verb: string): Set<number> {
  const codes = [...listed(RFC_959), ...listed(RFC_2228), ...listed(RFC_2389)].flatMap(([it, replies]) =>
    it === verb ? replies : [],
  );
  if (SECURITY_COMMANDS.includes(verb)) codes.push(...ANY_SECURITY_COMMAND);
  if (PROTECTED_COMMANDS.includes(verb)) codes.push(503, 537);
  return new Set(codes);
}

describe('the table of commands', () => {
  it('has every command of the registry (RFC 5797), and each once', () => {
    const verbs = COMMANDS.map(({ verb }) => verb);
    expect(verbs).toHaveLength(new Set(verbs).size);
    expect(REGISTRY.filter(verb => !verbs.includes(verb))).toEqual([]);
    const others = COMMANDS.filter(({ verb }) => !REGISTRY.includes(verb));
    expect(others.filter(({ source }) => source.startsWith('RFC'))).toEqual([]);
  });

  it.each(COMMANDS.filter(({ source }) => /^RFC (959|2228|2389)\b/.test(source)))(
    'has the replies of RFC 959 §5.4, RFC 2228 §8.2 and RFC 2389, and no others: $verb',
    ({ verb, replies }) => {
      expect([...new Set(replies)].sort()).toEqual([...expectedOf(verb)].sort());
    },
  );

  it('has every command that these RFCs list', () => {
    const verbs = COMMANDS.map(({ verb }) => verb);
    expect([...listed(RFC_959), ...listed(RFC_2228)].filter(([verb]) => !verbs.includes(verb))).toEqual([]);
  });

  it.each(COMMANDS)('$verb is a verb, its source is an RFC, and its replies are codes with a meaning', facts => {
    expect(parseCommand(formatCommand(facts.verb)).verb).toBe(facts.verb);
    expect(facts.source).toMatch(/^(RFC \d{3,4}( §[\d.]+)?|GFD\.20|common use)$/);
    for (const code of facts.replies) expect(classify(code).source, `${code}`).toBeDefined();
    expect(commandFacts(facts.verb)).toBe(facts);
  });

  it('gives 1yz for transfers only, and for REIN (RFC 959 §5.4)', () => {
    const preliminary = COMMANDS.filter(({ replies }) => replies.some(code => code < 200));
    expect(preliminary.filter(({ verb }) => !isTransfer(verb)).map(({ verb }) => verb)).toEqual(['REIN']);
    expect(COMMANDS.filter(({ verb }) => isTransfer(verb)).every(it => preliminary.includes(it))).toBe(true);
  });

  it('contradicts nothing: what needs an association can neither come before one nor be part of the exchange', () => {
    for (const {
      verb,
      needsAssociation,
      beforeSecurity,
      exchange,
      resets,
      awaited,
      data,
      duringTransfer,
    } of COMMANDS) {
      if (needsAssociation) expect([beforeSecurity, exchange], verb).toEqual([undefined, undefined]);
      if (exchange || resets) expect(awaited, verb).toBe(true);
      if (data !== undefined) expect(duringTransfer, verb).toBeUndefined();
    }
  });

  it('knows nothing of an unknown verb', () => {
    expect(commandFacts('XSHA512')).toEqual({ verb: 'XSHA512', source: 'unknown', replies: [] });
    expect(commandFacts('constructor').replies).toEqual([]);
    expect(isTransfer('')).toBe(false);
  });
});
