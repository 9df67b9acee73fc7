/** An attacker between the sides inserts a line: neither side goes on with replies that have shifted. */
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { formatReply } from '../../src/ftp/reply.js';
import { protectReply } from '../../src/protection/protect.js';
import { encodeProtectedCommand } from '../../src/protection/protected-command.js';
import type { AnsweredEvent, ClientSessionOptions } from '../../src/session/events.js';
import { errorOf, expectCode } from '../helpers.js';
import { Pair, pskContexts, secured } from './pair.js';

/** A secured client, and its server's context. */
function withServer(options: ClientSessionOptions = {}) {
  const contexts = pskContexts();
  const { client } = new Pair({ client: options }).secure({ ...contexts, acceptor: pskContexts().acceptor });
  const hear = (code: number, text: string | string[] = 'text', level: 'safe' | 'private' = 'private') => {
    client.receive(protectReply(contexts.acceptor, level, formatReply(code, text)));
    return client.next();
  };
  return { client, hear };
}

describe('a client', () => {
  it.each([533, 535, 537])('is closed by %i to a command that it protected', code => {
    const { client, hear } = withServer();
    client.send(toUtf8('PWD'));
    client.send(toUtf8('CWD secret'));
    const error = errorOf(() => hear(code, ['Command protection', 'level \u001b[31mdenied']));
    expect(error).toMatchObject({ code: 'sequence/unexpected-reply', side: 'peer' });
    expect(error.message).toMatch(/PWD.*: 53[357] Command protection level \\u\{1b\}\[31mdenied$/);
    expectCode(() => client.next(), 'sequence/closed');
    expectCode(() => client.send(toUtf8('NOOP')), 'sequence/closed');
  });

  it.each([200, 257, 150, 120, 220, 500])('is closed by a protected %i that answers no command', code => {
    const { client, hear } = withServer();
    expect(errorOf(() => hear(code, 'x')).message).toBe(`a protected reply that answers no command: ${code} x`);
    expectCode(() => client.send(toUtf8('NOOP')), 'sequence/closed');
  });

  it('accepts a 421 that answers no command', () => {
    expect(withServer().hear(421)).toMatchObject({ reply: { code: 421 }, command: undefined });
  });

  it('continues after other refusals, and after 535 to ADAT', () => {
    const { client, hear } = withServer();
    for (const code of [500, 501, 502, 503, 530, 534, 536, 550]) {
      client.send(toUtf8('PWD'));
      expect(hear(code)).toMatchObject({ reply: { code } });
    }
  });

  it('continues with allowInsertedLines', () => {
    const { client, hear } = withServer({ allowInsertedLines: true });
    expect(hear(200)).toMatchObject({ command: undefined });
    for (const code of [533, 535]) {
      client.send(toUtf8('PWD'));
      expect(hear(code)).toMatchObject({ reply: { code }, command: { verb: 'PWD' } });
    }
  });

  it('continues after a refusal of a command that it sent in the clear after CCC', () => {
    const contexts = pskContexts();
    const pair = new Pair().secure(contexts);
    pair.settle('CCC');
    pair.client.send(toUtf8('PWD'), 'clear');
    expect(pair.toClient('533 not so')).toMatchObject({ reply: { code: 533 } });
    pair.client.send(toUtf8('PWD'), 'safe');
    pair.client.receive(protectReply(contexts.acceptor, 'safe', formatReply(533, 'not so')));
    expectCode(() => pair.client.next(), 'sequence/unexpected-reply');
  });
});

describe('a server', () => {
  const NOT_AUTHENTIC = [
    'USER root',
    'AUTH X-TEST',
    'ADAT Zm9v',
    'CCC',
    'QUIT',
    '\0',
    '',
    'MIC',
    'MIC !',
    'ENC AAAA',
    'CONF AA==',
  ];
  it.each(NOT_AUTHENTIC)('asks to close the connection after %j, which the client has not sent', line => {
    for (const allowInsertedLines of [false, true]) {
      const pair = secured({ server: { allowInsertedLines } });
      expect(pair.toServer(line)).toMatchObject({ type: 'answered', ends: !allowInsertedLines });
    }
  });

  it('asks to close it after a replayed line', () => {
    const pair = secured();
    const line = pair.client.send(toUtf8('PWD'));
    expect(pair.toServer(line)).toMatchObject({ type: 'command' });
    pair.server.reply(257, 'x');
    expect(pair.toServer(line)).toMatchObject({ code: 535, ends: true });
  });

  it('does not ask for it after any line of the client, right or wrong', () => {
    const contexts = pskContexts();
    const pair = new Pair({ server: { require: 'private' } }).secure(contexts);
    const { initiator } = contexts;
    const wrapped = (text: string, level: 'safe' | 'private' | 'confidential', claimed = level) =>
      encodeProtectedCommand({ level: claimed, token: initiator.wrap(toUtf8(text), level).token });
    for (const [line, code] of [
      [wrapped('PROT X', 'private'), 503],
      [wrapped('NOOP', 'safe'), 533],
      [wrapped('NOOP', 'safe', 'private'), 533],
      [wrapped('MIC Zm9v', 'private'), 501],
      [wrapped('a\nb', 'private'), 501],
    ] as const) {
      expect(pair.toServer(line)).toMatchObject({ code, ends: false });
    }
  });

  it('does not ask for it before an association, nor after CCC', () => {
    const early = new Pair({ server: { requireSecurity: true } });
    expect(early.toServer('USER a')).toMatchObject({ code: 533, ends: false });
    expect(early.toServer('MIC AAAA')).toMatchObject({ code: 503, ends: false });
    const cleared = secured();
    cleared.settle('CCC');
    expect(cleared.toServer('PBSZ x')).toMatchObject({ code: 501, ends: false });
    expect(cleared.toServer('MIC AAAA')).toMatchObject({ code: 535, ends: false });
  });

  it('and a client together: one inserted line ends the connection before a reply can shift', () => {
    const pair = secured();
    const [mine, inserted] = [pair.client.send(toUtf8('DELE a')), toUtf8('NOOP\r\n')];
    const answered = pair.toServer(inserted, mine) as AnsweredEvent;
    expect(answered).toMatchObject({ code: 533, ends: true });
    expectCode(() => pair.reply(answered.octets), 'sequence/unexpected-reply');
  });
});
