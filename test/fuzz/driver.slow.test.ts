/** The driver's parts that need no peer: the order of cases, shrinking, reproducers, and how a process ended. */
import { describe, expect, it } from 'vitest';
import { fromUtf8, toHex, toUtf8 } from '../../src/bytes.js';
import type { FuzzCase, MessageCase } from '../../src/fuzz/cases.js';
import { campaign, type FindingRecord, plan, shrunk } from '../../src/fuzz/driver/campaign.js';
import { judgeClient, MARKER } from '../../src/fuzz/driver/client-trace.js';
import { TargetUnavailable } from '../../src/fuzz/driver/connection.js';
import {
  fileNameOf,
  judged,
  type Outcome,
  type ProcessExit,
  parseReproducers,
  reproducerOf,
  sanitizerReport,
  withExit,
} from '../../src/fuzz/driver/outcome.js';
import { playToServer } from '../../src/fuzz/driver/to-server.js';
import { LAYERS } from '../../src/fuzz/mutation.js';
import { referenceChunks, references } from '../../src/fuzz/perform.js';
import { nodeCiphers } from '../../src/node/index.js';
import { errorOf } from '../helpers.js';
import { exchangeCases, messageCases, SCRIPT_CASES, transferCases } from './case-lists.js';
import { connectionTo } from './connections.js';
import { xPsk } from './exchange-sides.js';

function first(count: number, cases: Iterable<FuzzCase>): FuzzCase[] {
  const found: FuzzCase[] = [];
  for (const one of cases) if (found.push(one) === count) break;
  return found;
}

describe('the plan', () => {
  const options = { to: 'server', seed: 1, layers: LAYERS } as const;
  const of = (mechanism: string) => references(1, nodeCiphers).filter(it => it.mechanism === mechanism);

  it('has each layer in turn, and is the same for the same seed', () => {
    const cases = first(600, plan(options));
    expect(new Set(cases.slice(0, 13).map(({ layer }) => layer)).size).toBeGreaterThanOrEqual(12);
    expect(first(600, plan(options))).toEqual(cases);
    expect(first(600, plan({ ...options, seed: 2 }))).not.toEqual(cases);
    expect(cases.every(({ to }) => to === 'server')).toBe(true);
  });

  it('leaves out what is not applicable to a mechanism', () => {
    const names = first(2000, plan({ ...options, references: of('krb4') })).map(it => `${it.layer}: ${it.name}`);
    // Times are those of KERBEROS_V4.
    expect(names.filter(name => /^sequence: (?!a time )/.test(name))).toEqual([]);
    expect(names).toContain('exchange: AP_REQ: another version');
    expect(first(2000, plan({ ...options, references: of('psk') })).some(({ layer }) => layer === 'sequence')).toBe(
      true,
    );
  });

  it.each(['server', 'client'] as const)('to a %s puts every mutation, and no octets twice in one', to => {
    const [session] = of('psk');
    const sent = new Set<string>();
    const names = new Set<string>();
    for (const one of first(1500, plan({ ...options, to, references: of('psk') }))) {
      names.add(one.name);
      const chunks = referenceChunks(one, session!);
      if (chunks === undefined) continue;
      const octets = `${one.layer} ${one.name} ${chunks.map(toHex)}`;
      expect(sent.has(octets), `${one.layer}: ${one.name}`).toBe(false);
      sent.add(octets);
    }
    const applicable = [...messageCases({ to, variants: 1 })].filter(
      one => referenceChunks(one, session!) !== undefined,
    );
    expect(applicable.filter(({ name }) => !names.has(name))).toEqual([]);
  });

  it('goes on as long as there are new octets, and ends where there are none', () => {
    expect(first(2000, plan({ ...options, layers: ['octets'], references: of('psk') })).length).toBe(2000);
    expect([...plan({ ...options, layers: ['outer'] })]).toEqual([]);
    const scripts = [...plan({ ...options, layers: ['phases'] })];
    expect(scripts).toEqual(SCRIPT_CASES.filter(({ to }) => to === 'server'));
    expect([...plan({ ...options, layers: ['level'], references: of('psk') })].length).toBeLessThan(100);
  });
});

describe('shrinking', () => {
  const one = [...messageCases({ to: 'server', level: 'private', layers: ['octets'], variants: 2 })].at(-1)!;

  it('finds the smallest case that still shows it', async () => {
    expect(one.choices.length).toBeGreaterThan(0);
    expect(await shrunk(one, async () => true)).toEqual({ ...one, choices: [], text: 'NOOP\r\n', level: 'safe' });
    const needs = async (it: FuzzCase) => (it as MessageCase).choices.length >= 2;
    expect(((await shrunk(one, needs)) as MessageCase).choices.length).toBe(2);
    expect(await shrunk(one, async () => false)).toEqual(one);
  });

  it('finds the smallest transfer', async () => {
    const mutated = [...transferCases({ to: 'client', variants: 2 })].at(-1)!;
    expect(await shrunk(mutated, async () => true)).toEqual({ ...mutated, choices: [], level: 'safe' });
  });

  it('finds the smallest choices of an exchange', async () => {
    const mutated = [...exchangeCases({ to: 'server', variants: 2 })].at(-1)!;
    expect(mutated.choices.length).toBeGreaterThan(0);
    expect(await shrunk(mutated, async () => true)).toEqual({ ...mutated, choices: [] });
    expect(await shrunk(mutated, async () => false)).toEqual(mutated);
  });

  it('leaves scripts as they are', async () => {
    expect(await shrunk(SCRIPT_CASES[0]!, async () => true)).toBe(SCRIPT_CASES[0]);
  });
});

describe('reproducers', () => {
  const outcome = { kind: 'accepted', code: 200, finding: 'replay accepted', sent: [Uint8Array.of(1, 255)] } as const;

  it('are read back as the cases that they are of', () => {
    const cases = [
      ...SCRIPT_CASES,
      ...messageCases({ variants: 2 }),
      ...exchangeCases({ variants: 2 }),
      ...transferCases({ variants: 2 }),
    ];
    const written = cases.map(one => reproducerOf(one, outcome, 'X-PSK'));
    const seen = (it: FuzzCase[]) => it.map(one => JSON.stringify(one));
    expect(seen(parseReproducers(toUtf8(JSON.stringify(written))))).toEqual(seen(cases));
    expect(parseReproducers(toUtf8(JSON.stringify(written[0])))).toEqual([cases[0]]);
    expect(written[0]).toMatchObject({ outcome: 'accepted 200', sent: ['01ff'], mechanism: 'X-PSK' });
    const third = cases.map(one => ({ ...one, at: 3 }));
    expect(parseReproducers(toUtf8(JSON.stringify(third.map(one => ({ case: one })))))).toEqual(third);
    for (const it of written) expect(fileNameOf(it)).toMatch(/^(client|server)-[a-z0-9-]+\.json$/);
  });

  it('tell how the process of the peer ended, where that is not the usual', () => {
    const outcomeOf = (exit: ProcessExit) => reproducerOf(SCRIPT_CASES[0]!, { ...outcome, exit }, 'X-PSK').outcome;
    expect(outcomeOf({ status: 3, signal: null })).toBe('accepted 200, exit status 3');
    expect(outcomeOf({ status: 0, signal: null })).toBe('accepted 200');
    expect(outcomeOf({ status: 139, signal: 'SIGSEGV' })).toBe('accepted 200');
  });

  it.each([
    'no JSON',
    '[1]',
    '{}',
    '{"case":{"to":"neither"}}',
    '{"case":{"to":"server","layer":"phases","name":"none"}}',
    '{"case":{"to":"server","layer":"data","name":"none","level":"safe","bufferSize":200,"choices":[]}}',
    '{"case":{"to":"server","layer":"data","name":"no end","level":"clear","bufferSize":200,"choices":[]}}',
    '{"case":{"to":"server","layer":"data","name":"no end","level":"safe","bufferSize":0,"choices":[]}}',
    '{"case":{"to":"server","layer":"data","name":"no end","level":"safe","bufferSize":200}}',
    '{"case":{"to":"server","layer":"exchange","name":"none","choices":[]}}',
    '{"case":{"to":"server","layer":"exchange","name":"one octet for the token","choices":[0.5]}}',
    '{"case":{"to":"server","layer":"octets","name":"none","level":"safe","text":"x","choices":[]}}',
    '{"case":{"to":"server","layer":"octets","name":"a bit is flipped","level":"clear","text":"x","choices":[]}}',
    '{"case":{"to":"client","layer":"octets","name":"a bit is flipped","level":"safe","text":"x","choices":[],"at":0}}',
    '{"case":{"to":"server","layer":"octets","name":"a bit is flipped","level":"safe","text":"é","choices":[]}}',
    '{"case":{"to":"server","layer":"octets","name":"a bit is flipped","level":"safe","text":"x","choices":[-1]}}',
  ])('that are none: %s', text => {
    expect(errorOf(() => parseReproducers(toUtf8(text))).code).toBe('syntax/bad-file');
  });
});

describe('a server', () => {
  const answering = async (answer: string) => {
    const sent: string[] = [];
    const connection = connectionTo(
      octets => {
        sent.push(fromUtf8(octets));
        return [toUtf8(answer)];
      },
      [toUtf8('220 Ready\r\n')],
    );
    const { mechanism, initiator } = xPsk();
    const outcome = await playToServer(
      SCRIPT_CASES.find(it => it.name === 'USER in the clear')!,
      {
        mechanism,
        exchange: initiator,
        user: 'anna',
      },
      connection,
    );
    return { outcome, sent };
  };

  it('whose reply cannot be read is a finding, with what was sent last', async () => {
    const { outcome, sent } = await answering('what?\r\n');
    expect(outcome.finding).toBe('bad reply given');
    expect(outcome.sent?.map(fromUtf8)).toEqual(sent.slice(-1));
    expect(sent).toEqual(['AUTH X-PSK\r\n']);
  });

  it('that does not come to the case is not played, with the reason', async () => {
    const { outcome } = await answering('502 Not here\r\n');
    expect(outcome).toEqual({ kind: 'unready', detail: 'AUTH X-PSK is answered by 502 Not here, and not by 334' });
  });
});

describe('an outcome', () => {
  const refuse = { layer: 'token', expected: { verdict: 'refuse', codes: ['security/bad-token'] } } as const;

  it('is a finding where more was accepted, or less, than ought to be', () => {
    expect(judged({ kind: 'accepted' }, refuse).finding).toBe('unverified text accepted');
    expect(judged({ kind: 'accepted' }, { ...refuse, forges: 'rfc4121' }).finding).toBe('malformed token accepted');
    expect(judged({ kind: 'refused' }, refuse).finding).toBeUndefined();
    expect(judged({ kind: 'closed' }, { layer: 'token', expected: { verdict: 'accept' } }).finding).toBe(
      'valid text refused',
    );
    expect(judged({ kind: 'hung' }, { layer: 'token', expected: { verdict: 'either' } }).finding).toBe('hung');
    expect(judged({ kind: 'skipped' }, { layer: 'token', expected: { verdict: 'accept' } }).finding).toBeUndefined();
  });

  it.each([
    ['rfc1964', 'padding that counts nothing', 'malformed token accepted'],
    ['rfc1964', 'a header alone', 'unverified text accepted'],
    ['rfc4121', 'RRC is sealed as it was sent', 'malformed token accepted'],
    ['rfc4121', 'RRC is signed as it was sent', 'unverified text accepted'],
    ['rfc4121', 'EC is altered behind the sealing', 'unverified text accepted'],
    ['rfc4121', 'another number is sealed or signed', 'unverified text accepted'],
    ['rfc4121', 'SentByAcceptor is the other way', 'reflection accepted'],
    ['psk', 'a letter that X-PSK does not have', 'malformed token accepted'],
    ['psk', 'a tag with a bit flipped', 'unverified text accepted'],
    ['krb4', 'a checksum with a bit flipped', 'unverified text accepted'],
    ['krb4', 'a time six minutes ago', 'untimely text accepted'],
    [undefined, "the peer's own token comes back", 'reflection accepted'],
    [undefined, 'a bit of the last octets is flipped', 'unverified text accepted'],
  ])('of %s, %s: %s', (forges, name, finding) => {
    const one = [...messageCases({ variants: 1 })].find(it => it.forges === forges && it.name === name)!;
    expect(judged({ kind: 'accepted' }, one).finding).toBe(finding);
  });

  it('of a client that shows a clear reply, and waits for the protected one, is that it ignored it', () => {
    const one = SCRIPT_CASES.find(it => it.to === 'client' && it.name === 'success in the clear')!;
    const trace = { commands: ['safe PWD', 'safe QUIT'], mutated: 0, end: 'end' } as const;
    const seen = { trace, output: `200 Ok ${MARKER}` };
    const known = { usual: seen, prints: true };
    const goesOn = judgeClient(one, seen, known);
    expect([goesOn.kind, goesOn.finding]).toEqual(['accepted', 'clear text accepted']);
    const waits = judgeClient(one, { ...seen, trace: { ...trace, waited: true } }, known);
    expect([waits.kind, waits.finding]).toEqual(['ignored', undefined]);
    const forged = [...messageCases({ to: 'client', layers: ['token'], variants: 1 })][0]!;
    expect(judgeClient(forged, { ...seen, trace: { ...trace, waited: true } }, known).kind).toBe('accepted');
  });

  it('of a client that sends its commands ahead of the replies, is known by what it prints', () => {
    const cases = [...messageCases({ to: 'client', layers: ['token', 'fragments'], variants: 1 })];
    const refused = cases.find(({ expected }) => expected.verdict === 'refuse')!;
    const accepted = cases.find(({ expected }) => expected.verdict === 'accept')!;
    const trace = { commands: ['safe PWD', 'safe QUIT'], mutated: 0, ahead: true, end: 'end' } as const;
    const [shows, hides] = [
      { trace, output: `200 Ok ${MARKER}` },
      { trace, output: '' },
    ];
    const known = { usual: shows, prints: true };
    expect(judgeClient(refused, shows, known)).toMatchObject({ kind: 'accepted', finding: 'malformed text accepted' });
    expect(judgeClient(refused, hides, known)).toMatchObject({ kind: 'refused' });
    // It may have had no time to print it.
    expect(judgeClient(accepted, hides, known).kind).toBe('skipped');
    expect(judgeClient(refused, hides, { usual: hides })).toMatchObject({
      kind: 'skipped',
      detail: 'sends commands ahead of replies',
    });
  });

  it('is a crash by a signal, or by what a sanitizer has written', () => {
    const closed: Outcome = { kind: 'closed', detail: 'closes' };
    expect(withExit(closed, { status: 1, signal: null })).toEqual({ ...closed, exit: { status: 1, signal: null } });
    expect(withExit(closed, { status: null, signal: 'SIGSEGV' })).toEqual({
      kind: 'crashed',
      finding: 'crashed',
      detail: 'killed by SIGSEGV; it closes',
      exit: { status: null, signal: 'SIGSEGV' },
    });
    const text = 'hello\n==12==ERROR: AddressSanitizer: heap-buffer-overflow on address\n  #0 x\n';
    expect(sanitizerReport('all is well')).toBeUndefined();
    expect(sanitizerReport(text)).toBe(text.slice(6));
    expect(sanitizerReport('a.c:3:1: runtime error: shift')).toBe('a.c:3:1: runtime error: shift');
    const memcheck = '==7== Invalid read of size 1\n==7==    at 0x1091A3: main (server.c:4)\n';
    expect(sanitizerReport(`==7== Memcheck, a memory error detector\n${memcheck}`)).toBe(memcheck);
    expect(withExit(closed, { status: 1, signal: null, sanitizer: 'x' }).kind).toBe('crashed');
  });
});

describe('a campaign', () => {
  const cases = SCRIPT_CASES.filter(({ to }) => to === 'server');
  const run = (play: (one: FuzzCase, nth: number) => Outcome) => {
    const told: string[] = [];
    let nth = 0;
    const summary = campaign({
      cases: [...cases, ...cases],
      mechanism: 'X-PSK',
      play: async one => play(one, nth++),
      isOver: played => played >= 100,
      report: ({ type }) => void told.push(type),
    });
    return { summary, told };
  };

  it('reports each finding once', async () => {
    const { summary, told } = run(one => ({ kind: 'accepted', ...(one === cases[3] && { finding: 'order broken' }) }));
    expect(await summary).toMatchObject({ findings: 1, outcomes: { accepted: (await summary).cases } });
    expect(told.filter(type => type === 'finding').length).toBe(1);
  });

  it('reports once what a server does with every reply', async () => {
    const { summary } = run(() => ({ kind: 'refused', finding: 'clear reply given' }));
    expect(await summary).toMatchObject({ findings: 1, gone: false });
  });

  it('reports once that a client goes on in the clear, for whatever reason the exchange fails', async () => {
    const told: string[] = [];
    const { findings } = await campaign({
      cases: [...exchangeCases({ to: 'client', variants: 1 })].slice(0, 5),
      mechanism: 'GSSAPI',
      play: async () => ({ kind: 'refused', finding: 'gone on in the clear' }),
      isOver: () => false,
      report: record => void (record.type === 'finding' && told.push(record.finding)),
    });
    expect([findings, told]).toEqual([1, ['gone on in the clear']]);
  });

  it('gives up where no one answers, and ends where no one answers any more', async () => {
    await expect(run(() => ({ kind: 'unready', detail: 'no answer' })).summary).rejects.toThrow(TargetUnavailable);
    const few = campaign({
      cases: cases.slice(0, 2),
      mechanism: 'X-PSK',
      play: async () => ({ kind: 'unready' }),
      isOver: () => false,
      report: () => {},
    });
    await expect(few).rejects.toThrow(TargetUnavailable);
    const left = run((_, nth) => (nth < 3 ? { kind: 'refused' } : { kind: 'unready', cut: true, detail: 'no one' }));
    expect(await left.summary).toMatchObject({ cases: 8, gone: true, reason: 'no one', findings: 1 });
    expect(left.told.filter(type => type === 'finding').length).toBe(1);
  });

  it('calls it no crash where the target refuses, but lives', async () => {
    const left = run((_, nth) => ({ kind: nth < 3 ? 'refused' : 'unready', detail: 'AUTH is answered by 421' }));
    expect(await left.summary).toMatchObject({ gone: true, reason: 'AUTH is answered by 421', findings: 0 });
    expect(left.told).not.toContain('finding');
  });

  it('reports both a crash and another finding, the crash first, and counts them by severity', async () => {
    const found: FindingRecord[] = [];
    const summary = await campaign({
      cases: [cases[0]!],
      mechanism: 'X-PSK',
      play: async () => withExit({ kind: 'accepted', finding: 'order broken' }, { status: null, signal: 'SIGSEGV' }),
      isOver: () => false,
      report: record => void (record.type === 'finding' && found.push(record)),
    });
    expect(found.map(({ finding, severity }) => `${finding}: ${severity}`)).toEqual([
      'crashed: high',
      'order broken: medium',
    ]);
    expect(summary).toMatchObject({ findings: 2, severities: { high: 1, medium: 1, low: 0 } });
  });

  it('makes no finding smaller once it is broken off', async () => {
    let played = 0;
    const [one] = [...messageCases({ to: 'server', variants: 2, layers: ['octets'] })].slice(-1);
    const summary = campaign({
      cases: [one!],
      mechanism: 'X-PSK',
      play: async () => {
        played++;
        return { kind: 'hung', finding: 'hung' };
      },
      isOver: () => false,
      isStopped: () => true,
      report: () => {},
    });
    expect([(await summary).findings, played]).toEqual([1, 1]);
  });

  it('reports once that a client takes clear replies, whatever they say, and once that it takes what was in its buffer', async () => {
    const names: string[] = [];
    await campaign({
      cases: SCRIPT_CASES.filter(it => it.to === 'client' && it.source === 'RFC 2228 §7'),
      mechanism: 'X-PSK',
      play: async () => ({ kind: 'accepted', finding: 'clear text accepted' }),
      isOver: () => false,
      report: record => void (record.type === 'finding' && names.push(record.name)),
    });
    expect(names).toEqual([
      'phases: success in the clear',
      'phases: a login in the clear, in one piece with 235',
      'phases: a protected reply that was not asked for, in one piece with 235',
    ]);
  });
});
