import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import { ServerControl, type ServerControlOptions } from '../../src/node/index.js';
import type { Exchange } from '../../src/protection/mechanism.js';
import { ClientSession } from '../../src/session/client.js';
import type { AnsweredEvent, CommandEvent } from '../../src/session/events.js';
import { ascii, expectCode, mechanismWith } from '../helpers.js';
import { pskContexts } from '../session/pair.js';
import { PSK } from './exchanges.js';
import { startServer } from './ftp-server.js';
import { inMemory, onLoopback } from './sockets.js';

const PSK_ONLY: ServerControlOptions = { mechanisms: [mechanismWith('x-psk', PSK)], timeout: 2000 };

/** Answers what `answer` gives, until QUIT or the end. */
async function serve(control: ServerControl, answer: (event: CommandEvent) => unknown = () => {}): Promise<string[]> {
  const heard: string[] = [];
  for await (const event of control) {
    heard.push(`${event.level} ${event.command.verb}`);
    if (event.command.verb === 'QUIT') break;
    if ((await answer(event)) === undefined) await control.reply(200, 'OK', event);
  }
  return heard;
}

/** What comes, line by line. */
function linesOf(socket: Duplex): () => Promise<string> {
  const iterator = socket.setEncoding('latin1')[Symbol.asyncIterator]();
  let text = '';
  return async () => {
    while (!text.includes('\r\n')) {
      const { done, value } = await iterator.next();
      if (done === true) return `${text}(end)`;
      text += value;
    }
    const [line, ...rest] = text.split('\r\n');
    text = rest.join('\r\n');
    return line!;
  };
}

/** A client by hand: a session, and the socket. */
async function secured(
  socket: Duplex,
): Promise<{ say(text: string): void; hear(): Promise<string>; session: ClientSession }> {
  const session = new ClientSession();
  const line = linesOf(socket);
  const exchange = PSK.initiator();
  const hear = async () => {
    for (;;) {
      const event = session.next();
      if (event?.type === 'reply') return event.reply.lines.join('|');
      if (event === undefined) session.receive(ascii(`${await line()}\r\n`));
      else {
        const next = session.proceed(await exchange.step(event.token));
        if (next !== undefined) socket.write(next);
      }
    }
  };
  const say = (text: string) => socket.write(session.send(ascii(text)));
  say('AUTH X-PSK');
  await hear();
  return { say, hear, session };
}

describe('several mechanisms under one name', () => {
  const says = (text: string, first: string) => ({
    ...mechanismWith('GSSAPI', { acceptor: () => ({ step: () => ({ token: ascii(text) }) }) }),
    recognises: (token: Uint8Array) => token[0] === first.charCodeAt(0),
  });
  const mechanisms = [says('Kerberos', '`'), mechanismWith('GSSAPI', {}), says('TLS', '\x16')];

  it.each([
    ['`abc', `335 ADAT=${btoa('Kerberos')}`],
    ['\x16abc', `335 ADAT=${btoa('TLS')}`],
    ['NTLM', '535 Failed security check'],
  ])('the first token %j chooses', async (token, reply) => {
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far, { mechanisms }));
    const line = linesOf(near);
    near.end(`AUTH gssapi\r\nADAT ${btoa(token)}\r\n`);
    expect(await line()).toMatch(/^334 /);
    expect(await line()).toBe(reply);
    await heard;
  });

  it('and those that have no acceptor are not offered', async () => {
    const [near, far] = inMemory();
    const mechanisms = [mechanismWith('GSSAPI', {}), mechanismWith('x-psk', PSK)];
    const heard = serve(new ServerControl(far, { mechanisms }));
    const line = linesOf(near);
    near.end('AUTH GSSAPI\r\n');
    expect(await line()).toMatch(/^504 /);
    await heard;
  });
});

describe('the server end of a control connection', () => {
  it('gives commands with their levels, and sees to the rest', async () => {
    const [near, far] = await onLoopback();
    const answered: AnsweredEvent[] = [];
    const control = new ServerControl(far, {
      ...PSK_ONLY,
      allowInsertedLines: true,
      answered: event => answered.push(event),
    });
    const heard = serve(control);
    near.write('NOOP\r\n');
    const clear = linesOf(near);
    expect(await clear()).toBe('200 OK');
    const { say, hear } = await secured(near);
    for (const [command, reply] of [
      ['PBSZ 1000', 'PBSZ=1000'],
      ['PROT P', 'Protection level set'],
      ['USER anna', 'OK'],
    ]) {
      say(command!);
      expect(await hear()).toBe(reply);
    }
    near.write('PWD\r\n');
    await pause(50);
    say('QUIT');
    expect(await heard).toEqual(['clear NOOP', 'private USER', 'private QUIT']);
    expect(answered.map(({ code, command }) => `${code} ${command?.verb}`)).toEqual([
      '200 PBSZ',
      '200 PROT',
      '533 PWD',
    ]);
    expect([control.session.protection, control.session.bufferSize]).toEqual(['private', 1000]);
    expectCode(() => control.session.dataWriter(), 'sequence/closed');
  });

  it('answers in the order of the commands, whichever is ready first', async () => {
    const [near, far] = inMemory();
    const control = new ServerControl(far, PSK_ONLY);
    let slow: CommandEvent | undefined;
    const heard = serve(control, async event => {
      if (event.command.verb !== 'SLOW') return undefined;
      slow = event;
      return 'later';
    });
    const line = linesOf(near);
    near.write('SLOW\r\nNOOP\r\nPBSZ 1\r\nNOOP\r\n');
    await pause(30);
    await control.reply(250, 'Slow', slow);
    expect([await line(), await line(), await line(), await line()]).toEqual([
      '250 Slow',
      '200 OK',
      '503 Bad sequence of commands',
      '200 OK',
    ]);
    near.end();
    expect(await heard).toEqual(['clear SLOW', 'clear NOOP', 'clear NOOP']);
  });

  it('reads no more than it is asked for', async () => {
    const [near, far] = await onLoopback();
    const control = new ServerControl(far, PSK_ONLY);
    const commands = control[Symbol.asyncIterator]();
    for (let i = 0; i < 2000; i++) near.write(`NOOP ${'x'.repeat(10_000)}\r\n`);
    await commands.next();
    await pause(200);
    expect(far.bytesRead).toBeLessThan(1_000_000);
    expect(near.writableLength).toBeGreaterThan(1_000_000);
    near.destroy();
    await commands.return();
  });

  it('refuses an exchange that fails, and goes on', async () => {
    const failing: Exchange = {
      step: () => {
        throw new FtpSecurityError('security/expired', 'too late');
      },
    };
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far, { mechanisms: [mechanismWith('X-PSK', { acceptor: () => failing })] }));
    const line = linesOf(near);
    near.write('AUTH X-PSK\r\n');
    expect(await line()).toMatch(/^334 /);
    near.write('ADAT AAAA\r\n');
    expect(await line()).toMatch(/^535 /);
    near.write('AUTH OTHER\r\nNOOP\r\n');
    expect([await line(), await line()]).toEqual([expect.stringMatching(/^504 /), '200 OK']);
    near.end();
    expect(await heard).toEqual(['clear NOOP']);
  });

  it('fails with what is no fault of the client', async () => {
    const broken: Exchange = { step: () => Promise.reject(new Error('no disk')) };
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far, { mechanisms: [mechanismWith('X-PSK', { acceptor: () => broken })] }));
    near.write('AUTH X-PSK\r\nADAT AAAA\r\n');
    await expect(heard).rejects.toThrow('no disk');
    expect(far.destroyed).toBe(true);
  });

  it('closes the connection when the iteration ends', async () => {
    const [near, far] = await onLoopback();
    const control = new ServerControl(far, PSK_ONLY);
    const line = linesOf(near);
    near.write('QUIT\r\n');
    for await (const event of control) {
      await control.reply(221, 'Bye', event);
      break;
    }
    expect([await line(), await line()]).toEqual(['221 Bye', '(end)']);
    await pause(20);
    expect(far.destroyed).toBe(true);
  });

  it('closes it though the client does not close its side', async () => {
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far, PSK_ONLY));
    near.write('QUIT\r\n');
    expect(await heard).toEqual(['clear QUIT']);
    near.resume();
    await vi.waitFor(() => expect(far.destroyed).toBe(true));
    expect(near.writableEnded).toBe(false);
  });

  it('sends each reply at once, without Nagle’s algorithm', () => {
    const [, far] = inMemory();
    const asked: unknown[] = [];
    Object.assign(far, { setNoDelay: (noDelay: unknown) => asked.push(noDelay) });
    new ServerControl(far, PSK_ONLY);
    expect(asked).toEqual([true]);
  });

  it('gives the exchange the addresses of the connection, its own as those of the acceptor', async () => {
    const channels: unknown[] = [];
    const step: Exchange['step'] = (_, channel) => {
      channels.push(channel);
      throw new FtpSecurityError('security/no-key', 'no key');
    };
    for (const channelBindings of [true, false]) {
      const [near, far] = inMemory();
      Object.assign(far, { localAddress: '192.0.2.1', remoteAddress: '198.51.100.2' });
      const mechanisms = [mechanismWith('X-PSK', { acceptor: () => ({ step }) })];
      const heard = serve(new ServerControl(far, { mechanisms, channelBindings }));
      near.end('AUTH X-PSK\r\nADAT AAAA\r\n');
      near.resume();
      await heard;
    }
    const [acceptor, initiator] = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(198, 51, 100, 2)];
    expect(channels).toEqual([{ initiator, acceptor }, {}]);
  });

  it('says what a connection ended with', async () => {
    const [near, far] = inMemory();
    const half = serve(new ServerControl(far, PSK_ONLY));
    near.end('NOO');
    await expect(half).rejects.toMatchObject({ code: 'syntax/truncated' });

    const [near2, far2] = await onLoopback();
    const cut = serve(new ServerControl(far2, PSK_ONLY));
    near2.resetAndDestroy();
    await expect(cut).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('may be given a socket that reads text', async () => {
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far.setEncoding('utf8'), PSK_ONLY));
    near.end('NOOP \xe9\r\n');
    expect(await heard).toEqual(['clear NOOP']);
  });
});

describe('the application hears', () => {
  it('of each association that begins and ends, by name', async () => {
    const [near, far] = inMemory();
    const told: string[] = [];
    const control = new ServerControl(far, {
      ...PSK_ONLY,
      association: ({ type, mechanism, facts }) => told.push(`${type} ${mechanism} ${JSON.stringify(facts)}`),
    });
    const heard = serve(control);
    const { say, hear } = await secured(near);
    expect(told).toEqual(['begins X-PSK {}']);
    say('REIN');
    await hear();
    expect(told.slice(1)).toEqual(['ends X-PSK {}']);
    const again = await secured(near);
    expect(told.slice(2)).toEqual(['begins X-PSK {}']);
    again.say('QUIT');
    await heard;
    expect(told.slice(3)).toEqual(['ends X-PSK {}']);
  });

  it('of an exchange that is refused: the command, the reply and the error', async () => {
    const answered: AnsweredEvent[] = [];
    const error = new FtpSecurityError('security/no-key', 'no key for ftp/host');
    const failing: Exchange = { step: () => Promise.reject(error) };
    const [near, far] = inMemory();
    const heard = serve(
      new ServerControl(far, {
        mechanisms: [mechanismWith('X-PSK', { acceptor: () => failing })],
        answered: event => answered.push(event),
      }),
    );
    const line = linesOf(near);
    near.write('AUTH X-PSK\r\nADAT AAAA\r\n');
    expect([await line(), await line()]).toEqual([expect.stringMatching(/^334 /), expect.stringMatching(/^535 /)]);
    expect(answered).toMatchObject([{ command: { verb: 'ADAT', argument: 'AAAA' }, code: 535, error, ends: false }]);
    near.end();
    await heard;
  });

  it('of exchanges that fail too often: the connection is ended behind 421', async () => {
    const failing: Exchange = { step: () => Promise.reject(new FtpSecurityError('security/bad-token', 'no')) };
    const [near, far] = inMemory();
    const heard = serve(
      new ServerControl(far, { mechanisms: [mechanismWith('X-PSK', { acceptor: () => failing })], maxFailures: 3 }),
    );
    const line = linesOf(near);
    const codes: string[] = [];
    near.write('AUTH X-PSK\r\nADAT AAAA\r\nADAT AAAA\r\nAUTH OTHER\r\nNOOP\r\n');
    await expect(heard).rejects.toMatchObject({ code: 'sequence/unexpected-command' });
    for (let text = await line(); text !== '(end)'; text = await line()) codes.push(text.slice(0, 3));
    expect(codes).toEqual(['334', '535', '503', '504', '421']);
  });

  it('nothing of a connection that closes with neither end nor error, but that it is over', async () => {
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far, PSK_ONLY));
    near.write('NOOP\r\n');
    await pause(20);
    far.destroy();
    expect(await heard).toEqual(['clear NOOP']);
  });
});

describe('waits have a limit', () => {
  it.each([
    ['octets of a command', 'N'],
    ['whole commands', 'NOOP\r\n'],
    ['exchanges', 'AUTH X-PSK\r\n'],
    ['exchanges that fail', 'AUTH X-PSK\r\nADAT AAAA\r\n'],
  ])('the login, which %s do not renew', async (_, dripped) => {
    const [near, far] = inMemory();
    const control = new ServerControl(far, { ...PSK_ONLY, timeout: 1000, loginTimeout: 150, maxFailures: 1000 });
    const heard = serve(control);
    near.resume();
    const dripping = setInterval(() => near.write(dripped), 10);
    const begun = performance.now();
    await expect(heard).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: 'timed out while waiting for the client to log in',
    });
    clearInterval(dripping);
    expect(performance.now() - begun).toBeLessThan(500);
  });

  it('an idle client, whatever octets it sends, if they make no command', async () => {
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far, { ...PSK_ONLY, timeout: 150, loginTimeout: 0 }));
    near.write('USER anna\r\n');
    const dripping = setInterval(() => near.write('N'), 10);
    await expect(heard).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: 'timed out while waiting for a command of the client',
    });
    clearInterval(dripping);
  });

  it.each(['USER anna', 'PASS secret', 'ACCT x'])(
    'no login once %s has its 2yz, but once more behind REIN',
    async line => {
      const [near, far] = inMemory();
      const heard = serve(new ServerControl(far, { ...PSK_ONLY, loginTimeout: 120 }));
      near.resume();
      near.write(`${line}\r\n`);
      await pause(200);
      expect(far.destroyed).toBe(false);
      near.write('REIN\r\n');
      await expect(heard).rejects.toMatchObject({ message: 'timed out while waiting for the client to log in' });
    },
  );

  it('a login that is refused, and one whose association has ended', async () => {
    const [near, far] = inMemory();
    const refused = serve(new ServerControl(far, { ...PSK_ONLY, loginTimeout: 100 }), async () => pause(1));
    near.write('USER anna\r\n');
    await pause(150);
    expect(far.destroyed).toBe(false); // It still gets a reply.
    far.destroy();
    await refused;

    const [near2, far2] = inMemory();
    const control = new ServerControl(far2, { ...PSK_ONLY, loginTimeout: 150 });
    const heard = serve(control);
    const { say, hear } = await secured(near2);
    say('USER anna');
    await hear();
    await pause(200);
    expect(far2.destroyed).toBe(false);
    say('AUTH X-PSK'); // It begins an exchange, and never logs in again.
    await expect(heard).rejects.toMatchObject({ message: 'timed out while waiting for the client to log in' });
  });

  it('an idle client; not one that waits for its reply', async () => {
    const [near, far] = inMemory();
    const control = new ServerControl(far, { ...PSK_ONLY, timeout: 60 });
    const heard = serve(control, async () => pause(150));
    near.write('NOOP\r\n');
    await pause(120);
    expect(far.destroyed).toBe(false);
    await expect(heard).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });

  it.each([
    ['that is idle', { timeout: 500, loginTimeout: 0 }],
    ['that does not log in', { timeout: 2000, loginTimeout: 500 }],
  ])('a client %s, and is told so by 421, protected if there is an association', async (_, limits) => {
    const text = 'Timeout: closing the control connection';
    const control = (far: Duplex) => new ServerControl(far, { ...PSK_ONLY, ...limits, require: 'private' });
    const [[clear, far], [near, far2]] = [inMemory(), inMemory()];
    const heard = [far, far2].map(socket => serve(control(socket)).catch(error => error));
    const line = linesOf(clear);
    const { hear, session } = await secured(near);
    expect(await hear()).toBe(text);
    expect(session.pending).toEqual([]); // It answers no command.
    expect([await line(), await line()]).toEqual([`421 ${text}`, '(end)']);
    for (const error of await Promise.all(heard)) expect(error).toMatchObject({ code: 'ETIMEDOUT' });
    await vi.waitFor(() => expect([far.destroyed, far2.destroyed]).toEqual([true, true]));
  });

  it('a client that does not read', async () => {
    const [, far] = inMemory();
    const control = new ServerControl(far, { ...PSK_ONLY, timeout: 60 });
    const many = Array.from({ length: 3000 }, () => 'long text');
    const message = 'timed out while waiting for the client to read its replies';
    await expect(control.reply(220, many)).rejects.toMatchObject({ code: 'ETIMEDOUT', message });
  });

  it('a step of the exchange', async () => {
    const never: Exchange = { step: () => new Promise(() => {}) };
    const [near, far] = inMemory();
    const heard = serve(
      new ServerControl(far, { mechanisms: [mechanismWith('X-PSK', { acceptor: () => never })], timeout: 60 }),
    );
    near.write('AUTH X-PSK\r\nADAT AAAA\r\n');
    const message = 'timed out while waiting for a step of the exchange';
    await expect(heard).rejects.toMatchObject({ code: 'ETIMEDOUT', message });
  });

  it('a login of a client that sends without a pause', async () => {
    const [near, far] = inMemory();
    const heard: string[] = [];
    const control = new ServerControl(far, { ...PSK_ONLY, loginTimeout: 100 });
    near.resume();
    near.write('NOOP\r\n'.repeat(10));
    const served = serve(control, ({ command }) => {
      heard.push(command.verb);
      return pause(40);
    });
    await expect(served).rejects.toMatchObject({ message: 'timed out while waiting for the client to log in' });
    expect(heard.length).toBeLessThan(10);
  });

  it('a login that is refused, however often', async () => {
    const [near, far] = inMemory();
    const control = new ServerControl(far, { ...PSK_ONLY, loginTimeout: 150 });
    near.resume();
    near.write('USER anna\r\nPASS a\r\nPASS b\r\n');
    const codes = [331, 530, 530];
    const heard = serve(control, async event => {
      await control.reply(codes.shift()!, 'Not yet', event);
      return 'answered';
    });
    await expect(heard).rejects.toMatchObject({ message: 'timed out while waiting for the client to log in' });
  });

  it('no client while one of its commands waits: neither idle nor late, and it may send others', async () => {
    for (const options of [
      { timeout: 60, loginTimeout: 0 },
      { timeout: 2000, loginTimeout: 60 },
    ]) {
      const [near, far] = inMemory();
      const control = new ServerControl(far, { ...PSK_ONLY, ...options });
      near.resume();
      near.write('RETR a\r\n');
      const waiting: CommandEvent[] = [];
      const heard = serve(control, async event => {
        waiting.push(event);
        await control.reply(150, 'Soon', event);
        return 'later';
      });
      await pause(150);
      near.write('STAT\r\n');
      await vi.waitFor(() => expect(waiting.map(({ command }) => command.verb)).toEqual(['RETR', 'STAT']));
      expect(far.destroyed).toBe(false);
      for (const event of waiting) await control.reply(226, 'Done', event);
      await expect(heard).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    }
  });

  it('a client whose commands got replies that name none of them', async () => {
    const [near, far] = inMemory();
    const control = new ServerControl(far, { ...PSK_ONLY, timeout: 60, loginTimeout: 0 });
    near.resume();
    near.write('NOOP\r\nNOOP\r\n');
    const heard = serve(control, async () => {
      await control.reply(200, 'OK');
      return 'answered';
    });
    await expect(heard).rejects.toMatchObject({ message: 'timed out while waiting for a command of the client' });
  });

  it('nothing, if there shall be none', async () => {
    const [near, far] = inMemory();
    const heard = serve(new ServerControl(far, { ...PSK_ONLY, timeout: 0, loginTimeout: 0 }));
    near.resume();
    near.write('NOOP\r\n');
    await pause(50);
    expect(far.destroyed).toBe(false);
    near.end('QUIT\r\n');
    expect(await heard).toEqual(['clear NOOP', 'clear QUIT']);
  });

  it('a step of the exchange, whose keys are erased if it comes too late', async () => {
    const { acceptor: context } = pskContexts();
    const late: Exchange = { step: () => pause(100).then(() => ({ context })) };
    const [near, far] = inMemory();
    const heard = serve(
      new ServerControl(far, { mechanisms: [mechanismWith('X-PSK', { acceptor: () => late })], timeout: 20 }),
    );
    near.write('AUTH X-PSK\r\nADAT AAAA\r\n');
    await expect(heard).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await vi.waitFor(() => expect(() => context.supports('safe')).toThrow('destroyed'));
  });
});

describe('the connection is closed', () => {
  it('though the application throws when it hears that the association has ended', async () => {
    const [near, far] = inMemory();
    const control = new ServerControl(far, {
      ...PSK_ONLY,
      association: ({ type }) => {
        if (type === 'ends') throw new Error('from the application');
      },
    });
    const heard = serve(control);
    const { say } = await secured(near);
    say('QUIT');
    await expect(heard).rejects.toThrow('from the application');
    await vi.waitFor(() => expect(far.destroyed).toBe(true));
  });
});

describe('a reply', () => {
  it('goes to the system in one call with those to other commands that came at once', async () => {
    const [near, far] = await onLoopback();
    const calls = [vi.spyOn(far, '_write'), vi.spyOn(far, '_writev' as '_write')];
    const heard = serve(new ServerControl(far, PSK_ONLY));
    const line = linesOf(near);
    near.end('NOOP\r\n'.repeat(50));
    for (let i = 0; i < 50; i++) expect(await line()).toBe('200 OK');
    expect(await heard).toHaveLength(50);
    // The commands may come in a few pieces.
    expect(calls.reduce((sum, { mock }) => sum + mock.calls.length, 0)).toBeLessThan(10);
  });

  it('that is not awaited does not keep the connection of a client that reads nothing', async () => {
    const [near, far] = await onLoopback();
    near.on('error', () => {});
    const control = new ServerControl(far, { ...PSK_ONLY, timeout: 100 });
    near.write('STAT\r\n');
    for await (const event of control) {
      const many = Array.from({ length: 200_000 }, () => 'a line that is fairly long, and that is never read');
      control.reply(211, many, event).catch(() => {});
      break;
    }
    await vi.waitFor(() => expect(far.destroyed).toBe(true), 2000);
    near.destroy();
  });

  it('goes nowhere over a socket that was closed from the start', async () => {
    const [, far] = inMemory();
    far.destroy();
    expect(await serve(new ServerControl(far, PSK_ONLY))).toEqual([]);
    // Its event `close` has been.
    await pause(10);
    expect(await serve(new ServerControl(far, PSK_ONLY))).toEqual([]);
    const [near, ended] = inMemory();
    near.end();
    await once(ended.resume(), 'end');
    expect(await serve(new ServerControl(ended, PSK_ONLY))).toEqual([]);
  });

  it('that is long is sent when the client has read it, and fails when the client goes instead', async () => {
    const many = Array.from({ length: 3000 }, () => 'long text');
    const [near, far] = inMemory();
    const sent = new ServerControl(far, PSK_ONLY).reply(220, many);
    near.resume();
    await sent;

    const [, other] = inMemory();
    const failed = new ServerControl(other, PSK_ONLY).reply(220, many);
    other.destroy(new Error('the client has gone'));
    await expect(failed).rejects.toThrow('the client has gone');
  });

  it('fails when the client is gone', async () => {
    const [, far] = inMemory();
    const control = new ServerControl(far, PSK_ONLY);
    far.destroy();
    await expect(control.reply(220, 'Ready')).rejects.toThrow();
  });

  it('to a command that a server does not know', async () => {
    const server = await startServer(PSK_ONLY);
    const socket = connect({ host: '127.0.0.1', port: server.port });
    const line = linesOf(socket);
    expect(await line()).toBe('220 Ready');
    socket.write('XYZ\r\n');
    expect(await line()).toBe('502 Not implemented');
    socket.end();
    await server.close();
  });
});

describe('what a caller gets wrong is named at once', () => {
  const make = (options: object) => () => new ServerControl(inMemory()[0], options as ServerControlOptions);

  it.each([
    ['no mechanisms', {}, TypeError, /^mechanisms must be a list/],
    ['a mechanism alone', { mechanisms: mechanismWith('x-psk', PSK) }, TypeError, /^mechanisms must be a list/],
    ['names', { mechanisms: ['X-PSK'] }, TypeError, /^no mechanism has an acceptor.*acceptor: \{ keytab \}/],
    ['a mechanism without keys', { mechanisms: [mechanismWith('x-psk', {})] }, TypeError, /^no mechanism has an acc/],
    ['a letter of PROT', { ...PSK_ONLY, require: 'P' }, RangeError, /^require must be safe or private/],
    ['letters of PROT', { ...PSK_ONLY, transfers: ['P'] }, RangeError, /level must be clear, safe/],
    ['a limit as text', { ...PSK_ONLY, timeout: '5' }, TypeError, /^timeout must be a number/],
    ['a limit below 0', { ...PSK_ONLY, loginTimeout: -1 }, RangeError, /^loginTimeout must be 0 to/],
  ])('%s', (_, options, error, message) => {
    expect(make(options)).toThrow(error);
    expect(make(options)).toThrow(message);
  });

  it('but a server may offer none', () => {
    expect(make({ mechanisms: [] })).not.toThrow();
  });
});
