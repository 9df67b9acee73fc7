/** A run: case after case; each finding is minimised, and reported once. */

import type { FuzzCase } from '../cases.js';
import { TargetUnavailable } from './connection.js';
import {
  FINDINGS,
  type Finding,
  findingsOf,
  type Outcome,
  type OutcomeKind,
  type ProcessExit,
  type Severity,
} from './outcome.js';
import { type Reproducer, reproducerOf } from './reproducer.js';
import { shrunk } from './shrink.js';

/** Options of {@link campaign}. */
export interface CampaignOptions {
  cases: Iterable<FuzzCase>;
  mechanism: string;
  /** Plays one case, on a connection of its own. */
  play(one: FuzzCase): Promise<Outcome>;
  /** Asked before each case, but not while a finding is minimised. */
  isOver(played: number): boolean;
  /** Whether the run was broken off, so that no finding is made smaller any more. Default: never. */
  isStopped?: () => boolean;
  /** Gets every case, and every new finding. */
  report(record: CaseRecord | FindingRecord): void;
}

/** What became of a case, as `--json` has it. */
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
  /** How the process of the peer ended by itself, where it was started for the case. */
  exit: Pick<ProcessExit, 'status' | 'signal'> | null;
}

/** A finding, as `--json` has it. */
export interface FindingRecord extends Reproducer {
  type: 'finding';
}

/** The totals of a run, as `--json` has them. */
export interface SummaryRecord {
  type: 'summary';
  cases: number;
  /** The target took part at first, and then no more: the run has ended early. */
  gone: boolean;
  /** Why it is gone. */
  reason: string | null;
  outcomes: Partial<Record<OutcomeKind, number>>;
  findings: number;
  /** How many of the findings are of each severity. */
  severities: Record<Severity, number>;
}

/** So many connections in a row that never come to their case, and the target is not there, or not any more. */
const MAX_UNREADY = 5;

/** Plays cases until they, or the run, are over. @throws TargetUnavailable when no case could be played */
export async function campaign(options: CampaignOptions): Promise<SummaryRecord> {
  const { cases, play, isOver, report } = options;
  const outcomes: SummaryRecord['outcomes'] = {};
  const findings = new Findings(options);
  let index = 0;
  let unready: Outcome[] = [];
  let last: Played | undefined;
  for (const one of cases) {
    if (isOver(index) || unready.length === MAX_UNREADY) break;
    const outcome = await play(one);
    index++;
    outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1;
    report(recordOf(index, one, outcome));
    if (outcome.kind === 'unready') {
      unready.push(outcome);
      continue;
    }
    unready = [];
    last = { one, outcome };
    for (const finding of findingsOf(outcome)) await findings.add(last, finding);
  }
  const gone = unready.length === MAX_UNREADY;
  const reason = unready[0]?.detail ?? null;
  if (last === undefined && unready.length > 0) throw new TargetUnavailable(reason ?? 'no case could begin');
  // It is a crash only if nothing answers any more: a server that refuses further logins lives.
  if (gone && unready.every(({ cut }) => cut)) findings.addGone(last!, `takes no part any more: ${reason}`);
  return { type: 'summary', cases: index, gone, reason: gone ? reason : null, outcomes, ...findings.totals };
}

interface Played {
  one: FuzzCase;
  outcome: Outcome;
}

/** Each once. */
class Findings {
  readonly #options: CampaignOptions;
  readonly #known = new Map<string, Finding>();

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  get totals(): Pick<SummaryRecord, 'findings' | 'severities'> {
    const severities = { high: 0, medium: 0, low: 0 };
    for (const finding of this.#known.values()) severities[FINDINGS[finding]]++;
    return { findings: this.#known.size, severities };
  }

  async add(played: Played, finding: Finding): Promise<void> {
    if (this.#isNew(played.one, finding)) this.#report(await this.#minimised(played, finding));
  }

  /** The last case that was played: it can't be played again. */
  addGone({ one, outcome }: Played, detail: string): void {
    if (!this.#isNew(one, 'crashed')) return;
    this.#report(reproducerOf(one, { ...outcome, detail, finding: 'crashed' }, this.#options.mechanism));
  }

  #isNew(one: FuzzCase, finding: Finding): boolean {
    const key = keyOf(one, finding);
    return this.#known.size < this.#known.set(key, finding).size;
  }

  #report(reproducer: Reproducer): void {
    this.#options.report({ type: 'finding', ...reproducer });
  }

  async #minimised({ one, outcome }: Played, finding: Finding): Promise<Reproducer> {
    const { play, mechanism, isStopped = () => false } = this.#options;
    let shown = { ...outcome, finding };
    const smaller = await shrunk(outcome.played ?? one, async candidate => {
      if (isStopped()) return false;
      const its = await play(candidate);
      if (!findingsOf(its).includes(finding)) return false;
      shown = { ...its, finding };
      return true;
    });
    return reproducerOf(smaller, shown, mechanism);
  }
}

function recordOf(index: number, one: FuzzCase, { kind, code, finding, also, detail, exit }: Outcome): CaseRecord {
  const { layer, name, to } = one;
  return {
    type: 'case',
    index,
    layer,
    name,
    to,
    level: 'level' in one ? one.level : null,
    outcome: kind,
    code: code ?? null,
    finding: finding ?? null,
    also: also ?? [],
    detail: detail ?? null,
    exit: exit ? { status: exit.status, signal: exit.signal } : null,
  };
}

/** One fault of the peer, whatever case shows it: what a server does with every reply, say. */
const OF_EVERY_CASE: readonly Finding[] = ['weak reply given', 'clear reply given'];
/** One fault for each rule that is broken, whatever text breaks it. */
const OF_RULE: readonly Finding[] = ['clear text accepted', 'lower level accepted'];

/** Levels and variants of one mutation that show the same are one finding. */
function keyOf({ layer, name, source, expected }: FuzzCase, finding: Finding): string {
  if (OF_EVERY_CASE.includes(finding)) return finding;
  // What a client does when an exchange has failed, for whatever reason.
  if (finding === 'gone on in the clear') return `${layer}: ${finding}`;
  const what = OF_RULE.includes(finding) ? `${source} ${JSON.stringify(expected)}` : name;
  return `${layer}: ${what}: ${finding}`;
}
