/** A run: the order of its cases; each finding is minimised, and reported once. */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex, toUtf8 } from '../../bytes.js';
import type { Peer } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { type FuzzCase, fuzzCases, ruleIn, TEXTS } from '../cases.js';
import type { Reference } from '../mechanisms/mechanism.js';
import type { Layer } from '../mutation.js';
import { referenceChunks } from '../perform.js';
import { TargetUnavailable } from './connection.js';
import type { Finding, Outcome, OutcomeKind, ProcessExit, Reproducer, Severity } from './outcome.js';
import { FINDINGS, findingsOf, reproducerOf } from './outcome.js';

/** Options of {@link plan}. */
export interface PlanOptions {
  to: Peer;
  seed: number;
  layers: readonly Layer[];
  level?: TokenLevel;
  /**
   * References of one mechanism. A case is left out that is applicable in none of them, or that repeats the octets of
   * an earlier case of the same name. Default: none, and every case is played.
   */
  references?: readonly Reference[];
}

/** So large that no two rounds use the same seed for a case. */
const ROUND = 1_000_003;
const ONE_LINE = '200 Ok\r\n';

/**
 * Cases, the same for the same seed: each layer in turn, so that a short run covers them all; the simplest first, none
 * twice. They end after a round without new octets.
 */
export function* plan({ to, seed, layers, level, references = [] }: PlanOptions): Generator<FuzzCase> {
  const isNew = noveltyIn(references);
  for (let number = 0; ; number++) {
    const options = { seed: (seed + number * ROUND) >>> 0, layers, to, ...(level && { level }) };
    // The first variant is the simplest one in every round, so it is not repeated.
    const round = [...fuzzCases(options)].filter(({ choices }) => number === 0 || choices.length > 0).map(shaped);
    let isOver = true;
    for (const one of byTurns(round)) {
      if (!isNew(one)) continue;
      isOver = false;
      yield one;
    }
    if (isOver) return;
  }
}

/** For a client, the text is replaced by the reply to its command, so only the number of lines in the case matters. */
function shaped(one: FuzzCase): FuzzCase {
  const isFitted = one.to === 'client' && one.text !== undefined && !ruleIn(one).needs?.includes('lines');
  return isFitted ? { ...one, text: ONE_LINE } : one;
}

/** Whether a case is applicable, and no earlier one of its name has sent its octets. Without references all are. */
function noveltyIn(references: readonly Reference[]): (one: FuzzCase) => boolean {
  const sent = new Set<string>();
  return one => {
    if (references.length === 0) return true;
    const chunks = references.map(reference => referenceChunks(one, reference));
    if (chunks.every(it => it === undefined)) return false;
    const key = `${one.layer} ${one.name} ${digestOf(chunks)}`;
    return sent.size < sent.add(key).size;
  };
}

function digestOf(all: readonly (readonly Uint8Array[] | undefined)[]): string {
  const text = all.map(chunks => `${chunks?.map(toHex)}`).join(' ');
  return toHex(sha256(toUtf8(text)).subarray(0, 12));
}

/** One case of each layer, then another of each, until none is left. */
function byTurns(cases: readonly FuzzCase[]): FuzzCase[] {
  const turns = new Map<Layer, number>();
  const numbered = cases.map(one => {
    const turn = turns.get(one.layer) ?? 0;
    turns.set(one.layer, turn + 1);
    return { turn, one };
  });
  return numbered.sort((a, b) => a.turn - b.turn).map(({ one }) => one);
}

/** Options of {@link campaign}. */
export interface CampaignOptions {
  cases: Iterable<FuzzCase>;
  mechanism: string;
  /** Plays one case, on a connection of its own. */
  play(one: FuzzCase): Promise<Outcome>;
  /** Whether to end the run. Called before each case, but not while a finding is minimised. */
  isOver(played: number): boolean;
  /** Whether the user has stopped the run, so that findings are no longer minimised. Default: never. */
  isStopped?: () => boolean;
  /** Called for every case, and for every new finding. */
  report(record: CaseRecord | FindingRecord): void;
}

/** The outcome of a case, in the form of `--json`. */
export interface CaseRecord {
  type: 'case';
  index: number;
  layer: string;
  name: string;
  to: string;
  level: string | null;
  outcome: OutcomeKind;
  code: number | null;
  finding: Finding | null;
  /** Further findings of the same case. */
  also: readonly Finding[];
  detail: string | null;
  /** How the process of the peer ended by itself, if it was started for the case. */
  exit: Pick<ProcessExit, 'status' | 'signal'> | null;
}

/** A finding, in the form of `--json`. */
export interface FindingRecord extends Reproducer {
  type: 'finding';
}

/** The totals of a run, in the form of `--json`. */
export interface SummaryRecord {
  type: 'summary';
  cases: number;
  /** The target could be tested at first, but not any more, so the run ended early. */
  gone: boolean;
  /** Why the target could no longer be tested. */
  reason: string | null;
  outcomes: Partial<Record<OutcomeKind, number>>;
  findings: number;
  /** The number of findings of each severity. */
  severities: Record<Severity, number>;
}

/** After this many consecutive connections on which no case could begin, the target counts as gone. */
const MAX_UNREADY = 5;

/**
 * Plays cases until there are none left, or the run is over.
 * @throws TargetUnavailable if no case could be played
 */
export async function campaign(options: CampaignOptions): Promise<SummaryRecord> {
  const { cases, play, isOver, report } = options;
  const outcomes: SummaryRecord['outcomes'] = {};
  const findings = new RunFindings(options);
  let index = 0;
  let unready: Outcome[] = [];
  let last: { one: FuzzCase; outcome: Outcome } | undefined;
  for (const one of cases) {
    if (isOver(index) || unready.length === MAX_UNREADY) break;
    const outcome = await play(one);
    outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1;
    report(recordOf(++index, one, outcome));
    unready = outcome.kind === 'unready' ? [...unready, outcome] : [];
    if (outcome.kind === 'unready') continue;
    last = { one, outcome };
    for (const finding of findingsOf(outcome)) await findings.add(one, outcome, finding);
  }
  const gone = unready.length === MAX_UNREADY;
  const reason = unready[0]?.detail ?? null;
  if (last === undefined && unready.length > 0) throw new TargetUnavailable(reason ?? 'no case could begin');
  // It is a crash only if the target no longer accepts connections: a server that only refuses further logins still works.
  if (gone && unready.every(({ cut }) => cut)) findings.addCrash(last!.one, last!.outcome, reason);
  return { type: 'summary', cases: index, gone, reason: gone ? reason : null, outcomes, ...findings.totals };
}

/** The findings of a run: each is minimised, and reported once. */
class RunFindings {
  readonly #options: CampaignOptions;
  readonly #known = new Map<string, Finding>();

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  async add(one: FuzzCase, outcome: Outcome, finding: Finding): Promise<void> {
    if (!this.#isNew(one, finding)) return;
    const { play, isStopped = () => false } = this.#options;
    let shown = outcome;
    const smallest = await shrunk(outcome.played ?? one, async smaller => {
      if (isStopped()) return false;
      const its = await play(smaller);
      const isShown = findingsOf(its).includes(finding);
      if (isShown) shown = its;
      return isShown;
    });
    this.#report(smallest, shown, finding);
  }

  /** The target has crashed, so its last case can't be played again. */
  addCrash(one: FuzzCase, outcome: Outcome, reason: string | null): void {
    const detail = `can't be reached any more: ${reason}`;
    if (this.#isNew(one, 'crashed')) this.#report(one, { ...outcome, detail }, 'crashed');
  }

  get totals(): Pick<SummaryRecord, 'findings' | 'severities'> {
    const severities = { high: 0, medium: 0, low: 0 };
    for (const finding of this.#known.values()) severities[FINDINGS[finding]]++;
    return { findings: this.#known.size, severities };
  }

  #isNew(one: FuzzCase, finding: Finding): boolean {
    return this.#known.size < this.#known.set(keyOf(one, finding), finding).size;
  }

  #report(one: FuzzCase, outcome: Outcome, finding: Finding): void {
    const { mechanism, report } = this.#options;
    report({ type: 'finding', ...reproducerOf(one, { ...outcome, finding }, mechanism) });
  }
}

function recordOf(index: number, one: FuzzCase, outcome: Outcome): CaseRecord {
  const { layer, name, to, level = null } = one;
  const { kind, code = null, finding = null, also = [], detail = null, exit } = outcome;
  const ended = exit ? { status: exit.status, signal: exit.signal } : null;
  return { type: 'case', index, layer, name, to, level, outcome: kind, code, finding, also, detail, exit: ended };
}

/** Findings that are one fault of the peer in every case, for example what a server does with every reply. */
const OF_EVERY_CASE: readonly Finding[] = ['weak reply given', 'clear reply given'];
/** Findings that are one fault for each rule, whatever the text. */
const OF_RULE: readonly Finding[] = ['clear text accepted', 'lower level accepted'];

/** Cases with the same key are one finding: levels and variants of one mutation with the same result. */
function keyOf({ layer, name, source, expected }: FuzzCase, finding: Finding): string {
  if (OF_EVERY_CASE.includes(finding)) return finding;
  // This depends only on the failed exchange, not on why it failed.
  if (finding === 'gone on in the clear') return `${layer}: ${finding}`;
  const what = OF_RULE.includes(finding) ? `${source} ${JSON.stringify(expected)}` : name;
  return `${layer}: ${what}: ${finding}`;
}

/** Enough for six choices, a text and a level. */
const MAX_TRIES = 24;

/**
 * Minimises a case.
 * @param shows  plays a case, and returns whether it still shows the finding
 */
export async function shrunk(one: FuzzCase, shows: (smaller: FuzzCase) => Promise<boolean>): Promise<FuzzCase> {
  let best = one;
  let candidates = smallerThan(best);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { value: smaller } = candidates.next();
    if (smaller === undefined) break;
    if (!(await shows(smaller))) continue;
    best = smaller;
    candidates = smallerThan(best);
  }
  return best;
}

/** Smaller cases, those with the largest change first. */
function* smallerThan(one: FuzzCase): Generator<FuzzCase, undefined> {
  const { to, choices, text, level } = one;
  if (choices.length > 0) yield { ...one, choices: [] };
  const shortest = [...TEXTS[to]].sort((a, b) => a.length - b.length)[0]!;
  if (text !== undefined && shortest.length < text.length) yield { ...one, text: shortest };
  if (level === 'private') yield { ...one, level: 'safe' };
  if (choices.length > 1) yield { ...one, choices: choices.slice(0, Math.ceil(choices.length / 2)) };
  if (choices.length > 0) yield { ...one, choices: choices.slice(0, -1) };
  for (const [i, choice] of choices.entries()) {
    for (const less of new Set([0, choice % 256, choice >>> 1])) {
      if (less < choice) yield { ...one, choices: choices.map((it, j) => (j === i ? less : it)) };
    }
  }
}
