/** Mutated exchanges as the driver plays them: conforming peers show nothing; what bad ones take is found, made small, and shows again. */
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import type { FuzzCase } from '../../src/fuzz/cases.js';
import { campaign, type FindingRecord, plan, type SummaryRecord } from '../../src/fuzz/driver/campaign.js';
import { judgeClient } from '../../src/fuzz/driver/client-trace.js';
import { type Connection, SetupFailed } from '../../src/fuzz/driver/connection.js';
import type { Outcome } from '../../src/fuzz/driver/outcome.js';
import { parseReproducers } from '../../src/fuzz/driver/outcome.js';
import { playToClient } from '../../src/fuzz/driver/server-side.js';
import { playToServer } from '../../src/fuzz/driver/to-server.js';
import { references } from '../../src/fuzz/perform.js';
import { PskContext } from '../../src/mechanisms/psk/context.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Peer } from '../../src/protection/mechanism.js';
import { exchangeCases } from './case-lists.js';
import { clientConnection, type Fault, serverConnection, valid } from './connections.js';
import { kerberos, type NewSides, xPsk } from './exchange-sides.js';

/** It has a context all the same where it should fail for this reason, and a token where one is required. */
const forgiving = (reason: RegExp): Fault => {
  return exchange => ({
    step(token) {
      try {
        return exchange.step(token);
      } catch (error) {
        if (!(error instanceof FtpSecurityError) || !reason.test(error.message)) throw error;
        const token = /of the acceptor/.test(error.message) && { token: Uint8Array.of(1) };
        return {
          ...token,
          context: new PskContext({ role: 'acceptor', key: new Uint8Array(32), nonces: new Uint8Array(64) }),
        };
      }
    },
  });
};

/** Plays cases to one side with a fault. */
function playTo(to: Peer, newSides: NewSides, fault: Fault): (one: FuzzCase) => Promise<Outcome> {
  if (to === 'server') {
    return async one => {
      const { mechanism, keys, initiator, ...sides } = newSides();
      const wire = async () => serverConnection({ mechanism, keys, initiator, ...sides }, fault);
      return await playToServer(one, { mechanism, keys, exchange: initiator, user: 'anna' }, await wire(), wire);
    };
  }
  const trace = async (one: FuzzCase | 'accept') => {
    const sides = newSides();
    const { mechanism, keys, acceptor } = sides;
    return await playToClient(one, { mechanism, keys, exchange: acceptor, at: 1 }, clientConnection(sides, fault));
  };
  const learned = trace('accept');
  return async one => judgeClient(one, { trace: await trace(one) }, { usual: { trace: await learned } });
}

interface Ran {
  summary: SummaryRecord;
  findings: FindingRecord[];
}

async function fuzzed(
  cases: Iterable<FuzzCase>,
  play: (one: FuzzCase) => Promise<Outcome>,
  most: number,
): Promise<Ran> {
  const findings: FindingRecord[] = [];
  const summary = await campaign({
    cases,
    mechanism: 'GSSAPI',
    play,
    isOver: played => played >= most,
    report: record => void (record.type === 'finding' && findings.push(record)),
  });
  return { summary, findings };
}

const casesTo = (to: Peer, mechanism: string) =>
  plan({
    to,
    seed: 3,
    layers: ['exchange'],
    references: references(3, nodeCiphers).filter(it => it.mechanism === mechanism),
  });
const caseOf = (name: string) => [...exchangeCases({ to: 'server', variants: 1 })].find(one => one.name === name)!;
const AES = kerberos(18);

describe('conforming peers', () => {
  it.each([
    ['server under Kerberos', 'server', AES, 'krb5'],
    ['client under Kerberos', 'client', AES, 'krb5'],
    ['server under X-PSK', 'server', xPsk, 'psk'],
    ['client under X-PSK', 'client', xPsk, 'psk'],
  ] as const)('%s: nothing is found', async (_, to, newSides, mechanism) => {
    const { summary, findings } = await fuzzed(casesTo(to, mechanism), playTo(to, newSides, valid), 500);
    expect(findings).toEqual([]);
    const { accepted = 0, refused = 0, closed = 0, unready, hung, skipped = 0 } = summary.outcomes;
    expect([unready, hung]).toEqual([undefined, undefined]);
    expect(accepted).toBeGreaterThan(8);
    expect(refused + closed).toBeGreaterThan(100);
    expect(skipped).toBeLessThan(50);
  });
});

describe('bad peers', () => {
  it.each([
    [
      'a server that takes replays',
      'server',
      AES,
      /replayed authenticator/,
      'replay accepted: exchange: an AP-REQ without mutual authentication comes again',
    ],
    [
      'a server that does not look at the clock',
      'server',
      AES,
      /clock is at/,
      'unverified exchange accepted: exchange: a clock a day ahead',
    ],
    [
      'a server that compares no names',
      'server',
      AES,
      /different client names/,
      "unverified exchange accepted: exchange: another name than the ticket's",
    ],
    [
      'a server that reads any DER',
      'server',
      AES,
      /DER: expected/,
      'malformed exchange accepted: exchange: AP-REQ: a length beyond the end',
    ],
    [
      'a server that believes any confirmation',
      'server',
      xPsk,
      /key confirmation of the \w+ failed/,
      'unverified exchange accepted: exchange: a confirmation comes again',
    ],
    [
      'a client that compares no time',
      'client',
      AES,
      /belongs to another AP-REQ/,
      "unverified exchange accepted: exchange: another second than the authenticator's",
    ],
    [
      'a client that needs no answer',
      'client',
      AES,
      /expected an AP-REP/,
      'unverified exchange accepted: exchange: no security data',
    ],
    [
      'a client that believes any confirmation',
      'client',
      xPsk,
      /key confirmation of the \w+ failed/,
      'unverified exchange accepted: exchange: a confirmation of zeros',
    ],
  ] as const)('%s is found, and found again', async (_, to, newSides, reason, required) => {
    const bad = playTo(to, newSides, forgiving(reason));
    const { findings } = await fuzzed(casesTo(to, newSides === xPsk ? 'psk' : 'krb5'), bad, 400);
    const found = findings.find(({ finding, name }) => `${finding}: ${name}` === required);
    expect(findings.map(({ finding, name }) => `${finding}: ${name}`)).toContain(required);
    expect(found).toMatchObject({
      case: { layer: 'exchange', choices: [] },
      sent: [expect.stringMatching(/^[0-9a-f]+$/)],
    });
    const again = parseReproducers(toUtf8(JSON.stringify(found)));
    expect((await fuzzed(again, bad, 1)).findings.map(it => it.finding)).toEqual([found!.finding]);
    expect((await fuzzed(again, playTo(to, newSides, valid), 1)).findings).toEqual([]);
  });

  it('a server that carries out a protected command though it has refused the exchange', async () => {
    const { mechanism, keys, initiator } = xPsk();
    const said = ['220 Ready', '334 Go on', '535 No', '200 Done'].map(line => toUtf8(`${line}\r\n`));
    const wire: Connection = { send: async () => {}, end() {}, receive: async () => said.shift() ?? 'timeout' };
    const one = caseOf('no nonce');
    const target = { mechanism, keys, exchange: initiator, user: 'anna' };
    expect(await playToServer(one, target, wire)).toMatchObject({
      kind: 'accepted',
      finding: 'unverified exchange accepted',
    });
  });
});

describe('a replay', () => {
  it("says nothing where the server can't be reached again, or took nothing", async () => {
    const again = caseOf('an AP-REQ comes again');
    const { mechanism, keys, initiator, acceptor } = AES();
    const target = { mechanism, keys, exchange: initiator, user: 'anna' };
    const wire = () => serverConnection({ mechanism, keys, initiator, acceptor }, valid);
    expect((await playToServer(again, target, wire())).kind).toBe('skipped');
    const gone = async () => {
      throw new SetupFailed('gone');
    };
    // It is in the replay cache by now.
    expect((await playToServer(again, target, wire(), gone)).kind).toBe('skipped');
    const fresh = AES();
    const outcome = await playToServer(
      again!,
      { ...target, exchange: fresh.initiator },
      serverConnection(fresh, valid),
      gone,
    );
    expect(outcome).toMatchObject({ kind: 'unready', detail: 'gone' });
  });
});
