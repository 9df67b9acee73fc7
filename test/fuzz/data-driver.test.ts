/** Bent transfers played in memory: a sound peer shows nothing, and each fault of a bad one is found. */
import { describe, expect, it } from 'vitest';
import type { Finding, Outcome } from '../../src/fuzz/driver/index.js';
import { playToServer } from '../../src/fuzz/driver/index.js';
import { type TransferCase, transferCases } from '../../src/fuzz/transfers.js';
import { pskInitiator } from '../../src/mechanisms/psk/index.js';
import { type DataFaults, dataIn, inMemory, pair, pskSide, serveData, wireOf } from './data-peers.js';

const LIMIT = 300;

async function toServer(one: TransferCase, faults?: DataFaults): Promise<Outcome> {
  const place = inMemory();
  const [ours, theirs] = pair();
  serveData(theirs, place, faults).catch(() => {});
  const target = { ...pskSide(pskInitiator), user: 'anna', data: dataIn(place, LIMIT) };
  const outcome = await playToServer(one, target, wireOf(ours, LIMIT));
  ours.destroy();
  theirs.destroy();

  return outcome;
}

interface Shown {
  kinds: Partial<Record<Outcome['kind'], number>>;
  findings: string[];
}

async function shown(play: (one: TransferCase) => Promise<Outcome>, cases: Iterable<TransferCase>): Promise<Shown> {
  const kinds: Shown['kinds'] = {};
  const findings: string[] = [];
  for (const one of cases) {
    const { kind, finding, detail } = await play(one);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    if (finding !== undefined) findings.push(`${finding}: ${one.name}, ${one.level}${detail ? `: ${detail}` : ''}`);
  }
  return { kinds, findings };
}

describe('transfers to a server', () => {
  const cases = [...transferCases({ to: 'server', variants: 2 })];

  it('show nothing of a sound one', async () => {
    const { kinds, findings } = await shown(toServer, cases);
    expect(findings).toEqual([]);
    expect(kinds.accepted).toBe(14);
    expect(kinds.refused).toBeGreaterThan(90);
    // That safe ones are lower than private, or sealed, says nothing at the other level.
    expect(kinds.skipped).toBe(4);
    expect(Object.keys(kinds).sort()).toEqual(['accepted', 'refused', 'skipped']);
  });

  it.each<[keyof DataFaults, Finding, string]>([
    ['takesTruncated', 'truncated data accepted', 'no end'],
    ['takesTruncated', 'truncated data accepted', 'nothing at all'],
    ['takesReplays', 'replay accepted', 'a block comes twice'],
    ['takesLower', 'lower level accepted', 'a block that is not sealed, where private is owed'],
    ['takesLower', 'lower level accepted', 'a block without integrity'],
    ['takesUnverified', 'unverified text accepted', 'a bit is flipped in a token'],
    ['sendsNoEnd', 'bad data given', 'blocks as they ought to be'],
  ])('find that a server %s: %s', async (fault, finding, name) => {
    const found = await shown(
      one => toServer(one, { [fault]: true }),
      cases.filter(it => it.name === name),
    );
    expect(found.findings.join('\n')).toContain(`${finding}: ${name}`);
  });
});
