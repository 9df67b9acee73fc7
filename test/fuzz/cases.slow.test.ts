/** Every case against our own readers: their verdict must be what a conforming peer must do. */
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { replyCodeFor } from '../../src/errors.js';
import { fuzzCaseArbitrary } from '../../src/fuzz/arbitraries.js';
import { type CaseOptions, fuzzCases, type MessageCase, MUTATIONS, peersOf } from '../../src/fuzz/cases.js';
import { plan } from '../../src/fuzz/driver/campaign.js';
import { perform, validMessage } from '../../src/fuzz/perform.js';
import { messageCases } from './case-lists.js';
import { type NewPair, ownPeer, PAIRS } from './own-peers.js';

const CASES = [...messageCases()];

/** Plays a case against our own reader, and holds it to what is expected. */
function judge(one: MessageCase, newPair: NewPair): void {
  const { session, peer, endsAtError = false } = newPair(one.to);
  const reader = ownPeer(one.to, peer);
  const played = perform(one, session);
  if (played === undefined) return;
  for (const message of played.before) expect(reader.take([message]).errors).toEqual([]);
  const { delivered, errors } = reader.take(played.chunks);
  if (played.open) errors.push(...reader.close());
  const { expected } = one;
  switch (expected.verdict) {
    case 'accept':
      expect(errors).toEqual([]);
      expect(delivered.length).toBeGreaterThan(0);
      break;
    case 'refuse':
      expect(delivered).toEqual([]);
      expect(errors.length).toBeGreaterThan(0);
      expect(expected.codes).toContain(errors[0]!.code);
      break;
    case 'either':
      if (expected.deviation !== undefined) {
        expect(errors).toEqual([]);
        expect(delivered.flatMap(({ tolerated }) => tolerated)).toContain(expected.deviation);
      }
  }
  for (const { text, sequence } of delivered) {
    const doubted = errors.length > 0 || sequence === 'gap' || sequence === 'late';
    if (keepsText(one) && !doubted) expect(whole(text)).toBe(one.text);
  }
  for (const error of errors) expect(replyCodeFor(error)).toBeGreaterThanOrEqual(431);
  const isOver = played.open || (endsAtError && expected.verdict !== 'accept');
  if (!isOver) recovers(one, session, reader);
}

/** Mutations of the text itself have another one, and it is verified. */
function keepsText({ layer, name }: MessageCase): boolean {
  return layer !== 'inner' && !(layer === 'fragments' && /middle|thousand|NUL|code alone/.test(name));
}

const titleOf = ({ layer, name, to, forges }: MessageCase) => `${layer}: ${name}, to ${to} (${forges ?? 'any token'})`;

function whole(text: string): string {
  return text.endsWith('\r\n') ? text : `${text}\r\n`;
}

/** After whatever came, a valid message is understood. */
function recovers(one: MessageCase, session: ReturnType<NewPair>['session'], reader: ReturnType<typeof ownPeer>): void {
  const text = one.text;
  const { delivered, errors } = reader.take([
    validMessage({ ...session, to: one.to, level: one.level, text: toUtf8(text) }),
  ]);
  expect(errors).toEqual([]);
  expect(delivered.map(it => whole(it.text))).toEqual([text]);
}

/** What does not depend on the kind of keys is put to three mechanisms; the rest to all. */
const OF_TOKENS: readonly string[] = ['token', 'sequence', 'direction', 'level'];
const WHOLE: readonly string[] = ['X-PSK', 'aes128-cts-hmac-sha1-96', 'KERBEROS_V4'];

describe.each(PAIRS)('cases under %s', (mechanism, newPair) => {
  it('meet the verdict of a conforming peer', () => {
    const failures = new Map<string, string>();
    for (const one of CASES) {
      if (!WHOLE.includes(mechanism) && !OF_TOKENS.includes(one.layer)) continue;
      try {
        judge(one, newPair);
      } catch (error) {
        failures.set(`${one.layer}: ${one.name}, to ${one.to}`, `${JSON.stringify(one)} ${(error as Error).message}`);
      }
    }
    expect([...failures]).toEqual([]);
  });
});

describe('deviations', () => {
  const deviant = CASES.filter(({ expected }) => expected.verdict === 'either' && expected.deviation !== undefined);

  it('are refused by a reader that tolerates none', () => {
    const [, newPair] = PAIRS[1]!;
    const names = new Set<string>();
    for (const one of deviant) {
      const { session, peer } = newPair(one.to);
      const played = perform(one, session);
      if (played === undefined) continue;
      const { delivered, errors } = ownPeer(one.to, peer, { tolerate: [] }).take(played.chunks);
      expect(errors.length).toBeGreaterThan(0);
      // The last line of a broken reply may be a reply by itself.
      expect(delivered.map(({ text }) => text)).not.toContain(one.text);
      names.add(one.name);
    }
    expect(names.size).toBe(8);
  });
});

describe('the table of mutations', () => {
  it('has none that changes nothing under every mechanism', () => {
    const changes = (one: MessageCase) => PAIRS.some(([, newPair]) => perform(one, newPair(one.to).session));
    const changed = new Set<string>();
    for (const one of CASES) if (!changed.has(titleOf(one)) && changes(one)) changed.add(titleOf(one));
    expect(CASES.map(titleOf).filter(title => !changed.has(title))).toEqual([]);
  });

  it('has no two of one name', () => {
    const names = MUTATIONS.flatMap(it => peersOf(it).map(to => `${it.layer} ${it.name} ${to} ${it.forges}`));
    expect(names.filter((one, i) => names.indexOf(one) !== i)).toEqual([]);
  });
});

describe('options that would give no case', () => {
  const UNKNOWN: Record<string, object> = {
    'an unknown layer': { layers: ['octets', 'nonsense'] },
    'a layer in place of a list': { layers: 'octets' },
    'an unknown peer': { to: 'proxy' },
    'a level without tokens': { level: 'clear' },
    'no variant': { variants: 0 },
  };
  it.for(Object.entries(UNKNOWN))('are refused: %s', ([, options]) => {
    expect(() => fuzzCases(options as CaseOptions).next()).toThrow(RangeError);
  });

  it('are refused where no number is', () => {
    expect(() => fuzzCases({ variants: '4' as never }).next()).toThrow(TypeError);
  });

  it('are refused in a plan and as an arbitrary', () => {
    const layers = ['nonsense'] as never;
    expect(() => plan({ to: 'server', seed: 1, layers }).next()).toThrow(
      'no layer is called nonsense: there are octets,',
    );
    expect(() => fuzzCaseArbitrary({ layers })).toThrow('no layer is called nonsense');
  });
});
