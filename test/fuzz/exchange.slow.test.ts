/** Every case of a mutated exchange against our own sessions and mechanisms: their verdict must be what a conforming peer must do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, toUtf8 } from '../../src/bytes.js';
import type { FtpSecurityError } from '../../src/errors.js';
import { fuzzCaseArbitrary } from '../../src/fuzz/arbitraries.js';
import { EXCHANGES, type FuzzCase, peersOf, ruleIn } from '../../src/fuzz/cases.js';
import { gsi } from '../../src/fuzz/mechanisms/gsi.js';
import type { ExchangeTurn } from '../../src/fuzz/mutation.js';
import { lineCount, lineOf, performExchange } from '../../src/fuzz/perform.js';
import type { Exchange, Peer } from '../../src/protection/mechanism.js';
import { parseAdatReply } from '../../src/protection/security-data.js';
import { ClientSession } from '../../src/session/client.js';
import { ServerSession } from '../../src/session/server.js';
import { exchangeCases } from './case-lists.js';
import { heard, MECHANISMS, type NewSides, type Sides, stepOf, told, xPsk } from './exchange-sides.js';

interface Heard {
  /** Whether the exchange went on, or is complete. */
  taken: boolean;
  errors: FtpSecurityError[];
}

/** An exchange in which one side of ours is a session, and the other a bare mechanism whose lines may be mutated. */
function play(to: Peer, sides: Sides, mutate: (turn: ExchangeTurn) => Uint8Array | undefined): Heard | undefined {
  return to === 'server' ? toServer(sides, mutate) : toClient(sides, mutate);
}

function toServer(
  { mechanism, keys, initiator, acceptor }: Sides,
  mutate: (turn: ExchangeTurn) => Uint8Array | undefined,
) {
  const server = new ServerSession({ mechanisms: [{ name: mechanism }], allowWeak: true });
  const [ours, theirs] = [initiator(), acceptor()];
  let said = told(server, theirs, toUtf8(`AUTH ${mechanism}\r\n`));
  let received: Uint8Array | undefined;
  let { token } = stepOf(ours);
  for (let number = 0; token !== undefined; number++) {
    const turn: ExchangeTurn = { to: 'server', number, token, received, keys };
    const mutated = mutate(turn);
    said = told(server, theirs, mutated ?? lineOf(turn));
    if (mutated !== undefined) {
      const { code } = said.reply!;
      const taken = code === 235 || (code === 335 && number + 1 < lineCount(turn));
      if (!taken) refusesProtected(server, theirs);
      return { taken, errors: said.errors };
    }
    received = parseAdatReply(said.reply!).token;
    if (said.reply!.code === 235) break;
    ({ token } = stepOf(ours, received));
  }
  return undefined;
}

/** After a refusal there is no association. */
function refusesProtected(server: ServerSession, theirs: Exchange): void {
  expect(server.phase).not.toBe('secured');
  expect(told(server, theirs, toUtf8('MIC AAAA\r\n')).reply!.code).toBe(503);
}

function toClient(
  { mechanism, keys, initiator, acceptor }: Sides,
  mutate: (turn: ExchangeTurn) => Uint8Array | undefined,
) {
  const client = new ClientSession({ allowWeak: true });
  const [theirs, ours] = [initiator(), acceptor()];
  client.send(toUtf8(`AUTH ${mechanism}`));
  let adat = heard(client, theirs, toUtf8('334 Go on\r\n')).adat;
  for (let number = 0; adat !== undefined; number++) {
    const { token, context } = stepOf(ours, adat);
    const turn: ExchangeTurn = { to: 'client', number, token, code: context ? 235 : 335, received: adat, keys };
    const mutated = mutate(turn);
    const said = heard(client, theirs, mutated ?? lineOf(turn));
    if (mutated !== undefined)
      return { taken: client.phase === 'secured' || said.adat !== undefined, errors: said.errors };
    adat = said.adat;
  }
  return undefined;
}

const CASES = [...exchangeCases()];

/** The valid lines of both sides. */
function turnsOf(newSides: NewSides): ExchangeTurn[] {
  const turns: ExchangeTurn[] = [];
  for (const to of ['server', 'client'] as const) {
    play(to, newSides(), turn => {
      turns.push(turn);
      return undefined;
    });
  }
  return turns;
}

function judge(one: FuzzCase, newSides: NewSides): boolean {
  const sides = newSides();
  let sent: Uint8Array | undefined;
  let outcome = play(one.to, sides, turn => {
    sent = performExchange(one, turn);
    return sent;
  });
  if (outcome === undefined) return false;
  if (ruleIn(one).again) {
    expect(outcome.taken).toBe(true);
    outcome = play(one.to, sides, turn => (performExchange(one, turn) === undefined ? undefined : sent));
  }
  const { taken, errors } = outcome!;
  const { expected } = one;
  if (expected.verdict === 'accept' || (expected.verdict === 'either' && expected.deviation !== undefined)) {
    expect([taken, errors.map(({ code }) => code)]).toEqual([true, []]);
  } else if (expected.verdict === 'refuse') {
    expect(taken).toBe(false);
    if (errors.length > 0) expect(expected.codes).toContain(errors[0]!.code);
  }
  return true;
}

/** Of the kinds of keys that come last, fewer. */
const WHOLE = 3;

describe.each(MECHANISMS)('exchanges of %s', (name, newSides) => {
  it('meet the verdict of a conforming peer', () => {
    const failures = new Map<string, string>();
    const played = new Set<string>();
    const isWhole = MECHANISMS.findIndex(([its]) => its === name) < WHOLE;
    for (const one of isWhole ? CASES : exchangeCases({ variants: 1, seed: 5 })) {
      try {
        if (judge(one, newSides)) played.add(`${one.to}: ${one.name}`);
      } catch (error) {
        failures.set(`${one.name}, to ${one.to}`, `${JSON.stringify(one)} ${(error as Error).message}`);
      }
    }
    expect([...failures]).toEqual([]);
    expect(played.size).toBeGreaterThan(70);
  });
});

describe('every mutation', () => {
  it('has a name of its own', () => {
    const names = EXCHANGES.flatMap(it => peersOf(it).map(to => `${to} ${it.name}`));
    expect(names.filter((one, i) => names.indexOf(one) !== i)).toEqual([]);
  });

  it('is said by one mechanism or another, and changes something', () => {
    const said = new Set<string>();
    const say = (one: FuzzCase, turn: ExchangeTurn) => {
      const mutated = performExchange(one, turn);
      const same = mutated !== undefined && toHex(mutated) === toHex(lineOf(turn));
      if (mutated !== undefined && (!same || ruleIn(one).again || /valid (line|reply|token)/.test(one.name)))
        said.add(`${one.to} ${one.name}`);
      return mutated;
    };
    for (const [, newSides] of MECHANISMS.slice(0, 3))
      for (const one of CASES.filter(({ choices }) => choices.length === 0))
        play(one.to, newSides(), turn => say(one, turn));
    // The TLS of GSI is live in Node alone, which needs time to answer; here are the lines of its reference.
    for (const turn of gsi.references(0, {}).flatMap(it => ('exchange' in it ? it.exchange.turns() : [])))
      for (const one of exchangeCases({ to: turn.to, variants: 8 })) say(one, turn);
    const silent = EXCHANGES.flatMap(it => peersOf(it).map(to => `${to} ${it.name}`)).filter(it => !said.has(it));
    expect(silent).toEqual([]);
  });
});

describe('cases', () => {
  it('are plain data, the same from the same seed, and come to the same octets', () => {
    expect(JSON.parse(JSON.stringify(CASES))).toEqual(CASES);
    expect([...exchangeCases()]).toEqual(CASES);
    expect([...exchangeCases({ seed: 3 })]).not.toEqual(CASES);
    for (const turn of MECHANISMS.slice(0, 3).flatMap(([, newSides]) => turnsOf(newSides))) {
      for (const one of CASES.filter(({ to }) => to === turn.to)) {
        const [first, second] = [0, 1].map(() => performExchange(one, turn));
        expect(first && toHex(first)).toBe(second && toHex(second));
      }
    }
  });

  it('can be drawn, of one side or both', () => {
    const [both, server] = [
      fuzzCaseArbitrary({ layers: ['exchange'] }),
      fuzzCaseArbitrary({ layers: ['exchange'], to: 'server' }),
    ].map(it => fc.sample(it, 200));
    expect(new Set(both!.map(({ to }) => to)).size).toBe(2);
    expect(server!.every(({ to }) => to === 'server')).toBe(true);
    const turns = turnsOf(xPsk);
    for (const one of both!) for (const turn of turns) if (turn.to === one.to) performExchange(one, turn);
  });

  it('refuse an unknown name', () => {
    const turn: ExchangeTurn = {
      to: 'server',
      number: 0,
      token: Uint8Array.of(1),
      received: undefined,
      keys: undefined,
    };
    expect(() => performExchange({ ...CASES[0]!, name: 'nothing' }, turn)).toThrow(RangeError);
  });
});
