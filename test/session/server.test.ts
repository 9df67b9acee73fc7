import { describe, expect, it } from 'vitest';
import { concat, fromUtf8, toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { COMMANDS } from '../../src/ftp/commands.js';
import { parseReply } from '../../src/ftp/reply.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import { protectCommand, unprotectReply } from '../../src/protection/protect.js';
import { encodeProtectedCommand } from '../../src/protection/protected-command.js';
import type { AnsweredEvent, CommandEvent, RequestEvent, ServerSessionOptions } from '../../src/session/events.js';
import { Observer } from '../../src/session/observer.js';
import { ServerSession } from '../../src/session/server.js';
import { ascii, errorOf, expectCode } from '../helpers.js';
import { visibleContext } from '../protection/visible-context.js';
import { having, krb5Contexts, Pair, pskContexts, secured } from './pair.js';

/** A server, and what a client needs to talk to it by hand. */
function byHand(options: Partial<ServerSessionOptions> = {}, contexts = pskContexts()) {
  const pair = new Pair({ server: options });
  pair.toServer('AUTH X-TEST');
  pair.server.proceed({});
  pair.toServer('ADAT Zm9v');
  pair.server.proceed({ context: contexts.acceptor });
  return { pair, server: pair.server, context: contexts.initiator };
}

type Level = 'safe' | 'private' | 'confidential';

/** Says a command under protection, and gives code and level of the session's own answer. */
function said({ pair, context }: ReturnType<typeof byHand>, level: Level, command: string): [number, string] {
  return answer(context, pair.toServer(protectCommand(context, level, toUtf8(command))) as AnsweredEvent);
}

function answer(context: SecurityContext, event: AnsweredEvent): [number, string] {
  if (event.type !== 'answered') throw new Error(`not answered: ${event.type}`);
  const reply = parseReply(event.octets);
  if (reply.code < 600) return [reply.code, 'clear'];
  const { inner, level } = unprotectReply(context, reply, { requireIntegrity: false });
  expect(inner.code).toBe(event.code);
  return [inner.code, level];
}

/** The answer to a line before any exchange. */
function early(line: string, options: Partial<ServerSessionOptions> = {}): string {
  const event = new Pair({ server: options }).toServer(line);
  return event?.type === 'answered' ? fromUtf8(event.octets) : `${event?.type}`;
}

describe('a server before the exchange', () => {
  it.each([
    ['AUTH X-OTHER', /^504 /],
    ['AUTH', /^501 /],
    ['ADAT Zm9v', /^503 /],
    ['PBSZ 100', /^503 /],
    ['PROT P', /^503 /],
    ['CCC', /^503 /],
    ['MIC Zm9v', /^503 /],
    ['CONF Zm9v', /^503 /],
    ['ENC !', /^503 /],
    ['US\0ER', /^501 /],
    ['', /^501 /],
  ])('answers %j', (line, reply) => {
    expect(early(line)).toMatch(reply);
  });

  it('answers AUTH by 502 if it has no mechanism', () => {
    expect(early('AUTH X-TEST', { mechanisms: [] })).toMatch(/^502 /);
  });

  it('may require security first', () => {
    for (const line of ['USER a', 'LIST', 'PASS x']) expect(early(line, { requireSecurity: true })).toMatch(/^533 /);
    expect(early('USER a', { require: 'private' })).toMatch(/^533 /);
    for (const line of ['NOOP', 'FEAT', 'QUIT']) expect(early(line, { requireSecurity: true })).toBe('command');
    expect(early('AUTH x-test', { requireSecurity: true })).toBe('auth');
  });

  it('greets, and answers in the clear', () => {
    const { server } = new Pair();
    expect(fromUtf8(server.reply(220, ['a', 'b']))).toBe('220-a\r\n220 b\r\n');
    server.receive(toUtf8('user anna\r\n'));
    expect(server.next()).toMatchObject({ command: { verb: 'USER' }, level: 'clear', sequence: 'none', tolerated: [] });
    expect(fromUtf8(server.reply(331, 'password'))).toBe('331 password\r\n');
  });

  it('reports a bare LF, or refuses it', () => {
    const { server } = new Pair();
    server.receive(toUtf8('NOOP\n'));
    expect(server.next()).toMatchObject({ type: 'command', tolerated: ['bare-lf'] });
    expect(early('NOOP\n', { tolerate: [] })).toMatch(/^501 /);
    expect(early('NOOP\n', { tolerate: ['bare-lf'] })).toBe('command');
  });

  it('answers a line that is too long, and continues', () => {
    const pair = new Pair({ server: { maxLine: 20 } });
    expect(pair.toServer('x'.repeat(30), 'NOOP')).toMatchObject({
      ...{ code: 501, command: undefined, tolerated: [] },
      error: { code: 'syntax/limit-exceeded' },
    });
    expect(pair.server.next()).toMatchObject({ command: { verb: 'NOOP' } });
  });

  it('reports where the input ended', () => {
    const { server } = new Pair();
    server.receive(toUtf8('NO'));
    expect(server.next()).toBeUndefined();
    expect(errorOf(() => server.close()).code).toBe('syntax/truncated');
  });
});

describe('a server in the exchange', () => {
  it('reads nothing between AUTH or ADAT and the reply', () => {
    const { server } = new Pair();
    server.receive(toUtf8('AUTH X-TEST\r\nADAT Zm9v\r\nUSER anna\r\n'));
    expect(server.next()).toMatchObject({ type: 'auth', mechanism: 'X-TEST', again: false, tolerated: [] });
    expect([server.next(), server.paused]).toEqual([undefined, true]);
    expect(fromUtf8(server.proceed({ token: toUtf8('bar') }))).toBe('334 ADAT=YmFy\r\n');
    expect(server.next()).toMatchObject({ type: 'security-data', token: toUtf8('foo'), tolerated: [] });
    expect([server.next(), server.paused]).toEqual([undefined, true]);
    const end = server.proceed({ context: pskContexts().acceptor, token: toUtf8('baz'), facts: { clientName: 'a' } });
    expect(fromUtf8(end)).toBe('235 ADAT=YmF6\r\n');
    expect([server.phase, server.facts]).toEqual(['secured', { clientName: 'a' }]);
    // It came before the context was there, but is judged under the new rules.
    expect(server.next()).toMatchObject({
      code: 533,
      command: { verb: 'USER' },
      error: { code: 'sequence/unprotected' },
    });
  });

  it('answers ADAT that cannot be read by 501, and the exchange has failed', () => {
    const pair = new Pair();
    pair.toServer('AUTH X-TEST');
    pair.server.proceed({});
    expect(pair.toServer('ADAT Zm9')).toMatchObject({ code: 501, error: { code: 'syntax/bad-base64' } });
    expect(pair.server.phase).toBe('clear');
    expect(pair.toServer('ADAT Zm9v')).toMatchObject({ code: 503 });
  });

  it('goes on as long as the mechanism needs, keeps its facts, and refuses', () => {
    const pair = new Pair();
    pair.toServer('AUTH X-TEST');
    expect(() => pair.server.reply(334, 'x')).toThrow(RangeError);
    expect(() => pair.server.reply(200, 'x')).toThrow(RangeError);
    expect(() => pair.server.proceed({ context: pskContexts().acceptor, token: toUtf8('a') })).toThrow(RangeError);
    pair.server.proceed({});
    pair.toServer('ADAT Zm9v ');
    expect(fromUtf8(pair.server.proceed({ facts: { clientName: 'a' } }))).toMatch(/^335 [^=]*\r\n$/);
    expect(pair.server.facts).toEqual({ clientName: 'a' });
    expect(pair.toServer('ADAT Zm9v ')).toMatchObject({ tolerated: ['blank-around-base64'] });
    expect(fromUtf8(pair.server.refuse(new FtpSecurityError('security/bad-token', 'no')))).toMatch(/^535 /);
    expect([pair.server.phase, pair.server.facts]).toEqual(['clear', {}]);
    expect(() => pair.server.refuse(new FtpSecurityError('security/bad-token', 'no'))).toThrow(RangeError);
    expect(() => pair.server.proceed({})).toThrow(RangeError);
  });

  it('refuses AUTH, and keeps its phase', () => {
    const pair = new Pair();
    pair.toServer('AUTH X-TEST');
    expect(fromUtf8(pair.server.refuse(new FtpSecurityError('security/no-key', 'no')))).toMatch(/^431 /);
    expect(pair.server.phase).toBe('clear');
    pair.toServer('AUTH X-TEST');
    expect(() => pair.server.reply(399, 'x')).toThrow(RangeError);
    expect(fromUtf8(pair.server.reply(400, 'later'))).toBe('400 later\r\n');
    pair.toServer('AUTH X-TEST');
    expect(fromUtf8(pair.server.reply(421, 'bye'))).toBe('421 bye\r\n');
  });

  it('answers AUTH once, and goes on with no other command', () => {
    const pair = new Pair();
    const auth = pair.toServer('AUTH X-TEST') as RequestEvent;
    pair.server.proceed({});
    expect(() => pair.server.reply(504, 'no', auth)).toThrow(RangeError);
    pair.toServer('NOOP');
    expect(() => pair.server.proceed({})).toThrow(RangeError);
    expect(() => pair.server.refuse(new FtpSecurityError('security/no-key', 'no'))).toThrow(RangeError);
  });

  it('sends 234 with a context', () => {
    const pair = new Pair();
    pair.toServer('AUTH X-TEST');
    expect(fromUtf8(pair.server.proceed({ context: pskContexts().acceptor }))).toMatch(/^234 /);
    expect(pair.server.phase).toBe('secured');
  });

  it('accepts a weak context only with allowWeak, and never one without the level that policy requires', () => {
    const complete = (options: Partial<ServerSessionOptions>, context: SecurityContext, weak: boolean) => {
      const pair = new Pair({ server: options });
      pair.toServer('AUTH X-TEST');
      pair.server.proceed({ facts: { weak } });
      pair.toServer('ADAT Zm9v');
      return [fromUtf8(pair.server.proceed({ context })).slice(0, 3), pair.server.phase];
    };
    const { acceptor } = pskContexts();
    expect(complete({}, acceptor, true)).toEqual(['535', 'clear']);
    expect(errorOf(() => acceptor.wrap(toUtf8('a'), 'safe')).code).toBe('sequence/closed');
    expect(complete({ allowWeak: true }, pskContexts().acceptor, true)).toEqual(['235', 'secured']);
    expect(complete({ require: 'private' }, having(['safe'], pskContexts().acceptor), false)).toEqual(['535', 'clear']);
    expect(complete({ require: 'safe' }, having(['private'], pskContexts().acceptor), false)).toEqual([
      '235',
      'secured',
    ]);
  });

  it('considers any other command the end of the exchange', () => {
    const pair = new Pair();
    pair.toServer('AUTH X-TEST');
    pair.server.proceed({});
    expect(pair.toServer('PBSZ 1')).toMatchObject({ code: 503 });
    expect(pair.server.phase).toBe('exchange');
    expect(pair.toServer('USER anna')).toMatchObject({ type: 'command', level: 'clear' });
    expect(pair.server.phase).toBe('clear');
    pair.server.reply(331, 'password');
    expect(pair.toServer('ADAT Zm9v')).toMatchObject({ code: 503 });
  });
});

describe('a secured server', () => {
  it('answers at the level that a command came at', () => {
    const it = byHand();
    for (const level of ['safe', 'private'] as const) {
      expect(it.pair.toServer(protectCommand(it.context, level, toUtf8('PWD')))).toMatchObject({
        level,
        sequence: 'ok',
      });
      const reply = unprotectReply(it.context, parseReply(it.server.reply(257, '"/"')));
      expect(reply).toMatchObject({ level, inner: { code: 257 } });
    }
  });

  it('refuses everything in the clear, AUTH too, by a protected reply', () => {
    const it = byHand();
    expect(answer(it.context, it.pair.toServer('USER a') as AnsweredEvent)).toEqual([533, 'safe']);
    for (const line of ['AUTH X-TEST', 'ADAT Zm9v', 'CCC', 'REIN', 'PBSZ abc']) {
      expect(answer(it.context, it.pair.toServer(line) as AnsweredEvent)).toEqual([533, 'safe']);
    }
    it.pair.toServer(protectCommand(it.context, 'private', toUtf8('NOOP')));
    it.server.reply(200, 'x');
    // Now the last protected command sets the level.
    expect(answer(it.context, it.pair.toServer('USER a') as AnsweredEvent)).toEqual([533, 'private']);
    expect(answer(it.context, it.pair.toServer('\0') as AnsweredEvent)).toEqual([501, 'private']);
    expect(it.server.phase).toBe('secured');
  });

  it('refuses commands below the level that policy requires', () => {
    const it = byHand({ require: 'private' });
    expect(answer(it.context, it.pair.toServer('USER a') as AnsweredEvent)).toEqual([533, 'private']);
    expect(said(it, 'safe', 'NOOP')).toEqual([533, 'safe']);
    expect(it.pair.toServer(protectCommand(it.context, 'private', toUtf8('NOOP')))).toMatchObject({ type: 'command' });
  });

  it.each<[string, string, number]>([
    ['no base 64', 'MIC Zm9*', 501],
    ['no token', 'MIC', 501],
    ['a broken token', 'ENC Zm9v', 535],
    ['CONF before CCC', 'CONF Zm9v', 535],
  ])('answers %s', (_, line, code) => {
    const it = byHand();
    const [got, level] = answer(it.context, it.pair.toServer(line) as AnsweredEvent);
    expect([got, level]).toEqual([code, line.startsWith('ENC') ? 'private' : 'safe']);
  });

  it('answers a replay, CONF, a wrong level, and a command inside a command', () => {
    const it = byHand();
    const line = protectCommand(it.context, 'private', toUtf8('NOOP'));
    expect(it.pair.toServer(line)).toMatchObject({ type: 'command' });
    it.server.reply(200, 'x');
    expect(answer(it.context, it.pair.toServer(line) as AnsweredEvent)).toEqual([535, 'private']);
    expect(said(it, 'confidential', 'NOOP')).toEqual([533, 'private']);
    const { token } = it.context.wrap(toUtf8('NOOP'), 'safe');
    const claimed = encodeProtectedCommand({ level: 'private', token });
    expect(answer(it.context, it.pair.toServer(claimed) as AnsweredEvent)).toEqual([533, 'private']);
    expect(said(it, 'safe', 'MIC Zm9v')).toEqual([501, 'safe']);
    expect(said(it, 'safe', 'ADAT Zm9v')).toEqual([503, 'safe']);
  });

  it('refuses lines in another order than they were sent', () => {
    const refused = { code: 535, error: { code: 'security/out-of-sequence' } };
    for (const allowMissingLines of [false, true]) {
      const it = byHand({ allowMissingLines });
      const first = protectCommand(it.context, 'safe', toUtf8('DELE a'));
      const second = protectCommand(it.context, 'safe', toUtf8('DELE b'));
      expect(it.pair.toServer(second)).toMatchObject(allowMissingLines ? { sequence: 'gap' } : refused);
      if (allowMissingLines) it.server.reply(250, 'x');
      expect(it.pair.toServer(first)).toMatchObject(refused);
      expect(it.pair.toServer(protectCommand(it.context, 'safe', toUtf8('NOOP')))).toMatchObject({ sequence: 'ok' });
    }
  });

  it('accepts what peers put around a command', () => {
    const it = byHand();
    for (const [end, tolerated] of [
      ['', []],
      ['\r\n', []],
      ['\0', ['trailing-nul']],
    ] as const) {
      const line = encodeProtectedCommand(it.context.wrap(toUtf8(`PWD${end}`), 'safe'));
      expect(it.pair.toServer(line)).toMatchObject({ type: 'command', command: { verb: 'PWD' }, tolerated });
      it.server.reply(257, 'x');
    }
  });

  it('answers PBSZ and PROT', () => {
    const it = byHand({ maxPbsz: 1000, transfers: ['private', 'confidential', 'safe'] });
    expect(said(it, 'safe', 'PROT P')).toEqual([503, 'safe']);
    for (const size of ['0', 'abc', '4294967296', '-1', ''])
      expect(said(it, 'safe', `PBSZ ${size}`)).toEqual([501, 'safe']);
    expect(it.server.bufferSize).toBeUndefined();
    expect(said(it, 'safe', 'PBSZ 20')).toEqual([200, 'safe']);
    expect(said(it, 'safe', 'PROT P')).toEqual([431, 'safe']); // Not even one octet fits.
    const event = it.pair.toServer(protectCommand(it.context, 'safe', toUtf8('PBSZ 4294967295'))) as AnsweredEvent;
    expect(unprotectReply(it.context, parseReply(event.octets)).inner.lines).toEqual(['PBSZ=1000']);
    expect(it.server.bufferSize).toBe(1000);
    expect(said(it, 'safe', 'PROT X')).toEqual([504, 'safe']);
    expect(said(it, 'safe', 'PROT C')).toEqual([534, 'safe']);
    expect(said(it, 'safe', 'PROT')).toEqual([501, 'safe']);
    expect(said(it, 'safe', 'PROT P')).toEqual([200, 'safe']);
    // A PBSZ that can be read is granted (§3); then no transfer fits it.
    expect(said(it, 'safe', 'PBSZ 20')).toEqual([200, 'safe']);
    expect([it.server.bufferSize, it.server.protection]).toEqual([20, 'private']);
    expect(said(it, 'safe', 'RETR a')).toEqual([534, 'safe']);
    expect(errorOf(() => it.server.dataWriter()).code).toBe('syntax/limit-exceeded');
    expect(said(it, 'safe', 'PBSZ 1000')).toEqual([200, 'safe']);
    expect(it.server.dataReader().ended).toBe(false);
    expect(it.server.dataWriter().end().length).toBeGreaterThan(0);
  });

  it('accepts no larger blocks than 16 MiB by default', () => {
    for (const [options, size] of [
      [{}, 0x1000000],
      [{ maxPbsz: 0xffffffff }, 0xffffffff],
    ] as const) {
      const it = byHand(options);
      said(it, 'safe', 'PBSZ 4294967295');
      expect(it.server.bufferSize).toBe(size);
    }
  });

  it('sends replies without a command at the level of policy, even after an inserted line', () => {
    const it = byHand({ require: 'private' });
    expect(it.pair.toServer('MIC AAAA')).toMatchObject({ type: 'answered', code: 535 });
    const reply = parseReply(it.server.reply(421, 'anna has been idle'));
    expect(unprotectReply(it.context, reply)).toMatchObject({ level: 'private', inner: { code: 421 } });
  });

  it('refuses a level for data that its mechanism lacks', () => {
    const it = byHand({}, krb5Contexts());
    said(it, 'private', 'PBSZ 1000');
    expect(said(it, 'private', 'PROT E')).toEqual([536, 'private']);
    expect(said(it, 'private', 'PROT S')).toEqual([200, 'private']);
  });

  it('refuses transfers at a level that policy does not accept (§6)', () => {
    const it = byHand({ transfers: ['private'] });
    for (const { verb } of COMMANDS.filter(({ data }) => data))
      expect(said(it, 'safe', `${verb} a`)).toEqual([534, 'safe']);
    said(it, 'safe', 'PBSZ 1000');
    said(it, 'safe', 'PROT P');
    expect(it.pair.toServer(protectCommand(it.context, 'safe', toUtf8('RETR a')))).toMatchObject({ type: 'command' });
  });

  it.each<[ServerSessionOptions['ccc'], string, number, string]>([
    [undefined, 'CCC', 534, 'secured'],
    ['refused', 'CCC', 534, 'secured'],
    ['allowed', 'CCC', 200, 'cleared'],
    ['required', 'CCC', 200, 'cleared'],
    ['required', 'PWD', 503, 'secured'],
    ['allowed', 'CCC x', 501, 'secured'],
  ])('with CCC %s answers %s', (ccc, command, code, phase) => {
    const pair = new Pair({ server: ccc === undefined ? {} : { ccc } });
    const it = { ...byHand(ccc === undefined ? { ccc: 'refused' } : { ccc }), ...{} };
    expect(pair.server.phase).toBe('clear');
    expect(said(it, 'safe', command)).toEqual([code, 'safe']);
    expect(it.server.phase).toBe(phase);
  });

  it('grants no CCC by default', () => {
    const server = new ServerSession({ mechanisms: [{ name: 'X-TEST' }] });
    const { initiator, acceptor } = pskContexts();
    server.receive(toUtf8('AUTH X-TEST\r\n'));
    server.next();
    server.proceed({ context: acceptor });
    server.receive(protectCommand(initiator, 'safe', toUtf8('CCC')));
    expect(server.next()).toMatchObject({ code: 534 });
    expect(server.phase).toBe('secured');
  });

  it('does not answer under an association at the level of commands before it', () => {
    const it = byHand();
    it.pair.toServer(protectCommand(it.context, 'private', toUtf8('REIN')));
    it.server.reply(220, 'again');
    it.pair.toServer('AUTH X-TEST');
    const { initiator, acceptor } = krb5Contexts();
    it.server.proceed({ context: acceptor });
    expect(answer(initiator, it.pair.toServer('USER a') as AnsweredEvent)).toEqual([533, 'safe']);
  });

  it('knows its client by tokens that have no numbers too', () => {
    const context = visibleContext();
    const { pair } = byHand({}, { initiator: context, acceptor: visibleContext() });
    expect(pair.toServer(protectCommand(context, 'safe', toUtf8('PBSZ 1000')))).toMatchObject({
      code: 200,
      ends: false,
    });
  });

  it('names no deviation of a command that could not be opened', () => {
    expect(byHand().pair.toServer('MIC Zm9v')).toMatchObject({ type: 'answered', tolerated: [] });
  });

  it('protects a 421 that answers no command', () => {
    const { server, context } = byHand();
    expect(unprotectReply(context, parseReply(server.reply(421, 'bye')))).toMatchObject({ inner: { code: 421 } });
  });

  it('is closed when destroyed', () => {
    const contexts = pskContexts();
    const { server } = byHand({}, contexts);
    server.receive(toUtf8('USER anna\r\n'));
    server.destroy();
    expect(server.next()).toBeUndefined();
    expect(errorOf(() => server.reply(421, 'bye')).code).toBe('sequence/closed');
    const early = new Pair().server;
    early.destroy();
    expect(errorOf(() => early.reply(421, 'bye'))).toMatchObject({ code: 'sequence/closed', side: 'local' });
    expect(errorOf(() => contexts.acceptor.wrap(toUtf8('a'), 'safe')).code).toBe('sequence/closed');
  });
});

describe('a server after CCC', () => {
  it('answers each command at its level', () => {
    const it = byHand({ ccc: 'allowed' });
    said(it, 'safe', 'CCC');
    expect(it.pair.toServer('NOOP')).toMatchObject({ level: 'clear' });
    expect(fromUtf8(it.server.reply(200, 'yes'))).toBe('200 yes\r\n');
    expect(it.pair.toServer(protectCommand(it.context, 'private', toUtf8('PWD')))).toMatchObject({ level: 'private' });
    expect(fromUtf8(it.server.reply(257, 'x'))).toMatch(/^632 /);
    expect(it.pair.toServer(protectCommand(it.context, 'confidential', toUtf8('PWD')))).toMatchObject({
      level: 'confidential',
    });
    expect(fromUtf8(it.server.reply(257, 'x'))).toMatch(/^633 /);
    expect(answer(it.context, it.pair.toServer('PROT Q') as AnsweredEvent)).toEqual([503, 'clear']);
    expect(fromUtf8(it.server.reply(421, 'bye'))).toBe('421 bye\r\n');
    expect(answer(it.context, it.pair.toServer('') as AnsweredEvent)).toEqual([501, 'clear']);
    expect(answer(it.context, it.pair.toServer('CCC') as AnsweredEvent)).toEqual([533, 'clear']);
    expect(said(it, 'confidential', 'CCC')).toEqual([533, 'confidential']);
    expect(said(it, 'safe', 'CCC')).toEqual([200, 'safe']);
    expect(it.pair.toServer('AUTH X-TEST')).toMatchObject({ type: 'auth', again: true });
  });

  it('refuses CONF if the mechanism lacks it', () => {
    const it = byHand({ ccc: 'allowed' }, krb5Contexts());
    said(it, 'safe', 'CCC');
    const conf = encodeProtectedCommand({
      level: 'confidential',
      token: it.context.wrap(toUtf8('PWD'), 'private').token,
    });
    expect(answer(it.context, it.pair.toServer(conf) as AnsweredEvent)).toEqual([537, 'safe']);
  });
});

describe('replies', () => {
  const command = (pair: Pair, line: string) => pair.toServer(line) as CommandEvent;

  it('go out in the order of the commands', () => {
    const pair = new Pair();
    const [first, second] = [command(pair, 'RETR a'), command(pair, 'NOOP')];
    expect(pair.server.reply(200, 'two', second)).toEqual(new Uint8Array());
    expect(() => pair.server.reply(200, 'two', second)).toThrow(RangeError);
    expect(fromUtf8(pair.server.reply(150, 'one', first))).toBe('150 one\r\n');
    expect(fromUtf8(pair.server.reply(226, 'one', first))).toBe('226 one\r\n200 two\r\n');
    expect(() => pair.server.reply(200, 'x', first)).toThrow(RangeError);
  });

  it('must be of 100 to 599, and not of the exchange', () => {
    const { server } = new Pair();
    for (const code of [99, 631, 600, 334, 335, 234, 235]) expect(() => server.reply(code, 'x')).toThrow(RangeError);
  });

  it('of several lines go out as one 63z reply, or each line as its own', () => {
    for (const replyPerLine of [undefined, false, true]) {
      const pair = secured({ server: { ...(replyPerLine !== undefined && { replyPerLine }) } });
      pair.command('FEAT');
      const octets = pair.server.reply(211, ['Features', 'MDTM', 'End']);
      const heads = fromUtf8(octets)
        .split('\r\n')
        .slice(0, -1)
        .map(line => line.slice(0, 4));
      expect(heads).toEqual(replyPerLine === true ? ['632 ', '632 ', '632 '] : ['632-', '632-', '632 ']);
      expect(pair.reply(octets)).toMatchObject({
        reply: { code: 211, lines: ['Features', 'MDTM', 'End'] },
        tolerated: replyPerLine === true ? ['reply-spans-outer'] : [],
        command: { verb: 'FEAT' },
      });
    }
  });

  it('to STAT do not wait for the end of a transfer', () => {
    const pair = new Pair();
    const [retr, stat] = [command(pair, 'RETR a'), command(pair, 'STAT')];
    pair.server.reply(150, 'begins', retr);
    expect(fromUtf8(pair.server.reply(211, 'half done', stat))).toBe('211 half done\r\n');
    expect(fromUtf8(pair.server.reply(226, 'done'))).toBe('226 done\r\n');
  });

  it('of the session itself wait for their turn', () => {
    const pair = new Pair();
    command(pair, 'RETR a');
    expect(pair.server.paused).toBe(false);
    expect(pair.toServer('PBSZ 1', 'NOOP')).toBeUndefined();
    expect(pair.server.paused).toBe(true);
    pair.server.reply(150, 'begins');
    expect(pair.server.next()).toBeUndefined();
    pair.server.reply(226, 'done');
    expect(pair.server.paused).toBe(false);
    expect(pair.server.next()).toMatchObject({ type: 'answered', code: 503 });
    expect(pair.server.next()).toMatchObject({ type: 'command', command: { verb: 'NOOP' } });
  });

  it('to REIN wait for the command before it, and the keys are kept until then', () => {
    const contexts = pskContexts();
    const pair = secured({ contexts });
    const list = pair.command('SITE a');
    const rein = pair.command('REIN');
    pair.server.receive(toUtf8('USER a\r\n'));
    expect([pair.server.next(), pair.server.paused, pair.server.phase]).toEqual([undefined, true, 'secured']);
    expect(pair.server.reply(220, 'again', rein)).toEqual(new Uint8Array());
    expect([pair.server.next(), pair.server.paused, pair.server.phase]).toEqual([undefined, true, 'secured']);
    pair.client.receive(pair.server.reply(200, 'done', list));
    expect(pair.client.next()).toMatchObject({ reply: { code: 200 }, level: 'private', command: { verb: 'SITE' } });
    expect(pair.client.next()).toMatchObject({ reply: { code: 220 }, level: 'private', command: { verb: 'REIN' } });
    expect([pair.client.phase, pair.server.phase]).toEqual(['clear', 'clear']);
    for (const context of Object.values(contexts))
      expectCode(() => context.wrap(toUtf8('a'), 'safe'), 'sequence/closed');
    expect(pair.server.next()).toMatchObject({ type: 'command', command: { verb: 'USER' }, level: 'clear' });
  });

  it('to REIN must be sent before anything more is read', () => {
    const pair = new Pair();
    pair.toServer('REIN', 'USER a');
    expect([pair.server.next(), pair.server.paused]).toEqual([undefined, true]);
    pair.server.reply(220, 'again');
    expect(pair.server.next()).toMatchObject({ command: { verb: 'USER' } });
  });
});

it('throws what a mechanism throws that is not a FtpSecurityError', () => {
  const { acceptor } = pskContexts();
  const broken: SecurityContext = {
    ...having(['safe'], acceptor),
    unwrap() {
      throw new TypeError('a fault');
    },
  };
  const { pair } = byHand({}, { ...pskContexts(), acceptor: broken });
  expect(() => pair.toServer('MIC Zm9v')).toThrow(TypeError);
});

it('the limits of a server must be positive integers', () => {
  expect(() => new Pair({ server: { maxPbsz: 0 } })).toThrow(RangeError);
});

it('levels that a policy can not have are refused before any client comes', () => {
  for (const require of ['P', 'clear', 'confidential', null] as unknown as 'safe'[]) {
    expect(() => new Pair({ server: { require } })).toThrow(new RangeError('require must be safe or private'));
    expect(() => new Pair({ client: { require } })).toThrow(new RangeError('require must be safe or private'));
  }
  expect(() => new Pair({ server: { transfers: ['P' as 'private'] } })).toThrow(RangeError);
  for (const level of ['P', 'clear', null] as unknown as 'safe'[])
    expect(() => new Pair({ client: { level } })).toThrow(/^level must be safe or private or confidential$/);
});

it('and so is a deviation that does not exist: a misspelt name would permit nothing', () => {
  const tolerate = ['bare-lf', 'trailing-null'] as never;
  const error = /^tolerate must be reply-spans-outer or .* or trailing-nul or /;
  expect(() => new Pair({ server: { tolerate } })).toThrow(error);
  expect(() => new Pair({ client: { tolerate } })).toThrow(error);
  expect(() => new Observer({ mechanisms: [], tolerate })).toThrow(error);
});

it('and so is another word for what becomes of CCC: it would be granted', () => {
  for (const ccc of ['refuse', 'Refused', false, true, null] as unknown as 'refused'[])
    expect(() => new Pair({ server: { ccc } })).toThrow(new RangeError('ccc must be allowed or refused or required'));
});

it('a server reads a protected ABOR after the Synch of BSD clients, whose urgent octet is lost', () => {
  for (const synch of ['\xff\xf4\xf2', '\xff\xf4\xff\xf2']) {
    const { pair, server, context } = byHand();
    expect(pair.toServer(protectCommand(context, 'safe', toUtf8('RETR huge.bin')))).toMatchObject({ type: 'command' });
    server.reply(150, 'Here it comes');
    const abort = concat(ascii(synch), protectCommand(context, 'safe', toUtf8('ABOR')));
    for (const octet of abort) server.receive(Uint8Array.of(octet));
    expect(server.next()).toMatchObject({ type: 'command', command: { verb: 'ABOR' }, level: 'safe', sequence: 'ok' });
  }
});
