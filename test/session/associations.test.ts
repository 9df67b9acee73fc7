/** Associations as events: what begins and ends them, and what becomes of their keys. */
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import type { AnsweredEvent, AssociationEvent } from '../../src/session/events.js';
import { expectCode } from '../helpers.js';
import { krb5Contexts, Pair, pskContexts } from './pair.js';

const AUTH = toUtf8('AUTH X-TEST');
const ANNA = { clientName: 'anna', serverName: 'ftp/host' };
const BERT = { clientName: 'bert' };

/** Both sides write down what they hear. */
function watched() {
  const told: Record<'client' | 'server', AssociationEvent[]> = { client: [], server: [] };
  const pair = new Pair({
    client: { association: event => told.client.push(event) },
    server: { association: event => told.server.push(event) },
  });
  const take = () => [told.client.splice(0), told.server.splice(0)];
  return { pair, take };
}
const begins = (mechanism: string, facts: object) => ({ type: 'begins', mechanism, facts });
const ends = (mechanism: string, facts: object) => ({ type: 'ends', mechanism, facts });
const both = <T>(...events: T[]) => [events, events];

describe('the option association is called on both sides', () => {
  it('when an association begins, and once when AUTH, REIN or the session ends it', () => {
    const { pair, take } = watched();
    expect(take()).toEqual(both());
    pair.secure(pskContexts(), ANNA);
    expect(take()).toEqual(both(begins('X-PSK', ANNA)));
    pair.secure(krb5Contexts(), BERT);
    expect(take()).toEqual(both(ends('X-PSK', ANNA), begins('GSSAPI', BERT)));
    pair.command('REIN');
    expect(take()).toEqual(both());
    pair.reply(pair.server.reply(220, 'again'));
    expect(take()).toEqual(both(ends('GSSAPI', BERT)));
    pair.secure(pskContexts(), ANNA);
    take();
    for (let i = 0; i < 2; i++) for (const side of [pair.client, pair.server]) side.destroy();
    expect(take()).toEqual(both(ends('X-PSK', ANNA)));
  });

  it('is not called for an exchange that fails', () => {
    const { pair, take } = watched();
    pair.toServer(pair.client.send(AUTH));
    pair.toClient(pair.server.proceed({ facts: ANNA }));
    pair.toServer(pair.client.proceed({ token: toUtf8('a') })!);
    pair.reply(pair.server.refuse(new FtpSecurityError('security/bad-token', 'no')));
    expect(take()).toEqual(both());
  });

  it('is called for the end of an association by AUTH, even if the next exchange fails', () => {
    const { pair, take } = watched();
    pair.secure(pskContexts(), ANNA);
    take();
    pair.toServer(pair.client.send(AUTH));
    const accepted = pair.server.proceed({});
    expect(take()).toEqual([[], [ends('X-PSK', ANNA)]]);
    pair.toClient(accepted);
    expect(take()).toEqual([[ends('X-PSK', ANNA)], []]);
    pair.client.abandon();
    expect(pair.toServer(toUtf8('NOOP\r\n'))).toMatchObject({ type: 'command', level: 'clear' });
    expect(take()).toEqual(both());
  });

  it('is not called when AUTH is refused', () => {
    const { pair, take } = watched();
    pair.secure(pskContexts(), ANNA);
    take();
    pair.toServer(pair.client.send(AUTH));
    pair.reply(pair.server.refuse(new FtpSecurityError('security/no-key', 'no')));
    expect(take()).toEqual(both());
    expect([pair.client.phase, pair.server.phase]).toEqual(['secured', 'secured']);
  });
});

describe('the keys of an association', () => {
  it('are erased on both sides when another AUTH is accepted, and not before', () => {
    const contexts = pskContexts();
    const pair = new Pair().secure(contexts);
    pair.toServer(pair.client.send(AUTH));
    expect(contexts.acceptor.wrapSizeLimit('safe', 100)).toBeGreaterThan(0);
    const accepted = pair.server.proceed({});
    expectCode(() => contexts.acceptor.wrap(toUtf8('a'), 'safe'), 'sequence/closed');
    expect(contexts.initiator.wrapSizeLimit('safe', 100)).toBeGreaterThan(0);
    expect(accepted.length).toBeGreaterThan(0);
    pair.toClient(accepted);
    expectCode(() => contexts.initiator.wrap(toUtf8('a'), 'safe'), 'sequence/closed');
  });

  it('are erased where a step comes after the end of the session', () => {
    const contexts = pskContexts();
    const atClient = new Pair();
    atClient.toServer(atClient.client.send(AUTH));
    atClient.toClient(atClient.server.proceed({}));
    atClient.client.destroy();
    expectCode(() => atClient.client.proceed({ token: toUtf8('a'), context: contexts.initiator }), 'sequence/closed');
    const atServer = new Pair();
    atServer.toServer(atServer.client.send(AUTH));
    atServer.server.destroy();
    expectCode(() => atServer.server.proceed({ context: contexts.acceptor }), 'sequence/closed');
    for (const context of [contexts.initiator, contexts.acceptor])
      expectCode(() => context.wrapSizeLimit('safe', 100), 'sequence/closed');
  });

  it('are erased where the two sides disagree about the end of the exchange', () => {
    const { initiator } = pskContexts();
    const pair = new Pair();
    pair.toServer(pair.client.send(AUTH));
    pair.toClient(pair.server.proceed({}));
    expectCode(() => pair.client.proceed({ context: initiator }), 'sequence/unexpected-reply');
    expectCode(() => initiator.wrapSizeLimit('safe', 100), 'sequence/closed');
  });

  it('are erased when 234 completes another exchange', () => {
    const old = pskContexts();
    const pair = new Pair().secure(old);
    pair.toServer(pair.client.send(AUTH));
    const { initiator, acceptor } = krb5Contexts();
    pair.toClient(pair.server.proceed({ context: acceptor }));
    expectCode(() => old.acceptor.wrap(toUtf8('a'), 'safe'), 'sequence/closed');
    expectCode(() => old.initiator.wrap(toUtf8('a'), 'safe'), 'sequence/closed');
    pair.client.proceed({ context: initiator });
    expect(pair.client.phase).toBe('secured');
  });
});

describe('an exchange that is refused', () => {
  it('is reported with command, reply and error', () => {
    const refused: AnsweredEvent[] = [];
    const pair = new Pair({ server: { refused: event => refused.push(event) } });
    const bad = new FtpSecurityError('security/bad-token', 'no ticket');
    pair.toServer('AUTH x-test ');
    expect(refused).toEqual([]);
    pair.toServer('AUTH x-test');
    const octets = pair.server.refuse(bad);
    pair.toServer('AUTH x-test');
    pair.server.proceed({});
    pair.toServer('ADAT Zm9v \n');
    const more = pair.server.refuse(bad);
    expect(refused).toMatchObject([
      { type: 'answered', command: { verb: 'AUTH', argument: 'x-test' }, code: 534, error: bad, octets, ends: false },
      {
        type: 'answered',
        command: { verb: 'ADAT', argument: 'Zm9v ' },
        code: 535,
        error: bad,
        octets: more,
        tolerated: ['bare-lf', 'blank-around-base64'],
      },
    ]);
  });

  it('is reported too if policy refuses a context that the mechanism has accepted', () => {
    const refused: AnsweredEvent[] = [];
    const pair = new Pair({ server: { refused: event => refused.push(event) } });
    pair.toServer(AUTH, '\r\n');
    pair.server.proceed({});
    pair.toServer('ADAT Zm9v');
    pair.server.proceed({ context: pskContexts().acceptor, facts: { weak: true } });
    expect(refused).toMatchObject([{ code: 535, error: { code: 'security/weak' }, command: { verb: 'ADAT' } }]);
  });
});

describe('a server reports the deviations', () => {
  it('of AUTH, PBSZ, PROT and CCC', () => {
    const pair = new Pair();
    expect(pair.toServer('AUTH X-TEST\n')).toMatchObject({ type: 'auth', tolerated: ['bare-lf'] });
    const contexts = pskContexts();
    pair.server.proceed({ context: contexts.acceptor });
    for (const [command, code] of [
      ['PBSZ 1000', 200],
      ['PROT P', 200],
      ['PROT X', 504],
      ['CCC', 200],
    ] as const) {
      const { token } = contexts.initiator.wrap(toUtf8(`${command}\0`), 'safe');
      const line = `MIC  ${Buffer.from(token).toString('base64')}\n`;
      expect(pair.toServer(line)).toMatchObject({
        type: 'answered',
        code,
        tolerated: ['bare-lf', 'blank-around-base64', 'trailing-nul'],
      });
    }
  });
});
