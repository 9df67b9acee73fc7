import { describe, expect, it } from 'vitest';
import { fromUtf8, toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { formatReply } from '../../src/ftp/reply.js';
import { DEVIATIONS, OPTIONAL_DEVIATIONS } from '../../src/protection/deviations.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import { protectReply } from '../../src/protection/protect.js';
import { encodeProtectedReply } from '../../src/protection/protected-reply.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { ClientSession } from '../../src/session/client.js';
import type { ClientSessionOptions } from '../../src/session/events.js';
import { errorOf, expectCode } from '../helpers.js';
import { having, krb5Contexts, Pair, pskContexts, secured } from './pair.js';

const text = (octets: Uint8Array) => fromUtf8(octets);
const AUTH = toUtf8('AUTH X-TEST');

/** A client that has been told 334. */
function exchanging(options?: ClientSessionOptions): ClientSession {
  const client = new ClientSession(options);
  client.send(AUTH);
  client.receive(toUtf8('334 go on\r\n'));
  client.next();
  return client;
}

/** A secured client, and the context of its server. */
function withServer(options?: ClientSessionOptions, contexts = pskContexts()) {
  const pair = new Pair({ client: options! }).secure({
    initiator: contexts.initiator,
    acceptor: pskContexts().acceptor,
  });
  return { client: pair.client, context: contexts.acceptor };
}

describe('a client before the exchange', () => {
  it('sends commands in the clear, but no password', () => {
    const client = new ClientSession();
    expect(text(client.send(toUtf8('USER anna')))).toBe('USER anna\r\n');
    for (const command of ['PASS x', 'ACCT x']) expectCode(() => client.send(toUtf8(command)), 'sequence/unprotected');
    expect(text(new ClientSession({ allowClearPassword: true }).send(toUtf8('PASS x\r\n')))).toBe('PASS x\r\n');
    expect(client.pending.map(({ verb }) => verb)).toEqual(['USER']);
  });

  it.each(['PBSZ 1', 'PROT P', 'CCC'])('does not send %s', command => {
    const error = errorOf(() => new ClientSession().send(toUtf8(command)));
    expect([error.code, error.side]).toEqual(['sequence/unexpected-command', 'local']);
  });

  it('sends nothing that policy requires to be protected', () => {
    for (const options of [{ requireSecurity: true }, { require: 'safe' }] as const) {
      const client = new ClientSession(options);
      expectCode(() => client.send(toUtf8('USER anna')), 'sequence/unprotected');
      expect(text(client.send(toUtf8('FEAT')))).toBe('FEAT\r\n');
    }
    expect(new ClientSession({ require: 'safe', requireSecurity: false }).send(toUtf8('USER a'))).toBeDefined();
  });

  it('supports only level clear', () => {
    expectCode(() => new ClientSession().send(toUtf8('NOOP'), 'safe'), 'sequence/no-context');
  });

  it.each(['ADAT Zm9v', 'MIC Zm9v', 'CONF Zm9v', 'enc Zm9v', 'PBSZ 0', 'PROT X', 'AUTH', 'CCC x', 'a\r\nb', ''])(
    'takes %j for misuse',
    command => {
      expect(() => new ClientSession().send(toUtf8(command))).toThrow(RangeError);
    },
  );

  it('distinguishes the greeting from replies, before and after the first command', () => {
    const early = new ClientSession();
    early.send(AUTH);
    early.receive(toUtf8('120 soon\r\n220-hello\r\n220 ready\r\n504 no\r\n220 x\r\n'));
    expect([early.next(), early.next(), early.next()]).toMatchObject([
      { reply: { code: 120 }, command: undefined },
      { reply: { code: 220 }, command: undefined },
      { reply: { code: 504 }, command: { verb: 'AUTH' }, level: 'clear', sequence: 'none', tolerated: [] },
    ]);
    const late = new ClientSession(); // The greeting was read elsewhere.
    late.send(AUTH);
    late.receive(toUtf8('334 go on\r\n'));
    expect(late.next()).toMatchObject({ type: 'security-data', complete: false, token: undefined });
  });

  it('refuses a 63z reply', () => {
    const client = new ClientSession();
    client.receive(toUtf8('631 Zm9v\r\n'));
    expectCode(() => client.next(), 'sequence/no-context');
    expectCode(() => client.next(), 'sequence/closed');
    expectCode(() => client.send(AUTH), 'sequence/closed');
    client.receive(toUtf8('220 x\r\n'));
    expect(client.close()).toBeUndefined();
  });

  it('is closed when destroyed', () => {
    const client = new ClientSession();
    client.destroy();
    expectCode(() => client.next(), 'sequence/closed');
    expectCode(() => client.send(AUTH), 'sequence/closed');
  });

  it('is not greeted a second time: 220 answers REIN', () => {
    const client = new ClientSession();
    client.send(toUtf8('NOOP'));
    client.receive(toUtf8('200 yes\r\n'));
    expect(client.next()).toMatchObject({ command: { verb: 'NOOP' } });
    client.send(toUtf8('REIN'));
    client.receive(toUtf8('220 again\r\n'));
    expect(client.next()).toMatchObject({ command: { verb: 'REIN' } });
  });

  it('reports a bare LF, or refuses it', () => {
    const client = new ClientSession();
    client.receive(toUtf8('220-a\r\n220 b\n'));
    expect(client.next()).toMatchObject({ tolerated: ['bare-lf'] });
    const strict = new ClientSession({ tolerate: [] });
    strict.receive(toUtf8('220 b\n'));
    expectCode(() => strict.next(), 'syntax/bad-line');
  });

  it('applies its limits', () => {
    const client = new ClientSession({ maxLine: 10, maxReply: 20 });
    client.receive(toUtf8('220 12345678\r\n'));
    expectCode(() => client.next(), 'syntax/limit-exceeded');
  });

  it('reports where the input ended', () => {
    const client = new ClientSession();
    client.close();
    expectCode(() => client.next(), 'sequence/closed');
    const within = new ClientSession();
    within.receive(toUtf8('220-a\r\n'));
    within.next();
    expectCode(() => within.close(), 'syntax/truncated');
  });
});

describe('a client in the exchange', () => {
  it('reads and sends nothing while it waits for security data, or for the reply to ADAT', () => {
    const client = exchanging();
    expect([client.phase, client.paused]).toEqual(['exchange', true]);
    expect(client.next()).toBeUndefined();
    expectCode(() => client.send(toUtf8('NOOP')), 'sequence/unexpected-command');
    expect(text(client.proceed({ token: toUtf8('foo') })!)).toBe('ADAT Zm9v\r\n');
    expect(client.paused).toBe(false);
    expectCode(() => client.send(toUtf8('NOOP')), 'sequence/unexpected-command');
    expect(() => client.proceed({})).toThrow(RangeError);
  });

  it.each(['235 done\r\n', '235-', '2'])('is closed by %j that came before the ADAT that it would answer', early => {
    const client = exchanging();
    client.receive(toUtf8(early));
    expect(client.next()).toBeUndefined();
    expectCode(() => client.proceed({ token: toUtf8('foo') }), 'sequence/unexpected-reply');
  });

  it('sends nothing between AUTH or REIN and the reply', () => {
    for (const command of ['AUTH X-TEST', 'REIN']) {
      const client = new ClientSession();
      client.send(toUtf8(command));
      expectCode(() => client.send(toUtf8('NOOP')), 'sequence/unexpected-command');
    }
  });

  it('returns security data, with the deviations of its reply', () => {
    const client = exchanging();
    client.proceed({ token: toUtf8('foo') });
    client.receive(toUtf8('335 here adat=YmFy\r\n'));
    expect(client.next()).toMatchObject({
      token: toUtf8('bar'),
      complete: false,
      tolerated: ['text-before-adat', 'adat-case'],
    });
    client.proceed({ token: toUtf8('foo') });
    client.receive(toUtf8('235 ADAT=YmF6\r\n'));
    expect(client.next()).toMatchObject({ token: toUtf8('baz'), complete: true });
    expect(client.proceed({ context: pskContexts().initiator, facts: { serverName: 'b' } })).toBeUndefined();
    expect([client.phase, client.paused, client.facts]).toEqual(['secured', false, { serverName: 'b' }]);
    expect(client.next()).toMatchObject({ type: 'reply', reply: { code: 235 }, command: { verb: 'ADAT' } });
  });

  it.each<[string, (client: ClientSession) => void, string]>([
    ['235 and no context', client => client.proceed({}), 'sequence/no-context'],
    ['235 and more to say', client => client.proceed({ token: toUtf8('a') }), 'sequence/unexpected-reply'],
  ])('is closed by %s', (_, proceed, code) => {
    const client = exchanging();
    client.proceed({ token: toUtf8('foo') });
    client.receive(toUtf8('235 done\r\n'));
    expect(client.next()).toMatchObject({ complete: true });
    expect(errorOf(() => proceed(client)).code).toBe(code);
    expectCode(() => client.next(), 'sequence/closed');
  });

  it('is closed by a server that asks for more tokens than the mechanism has', () => {
    expectCode(() => exchanging().proceed({}), 'sequence/unexpected-reply');
  });

  it('is closed by security data after the end of the exchange, but not by an empty token', () => {
    for (const [reply, complete] of [
      ['235 ADAT=YmF6', false],
      ['235 ADAT=', true],
    ] as const) {
      const client = exchanging();
      client.proceed({ token: toUtf8('foo'), context: pskContexts().initiator });
      client.receive(toUtf8(`${reply}\r\n`));
      if (complete) expect(client.next()).toMatchObject({ type: 'reply', reply: { code: 235 } });
      else expectCode(() => client.next(), 'sequence/unexpected-reply');
    }
  });

  it.each(['235 done', '334 go', '335 go'])('is closed by %s without a command that asked for it', reply => {
    const client = new ClientSession();
    client.send(toUtf8('NOOP'));
    client.receive(toUtf8(`${reply}\r\n`));
    expectCode(() => client.next(), 'sequence/unexpected-reply');
  });

  it('is closed by 334 where no command waits at all', () => {
    const client = new ClientSession();
    client.receive(toUtf8('334 go\r\n'));
    expectCode(() => client.next(), 'sequence/unexpected-reply');
  });

  it('is closed by a reply to ADAT that neither accepts nor refuses it', () => {
    const client = exchanging();
    client.proceed({ token: toUtf8('foo') });
    client.receive(toUtf8('200 fine\r\n'));
    expectCode(() => client.next(), 'sequence/unexpected-reply');
  });

  it('is in the clear again when ADAT is refused, and may try again', () => {
    const client = exchanging();
    client.proceed({ token: toUtf8('foo'), context: pskContexts().initiator, facts: { serverName: 'b' } });
    client.receive(toUtf8('535-no\r\n535 way\r\n'));
    expect(client.next()).toMatchObject({ type: 'reply', reply: { code: 535 }, command: { verb: 'ADAT' } });
    expect([client.phase, client.facts]).toEqual(['clear', {}]);
    expect(text(client.send(AUTH))).toBe('AUTH X-TEST\r\n');
  });

  it('may abandon the exchange, but is closed if the server has said that it is complete', () => {
    const client = exchanging();
    client.abandon();
    expect([client.phase, client.paused]).toEqual(['clear', false]);
    expect(() => client.abandon()).toThrow(RangeError);
    client.send(AUTH);
    client.receive(toUtf8('234 done\r\n'));
    expect(client.next()).toMatchObject({ type: 'security-data', complete: true });
    client.abandon();
    expectCode(() => client.next(), 'sequence/closed');
  });

  it('accepts 234 with a context, and never without', () => {
    const client = new ClientSession();
    client.send(AUTH);
    client.receive(toUtf8('234 done\r\n'));
    expect(client.next()).toMatchObject({ type: 'security-data', complete: true });
    expectCode(() => client.proceed({}), 'sequence/no-context');
    const other = new ClientSession();
    other.send(AUTH);
    other.receive(toUtf8('234 done\r\n'));
    other.next();
    other.proceed({ context: pskContexts().initiator });
    expect(other.phase).toBe('secured');
    expect(other.next()).toMatchObject({ reply: { code: 234 }, command: { verb: 'AUTH' } });
  });

  it('accepts a weak context only with allowWeak, and never one without the level that policy requires', () => {
    const step = { context: pskContexts().initiator, facts: { weak: true } };
    const weak = () => exchanging().proceed({ ...step, token: toUtf8('a') });
    expect([errorOf(weak).code, errorOf(weak).side]).toEqual(['security/weak', 'local']);
    // Before the context is there, nothing is known of its levels, and its keys protect nothing.
    for (const options of [{}, { require: 'safe' }] as const)
      expect(exchanging(options).proceed({ token: toUtf8('a'), facts: { weak: true } })).toBeDefined();
    expect(exchanging({ allowWeak: true }).proceed({ ...step, token: toUtf8('a') })).toBeDefined();
    const context = having(['safe'], pskContexts().initiator);
    expectCode(
      () => exchanging({ require: 'private' }).proceed({ context, token: toUtf8('a') }),
      'security/level-unsupported',
    );
  });

  it('checks lines that came with 235 by the rules after it', () => {
    const client = exchanging();
    client.proceed({ token: toUtf8('foo') });
    client.receive(toUtf8('235 ADAT=YmF6\r\n230 logged in, trust me\r\n'));
    expect(client.next()).toMatchObject({ complete: true });
    expect(client.next()).toBeUndefined();
    client.proceed({ context: pskContexts().initiator });
    expect(client.next()).toMatchObject({ reply: { code: 235 } });
    expectCode(() => client.next(), 'sequence/unprotected');
  });
});

describe('a secured client', () => {
  it('sends at the strongest level or the one asked for, and credentials always at the strongest', () => {
    const { client } = withServer();
    expect(text(client.send(toUtf8('PWD')))).toMatch(/^ENC /);
    expect(text(client.send(toUtf8('PWD'), 'safe'))).toMatch(/^MIC /);
    expect(text(client.send(toUtf8('PASS x'), 'safe'))).toMatch(/^ENC /);
    const safe = withServer({ level: 'safe' }).client;
    expect(text(safe.send(toUtf8('PWD')))).toMatch(/^MIC /);
    expect(text(safe.send(toUtf8('ACCT x')))).toMatch(/^ENC /);
  });

  it('never sends without integrity before CCC, nor below what it requires', () => {
    const { client } = withServer({ require: 'private' });
    expectCode(() => client.send(toUtf8('PWD'), 'clear'), 'sequence/unprotected');
    expectCode(() => client.send(toUtf8('PWD'), 'confidential'), 'sequence/wrong-level');
    expectCode(() => client.send(toUtf8('PWD'), 'safe'), 'sequence/wrong-level');
    expect(client.pending).toEqual([]);
    expectCode(() => withServer().client.send(toUtf8('PWD'), 'confidential'), 'sequence/wrong-level');
    const kerberos = secured({ contexts: krb5Contexts() });
    kerberos.settle('PBSZ 1000');
    expectCode(() => kerberos.client.send(toUtf8('PROT E')), 'security/level-unsupported');
  });

  it.each([
    ['in the clear', '200 fine\r\n', 'sequence/unprotected'],
    ['that says goodbye in the clear', '421 bye\r\n', 'sequence/unprotected'],
    ['that is no 63z', '650 Zm9v\r\n', 'syntax/bad-reply'],
    ['with a broken token', '632 Zm9v\r\n', 'security/bad-token'],
    ['with broken base 64', '632 Zm9*\r\n', 'syntax/bad-base64'],
  ])('is closed by a reply %s', (_, reply, code) => {
    const { client } = withServer();
    client.send(toUtf8('PWD'));
    client.receive(toUtf8(reply));
    expect(errorOf(() => client.next()).code).toBe(code);
    expectCode(() => client.next(), 'sequence/closed');
  });

  it('is closed by a reply below what it requires', () => {
    const { client, context } = withServer({ require: 'private' });
    client.send(toUtf8('PWD'));
    client.receive(protectReply(context, 'safe', toUtf8('257 "/"')));
    expectCode(() => client.next(), 'sequence/wrong-level');
  });

  it('is closed by a reply without integrity', () => {
    const { client, context } = withServer();
    client.send(toUtf8('PWD'));
    client.receive(protectReply(context, 'confidential', toUtf8('257 "/"')));
    expectCode(() => client.next(), 'sequence/wrong-level');
  });

  it('is closed by a line that is no reply, whatever is wrong with it', () => {
    for (const [begins, code] of [
      [false, 'syntax/bad-reply'],
      [true, 'sequence/unprotected'],
    ] as const) {
      for (const [line, refusal] of [
        ['text', code],
        ['x'.repeat(300), 'syntax/limit-exceeded'],
      ] as const) {
        const { client, context } = withServer({ maxLine: 200 });
        client.send(toUtf8('STAT'));
        const { token } = context.wrap(toUtf8('211-a\r\n'), 'safe');
        if (begins) client.receive(encodeProtectedReply({ level: 'safe', tokens: [token] }));
        expect(client.next()).toBeUndefined();
        client.receive(toUtf8(`${line}\r\n`));
        expectCode(() => client.next(), refusal);
      }
    }
  });

  it('has no association after REIN, and is closed by a protected reply', () => {
    const pair = secured();
    pair.command('REIN');
    const late = pair.server.reply(220, 'again');
    pair.reply(late);
    pair.client.receive(late);
    expectCode(() => pair.client.next(), 'sequence/no-context');
  });

  it('requires its level of replies until CCC alone', () => {
    const { client, context } = withServer({ require: 'private' });
    client.send(toUtf8('CCC'));
    client.receive(protectReply(context, 'private', toUtf8('200 clear')));
    client.next();
    client.send(toUtf8('PWD'), 'safe');
    client.receive(protectReply(context, 'safe', toUtf8('257 "/"')));
    expect(client.next()).toMatchObject({ level: 'safe', reply: { code: 257 } });
  });

  it('sends commands that move no file, however small the buffer', () => {
    const pair = secured();
    pair.settle('PBSZ 1000');
    pair.settle('PROT P');
    pair.settle('PBSZ 20');
    expectCode(() => pair.client.send(toUtf8('RETR a')), 'syntax/limit-exceeded');
    expect(pair.command('NOOP').command.verb).toBe('NOOP');
  });

  it('gives up a file that has no writer yet', () => {
    const pair = secured();
    pair.settle('PBSZ 1000');
    pair.settle('PROT P');
    pair.command('STOR a');
    pair.command('ABOR');
    expectCode(() => pair.client.dataWriter().end(), 'sequence/closed');
  });

  it('joins a reply that spans several outer ones', () => {
    const { client, context } = withServer();
    client.send(toUtf8('FEAT'));
    const outer = (line: string) =>
      encodeProtectedReply({ level: 'safe', tokens: [context.wrap(toUtf8(line), 'safe').token] });
    client.receive(outer('211-a\r\n'));
    expect(client.next()).toBeUndefined();
    expect(client.pending).toHaveLength(1);
    client.receive(outer('211 b\r\n'));
    expect(client.next()).toMatchObject({
      reply: { code: 211, lines: ['a', 'b'] },
      level: 'safe',
      tolerated: ['reply-spans-outer'],
      command: { verb: 'FEAT' },
    });
    client.receive(outer('211-a\r\n'));
    client.next();
    expectCode(() => client.close(), 'syntax/truncated');
  });

  it('distinguishes 1yz from the final reply, and reports a lost line as a gap with allowMissingLines', () => {
    const { client, context } = withServer({ allowMissingLines: true });
    client.send(toUtf8('RETR a'));
    client.receive(protectReply(context, 'private', formatReply(150, 'wait')));
    expect(client.next()).toMatchObject({ reply: { code: 150 }, command: { verb: 'RETR' }, sequence: 'ok' });
    expect(client.pending).toHaveLength(1);
    protectReply(context, 'private', formatReply(200, 'lost'));
    client.receive(protectReply(context, 'private', formatReply(226, 'done')));
    expect(client.next()).toMatchObject({ reply: { code: 226 }, command: { verb: 'RETR' }, sequence: 'gap' });
    expect(client.pending).toHaveLength(0);
  });

  it('is closed by a reply in which a line is missing', () => {
    const lines = ['211-a', 'b', 'c', '211 d'].map(text => toUtf8(`${text}\r\n`));
    for (const taken of [1, 2]) {
      const { client, context } = withServer();
      client.send(toUtf8('FEAT'));
      const tokens = lines.map(line => context.wrap(line, 'safe').token);
      tokens.splice(taken, 1);
      client.receive(encodeProtectedReply({ level: 'safe', tokens }));
      expectCode(() => client.next(), 'security/out-of-sequence');
    }
    const { client, context } = withServer();
    client.send(toUtf8('FEAT'));
    const outer = lines.map(line =>
      encodeProtectedReply({ level: 'safe', tokens: [context.wrap(line, 'safe').token] }),
    );
    client.receive(outer[0]!);
    expect(client.next()).toBeUndefined();
    client.receive(outer[2]!);
    expectCode(() => client.next(), 'security/out-of-sequence');
  });

  it('is closed by replies in another order than they were sent', () => {
    const { client, context } = withServer();
    client.send(toUtf8('PWD'));
    client.send(toUtf8('PWD'));
    const first = protectReply(context, 'private', formatReply(257, 'a'));
    client.receive(protectReply(context, 'private', formatReply(257, 'b')));
    client.receive(first);
    expectCode(() => client.next(), 'security/out-of-sequence');
  });

  it('checks the order of replies with allowMissingLines too', () => {
    const { client, context } = withServer({ allowMissingLines: true });
    client.send(toUtf8('PWD'));
    client.send(toUtf8('PWD'));
    const first = protectReply(context, 'private', formatReply(257, 'a'));
    client.receive(protectReply(context, 'private', formatReply(257, 'b')));
    client.receive(first);
    expect(client.next()).toMatchObject({ sequence: 'gap' });
    expectCode(() => client.next(), 'security/out-of-sequence');
  });

  it('distinguishes the reply to STAT during a transfer from the end of the transfer', () => {
    const { client, context } = withServer();
    for (const command of ['RETR a', 'STAT', 'NOOP']) client.send(toUtf8(command));
    for (const code of [150, 211, 226, 200]) client.receive(protectReply(context, 'private', formatReply(code, 'x')));
    const answered = [1, 2, 3, 4].map(() => client.next()).map(it => it?.type === 'reply' && it.command?.verb);
    expect(answered).toEqual(['RETR', 'STAT', 'RETR', 'NOOP']);
  });

  it('uses the smaller buffer that the server states, and refuses a level for which it is too small', () => {
    const { client, context } = withServer();
    const answer = (code: number, said: string) => {
      client.receive(protectReply(context, 'private', formatReply(code, said)));
      return client.next();
    };
    client.send(toUtf8('PBSZ 1000'));
    answer(200, 'PBSZ=2000');
    expect(client.bufferSize).toBe(1000);
    client.send(toUtf8('PBSZ 1000'));
    answer(200, 'fine');
    expect(client.bufferSize).toBe(1000);
    client.send(toUtf8('PBSZ 1000'));
    answer(501, 'no: PBSZ=nothing');
    expect(client.bufferSize).toBe(1000);
    client.send(toUtf8('PBSZ 1000'));
    answer(200, 'PBSZ=20');
    expect(client.bufferSize).toBe(20);
    expectCode(() => client.send(toUtf8('PROT P')), 'syntax/limit-exceeded');
    client.send(toUtf8('PBSZ 999'));
    answer(200, 'ok');
    client.send(toUtf8('PROT P'));
    answer(534, 'no');
    expect(client.protection).toBe('clear');
    client.send(toUtf8('PROT P'));
    answer(200, 'ok');
    expect(client.protection).toBe('private');
    expect(client.dataWriter().write(new Uint8Array(2000)).length).toBeGreaterThan(0);
    expect(client.dataReader({ interleaved: true }).ended).toBe(false);
    client.send(toUtf8('PBSZ 5'));
    client.receive(protectReply(context, 'private', formatReply(200, 'PBSZ=abc')));
    expectCode(() => client.next(), 'syntax/bad-reply');
  });

  it('accepts only 234 and 334 as success of AUTH', () => {
    const { client, context } = withServer();
    client.send(AUTH);
    client.receive(protectReply(context, 'private', toUtf8('200 ok')));
    expectCode(() => client.next(), 'sequence/unexpected-reply');
    expectCode(() => client.send(toUtf8('USER anna')), 'sequence/closed');
  });

  it('sends no password in the clear', () => {
    const { initiator, acceptor } = pskContexts();
    const contexts = { initiator: having(['safe'], initiator), acceptor };
    expectCode(() => secured({ contexts }).client.send(toUtf8('PASS x')), 'sequence/unprotected');
    const pair = secured({
      contexts: { ...contexts, acceptor: having(['safe'], acceptor) },
      client: { allowClearPassword: true },
    });
    expect(text(pair.client.send(toUtf8('PASS x')))).toMatch(/^MIC /);
  });

  it('resets its state when AUTH is accepted again', () => {
    const pair = secured();
    pair.settle('PBSZ 1000');
    pair.settle('PROT P');
    const auth = pair.toServer(pair.client.send(AUTH));
    expect(auth).toMatchObject({ type: 'auth', mechanism: 'X-TEST', again: true });
    const due = pair.toClient(pair.server.proceed({}));
    expect(due).toMatchObject({ type: 'security-data', complete: false });
    for (const side of [pair.client, pair.server]) {
      expect([side.phase, side.bufferSize, side.protection]).toEqual(['exchange', undefined, 'clear']);
    }
    pair.client.abandon();
    expect(text(pair.client.send(toUtf8('NOOP')))).toBe('NOOP\r\n');
    const again = secured();
    again.secure(krb5Contexts());
    expect(again.command('PWD').level).toBe('private');
  });

  it('is in the clear again after REIN', () => {
    const contexts = pskContexts();
    const pair = secured({ contexts });
    pair.command('REIN');
    expect(pair.server.paused).toBe(true);
    pair.reply(pair.server.reply(120, 'wait'));
    const event = pair.reply(pair.server.reply(220, 'again'));
    expect(event).toMatchObject({ level: 'private', command: { verb: 'REIN' } });
    expect([pair.client.phase, pair.server.phase]).toEqual(['clear', 'clear']);
    for (const context of [contexts.initiator, contexts.acceptor]) {
      expectCode(() => context.wrap(toUtf8('a'), 'safe'), 'sequence/closed'); // Their keys are erased.
    }
    expect(pair.command('USER a').level).toBe('clear');
  });

  it('is closed when destroyed', () => {
    const { client } = withServer();
    client.destroy();
    expectCode(() => client.send(toUtf8('NOOP')), 'sequence/closed');
    const early = exchanging();
    const { initiator } = pskContexts();
    early.proceed({ token: toUtf8('a'), context: initiator });
    early.destroy();
    expectCode(() => initiator.wrap(toUtf8('a'), 'safe'), 'sequence/closed');
  });

  it('erases the keys of a step that it refuses, when it is destroyed', () => {
    for (const [received, step] of [
      ['220 inserted\r\n', { token: toUtf8('a') }],
      ['', {}],
    ] as const) {
      const client = exchanging();
      const { initiator: context } = pskContexts();
      client.receive(toUtf8(received));
      expectCode(() => client.proceed({ ...step, context }), 'sequence/unexpected-reply');
      client.destroy();
      expectCode(() => context.wrap(toUtf8('a'), 'safe'), 'sequence/closed');
    }
  });
});

describe('a client after CCC', () => {
  it('sends in the clear, except credentials, and accepts clear replies only to clear commands', () => {
    const pair = secured();
    pair.settle('CCC');
    expect(pair.command('NOOP').level).toBe('clear');
    expect(pair.reply(pair.server.reply(200, 'yes'))).toMatchObject({ level: 'clear' });
    expect(pair.command('PWD', 'private').level).toBe('private');
    expect(pair.reply(pair.server.reply(257, '"/"'))).toMatchObject({ level: 'private' });
    expect(pair.command('PASS x').level).toBe('private');
    pair.client.receive(toUtf8('230 logged in, trust me\r\n'));
    expectCode(() => pair.client.next(), 'sequence/unprotected');
  });

  it('sends CCC again with integrity, unless the caller names a level without it', () => {
    const pair = new Pair().secure();
    pair.settle('CCC');
    expect(fromUtf8(pair.client.send(toUtf8('CCC')))).toMatch(/^ENC /);
    for (const level of ['clear', 'confidential'] as const) {
      const error = errorOf(() => pair.client.send(toUtf8('CCC'), level));
      expect(error).toMatchObject({ side: 'local', reply: 533 });
    }
  });

  it('accepts a protected reply to a clear command if that is tolerated', () => {
    for (const tolerate of [undefined, []]) {
      const contexts = pskContexts();
      const pair = new Pair({ client: tolerate ? { tolerate } : {} }).secure(contexts);
      pair.settle('CCC');
      pair.client.send(toUtf8('NOOP'));
      pair.client.receive(protectReply(contexts.acceptor, 'safe', toUtf8('200 yes')));
      if (tolerate) expectCode(() => pair.client.next(), 'sequence/wrong-level');
      else expect(pair.client.next()).toMatchObject({ tolerated: ['protected-after-ccc'], level: 'safe' });
    }
  });

  it('accepts confidential replies to confidential commands, and not to safe ones', () => {
    const contexts = pskContexts();
    const pair = new Pair().secure(contexts);
    pair.settle('CCC');
    expect(pair.toServer(pair.client.send(toUtf8('PWD'), 'confidential'))).toMatchObject({ level: 'confidential' });
    expect(pair.reply(pair.server.reply(257, 'a'))).toMatchObject({ level: 'confidential' });
    pair.client.send(toUtf8('PWD'), 'safe');
    pair.client.receive(protectReply(contexts.acceptor, 'confidential', toUtf8('257 a')));
    expectCode(() => pair.client.next(), 'sequence/wrong-level');
  });

  it('refuses a clear reply within a protected one', () => {
    const contexts = pskContexts();
    const pair = new Pair().secure(contexts);
    pair.settle('CCC');
    pair.client.send(toUtf8('FEAT'));
    const { token } = contexts.acceptor.wrap(toUtf8('211-a\r\n'), 'safe');
    pair.client.receive(encodeProtectedReply({ level: 'safe', tokens: [token] }));
    expect(pair.client.next()).toBeUndefined();
    pair.client.receive(toUtf8('211 b\r\n'));
    expectCode(() => pair.client.next(), 'sequence/unprotected');
  });

  it('may be refused by the caller', () => {
    const pair = secured({ client: { ccc: false } });
    expectCode(() => pair.client.send(toUtf8('CCC')), 'sequence/unexpected-command');
  });
});

it('under a mechanism without integrity, both sides may send in the clear', () => {
  const { initiator, acceptor } = pskContexts();
  const pair = new Pair().secure({
    initiator: having(['confidential'], initiator),
    acceptor: having(['confidential'], acceptor),
  });
  expect(pair.command('PWD').level).toBe('confidential');
  expect(pair.reply(pair.server.reply(257, 'a')).level).toBe('confidential');
  expect(pair.command('PWD', 'clear').level).toBe('clear');
  expect(pair.reply(pair.server.reply(257, 'a')).level).toBe('clear');
});

it('only FtpSecurityError closes it', () => {
  const client = exchanging();
  expect(() => client.proceed({ token: new Uint8Array() })).toThrow(RangeError);
  expect(client.proceed({ token: toUtf8('a') })).toBeDefined();
  expect(new FtpSecurityError('sequence/closed', '')).toBeInstanceOf(Error);
});

/** A client whose mechanism is done with its first token, as Kerberos is without mutual authentication; the server's context. */
function done(options?: ClientSessionOptions, { initiator, acceptor } = krb5Contexts()) {
  const client = exchanging(options);
  client.proceed({ token: toUtf8('foo'), context: initiator });
  return { client, context: acceptor };
}

describe('a 235 that comes protected, as MIT sends it without mutual authentication', () => {
  const says = (context: SecurityContext, reply: string, level: TokenLevel = 'safe') =>
    protectReply(context, level, toUtf8(`${reply}\r\n`));

  it('completes the exchange, and is a deviation', () => {
    const { client, context } = done();
    client.receive(says(context, '235 GSSAPI Authentication succeeded'));
    expect(client.next()).toMatchObject({
      ...{ type: 'reply', reply: { code: 235 }, level: 'safe', sequence: 'ok', tolerated: ['protected-235'] },
      command: { verb: 'ADAT' },
    });
    expect(client.phase).toBe('secured');
    client.send(toUtf8('SYST'));
    client.receive(says(context, '215 UNIX'));
    expect(client.next()).toMatchObject({ reply: { code: 215 }, sequence: 'ok', tolerated: [] });
  });

  it('is refused when strict', () => {
    const { client, context } = done({ tolerate: [] });
    client.receive(says(context, '235 done'));
    expectCode(() => client.next(), 'sequence/no-context');
  });

  it('is refused if a line before it is missing', () => {
    const { client, context } = done();
    context.wrap(toUtf8('220 taken out'), 'safe');
    client.receive(says(context, '235 done'));
    expectCode(() => client.next(), 'security/out-of-sequence');
    expect(client.phase).toBe('exchange');
  });

  it('is accepted only with code 235, of this association, with integrity, when the mechanism is complete', () => {
    const refused = (octets: Uint8Array, { client } = done()) => {
      client.receive(octets);
      const { code } = errorOf(() => client.next());
      expect(client.phase).toBe('exchange');
      return code;
    };
    expect(refused(says(krb5Contexts().acceptor, '200 fine'))).toBe('sequence/no-context');
    expect(refused(says(krb5Contexts().acceptor, '535 no'))).toBe('sequence/no-context');
    expect(refused(says(krb5Contexts(2).acceptor, '235 done'))).toBe('security/bad-checksum');
    const confidential = says(pskContexts().acceptor, '235 done', 'confidential');
    expect(refused(confidential, done({}, pskContexts()))).toBe('sequence/wrong-level');
    const client = exchanging();
    client.proceed({ token: toUtf8('foo') });
    expect(refused(says(krb5Contexts().acceptor, '235 done'), { client, context: krb5Contexts().acceptor })).toBe(
      'sequence/no-context',
    );
  });
});

describe('a server that labels tokens as private which are not encrypted', () => {
  const reply = (context: SecurityContext, text: string) => {
    const { token } = context.wrap(toUtf8(text), 'safe');
    return encodeProtectedReply({ level: 'private', tokens: [token] });
  };

  it('is refused unless tolerated by name, and then the level is the one that was applied', () => {
    for (const tolerate of [undefined, DEVIATIONS]) {
      const { client, context } = withServer(tolerate && { tolerate }, krb5Contexts());
      client.send(toUtf8('PWD'));
      client.receive(reply(context, '257 "/"\r\n'));
      expectCode(() => client.next(), 'sequence/wrong-level');
    }
    const { client, context } = withServer({ tolerate: ['integrity-under-632'] }, krb5Contexts());
    client.send(toUtf8('PWD'));
    client.receive(reply(context, '257 "/"\r\n'));
    expect(client.next()).toMatchObject({ reply: { code: 257 }, level: 'safe', tolerated: ['integrity-under-632'] });
  });

  it('is refused in any case if policy requires private replies', () => {
    const { client, context } = withServer({ tolerate: OPTIONAL_DEVIATIONS, require: 'private' }, krb5Contexts());
    client.send(toUtf8('PWD'));
    client.receive(reply(context, '257 "/"\r\n'));
    expectCode(() => client.next(), 'sequence/wrong-level');
  });
});

it('reads no size from a reply that does not grant PBSZ', () => {
  const { client, context } = withServer();
  client.send(toUtf8('PBSZ 1000'));
  client.receive(protectReply(context, 'private', toUtf8('300 PBSZ =500\r\n')));
  expect(client.next()).toMatchObject({ tolerated: [], reply: { code: 300 } });
  expect(client.bufferSize).toBeUndefined();
});

it('accepts the PBSZ of Solaris with a blank before its =, and reports the deviation', () => {
  const { client, context } = withServer();
  client.send(toUtf8('PBSZ 1000'));
  client.receive(protectReply(context, 'private', toUtf8('200 PBSZ =500\r\n')));
  expect(client.next()).toMatchObject({ reply: { code: 200 }, tolerated: ['blank-in-pbsz'] });
  expect(client.bufferSize).toBe(500);
});

describe('what a client is told of mistakes', () => {
  it('a command during the exchange, or after the end, is one of its own', () => {
    const client = exchanging();
    expect(errorOf(() => client.send(toUtf8('NOOP')))).toMatchObject({ side: 'local' });
    expect(errorOf(() => client.check(toUtf8('NOOP')))).toMatchObject({ side: 'local' });
    const ended = new ClientSession();
    ended.receive(toUtf8('no reply\r\n'));
    errorOf(() => ended.next());
    expect(errorOf(() => ended.send(toUtf8('NOOP')))).toMatchObject({ code: 'sequence/closed', side: 'local' });
  });

  it('400 refuses AUTH like every 4yz and 5yz', () => {
    for (const code of [400, 431, 504]) {
      const client = new ClientSession();
      client.receive(toUtf8('220 hello\r\n'));
      client.next();
      client.send(toUtf8('AUTH GSSAPI'));
      client.receive(toUtf8(`${code} no\r\n`));
      expect(client.next()).toMatchObject({ reply: { code }, command: { verb: 'AUTH' } });
      expect(client.phase).toBe('clear');
    }
  });

  it('a limit of replies holds without one of lines', () => {
    const client = new ClientSession({ maxReply: 20 });
    client.receive(toUtf8(`220-a\r\n${'b\r\n'.repeat(10)}`));
    expectCode(() => client.next(), 'syntax/limit-exceeded');
  });

  it('a bare LF is refused if only other deviations are tolerated', () => {
    for (const [tolerate, isRefused] of [
      [undefined, false],
      [['bare-lf'], false],
      [['protected-235'], true],
    ] as const) {
      const client = new ClientSession(tolerate && { tolerate });
      client.receive(toUtf8('220 hello\n'));
      if (isRefused) expectCode(() => client.next(), 'syntax/bad-line');
      else expect(client.next()).toMatchObject({ reply: { code: 220 } });
    }
  });
});
