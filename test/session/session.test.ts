/** Both sessions together, as two peers on a wire use them. */
import { describe, expect, it } from 'vitest';
import { concat, fromUtf8, toUtf8 } from '../../src/bytes.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import type { Step } from '../../src/protection/mechanism.js';
import { ClientSession } from '../../src/session/client.js';
import { ServerSession } from '../../src/session/server.js';

const key = new Uint8Array(32).fill(7);

describe('a session under X-PSK', () => {
  it('takes a whole connection from the greeting to QUIT', () => {
    const client = new ClientSession();
    const server = new ServerSession({ mechanisms: [{ name: 'X-PSK' }], ccc: 'allowed', maxPbsz: 65536 });
    const initiator = pskInitiator({ key });
    const acceptor = pskAcceptor({ key });

    client.receive(server.reply(220, 'ready'));
    expect(client.next()).toMatchObject({ type: 'reply', reply: { code: 220 }, level: 'clear', command: undefined });

    // AUTH X-PSK, 334
    server.receive(client.send(toUtf8('AUTH X-PSK')));
    expect(server.next()).toMatchObject({ type: 'auth', mechanism: 'X-PSK', again: false });
    client.receive(server.proceed({}));
    expect(client.next()).toMatchObject({ type: 'security-data', token: undefined, complete: false });
    expect(client.phase).toBe('exchange');

    // ADAT, 335 ADAT=
    server.receive(client.proceed(initiator.step() as Step)!);
    let data = server.next();
    if (data?.type !== 'security-data') throw new Error('no security data');
    client.receive(server.proceed(acceptor.step(data.token) as Step));
    const answer = client.next();
    if (answer?.type !== 'security-data') throw new Error('no security data');

    // ADAT, 235: the initiator had its context before, so that there is nothing left to do.
    server.receive(client.proceed(initiator.step(answer.token) as Step)!);
    data = server.next();
    if (data?.type !== 'security-data') throw new Error('no security data');
    client.receive(server.proceed(acceptor.step(data.token) as Step));
    expect(client.next()).toMatchObject({
      type: 'reply',
      reply: { code: 235 },
      level: 'clear',
      command: { verb: 'ADAT' },
    });
    expect([client.phase, server.phase]).toEqual(['secured', 'secured']);

    // ENC, 632
    const pass = client.send(toUtf8('PASS secret'));
    expect(fromUtf8(pass)).toMatch(/^ENC [A-Za-z0-9+/=]+\r\n$/);
    server.receive(pass);
    expect(server.next()).toMatchObject({
      type: 'command',
      command: { verb: 'PASS', argument: 'secret' },
      level: 'private',
    });
    const welcome = server.reply(230, ['Welcome', 'Logged in']);
    expect(fromUtf8(welcome)).toMatch(/^632-[A-Za-z0-9+/=]+\r\n632 [A-Za-z0-9+/=]+\r\n$/);
    client.receive(welcome);
    expect(client.next()).toMatchObject({
      type: 'reply',
      reply: { code: 230, lines: ['Welcome', 'Logged in'] },
      classification: { kind: 'positive-completion' },
      level: 'private',
      sequence: 'ok',
      command: { verb: 'PASS' },
    });

    // PBSZ, PROT: the session answers.
    for (const command of ['PBSZ 1048576', 'PROT P']) {
      server.receive(client.send(toUtf8(command), 'safe'));
      const answered = server.next();
      if (answered?.type !== 'answered') throw new Error('not answered');
      client.receive(answered.octets);
      expect(client.next()).toMatchObject({ reply: { code: 200 }, level: 'safe' });
    }
    expect([client.bufferSize, client.protection]).toEqual([65536, 'private']);
    expect([server.bufferSize, server.protection]).toEqual([65536, 'private']);

    // RETR
    server.receive(client.send(toUtf8('RETR file')));
    expect(server.next()).toMatchObject({ command: { verb: 'RETR', argument: 'file' } });
    client.receive(server.reply(150, 'here it comes'));
    expect(client.next()).toMatchObject({ reply: { code: 150 }, command: { verb: 'RETR' } });
    const writer = server.dataWriter();
    const reader = client.dataReader();
    reader.push(concat(writer.write(toUtf8('contents')), writer.end()));
    expect(fromUtf8(reader.next()!)).toBe('contents');
    expect(reader.next()).toBeUndefined();
    expect(reader.ended).toBe(true);
    client.receive(server.reply(226, 'done'));
    expect(client.next()).toMatchObject({ reply: { code: 226 }, command: { verb: 'RETR' } });

    // CCC: from here on clear commands get clear replies.
    server.receive(client.send(toUtf8('CCC')));
    const answered = server.next();
    if (answered?.type !== 'answered') throw new Error('not answered');
    client.receive(answered.octets);
    expect(client.next()).toMatchObject({ reply: { code: 200 }, level: 'private' });
    expect([client.phase, server.phase]).toEqual(['cleared', 'cleared']);
    const noop = client.send(toUtf8('NOOP'));
    expect(fromUtf8(noop)).toBe('NOOP\r\n');
    server.receive(noop);
    expect(server.next()).toMatchObject({ command: { verb: 'NOOP' }, level: 'clear' });
    expect(fromUtf8(server.reply(200, 'yes'))).toBe('200 yes\r\n');
  });
});
