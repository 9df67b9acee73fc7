/** The outcome of a case: what a peer did is compared with what a conforming one must do. Findings are written as files. */

import { fromUtf8, toHex } from '../../bytes.js';
import { type ErrorCode, FtpSecurityError } from '../../errors.js';
import { MAX_PROTECTION_BUFFER } from '../../protection/security-data.js';
import { caseOf, type FuzzCase, ruleOf } from '../cases.js';

/**
 * `accepted` the peer carried it out, or continued as if it were valid; `refused` it answered with a refusal, or did
 * something else; `ignored` it did nothing, and still works; `closed` it ended the connection; `hung` it no longer does
 * anything; `crashed` its process died; `skipped` the case is not applicable, or shows nothing; `unready` the
 * connection never reached the point where the case begins.
 */
export type OutcomeKind = 'accepted' | 'refused' | 'ignored' | 'closed' | 'hung' | 'crashed' | 'skipped' | 'unready';

/**
 * All findings with their severity: `high` lets an attacker change what happens, or stops the peer; `medium` is a
 * broken rule that may become exploitable together with another fault; `low` is a tolerance or an oddity. A name that
 * ends in `accepted` means that a peer accepted something that it must refuse. If one case shows several findings, the
 * first in this order is the main one.
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
/** The severity of a finding. */
export type Severity = (typeof FINDINGS)[Finding];
const ENDS: readonly Finding[] = ['crashed', 'hung', 'connection cut'];

/** The outcome of a case. */
export interface Outcome {
  kind: OutcomeKind;
  /** The code of the reply to it. */
  code?: number;
  /** What the peer did, as text. */
  detail?: string;
  finding?: Finding;
  /** Further findings of the same case: a command that was accepted wrongly, and then a crash, are two findings. */
  also?: readonly Finding[];
  /** With `unready`: the connection could not be made, or was cut. */
  cut?: true;
  /** The case as it was played, if the driver had to adapt it to the peer. */
  played?: FuzzCase;
  /** Octets of the mutated message, in the chunks that were sent. */
  sent?: readonly Uint8Array[];
  /** The peer answered, and then ended the connection. */
  closes?: true;
  /** How the peer's process ended, if it ended by itself. */
  exit?: ProcessExit;
}

/** How a process of the peer ended by itself. */
export interface ProcessExit {
  status: number | null;
  signal: string | null;
  /** The report of a sanitizer, from its first line on. */
  sanitizer?: string;
}

/**
 * The finding for what is accepted: that of the first pattern which matches the layer, then `forged` if a token of a
 * mechanism was forged, then the first reason to refuse it.
 */
const ACCEPTED: readonly (readonly [RegExp, Finding])[] = [
  [/^data syntax\/truncated/, 'truncated data accepted'],
  [/^data syntax\/(bad-block|limit-exceeded)/, 'malformed data accepted'],
  [/^data security\/out-of-sequence/, 'blocks out of order accepted'],
  // The token is made with the right keys, so a malformed one is not necessarily a forgery.
  [/^exchange forged security\/bad-token/, 'malformed exchange accepted'],
  [/ forged security\/bad-token/, 'malformed token accepted'],
  [/ security\/(replayed|out-of-sequence)/, 'replay accepted'],
  [/ security\/wrong-direction/, 'reflection accepted'],
  [/ security\/expired/, 'untimely text accepted'],
  [/ sequence\/unprotected/, 'clear text accepted'],
  [/ sequence\/wrong-level/, 'lower level accepted'],
  [/^exchange .*(security\/|sequence\/no-context)/, 'unverified exchange accepted'],
  [/ (security\/|sequence\/no-context)/, 'unverified text accepted'],
  [/ sequence\//, 'order broken'],
  [/^exchange /, 'malformed exchange accepted'],
];

/** The finding if a peer accepts what it must refuse for these reasons. */
export function findingOf(codes: readonly ErrorCode[], { layer, forges }: Pick<FuzzCase, 'layer' | 'forges'>): Finding {
  const what = `${layer}${forges ? ' forged' : ''} ${codes[0]}`;
  return ACCEPTED.find(([pattern]) => pattern.test(what))?.[1] ?? 'malformed text accepted';
}

/** The outcome with one more finding, if there is one. */
export function withFinding(outcome: Outcome, found: Finding | undefined): Outcome {
  return withFindings(outcome, it => it === found || findingsOf(outcome).includes(it));
}

/** The outcome without a finding. */
export function withoutFinding(outcome: Outcome, removed: Finding): Outcome {
  return withFindings(outcome, it => it !== removed && findingsOf(outcome).includes(it));
}

function withFindings({ finding: _, also: __, ...outcome }: Outcome, has: (it: Finding) => boolean): Outcome {
  const [finding, ...also] = (Object.keys(FINDINGS) as Finding[]).filter(has);
  return { ...outcome, ...(finding && { finding }), ...(also.length > 0 && { also }) };
}

/** All findings of a case, the worst first. */
export function findingsOf({ finding, also = [] }: Outcome): readonly Finding[] {
  return finding === undefined ? [] : [finding, ...also];
}

/** The outcome, with its finding if the expectation of the case is not met. */
export function judged(outcome: Outcome, one: Pick<FuzzCase, 'layer' | 'forges' | 'expected'>): Outcome {
  const found = findingIn(outcome.kind, one);
  // The same acceptance may be known already, or the end of the connection, which includes that nothing was accepted.
  const isKnown = (known: Finding) =>
    found?.endsWith('refused') ? ENDS.includes(known) : known.endsWith('accepted') && found?.endsWith('accepted');
  return findingsOf(outcome).some(isKnown) ? outcome : withFinding(outcome, found);
}

function findingIn(kind: OutcomeKind, one: Parameters<typeof judged>[1]): Finding | undefined {
  const { layer, expected } = one;
  if (kind === 'hung' || kind === 'crashed') return kind;
  if (expected.verdict === 'refuse' && kind === 'accepted') return findingOf(expected.codes, one);
  if (expected.verdict !== 'accept' || ['accepted', 'skipped', 'unready'].includes(kind)) return undefined;
  return layer === 'exchange' ? 'valid exchange refused' : 'valid text refused';
}

/** The outcome of a case if the peer's process has ended by itself. */
export function withExit(outcome: Outcome, exit: ProcessExit): Outcome {
  const { signal, sanitizer } = exit;
  if (signal === null && sanitizer === undefined) return { ...outcome, exit };
  const detail = [sanitizer ?? `killed by ${signal}`, ...(outcome.detail ? [`it ${outcome.detail}`] : [])].join('; ');
  return crashed({ ...outcome, exit }, detail);
}

/** The outcome of a case that made the peer crash; what it accepted before is reported as well. */
export function crashed(outcome: Outcome, detail: string): Outcome {
  return withFinding({ ...outcome, kind: 'crashed', detail }, 'crashed');
}

/** The beginning of a report: sanitizers of compilers first, then memcheck. */
const REPORTS = [
  /==\d+==\s*ERROR: \w+Sanitizer/,
  /WARNING: (Thread|Memory)Sanitizer/,
  /: runtime error: /,
  /==\d+== (Invalid |Conditional jump|Use of uninit|Syscall param|Source and destination|Mismatched|Jump to|Process term)/,
];

/** The output of a sanitizer or Valgrind, from the first line of its report on. */
export function sanitizerReport(output: string): string | undefined {
  const [first] = REPORTS.map(report => output.search(report))
    .filter(at => at >= 0)
    .sort((a, b) => a - b);
  return first === undefined ? undefined : output.slice(output.lastIndexOf('\n', first) + 1).slice(0, 4000);
}

/** A finding in the form of a file. */
export interface Reproducer {
  /** The rule that the case breaks, with its layer. */
  name: string;
  /** The source of the rule. */
  source: string;
  /** What a conforming peer does. */
  must: string;
  finding: Finding;
  severity: Severity;
  /** What this peer did. */
  outcome: string;
  mechanism: string;
  /** Octets of the mutated message, chunk by chunk. Keys are new each time, so a replay sends other octets. */
  sent: string[];
  case: FuzzCase;
}

/** The file of a finding. */
export function reproducerOf(one: FuzzCase, outcome: Outcome & { finding: Finding }, mechanism: string): Reproducer {
  const { finding, sent = [] } = outcome;
  return {
    name: `${one.layer}: ${one.name}`,
    source: one.source,
    must: dutyOf(one),
    finding,
    severity: FINDINGS[finding],
    outcome: textOf(outcome),
    mechanism,
    sent: sent.map(toHex),
    case: one,
  };
}

function dutyOf({ expected }: FuzzCase): string {
  if (expected.verdict === 'answer') return `answers ${expected.codes.join(' or ')}`;
  if (expected.verdict === 'accept') return 'accepts it';
  if (expected.verdict === 'either') return 'accepts or refuses it, and accepts no other text instead';
  return `refuses it, and keeps its state: ${expected.codes.join(' or ')}`;
}

/** A status of 0 is left out, and so is a signal, which `detail` has already. */
function textOf({ kind, code, detail, exit }: Outcome): string {
  const status = exit?.signal === null && exit.status ? `, exit status ${exit.status}` : '';
  return `${kind}${code === undefined ? '' : ` ${code}`}${detail === undefined ? '' : ` (${detail})`}${status}`;
}

/** A file name for a finding, of letters and hyphens only. */
export function fileNameOf({ case: one }: Reproducer): string {
  const level = one.level === undefined ? '' : `-${one.level}`;
  const words = `${one.to}-${one.layer}-${one.name}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${words.slice(0, 80).replace(/-$/, '')}${level}.json`;
}

/**
 * Reads the cases of a file with one reproducer or a list of them.
 * @throws FtpSecurityError `syntax/bad-file`
 */
export function parseReproducers(octets: Uint8Array): FuzzCase[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(fromUtf8(octets));
  } catch {
    throw bad('no JSON');
  }
  return (Array.isArray(parsed) ? parsed : [parsed]).map(value => {
    if (!isRecord(value) || !isRecord(value['case'])) throw bad('no case');
    return readCase(value['case']);
  });
}

/** The fields of a case that a file may set, in addition to its rule. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  level: value => value === 'safe' || value === 'private',
  text: value => typeof value === 'string' && /^[\x01-\x7f]*$/.test(value),
  bufferSize: value => isChoice(value) && value >= 1 && value <= MAX_PROTECTION_BUFFER,
  choices: value => Array.isArray(value) && value.every(isChoice),
};

function readCase(one: Record<string, unknown>): FuzzCase {
  const { to, at } = one;
  if (to !== 'client' && to !== 'server') throw bad('the case is for neither side');
  const rule = ruleOf(one);
  if (rule === undefined) throw bad(`no case is called ${JSON.stringify(one['name'])}`);
  if (at !== undefined && (!isChoice(at) || at === 0)) throw bad('the case is at no command');
  const made = caseOf(rule, { to, choices: [] });
  const fields = Object.keys(FIELDS).filter(field => field in made && rule.layer !== 'phases');
  for (const field of fields) if (!FIELDS[field]!(one[field])) throw bad(`the case has no valid ${field}`);
  return { ...made, ...Object.fromEntries(fields.map(field => [field, one[field]])), ...(at !== undefined && { at }) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isChoice(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff;
}

function bad(why: string): FtpSecurityError {
  return new FtpSecurityError('syntax/bad-file', `no reproducer: ${why}`, { side: 'local' });
}
