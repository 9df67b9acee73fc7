/**
 * What somebody on the way may do to a session, and what has to come of it. The session is always the same: AUTH, ADAT,
 * PBSZ, PROT, USER, FEAT, TYPE, STRU, OPTS twice, HELP, then a download, an upload and a list, each behind EPSV.
 */
import {
  again,
  answer,
  as633,
  behindGreeting,
  change,
  cutAt,
  delay,
  drop,
  endBefore,
  flipBit,
  flipped,
  follow,
  inject,
  inOctets,
  inSmallLetters,
  inText,
  inToken,
  inTwoLines,
  line,
  octetsAt,
  onlyFrom,
  reflected,
  relabelled,
  replace,
  shortened,
  stallAt,
  swap,
  twice,
} from './fault-kinds.js';
import type { Direction, Fault } from './fault-proxy.js';

import type { Level } from './ftp-client.js';

export type Step = 'secure' | 'login' | 'help' | 'download' | 'upload' | 'list' | 'quit';

export interface Case {
  name: string;
  where: 'control' | 'data';
  from: Direction;
  fault: (earlier: Earlier) => Fault;
  /** The client's first error, or `ok`. A number is a reply that it got. */
  client: string | RegExp | Readonly<Record<Level, string>>;
  /** Where the client hears of it; undefined where it does not, or may anywhere. */
  step: Step | undefined;
  /** What the server noted, but for the end of connections. */
  server: string | RegExp;
}

/** Lines of an earlier session, to be said again. */
export interface Earlier {
  client: readonly Buffer[];
  server: readonly Buffer[];
}

/** Line numbers of either side. The reply to FEAT has nine lines. */
const C = { AUTH: 0, ADAT: 1, PBSZ: 2, PROT: 3, USER: 4, HELP: 10, EPSV: 11, RETR: 12 } as const;
const S = { 220: 0, 334: 1, 235: 2, PBSZ: 3, PROT: 4, 232: 5, HELP: 19, 229: 23, 150: 24, 226: 25 } as const;
/** Data are ten blocks, and the empty one. */
const BLOCK = { first: 0, middle: 5, empty: 10 } as const;

const WRONG_LEVEL = 'sequence/wrong-level';
const REFUSED = 'sequence/unexpected-reply';
/** The refusal answers no command: the client ends where it hears of it, or has finished before. */
const BEHIND = /^(ok|sequence\/unexpected-reply|.*Client is closed.*)$/;
const ANY = /^(syntax|sequence|security)\//;
const SECURITY = /^security\//;
const ENDED = /^(ECONNRESET|sequence\/closed|.*FIN packet|.*connection was closed|.*closed connection)/;
const LATE = 'ETIMEDOUT';
/** Some systems tell the end of what came before a reset, and others the reset. */
const RESET = /^(|syntax\/truncated)$/;

type Row = readonly [
  name: string,
  fault: Case['fault'],
  client: Case['client'],
  step?: Step | undefined,
  server?: Case['server'],
];

const cases = (where: Case['where'], from: Direction, rows: readonly Row[]): Case[] =>
  rows.map(([name, fault, client, step, server = '']) => ({ name, where, from, fault, client, step, server }));

const COMMANDS = cases('control', 'client', [
  ['single octets', () => inOctets, 'ok'],
  ['delay', () => delay(20), 'ok'],
  ['verb in small letters', () => change(C.HELP, inSmallLetters), 'ok'],
  ['AUTH answered by 500', () => answer(C.AUTH, '500 What?'), REFUSED, 'secure'],
  ['AUTH answered by 502', () => answer(C.AUTH, '502 Not here'), REFUSED, 'secure'],
  ['AUTH answered by 504', () => answer(C.AUTH, '504 Not that one'), REFUSED, 'secure'],
  ['AUTH answered by 230', () => answer(C.AUTH, '230 Logged in'), REFUSED, 'secure'],
  ['AUTH answered by 234', () => answer(C.AUTH, '234 Go on'), REFUSED, 'secure'],
  [
    'AUTH of another mechanism',
    () => replace(C.AUTH, line('AUTH TLS')),
    REFUSED,
    'secure',
    'sequence/unexpected-command',
  ],
  ['AUTH dropped', () => drop(C.AUTH), LATE, 'secure'],
  ['ADAT answered by 535', () => answer(C.ADAT, '535 No'), REFUSED, 'secure'],
  ['ADAT answered by 235', () => answer(C.ADAT, '235 Welcome'), 'security/bad-token', 'secure'],
  ['ADAT of an earlier session', it => replace(C.ADAT, it.client[C.ADAT]!), REFUSED, 'secure', 'security/replayed'],
  ['ADAT altered', () => change(C.ADAT, unit => inToken(unit, 0.9)), REFUSED, 'secure', 'security/bad-checksum'],
  ['PROT dropped', () => drop(C.PROT), LATE, 'secure'],
  ['PROT C instead', () => replace(C.PROT, line('PROT C')), REFUSED, 'secure', 'sequence/unprotected'],
  ['cut in a line', () => cutAt(C.HELP, 'end'), ENDED, 'help', 'syntax/truncated'],
  ['reset in a line', () => cutAt(C.HELP, 'reset'), ENDED, 'help', RESET],
  ['cut between lines', () => endBefore(C.HELP), ENDED, 'help'],
  ['stall', () => stallAt(C.HELP), LATE, 'help', LATE],
  ['line dropped', () => drop(C.HELP), LATE, 'help'],
  ['line twice', () => twice(C.HELP), BEHIND, undefined, 'security/replayed'],
  ['earlier line instead', () => again(C.USER, C.HELP), REFUSED, 'help', 'security/replayed'],
  ['line of an earlier session', it => replace(C.HELP, it.client[C.HELP]!), REFUSED, 'help', 'security/bad-checksum'],
  ['token of a reply instead', () => reflected(C.HELP), REFUSED, 'help', 'security/wrong-direction'],
  ['clear DELE before a line', () => inject(C.HELP, line('DELE kept')), BEHIND, undefined, 'sequence/unprotected'],
  ['clear DELE instead', () => replace(C.HELP, line('DELE kept')), REFUSED, 'help', 'sequence/unprotected'],
  [
    'MIC as ENC, or ENC as MIC',
    () => change(C.HELP, relabelled),
    { safe: REFUSED, private: 'ok' },
    undefined,
    /^(|sequence\/wrong-level)$/,
  ],
  ['base64 cut short', () => change(C.HELP, shortened), '501', 'help', 'syntax/bad-base64'],
  [
    'line too long',
    () => replace(C.HELP, line(`MIC ${'A'.repeat(2_000_000)}`)),
    '501',
    'help',
    'syntax/limit-exceeded',
  ],
]);

const REPLIES = cases('control', 'server', [
  ['single octets', () => behindGreeting(inOctets), 'ok'],
  ['delay', () => delay(20), 'ok'],
  ['334 twice', () => twice(S[334]), REFUSED, 'secure'],
  ['235 with 334', () => follow(S[334], '235 ADAT=YWJj'), REFUSED, 'secure'],
  ['200 before it is asked', () => follow(S[235], '200 PBSZ=64'), 'sequence/unprotected', 'secure'],
  ['500 for 334', () => replace(S[334], line('500 What?')), REFUSED, 'secure'],
  ['230 for 334', () => replace(S[334], line('230 Logged in')), REFUSED, 'secure'],
  ['235 without security data', () => replace(S[235], line('235 Welcome')), 'security/bad-token', 'secure'],
  ['235 altered', () => change(S[235], unit => inToken(unit, 0.9)), 'security/bad-checksum', 'secure'],
  ['235 of an earlier session', it => replace(S[235], it.server[S[235]]!), 'security/bad-token', 'secure'],
  ['clear 200 for PROT', () => replace(S.PROT, line('200 Set')), 'sequence/unprotected', 'secure'],
  ['clear 536 for PROT', () => replace(S.PROT, line('536 No')), 'sequence/unprotected', 'secure'],
  ['clear 331 for 232', () => replace(S[232], line('331 Password, please')), 'sequence/unprotected', 'login'],
  ['clear 230 before 232', () => inject(S[232], line('230 Welcome')), 'sequence/unprotected', 'login'],
  ['clear 421 in HELP', () => inject(S.HELP + 1, line('421 Goodbye')), 'sequence/unprotected', 'help'],
  ['clear 226 before 226', () => inject(S[226], line('226 Transfer complete')), 'sequence/unprotected', 'download'],
  ['cut in a line', () => cutAt(S.HELP + 1, 'end'), 'syntax/truncated', 'help'],
  ['cut between lines', () => endBefore(S.HELP + 2), 'syntax/truncated', 'help'],
  ['cut before a reply', () => endBefore(S.HELP), ENDED, 'help'],
  ['reset in a line', () => cutAt(S.HELP + 1, 'reset'), /^(ECONNRESET|syntax\/truncated)$/, 'help'],
  ['stall', () => stallAt(S.HELP + 2), LATE, 'help'],
  ['reply dropped', () => drop(S[232]), LATE, 'login'],
  ['226 dropped', () => drop(S[226]), LATE, 'download'],
  ['line of a reply dropped', () => drop(S.HELP + 1), 'security/out-of-sequence', 'help'],
  ['first line of a reply dropped', () => drop(S.HELP), 'security/out-of-sequence', 'help'],
  ['lines of a reply swapped', () => swap(S.HELP + 1), 'security/out-of-sequence', 'help'],
  ['line of a reply twice', () => twice(S.HELP + 1), 'security/replayed', 'help'],
  ['reply twice', () => twice(S[232]), 'security/replayed'],
  ['earlier reply instead', () => again(S.PROT, S[232]), 'security/replayed', 'login'],
  ['reply of an earlier session', it => replace(S[232], it.server[S[232]]!), 'security/bad-checksum', 'login'],
  ['token of a command instead', () => reflected(S[232]), 'security/wrong-direction', 'login'],
  ['631 as 632, or 632 as 631', () => change(S[232], relabelled), { safe: WRONG_LEVEL, private: 'ok' }],
  ['631 as 633', () => change(S[232], as633), { safe: WRONG_LEVEL, private: 'ok' }],
  ['one reply in two lines', () => change(S[232], inTwoLines), 'security/bad-token', 'login'],
  ['line too long', () => replace(S[232], line(`631 ${'A'.repeat(2_000_000)}`)), 'syntax/limit-exceeded', 'login'],
]);

const FRAGMENT = line('226 Transfer complete');

/** Of a download by the server, of an upload by the client: who refuses it, and how that is told. */
const data = (from: Direction): Case[] =>
  cases(
    'data',
    from,
    [
      ['single octets', () => octetsAt(BLOCK.middle), 'ok'],
      ['delay', () => delay(5), 'ok'],
      ['cut before the first block', () => endBefore(BLOCK.first), 'syntax/truncated'],
      ['cut in a block', () => cutAt(BLOCK.middle, 'end'), 'syntax/truncated'],
      ['cut between blocks', () => endBefore(BLOCK.middle), 'syntax/truncated'],
      ['cut before the empty block', () => endBefore(BLOCK.empty), 'syntax/truncated'],
      ['first block dropped', () => drop(BLOCK.first), 'security/out-of-sequence'],
      ['block dropped', () => drop(BLOCK.middle), 'security/out-of-sequence'],
      ['last full block dropped', () => drop(BLOCK.empty - 1), 'security/out-of-sequence'],
      ['empty block dropped', () => drop(BLOCK.empty), 'syntax/truncated'],
      ['all but the empty block dropped', () => onlyFrom(BLOCK.empty), 'security/out-of-sequence'],
      ['blocks swapped', () => swap(BLOCK.middle), 'security/out-of-sequence'],
      ['first blocks swapped', () => swap(BLOCK.first), 'security/out-of-sequence'],
      ['empty block before its place', () => swap(BLOCK.empty - 1), 'security/out-of-sequence'],
      ['block twice', () => twice(BLOCK.middle), 'security/replayed'],
      ['earlier block instead', () => again(BLOCK.first, BLOCK.middle), 'security/replayed'],
      ['empty block twice', () => twice(BLOCK.empty), 'syntax/trailing-data'],
      [
        'octet behind the empty block',
        () => change(BLOCK.empty, unit => Buffer.concat([unit, Buffer.of(0)])),
        'syntax/trailing-data',
      ],
      ['clear text before a block', () => inject(BLOCK.middle, FRAGMENT), 'syntax/limit-exceeded'],
      ['clear text instead', () => replace(BLOCK.first, FRAGMENT), 'syntax/limit-exceeded'],
      ['block of no length', () => inject(BLOCK.middle, Buffer.alloc(4)), 'syntax/bad-block'],
      [
        'block over PBSZ',
        () => inject(BLOCK.middle, Buffer.concat([Buffer.of(0, 0, 0x10, 1), Buffer.alloc(0x1001)])),
        'syntax/limit-exceeded',
      ],
      ['length of 2 GiB', () => inject(BLOCK.middle, Buffer.of(0x7f, 0xff, 0xff, 0xff)), 'syntax/limit-exceeded'],
    ].map(([name, fault, error]) => refusedBy(from, name as string, fault as Case['fault'], error as string)),
  ).concat(
    cases('data', from, [
      ['reset in a block', () => cutAt(BLOCK.middle, 'reset'), CUT, stepOf(from), RESET],
      ['stall', () => stallAt(BLOCK.middle), LATE, stepOf(from)],
    ]),
  );

/** The side that notices first. */
const CUT = /^(426|sequence\/unexpected-reply|ECONNRESET|EPIPE|syntax\/truncated)$/;
const stepOf = (from: Direction): Step => (from === 'server' ? 'download' : 'upload');

function refusedBy(from: Direction, name: string, fault: Case['fault'], error: string | RegExp): Row {
  if (error === 'ok') return [name, fault, 'ok'];
  return from === 'server' ? [name, fault, error, 'download'] : [name, fault, REFUSED, 'upload', error];
}

/** Bits anywhere, chosen by a seed. */
const FLIPS = 12;

const flips = (random: () => number): Case[] =>
  Array.from({ length: FLIPS }).flatMap((_, n) => [
    ...cases('control', 'client', [
      [`bit ${n} of a token`, flipped(C.HELP, random(), inToken), REFUSED, 'help', SECURITY],
      [
        `bit ${n} of a line`,
        flipped(C.HELP, random(), inText),
        /^(5\d\d|ETIMEDOUT|sequence\/unexpected-reply)$/,
        'help',
        /./,
      ],
    ]),
    ...cases('control', 'server', [
      [`bit ${n} of a token`, flipped(S.HELP + 1, random(), inToken), SECURITY, 'help'],
      [`bit ${n} of a line`, flipped(S.HELP + 1, random(), inText), ANY, 'help'],
    ]),
    ...cases('data', 'server', [[`bit ${n} of a block`, flipped(BLOCK.middle, random(), flipBit), ANY, 'download']]),
    ...cases('data', 'client', [
      [`bit ${n} of a block`, flipped(BLOCK.middle, random(), flipBit), REFUSED, 'upload', ANY],
    ]),
  ]);

export const faults = (random: () => number): Case[] => [
  ...COMMANDS,
  ...REPLIES,
  ...data('server'),
  ...data('client'),
  ...flips(random),
];
