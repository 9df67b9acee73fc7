/** What became of a case, and which of it is a finding: what a peer did is held against what a sound one must do. */
import type { ErrorCode } from '../../errors.js';
import type { MessageCase } from '../cases.js';
import type { ExchangeCase } from '../exchange/cases.js';
import type { Expectation } from '../mutation.js';
import type { ScriptCase } from '../phases.js';
import type { TransferCase } from '../transfers.js';

/** A case that is played to a peer: over its control connection, or as a transfer behind it. */
export type DrivenCase = (MessageCase | ScriptCase | ExchangeCase | TransferCase) & Placed;

interface Placed {
  /** To a client: which command behind the exchange gets the bent reply, from 1. Without it the driver's target says. */
  at?: number;
}

/**
 * `accepted` the peer carried it out, or went on as if it were good; `refused` it said so, or did something else;
 * `ignored` it did nothing, and lives; `closed` it ended the connection; `hung` it does nothing any more; `crashed` its
 * process died; `skipped` the case says nothing here; `unready` the connection never came to where the case begins.
 */
export type OutcomeKind = 'accepted' | 'refused' | 'ignored' | 'closed' | 'hung' | 'crashed' | 'skipped' | 'unready';

/** Those that end in `accepted` are what a peer accepted though it must refuse it. */
export const FINDINGS = [
  'unverified text accepted',
  'replay accepted',
  'reflection accepted',
  'untimely text accepted',
  'clear text accepted',
  'lower level accepted',
  'malformed token accepted',
  'malformed text accepted',
  'malformed data accepted',
  'truncated data accepted',
  'blocks out of order accepted',
  'unverified exchange accepted',
  'malformed exchange accepted',
  'order broken',
  'clear reply given',
  'weak reply given',
  'bad reply given',
  'bad command given',
  'bad data given',
  'gone on in the clear',
  'another code given',
  'sound text refused',
  'sound exchange refused',
  'hung',
  'crashed',
] as const;
export type Finding = (typeof FINDINGS)[number];

export interface Outcome {
  kind: OutcomeKind;
  /** The reply code that answered it. */
  code?: number;
  /** For people: what the peer did. */
  detail?: string;
  finding?: Finding;
  /** The case as it was played, where the driver had to fit it to the peer. */
  played?: DrivenCase;
  /** Octets of the bent message, in the chunks that they went in. */
  sent?: readonly Uint8Array[];
  /** It answered, and then ended the connection. */
  closes?: true;
  /** How the peer's process ended by itself. */
  exit?: ProcessExit;
}

/** How a process of the peer ended by itself. */
export interface ProcessExit {
  status: number | null;
  signal: string | null;
  /** What a sanitizer wrote, from its first line on. */
  sanitizer?: string;
}

/** What it means when a text is accepted that had to be refused for a reason. The first that fits counts. */
const ACCEPTED: readonly (readonly [RegExp, Finding])[] = [
  [/^security\/(replayed|out-of-sequence)$/, 'replay accepted'],
  [/^security\/wrong-direction$/, 'reflection accepted'],
  [/^security\/expired$/, 'untimely text accepted'],
  [/^sequence\/unprotected$/, 'clear text accepted'],
  [/^sequence\/wrong-level$/, 'lower level accepted'],
  [/^(security\/|sequence\/no-context$)/, 'unverified text accepted'],
  [/^sequence\//, 'order broken'],
];

/** @param forges  of the case: the keys of its tokens are right, so that one of a bad form need not be a forgery */
export function findingOf(codes: readonly ErrorCode[], forges?: string): Finding {
  if (forges !== undefined && codes[0] === 'security/bad-token') return 'malformed token accepted';
  return (
    ACCEPTED.find(([pattern]) => codes[0] !== undefined && pattern.test(codes[0]))?.[1] ?? 'malformed text accepted'
  );
}

/** The outcome, and its finding if what is expected leaves any. */
export function judged(outcome: Outcome, expected: Expectation, forges?: string): Outcome {
  const finding = outcome.finding ?? findingIn(outcome.kind, expected, forges);
  return finding === undefined ? outcome : { ...outcome, finding };
}

/** What is found of texts, said of security data. */
const OF_EXCHANGES: Partial<Record<Finding, Finding>> = {
  'unverified text accepted': 'unverified exchange accepted',
  'malformed token accepted': 'malformed exchange accepted',
  'malformed text accepted': 'malformed exchange accepted',
  'sound text refused': 'sound exchange refused',
};

/** The same for a case of an exchange. */
export function judgedExchange(outcome: Outcome, { expected, forges }: ExchangeCase): Outcome {
  const { finding, ...rest } = judged(outcome, expected, forges);
  return finding === undefined ? rest : { ...rest, finding: OF_EXCHANGES[finding] ?? finding };
}

function findingIn(kind: OutcomeKind, expected: Expectation, forges?: string): Finding | undefined {
  if (kind === 'hung') return 'hung';
  if (kind === 'crashed') return 'crashed';
  if (expected.verdict === 'refuse' && kind === 'accepted') return findingOf(expected.codes, forges);
  const heeded = kind === 'accepted' || kind === 'skipped' || kind === 'unready';
  return expected.verdict === 'accept' && !heeded ? 'sound text refused' : undefined;
}

/** The outcome of a case when the peer's process has ended by itself. What it accepted before stays the finding. */
export function withExit(outcome: Outcome, exit: ProcessExit): Outcome {
  const { signal, sanitizer } = exit;
  if (signal === null && sanitizer === undefined) return { ...outcome, exit };
  const detail = [sanitizer ?? `killed by ${signal}`, ...(outcome.detail ? [`it ${outcome.detail}`] : [])].join('; ');
  return { ...outcome, exit, kind: 'crashed', finding: outcome.finding ?? 'crashed', detail };
}

/** How a report begins: of the sanitizers of compilers, then of memcheck. */
const REPORTS = [
  /==\d+==\s*ERROR: \w+Sanitizer/,
  /WARNING: (Thread|Memory)Sanitizer/,
  /: runtime error: /,
  /==\d+== (Invalid |Conditional jump|Use of uninit|Syscall param|Source and destination|Mismatched|Jump to|Process term)/,
];

/** The first line of what a sanitizer or Valgrind writes, and what follows it. */
export function sanitizerReport(output: string): string | undefined {
  const [first] = REPORTS.map(report => output.search(report))
    .filter(at => at >= 0)
    .sort((a, b) => a - b);
  return first === undefined ? undefined : output.slice(output.lastIndexOf('\n', first) + 1).slice(0, 4000);
}
