/** Lines in one piece with those that change the rules, as the driver plays them: what was in a buffer must not be believed later. */
import { describe, expect, it } from 'vitest';
import { fromUtf8, LF, toUtf8 } from '../../src/bytes.js';
import { type FuzzCase, ruleIn } from '../../src/fuzz/cases.js';
import { judgeClient } from '../../src/fuzz/driver/client-trace.js';
import type { Connection } from '../../src/fuzz/driver/connection.js';
import type { Outcome } from '../../src/fuzz/driver/outcome.js';
import { playToClient } from '../../src/fuzz/driver/server-side.js';
import { playToServer } from '../../src/fuzz/driver/to-server.js';
import type { Peer } from '../../src/protection/mechanism.js';
import { SCRIPT_CASES } from './case-lists.js';
import { clientConnection, clientOf, serverConnection } from './connections.js';
import { kerberos, MECHANISMS, type NewSides, type Sides, xPsk } from './exchange-sides.js';

const startOf = (one: FuzzCase) => ruleIn(one).script!.start;
const buffered = (to: Peer) =>
  SCRIPT_CASES.filter(it => it.to === to && ['auth', 'adat'].includes(startOf(it))).map(it => [it.name, it] as const);

type NewConnection = (sides: Sides) => Connection;

async function playServer(one: FuzzCase, newSides: NewSides, wire: NewConnection = serverConnection): Promise<Outcome> {
  const { mechanism, keys, initiator, ...sides } = newSides();
  const target = { mechanism, keys, exchange: initiator, user: 'anna' };
  return await playToServer(one, target, wire({ mechanism, keys, initiator, ...sides }));
}

async function playClient(one: FuzzCase, newSides: NewSides, wire: NewConnection = clientConnection): Promise<Outcome> {
  const trace = async (played: FuzzCase | 'accept') => {
    const sides = newSides();
    const { mechanism, keys, acceptor } = sides;
    return await playToClient(played, { mechanism, keys, exchange: acceptor, at: 1 }, wire(sides));
  };
  const usual = await trace('accept');
  return judgeClient(one, { trace: await trace(one) }, { usual: { trace: usual } });
}

/** What comes in one chunk, line by line. */
function linesIn(chunk: Uint8Array): Uint8Array[] {
  const end = chunk.indexOf(LF) + 1;
  return end === 0 || end === chunk.length ? [chunk] : [chunk.subarray(0, end), ...linesIn(chunk.subarray(end))];
}

/** It carries out what was in its buffer when it accepted AUTH or ADAT, by the rules from before. */
const badServer =
  (early = false): NewConnection =>
  sides => {
    const its = serverConnection(sides);
    const said: Uint8Array[] = [];
    return {
      ...its,
      async send(chunks) {
        const [first, ...more] = chunks.flatMap(linesIn);
        const done = more.map(() => toUtf8('200 Done\r\n'));
        if (early) said.push(...done);
        await its.send([first!]);
        for (let heard = await its.receive(); typeof heard !== 'string'; heard = await its.receive()) said.push(heard);
        if (!early) said.push(...done);
      },
      receive: async () => said.shift() ?? (await its.receive()),
    };
  };

const [ADAT, MIC] = ['ADAT AAAA\r\n', 'MIC AAAA\r\n'] as const;

/** It takes what was in its buffer for the answer to the command that it sends next. */
const badClient: NewConnection = sides => {
  const { take, go } = clientOf(sides);
  const said: Uint8Array[] = [];
  return {
    end() {},
    async send(chunks) {
      const [first, ...more] = chunks.flatMap(linesIn);
      if (first === undefined) return;
      said.push(...take(first));
      for (const line of more) said.push(...(go() ?? [toUtf8(fromUtf8(line).startsWith('3') ? ADAT : MIC)]));
    },
    receive: async () => said.shift() ?? 'timeout',
  };
};

// Those of KERBEROS_V4 here have no known keys.
describe.each(MECHANISMS.filter(([name]) => name !== 'KERBEROS_V4'))('conforming peers under %s', (_, newSides) => {
  it.each(buffered('server'))('a server: %s', async (_name, one) => {
    const { finding, kind } = await playServer(one, newSides);
    expect([finding, kind]).toEqual([undefined, 'refused']);
  });

  it.each(buffered('client'))('a client: %s', async (_name, one) => {
    const { finding, kind } = await playClient(one, newSides);
    const isOpen = 'expected' in one && one.expected.verdict === 'either';
    expect(finding).toBeUndefined();
    expect(isOpen ? ['accepted', 'refused', 'closed', 'ignored'] : ['refused', 'closed', 'ignored']).toContain(kind);
  });
});

describe.each([
  ['X-PSK', xPsk],
  ['Kerberos', kerberos(18)],
])('bad peers under %s', (_, newSides) => {
  it.each(buffered('server'))('a server that carries it out: %s', async (_name, one) => {
    const outcome = await playServer(one, newSides, badServer());
    const finding = startOf(one) === 'adat' ? 'clear text accepted' : 'order broken';
    expect(outcome).toMatchObject({ kind: 'accepted', code: 200, finding });
    expect(outcome.sent?.map(octets => fromUtf8(octets)).join('')).toMatch(/\r\n$/);
  });

  it('a server that carries it out before it says 235', async () => {
    const one = SCRIPT_CASES.find(it => it.name === 'NOOP in one piece with the last ADAT')!;
    const outcome = await playServer(one, newSides, badServer(true));
    expect(outcome).toMatchObject({ kind: 'accepted', code: 200, finding: 'order broken' });
  });

  it.each(buffered('client').filter(([, it]) => 'expected' in it && it.expected.verdict === 'refuse'))(
    'a client that believes it: %s',
    async (_name, one) => {
      const finding = startOf(one) === 'adat' ? 'clear text accepted' : 'order broken';
      expect(await playClient(one, newSides, badClient)).toMatchObject({ kind: 'accepted', finding });
    },
  );
});
