/** What became of a case, and which of it is a finding: what a peer did is compared with what a conforming one must do. */
import type { ErrorCode } from '../../errors.js';
import type { FuzzCase } from '../cases.js';

/**
 * `accepted` the peer carried it out, or went on as if it were good; `refused` it said so, or did something else;
 * `ignored` it did nothing, and lives; `closed` it ended the connection; `hung` it does nothing any more; `crashed` its
 * process died; `skipped` the case is not applicable, or shows nothing; `unready` the connection never came to where the case begins.
 */
export type OutcomeKind = 'accepted' | 'refused' | 'ignored' | 'closed' | 'hung' | 'crashed' | 'skipped' | 'unready';

/**
 * What can be found, and how much it matters: `high` lets an attacker change what happens, or stops the peer; `medium` is a rule
 * broken that another fault may turn to use; `low` is a liberty or an oddity. Those that end in `accepted` are what a peer
 * accepted though it must refuse it.
 */
export const FINDINGS = {
  crashed: 'high',
  hung: 'high',
  'connection cut': 'medium',
  'unverified text accepted': 'high',
  'replay accepted': 'high',
  'reflection accepted': 'high',
  'untimely text accepted': 'medium',
  'clear text accepted': 'high',
  'lower level accepted': 'high',
  'malformed token accepted': 'medium',
  'malformed text accepted': 'medium',
  'malformed data accepted': 'medium',
  'truncated data accepted': 'high',
  'blocks out of order accepted': 'high',
  'unverified exchange accepted': 'high',
  'malformed exchange accepted': 'medium',
  'order broken': 'medium',
  'clear reply given': 'high',
  'weak reply given': 'high',
  'bad reply given': 'medium',
  'bad command given': 'medium',
  'bad data given': 'medium',
  'gone on in the clear': 'high',
  'another code given': 'low',
  'valid text refused': 'low',
  'valid exchange refused': 'low',
} as const;
/** One of {@link FINDINGS}. */
export type Finding = keyof typeof FINDINGS;
/** How much a finding weighs. */
export type Severity = (typeof FINDINGS)[Finding];
/** Of one case that shows several, the first is reported first. */
const ORDER = Object.keys(FINDINGS) as Finding[];
const ENDS: readonly Finding[] = ['crashed', 'hung', 'connection cut'];

/** What became of a case. */
export interface Outcome {
  kind: OutcomeKind;
  /** The reply code that answered it. */
  code?: number;
  /** For people: what the peer did. */
  detail?: string;
  finding?: Finding;
  /** What else the same case has shown: a command that was accepted wrongly, and then a crash, are two findings. */
  also?: readonly Finding[];
  /** Of `unready`: the connection could not be made, or was cut. */
  cut?: true;
  /** The case as it was played, where the driver had to fit it to the peer. */
  played?: FuzzCase;
  /** Octets of the mutated message, in the chunks that they went in. */
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

/** The same of data, where it is another. */
const DATA_ACCEPTED: Partial<Record<ErrorCode, Finding>> = {
  'syntax/truncated': 'truncated data accepted',
  'syntax/bad-block': 'malformed data accepted',
  'syntax/limit-exceeded': 'malformed data accepted',
  'security/out-of-sequence': 'blocks out of order accepted',
};

/** What is found of texts, said of security data. */
const OF_EXCHANGES: Partial<Record<Finding, Finding>> = {
  'unverified text accepted': 'unverified exchange accepted',
  'malformed token accepted': 'malformed exchange accepted',
  'malformed text accepted': 'malformed exchange accepted',
  'valid text refused': 'valid exchange refused',
};

/** What it means that a peer accepts what it must refuse for these reasons. */
export function findingOf(codes: readonly ErrorCode[], { layer, forges }: Pick<FuzzCase, 'layer' | 'forges'>): Finding {
  const [first = 'syntax/bad-line'] = codes;
  const ofData = layer === 'data' ? DATA_ACCEPTED[first] : undefined;
  if (ofData !== undefined) return ofData;
  // The keys of its tokens are right, so that one of a bad form need not be a forgery.
  if (forges !== undefined && first === 'security/bad-token') return 'malformed token accepted';
  return ACCEPTED.find(([pattern]) => pattern.test(first))?.[1] ?? 'malformed text accepted';
}

/** The outcome with one more finding, if there is one. */
export function withFinding(outcome: Outcome, found: Finding | undefined): Outcome {
  const known = findingsOf(outcome);
  if (found === undefined || known.includes(found)) return outcome;
  const [finding, ...also] = ORDER.filter(it => it === found || known.includes(it));
  return { ...outcome, finding: finding!, ...(also.length > 0 && { also }) };
}

/** What a case has shown, the worst first. */
export function findingsOf({ finding, also = [] }: Outcome): readonly Finding[] {
  return finding === undefined ? [] : [finding, ...also];
}

/** The outcome, and its finding if what is expected of the case leaves any. */
export function judged(outcome: Outcome, one: Pick<FuzzCase, 'layer' | 'forges' | 'expected'>): Outcome {
  const found = findingIn(outcome.kind, one);
  const its = findingsOf(outcome).some(known => says(known, found)) ? outcome : withFinding(outcome, found);
  if (one.layer !== 'exchange') return its;
  const { finding, also, ...rest } = its;
  const named = (it: Finding) => OF_EXCHANGES[it] ?? it;
  return { ...rest, ...(finding && { finding: named(finding) }), ...(also && { also: also.map(named) }) };
}

/** Whether a finding says as much as another: what was accepted; or that the connection ended, so that nothing more was taken. */
function says(known: Finding, found: Finding | undefined): boolean {
  if (found === 'valid text refused') return ENDS.includes(known);
  return known.endsWith('accepted') && found?.endsWith('accepted') === true;
}

function findingIn(kind: OutcomeKind, one: Parameters<typeof judged>[1]): Finding | undefined {
  const { expected } = one;
  if (kind === 'hung' || kind === 'crashed') return kind;
  if (expected.verdict === 'refuse' && kind === 'accepted') return findingOf(expected.codes, one);
  const isFine = kind === 'accepted' || kind === 'skipped' || kind === 'unready';
  return expected.verdict === 'accept' && !isFine ? 'valid text refused' : undefined;
}

/** The outcome of a case when the peer's process has ended by itself. */
export function withExit(outcome: Outcome, exit: ProcessExit): Outcome {
  const { signal, sanitizer } = exit;
  if (signal === null && sanitizer === undefined) return { ...outcome, exit };
  const detail = [sanitizer ?? `killed by ${signal}`, ...(outcome.detail ? [`it ${outcome.detail}`] : [])].join('; ');
  return crashed({ ...outcome, exit }, detail);
}

/** The outcome of a case that the peer did not survive; what it accepted before is reported as well. */
export function crashed(outcome: Outcome, detail: string): Outcome {
  return withFinding({ ...outcome, kind: 'crashed', detail }, 'crashed');
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
