/** Checks of sequence numbers: gaps, late tokens and replays. */
import type { SecurityContext, SequenceState } from '../../protection/mechanism.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import {
  bothDirections,
  type Direction,
  expect,
  expectCode,
  expectOpens,
  expectRejected,
  pattern,
  same,
} from './assertions.js';
import type { ConformanceSubject, LevelCheck } from './subject.js';

/** More tokens than a replay window of fixed size holds. */
const MANY = 2000;

/** The index of a token among those that were made, and the expected result of unwrap. */
type Arrival = [index: number, outcome: SequenceState | 'replayed' | 'refused'];

const OUT_OF_ORDER: readonly Arrival[] = [
  [0, 'ok'],
  [0, 'replayed'],
  [1, 'ok'],
  [4, 'gap'],
  [4, 'replayed'],
  [2, 'late'],
  [2, 'replayed'],
  [5, 'ok'],
  [8, 'gap'],
  [6, 'late'],
  [3, 'late'],
  [3, 'replayed'],
  [1, 'replayed'],
  [7, 'late'],
  [9, 'ok'],
  [0, 'replayed'],
];
const FIRST_ONE_LATE: readonly Arrival[] = [
  [1, 'gap'],
  [0, 'late'],
  [0, 'replayed'],
  [1, 'replayed'],
  [2, 'ok'],
];
/** An error changes nothing, so the next token is still accepted. */
const ONLY_IN_ORDER: readonly Arrival[] = [
  [1, 'refused'],
  [0, 'ok'],
  [0, 'refused'],
  [2, 'refused'],
  [1, 'ok'],
  [4, 'refused'],
  [2, 'ok'],
  [1, 'refused'],
  [3, 'ok'],
  [4, 'ok'],
  [0, 'refused'],
];
const VERY_LATE: readonly Arrival[] = [
  [0, 'ok'],
  [2, 'gap'],
  ...Array.from({ length: MANY }, (_, i): Arrival => [3 + i, 'ok']),
  [1, 'late'],
  [1, 'replayed'],
  [0, 'replayed'],
];

export const differsEachTime: LevelCheck = async (subject, level) => {
  const { initiator } = await subject.contexts();
  const tokens = Array.from({ length: 10 }, () => initiator.wrap(pattern(20), level).token);
  tokens.forEach((token, i) => {
    expect(!tokens.slice(0, i).some(other => same(other, token)), 'tokens of the same plaintext must differ');
  });
};

export const reportsReplays: LevelCheck = (subject, level) => arrive(subject, [level], OUT_OF_ORDER);
export const acceptsFirstTokenLate: LevelCheck = (subject, level) => arrive(subject, [level], FIRST_ONE_LATE);
export const opensInOrderOnly: LevelCheck = (subject, level) => arrive(subject, [level], ONLY_IN_ORDER);
export const acceptsVeryLateToken: LevelCheck = (subject, level) => arrive(subject, [level], VERY_LATE);

/** Levels with integrity must share one sequence; else a token could be moved among those of another level, or removed. */
export function countsTogether(subject: ConformanceSubject, levels: readonly TokenLevel[]): Promise<void> {
  return arrive(subject, levels, subject.numbering === 'window' ? OUT_OF_ORDER : ONLY_IN_ORDER);
}

/** Without these, a session can't tell a line that is missing from one whose number a block has used. */
export const reportsPlaces: LevelCheck = async (subject, level) => {
  for (const arrivals of subject.numbering === 'window' ? [OUT_OF_ORDER, FIRST_ONE_LATE] : [ONLY_IN_ORDER]) {
    for (const direction of bothDirections(await subject.contexts())) expectPlaces(direction, level, arrivals);
  }
};

function expectPlaces({ from, to }: Direction, level: TokenLevel, arrivals: readonly Arrival[]): void {
  const tokens = arrivals.map(() => from.wrap(pattern(9), level).token);
  const place = (): Pick<SecurityContext, 'lastReceived' | 'lastFollows'> => ({
    lastReceived: to.lastReceived,
    lastFollows: to.lastFollows,
  });
  const received = new Set<number>();
  /** The position of token 0. An exchange may have opened tokens before. */
  let first: bigint | undefined;
  for (const [index, outcome] of arrivals) {
    const before = place();
    if (outcome === 'replayed' || outcome === 'refused') {
      expectRejected(() => to.unwrap(tokens[index]!), `token ${index}, which is skipped, late or replayed,`);
      const { lastReceived, lastFollows } = place();
      const isSame = lastReceived === before.lastReceived && lastFollows === before.lastFollows;
      expect(isSame, 'a token that is refused must not change lastReceived and lastFollows');
      continue;
    }
    to.unwrap(tokens[index]!);
    const { lastReceived, lastFollows } = place();
    expect(lastReceived !== undefined, 'lastReceived must be the position of the token, as tokens are numbered');
    first ??= lastReceived - BigInt(index);
    expect(lastReceived - first === BigInt(index), 'lastReceived must grow by one with each token of the sender');
    const follows = index === 0 || received.has(index - 1);
    const why = follows ? 'the token before it has been received, or it is the first' : 'the one before it is missing';
    expect(lastFollows === follows, `lastFollows must be ${follows} for token ${index}: ${why}`);
    received.add(index);
  }
}

async function arrive(
  subject: ConformanceSubject,
  levels: readonly TokenLevel[],
  arrivals: readonly Arrival[],
): Promise<void> {
  const pair = await subject.contexts();
  const sequences = bothDirections(pair).map(({ from, to }) => {
    const count = arrivals.reduce((most, [index]) => Math.max(most, index + 1), 0);
    return { to, sent: Array.from({ length: count }, (_, i) => from.wrap(pattern(9, i), levels[i % levels.length]!)) };
  });
  // Both directions alternate, and must count independently.
  for (const [index, outcome] of arrivals) {
    for (const { to, sent } of sequences) {
      const wrapped = sent[index]!;
      if (outcome === 'replayed')
        expectCode(() => to.unwrap(wrapped.token), 'security/replayed', 'a token that was received before');
      else if (outcome === 'refused')
        expectRejected(() => to.unwrap(wrapped.token), `token ${index}, which is skipped, late or replayed,`);
      else expectOpens(to, wrapped, pattern(9, index), outcome);
    }
  }
}
