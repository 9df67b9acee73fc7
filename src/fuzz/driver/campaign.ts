/** A run: case after case, each finding once, made small; told as it goes. */
import type { DrivenCase, Finding, Outcome, OutcomeKind, ProcessExit } from './outcome.js';
import { type Reproducer, reproducerOf } from './reproducer.js';
import { shrunk } from './shrink.js';

export interface CampaignOptions {
  cases: Iterable<DrivenCase>;
  mechanism: string;
  /** Plays one case, on a connection of its own. */
  play(one: DrivenCase): Promise<Outcome>;
  /** Asked before each case, but not while a finding is made small. */
  isOver(played: number): boolean;
  /** Told of every case, and of every new finding. */
  tell(record: CaseRecord | FindingRecord): void;
}

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
  detail: string | null;
  /** How the process of the peer ended by itself, where it was started for the case. */
  exit: Pick<ProcessExit, 'status' | 'signal'> | null;
}

export interface FindingRecord extends Reproducer {
  type: 'finding';
}

export interface SummaryRecord {
  type: 'summary';
  cases: number;
  /** The target took part at first, and then no more: the run has ended early, and the last case that was played is a finding. */
  gone: boolean;
  outcomes: Partial<Record<OutcomeKind, number>>;
  findings: number;
}

/** So many connections that come to nothing, one behind the other, and the target is not there, or not any more. */
const MAX_UNREADY = 5;

/** The target has never taken part. */
export class NoTarget extends Error {}

/** @throws NoTarget */
export async function campaign({ cases, mechanism, play, isOver, tell }: CampaignOptions): Promise<SummaryRecord> {
  const outcomes: SummaryRecord['outcomes'] = {};
  const known = new Set<string>();
  let index = 0;
  let unready: Outcome[] = [];
  let last: { one: DrivenCase; outcome: Outcome } | undefined;
  for (const one of cases) {
    if (isOver(index) || unready.length === MAX_UNREADY) break;
    const outcome = await play(one);
    index++;
    outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1;
    tell(recordOf(index, one, outcome));
    if (outcome.kind === 'unready') {
      unready.push(outcome);
      continue;
    }
    unready = [];
    last = { one, outcome };
    const { finding } = outcome;
    if (finding === undefined || known.has(keyOf(one, finding))) continue;
    known.add(keyOf(one, finding));
    tell({ type: 'finding', ...(await smallest(one, { ...outcome, finding }, mechanism, play)) });
  }
  if (last === undefined && unready.length > 0) throw new NoTarget(unready.at(-1)!.detail);
  const gone = unready.length === MAX_UNREADY;
  if (gone && last !== undefined && !known.has(keyOf(last.one, 'crashed'))) {
    known.add(keyOf(last.one, 'crashed'));
    const detail = `takes no part any more: ${unready[0]!.detail}`;
    tell({ type: 'finding', ...reproducerOf(last.one, { ...last.outcome, detail, finding: 'crashed' }, mechanism) });
  }
  return { type: 'summary', cases: index, gone, outcomes, findings: known.size };
}

async function smallest(
  one: DrivenCase,
  first: Outcome & { finding: Finding },
  mechanism: string,
  play: CampaignOptions['play'],
): Promise<Reproducer> {
  let shown = first;
  const smaller = await shrunk(first.played ?? one, async candidate => {
    const outcome = await play(candidate);
    if (outcome.finding !== first.finding) return false;
    shown = { ...outcome, finding: outcome.finding };
    return true;
  });
  return reproducerOf(smaller, shown, mechanism);
}

function recordOf(index: number, one: DrivenCase, { kind, code, finding, detail, exit }: Outcome): CaseRecord {
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
    detail: detail ?? null,
    exit: exit ? { status: exit.status, signal: exit.signal } : null,
  };
}

/** What a server does with every reply, whatever is bent. */
const OF_EVERY_CASE: readonly Finding[] = ['weak reply given', 'clear reply given'];

/**
 * Levels and variants of one mutation that show the same are one finding; and so is what a client does in the clear when
 * an exchange has failed, for whatever reason.
 */
function keyOf({ layer, name }: DrivenCase, finding: Finding): string {
  if (OF_EVERY_CASE.includes(finding)) return finding;
  if (layer === 'exchange' && finding === 'gone on in the clear') return `${layer}: ${finding}`;
  return `${layer}: ${name}: ${finding}`;
}
