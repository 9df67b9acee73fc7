import { once } from 'node:events';
import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeBase64 } from '../../src/base64.js';
import { FtpSecurityError } from '../../src/errors.js';
import { parseCommand } from '../../src/ftp/command.js';
import { formatReply } from '../../src/ftp/reply.js';
import { ClientControl, type ClientControlOptions, ServerControl } from '../../src/node/index.js';
import type { Exchange, SecurityContext } from '../../src/protection/mechanism.js';
import { protectReply, unprotectCommand } from '../../src/protection/protect.js';
import type { ClientEvent, CommandEvent } from '../../src/session/events.js';
import { ascii, mechanismWith } from '../helpers.js';
import { having, pskContexts } from '../session/pair.js';
import { kerberos, PSK, type TestMechanism } from './exchanges.js';
import { inMemory, onLoopback } from './sockets.js';

/** Says the argument of each command in its reply; `LONG n` has n lines. */
async function echo(control: ServerControl): Promise<string[]> {
  const heard: string[] = [];
  await control.reply(220, 'Ready');
  for await (const event of control) {
    const { verb, argument = '' } = event.command;
    heard.push(`${event.level} ${verb} ${argument}`.trim());
    const lines = Array.from({ length: Number(argument) }, (_, i) => `line ${i}`);
    if (verb === 'QUIT') {
      await control.reply(221, 'Bye', event);
      break;
    }
    await control.reply(200, verb === 'LONG' ? lines : [`You said ${argument}`], event);
  }
  return heard;
}

function serverOf({ mechanism, acceptor }: TestMechanism, socket: ConstructorParameters<typeof ServerControl>[0]) {
  return new ServerControl(socket, { mechanisms: [mechanismWith(mechanism, { acceptor })], timeout: 5000 });
}

function clientOf(
  { mechanism, initiator }: TestMechanism,
  socket: ConstructorParameters<typeof ClientControl>[0],
  options: Partial<ClientControlOptions> = {},
) {
  return new ClientControl(socket, { mechanism, exchange: initiator(), timeout: 5000, ...options });
}

/** Reads until so many lines have come. */
async function lines(control: ClientControl, count: number): Promise<string[]> {
  const read: string[] = [];
  let rest = '';
  while (read.length < count) {
    const chunk: Buffer | null = control.read();
    if (chunk === null) await new Promise(resolve => control.once('readable', resolve));
    else {
      read.push(...`${rest}${chunk}`.split('\r\n'));
      rest = read.pop()!;
    }
  }
  return read;
}

/** A server that is content with one token, and answers what comes behind it with one code. @returns the client's side of the exchange */
function answering(far: Duplex, code: number): Exchange {
  const { initiator, acceptor } = pskContexts();
  far.on('data', (line: Buffer) => {
    if (line.toString().startsWith('AUTH')) far.write('334 Go on\r\n');
    else if (line.toString().startsWith('ADAT')) far.write('235 Done\r\n');
    else far.write(protectReply(acceptor, 'private', formatReply(code, 'Well')));
  });
  return { step: () => ({ token: new Uint8Array(1), context: initiator }) };
}

const opened: Duplex[] = [];
afterEach(() => {
  for (const stream of opened.splice(0)) stream.destroy();
});

/**
 * A client after its exchange, without PBSZ and PROT, and a server that says only what a test lets it say.
 * @param behind  what the server says in one piece with its 235
 */
async function prepared(options: Partial<ClientControlOptions> = {}, behind = '') {
  const [near, far] = inMemory();
  const { initiator, acceptor } = pskContexts();
  const sealed = (text: string) => Buffer.from(text && protectReply(acceptor, 'private', ascii(`${text}\r\n`)));
  const heard: string[] = [];
  far.on('data', (octets: Buffer) => {
    if (octets.toString().startsWith('AUTH')) far.write('334 Go on\r\n');
    else if (octets.toString().startsWith('ADAT')) far.write(Buffer.concat([ascii('235 Done\r\n'), sealed(behind)]));
    else
      for (const line of octets.toString('latin1').split(/(?<=\n)/)) {
        const { verb, argument } = unprotectCommand(acceptor, parseCommand(ascii(line))).inner;
        heard.push(`${verb} ${argument ?? ''}`.trim());
      }
  });
  const exchange: Exchange = { step: () => ({ token: new Uint8Array(1), context: initiator }) };
  const given = { mechanism: 'X-TEST', exchange, greeted: true, protection: 'clear', timeout: 5000 } as const;
  const client = new ClientControl(near, { ...given, ...options });
  opened.push(client, far);
  await client.start();
  return { client, near, far, initiator, heard, say: (text: string) => far.write(sealed(text)) };
}

/** What a stream is destroyed with. */
function failure(control: ClientControl): Promise<Error & { code?: string }> {
  return new Promise(resolve => control.once('error', resolve));
}

describe.each([
  ['X-PSK', PSK],
  ['Kerberos with AES', kerberos(18)],
  ['Kerberos with DES', kerberos(3)],
])('a control connection over %s', (_, mechanism) => {
  it.each([
    ['on 127.0.0.1', onLoopback],
    ['in memory', async () => inMemory()],
    ['octet by octet', async () => inMemory(1)],
  ])('%s: commands are written and replies are read in the clear', async (_, connection) => {
    const [near, far] = await connection();
    const heard = echo(serverOf(mechanism, far));
    const client = clientOf(mechanism, near);
    client.write('USER an'); // Before the exchange it waits.
    await client.start();
    client.write('na\r\nPASS secret\r\nLONG 3\r\nQUIT\r\n');
    expect(await lines(client, 7)).toEqual([
      '220 Ready',
      '200 You said anna',
      '200 You said secret',
      '200-line 0',
      'line 1',
      '200 line 2',
      '221 Bye',
    ]);
    expect(await heard).toEqual(['private USER anna', 'private PASS secret', 'private LONG 3', 'private QUIT']);
    expect(client.session.protection).toBe('private');
    expect(client.session.bufferSize).toBe(65536);
    client.resume();
    await new Promise(resolve => client.once('close', resolve));
    expect(client.errored).toBeNull();
  });
});

describe('a control connection', () => {
  it('goes at the level and the buffer that are asked for', async () => {
    const [near, far] = inMemory();
    const heard = echo(serverOf(PSK, far));
    const client = clientOf(PSK, near, { level: 'safe', protection: 'safe', bufferSize: 4000 });
    await client.start();
    expect([client.session.protection, client.session.bufferSize]).toEqual(['safe', 4000]);
    client.end('NOOP\r\nPASS x\r\nQUIT\r\n');
    expect(await heard).toEqual(['safe NOOP', 'private PASS x', 'safe QUIT']);
  });

  it('gives the protection of each reply before it can be read', async () => {
    const [near, far] = inMemory();
    const heard = echo(serverOf(PSK, far));
    const told: string[] = [];
    const replied = (event: ClientEvent) => {
      if (event.type !== 'reply') return;
      const { reply, level, sequence, tolerated, command } = event;
      told.push(`${command?.verb ?? ''} ${reply.code} ${level} ${sequence} ${tolerated}`.trim());
    };
    const client = clientOf(PSK, near, { replied });
    await client.start();
    client.end('NOOP\r\nQUIT\r\n');
    client.resume();
    await heard;
    expect(told).toEqual([
      '220 clear none',
      'ADAT 235 clear none',
      'PBSZ 200 private ok',
      'PROT 200 private ok',
      'NOOP 200 private ok',
      'QUIT 221 private ok',
    ]);
  });

  it('stops reading from the socket while it is not read', async () => {
    const [near, far] = await onLoopback();
    const served = echo(serverOf(PSK, far)).catch(() => {});
    const client = clientOf(PSK, near);
    await client.start();
    const request = 60;
    for (let i = 0; i < request; i++) client.write('LONG 100\r\n');
    while (!near.isPaused()) await pause(10);
    expect(client.readableLength).toBeLessThan(100_000);
    expect((await lines(client, 1 + 100 * request)).at(-1)).toBe('200 line 99');
    client.destroy();
    await served;
  });

  it('stops reading from the socket while the exchange takes a step', async () => {
    const [near, far] = await onLoopback();
    const slow: Exchange = { step: () => new Promise(() => {}) };
    const client = new ClientControl(near, { mechanism: 'X-SLOW', exchange: slow, greeted: true, timeout: 300 });
    client.on('error', () => {});
    const started = client.start();
    far.on('error', () => {});
    far.write('334 Go on\r\n');
    await pause(50);
    far.write(new Uint8Array(0x200_0000));
    await expect(started).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(near.bytesRead).toBeLessThan(0x20_0000);
    far.destroy();
  });

  it('takes nothing but 2yz for the level of data being settled', async () => {
    const [near, far] = inMemory();
    const exchange = answering(far, 110);
    const client = new ClientControl(near, { mechanism: 'X-TEST', exchange, greeted: true, timeout: 500 });
    client.on('error', () => {});
    await expect(client.start()).rejects.toThrow('the server refused PBSZ: 110');
  });

  it('sends no half command', async () => {
    const [near, far] = inMemory();
    const heard = echo(serverOf(PSK, far)).catch(() => {});
    const client = clientOf(PSK, near);
    await client.start();
    const failed = failure(client);
    client.end('DELE a');
    expect((await failed).code).toBe('syntax/truncated');
    far.destroy();
    await heard;
  });

  it('holds the writer back while the server does not read', async () => {
    const [near, far] = inMemory();
    const server = serverOf(PSK, far);
    const iterator = server[Symbol.asyncIterator]();
    const client = clientOf(PSK, near);
    const first = iterator.next();
    const started = client.start();
    await server.reply(220, 'Ready');
    await started;
    let room = true;
    for (let i = 0; i < 1000 && room; i++) room = client.write(`NOOP ${'x'.repeat(1000)}\r\n`);
    expect(room).toBe(false);
    await pause(50);
    expect(client.writableNeedDrain).toBe(true);
    void first;
    client.destroy();
  });

  it('is destroyed with the error that a reply gives', async () => {
    for (const [said, code] of [
      ['200 in the clear\r\n', 'sequence/unprotected'],
      [`631 ${encodeBase64(Buffer.from('no token')).toString()}\r\n`, 'syntax/bad-base64'],
      ['hello\r\n', 'syntax/bad-reply'],
    ] as const) {
      const [near, far] = inMemory();
      const served = echo(serverOf(PSK, far)).catch(() => {});
      const client = clientOf(PSK, near);
      await client.start();
      const failed = failure(client);
      client.write('NOOP\r\n');
      await lines(client, 2);
      far.write(said);
      const error = await failed;
      expect(error).toBeInstanceOf(FtpSecurityError);
      expect(error.code).toBe(code);
      expect(near.destroyed).toBe(true);
      far.destroy();
      await served;
    }
  });

  it('is destroyed when the connection ends within a reply, or is cut', async () => {
    for (const end of ['half', 'cut'] as const) {
      const [near, far] = await onLoopback();
      const served = echo(serverOf(PSK, far)).catch(() => {});
      const client = clientOf(PSK, near);
      await client.start();
      const failed = failure(client);
      if (end === 'half') far.end('631-abc');
      else far.resetAndDestroy();
      expect((await failed).code).toBe(end === 'half' ? 'syntax/truncated' : 'ECONNRESET');
      await served;
    }
  });

  it.each([
    ['AUTH X-PSK\r\n', 'sequence/unexpected-command'],
    ['REIN\r\n', 'sequence/unexpected-command'],
    ['CWD a\r\nREIN\r\nCWD b\r\n', 'sequence/unexpected-command'],
    ['é\r\n', 'syntax/bad-command'],
    ['DELE a\n', 'syntax/bad-line'],
    ['MIC abc\r\n', undefined],
    ['PBSZ nothing\r\n', undefined],
    ['PROT E\r\n', 'sequence/unexpected-command'],
  ])('throws an error when %j is written, sends nothing of it, and goes on', async (line, code) => {
    const [near, far] = inMemory();
    const served = echo(serverOf(PSK, far));
    const client = clientOf(PSK, near, { protection: 'clear' });
    await client.start();
    for (const write of [() => client.write(line), () => client.write(Buffer.from(line)), () => client.end(line)]) {
      let thrown: unknown;
      try {
        write();
      } catch (error) {
        thrown = error;
      }
      if (code === undefined) expect(thrown).toBeInstanceOf(RangeError);
      else expect(thrown).toMatchObject({ name: 'FtpSecurityError', code, ...(code[1] === 'e' && { side: 'local' }) });
    }
    expect([client.destroyed, client.writableEnded, client.session.pending]).toEqual([false, false, []]);
    client.write('NO');
    client.write('OP me\r\n', 'latin1');
    expect((await lines(client, 2))[1]).toBe('200 You said me');
    client.end('QUIT\r\n', 'latin1', () => {});
    expect(await served).toEqual(['private NOOP me', 'private QUIT']);
  });

  it.each([
    ['end(chunk, callback)', (client: ClientControl, done: () => void) => client.end('QUIT\r\n', done)],
    [
      'end(chunk, encoding, callback)',
      (client: ClientControl, done: () => void) => client.end('QUIT\r\n', 'utf8', done),
    ],
    ['end(callback)', (client: ClientControl, done: () => void) => client.end(done)],
  ])('calls the callback of %s once', async (_, end) => {
    const [near, far] = inMemory();
    const served = echo(serverOf(PSK, far)).catch(() => {});
    const client = clientOf(PSK, near);
    await client.start();
    let calls = 0;
    const finished = once(client, 'finish');
    end(client, () => calls++);
    await finished;
    await pause(10);
    expect(calls).toBe(1);
    far.destroy();
    await served;
  });

  it('throws what is no command before the exchange, too, and what may not be sent later destroys it', async () => {
    const [near, far] = inMemory();
    const served = echo(serverOf(PSK, far)).catch(() => {});
    const client = clientOf(PSK, near, { protection: 'clear' });
    expect(() => client.write('MIC abc\r\n')).toThrow(RangeError);
    expect(() => client.write('REIN\r\n')).toThrow("REIN can't be sent after the exchange");
    expect(() => client.write(7)).toThrow(TypeError);
    client.write('PROT P\r\n'); // PBSZ may come before it.
    const failed = failure(client);
    await client.start();
    expect((await failed).code).toBe('sequence/unexpected-command');
    far.destroy();
    await served;
  });

  it('sends what was written before the exchange, in its order', async () => {
    const [near, far] = inMemory();
    const heard = echo(serverOf(PSK, far));
    const client = clientOf(PSK, near);
    client.write('NOOP 1\r\nNOOP 2\r\n');
    client.end('QUIT\r\n');
    await client.start();
    expect(await heard).toEqual(['private NOOP 1', 'private NOOP 2', 'private QUIT']);
  });

  it('gives the protection of each reply, also of those to AUTH, ADAT, PBSZ and PROT', async () => {
    const [near, far] = inMemory();
    const heard: ClientEvent[] = [];
    const served = echo(serverOf(PSK, far));
    const client = clientOf(PSK, near, { replied: event => heard.push(event) });
    await client.start();
    client.end('QUIT\r\n');
    await served;
    await lines(client, 2);
    const told = heard.map(event => [event.type, event.reply.code, event.type === 'reply' && event.level]);
    expect(told).toEqual([
      ['reply', 220, 'clear'],
      ['security-data', 334, false],
      ['security-data', 335, false],
      ['reply', 235, 'clear'],
      ['reply', 200, 'private'],
      ['reply', 200, 'private'],
      ['reply', 221, 'private'],
    ]);

    const [other, server] = inMemory();
    server.on('data', () => server.write('334 here adat=AAAA\n'));
    const deviant = clientOf(PSK, other, { greeted: true, replied: event => heard.push(event) });
    deviant.on('error', () => {});
    await deviant.start().catch(() => {});
    expect(heard.at(-1)).toMatchObject({ tolerated: ['bare-lf', 'text-before-adat', 'adat-case'] });
  });

  it('closes its socket though the caller throws when it hears that the association has ended', async () => {
    const [near, far] = inMemory();
    const served = echo(serverOf(PSK, far)).catch(() => {});
    const client = clientOf(PSK, near, {
      association: ({ type }) => {
        if (type === 'ends') throw new Error('from the caller');
      },
    });
    await client.start();
    const failed = failure(client);
    client.destroy();
    expect(await failed).toMatchObject({ message: 'from the caller' });
    expect(near.destroyed).toBe(true);
    far.destroy();
    await served;
  });

  it('is destroyed where its socket closes with neither end nor error', async () => {
    const [near, far] = inMemory();
    const served = echo(serverOf(PSK, far)).catch(() => {});
    const client = clientOf(PSK, near);
    await client.start();
    const failed = failure(client);
    near.destroy();
    expect(await failed).toMatchObject({
      code: 'sequence/closed',
      message: 'the connection was closed without an end',
    });
    expect(client.destroyed).toBe(true);
    far.destroy();
    await served;
  });
});

describe('commands', () => {
  const hex = (line: string) => Buffer.from(`${line}\r\n`).toString('hex');

  it('are text of any encoding', async () => {
    const { client, heard } = await prepared();
    client.write(hex('NOOP 1'), 'hex');
    client.end(hex('NOOP 2'), 'hex');
    await once(client, 'finish');
    expect(heard).toEqual(['NOOP 1', 'NOOP 2']);
  });

  it.each([
    ['write(chunk, callback)', (client: ClientControl, done: () => void) => client.write('NOOP\r\n', done)],
    ['write(chunk, encoding, callback)', (it: ClientControl, done: () => void) => it.write(hex('NOOP'), 'hex', done)],
  ])('are sent before the callback of %s is called, once', async (_, write) => {
    const { client, heard } = await prepared();
    const seen: string[][] = [];
    write(client, () => seen.push([...heard]));
    await vi.waitFor(() => expect(seen).toEqual([['NOOP']]));
  });

  it('are protected once each, though the stream is corked', async () => {
    const { client, heard } = await prepared();
    client.cork();
    for (const line of ['NOOP 1', 'NOOP 2', 'NOOP 3']) client.write(`${line}\r\n`);
    client.uncork();
    await vi.waitFor(() => expect(heard).toEqual(['NOOP 1', 'NOOP 2', 'NOOP 3']));
  });

  it('may end without any', async () => {
    for (const end of [(it: ClientControl) => it.end(null), (it: ClientControl) => it.end(undefined)]) {
      const { client, heard } = await prepared();
      end(client);
      await once(client, 'finish');
      expect([heard, client.errored]).toEqual([[], null]);
    }
  });

  it('after the end are an error of the callback, as with other streams, and wait for no reply', async () => {
    for (const end of ['end', 'destroy'] as const) {
      const { client } = await prepared();
      client.on('error', () => {});
      client[end]();
      const error = await new Promise<unknown>(resolve => client.write('NOOP\r\n', resolve));
      expect(error).toMatchObject({ code: end === 'end' ? 'ERR_STREAM_WRITE_AFTER_END' : 'ERR_STREAM_DESTROYED' });
      expect(client.session.pending).toEqual([]);
    }
  });

  it('after the server has ended destroy the stream, and throw nothing', async () => {
    const { client, far, say } = await prepared();
    say('421 Bye');
    far.end();
    await pause(20);
    const failed = failure(client);
    client.write('NOOP\r\n');
    expect((await failed).code).toBe('sequence/closed');
  });

  it('before the exchange is complete wait as long as it takes', async () => {
    const unlimited = clientOf(PSK, inMemory()[0], { timeout: 0 });
    unlimited.write('NOOP\r\n');
    await pause(50);
    expect(unlimited.destroyed).toBe(false);

    const [near, far] = inMemory();
    const { initiator } = pskContexts();
    const exchange: Exchange = { step: () => ({ token: new Uint8Array(1), context: initiator }) };
    const replies = ['334 Go on\r\n', '235 Done\r\n'];
    far.on('data', () => setTimeout(() => far.write(replies.shift() ?? ''), 500));
    const options = { mechanism: 'X-TEST', exchange, greeted: true, protection: 'clear', timeout: 900 } as const;
    const client = new ClientControl(near, options);
    const started = client.start();
    client.write('NOOP\r\n');
    await started;
    expect(client.destroyed).toBe(false);
    client.on('error', () => {}).destroy();
  });
});

describe('the keys of a control connection', () => {
  it('are erased when it is destroyed', async () => {
    const { client, initiator } = await prepared();
    const erased = vi.spyOn(initiator, 'destroy');
    client.destroy();
    await once(client, 'close');
    expect(erased).toHaveBeenCalledTimes(1);
  });

  it('remain after a regular end, where a transfer may still be read', async () => {
    const { client, far, say, initiator } = await prepared();
    const erased = vi.spyOn(initiator, 'destroy');
    client.end('QUIT\r\n');
    say('221 Bye');
    far.end();
    client.resume();
    await once(client, 'close');
    expect(erased).not.toHaveBeenCalled();
    client.session.destroy();
    expect(erased).toHaveBeenCalledTimes(1);
  });
});

describe('replies', () => {
  it('that come in one piece with the last of the exchange can be read', async () => {
    const { client } = await prepared({}, '421 Bye');
    expect(await lines(client, 1)).toEqual(['421 Bye']);
  });

  it('that were not read when the connection ended can still be read, before its error', async () => {
    const { client, far, say } = await prepared();
    client.write('NOOP 1\r\nNOOP 2\r\n');
    say('200 OK');
    far.end();
    await pause(20);
    expect(client.destroyed).toBe(false);
    const failed = failure(client);
    expect(`${client.read(4)}`).toBe('200 ');
    await pause(20);
    expect(await lines(client, 1)).toEqual(['OK']);
    expect((await failed).message).toBe('the server closed the connection before its reply to NOOP');
  });

  it('that are missing when the connection ends are an error, also for a client that does not read', async () => {
    const { client, far } = await prepared();
    client.write('NOOP\r\n');
    const failed = failure(client);
    far.end();
    expect((await failed).message).toBe('the server closed the connection before its reply to NOOP');
  });
});

describe('the exchange', () => {
  async function failed(
    server: (line: string, far: ReturnType<typeof inMemory>[0]) => void,
    options: Partial<ClientControlOptions> = {},
  ) {
    const [near, far] = inMemory();
    far.setEncoding('latin1').on('data', line => server(line, far));
    const client = clientOf(PSK, near, { timeout: 100, ...options });
    client.on('error', () => {});
    far.write('220 Ready\r\n');
    const error = await client.start().then(
      () => undefined,
      thrown => thrown,
    );
    expect(client.destroyed).toBe(true);
    expect(near.destroyed).toBe(true);
    return error;
  }

  it.each([
    ['refuses AUTH', 'AUTH', '504 No\r\n', 'sequence/unexpected-reply'],
    ['refuses ADAT', 'ADAT', '535 No\r\n', 'sequence/unexpected-reply'],
    ['ends the exchange early', 'ADAT', '235 Yes\r\n', 'security/bad-token'],
    ['says nothing', 'AUTH', '', 'ETIMEDOUT'],
    ['says something else', 'AUTH', '200 ADAT=AAAA\r\n', 'sequence/unexpected-reply'],
  ])('fails when the server %s', async (_, verb, reply, code) => {
    const error = await failed((line, far) => far.write(line.startsWith(verb) ? reply : '334 Go on\r\n'));
    expect(error.code).toBe(code);
  });

  it.each([
    ['ADAT', '535-No\r\n535-ticket\r\n535 here', 'the server refused ADAT: 535 No ticket here'],
    ['AUTH', '431 \u001b[2JNo\tkey\u0007', 'the server refused AUTH: 431 \\u{1b}[2JNo\\tkey\\u{7}'],
    ['AUTH', `504 ${'x'.repeat(3000)}`, `the server refused AUTH: 504 ${'x'.repeat(239)}…`],
  ])('quotes the text with which %s is refused, as that of an untrusted server', async (verb, said, message) => {
    const error = await failed((line, far) => far.write(line.startsWith(verb) ? `${said}\r\n` : '334 Go on\r\n'));
    expect(error.message).toBe(message);
  });

  it('fails when the server hangs up, at once or within a line', async () => {
    expect(await failed((_, far) => far.end())).toMatchObject({
      code: 'sequence/closed',
      message: expect.stringMatching(/^the server closed the connection during .*, before its reply to AUTH: /),
    });
    expect((await failed((_, far) => far.end('33'))).code).toBe('syntax/truncated');
    const message = 'timed out while waiting for a reply of the server';
    expect(await failed((_, far) => far.destroy(), { timeout: 50 })).toMatchObject({ code: 'ETIMEDOUT', message });
  });

  it('fails when a step takes too long, or throws', async () => {
    const never: Exchange = { step: () => new Promise(() => {}) };
    const server = (_: string, far: ReturnType<typeof inMemory>[0]) => far.write('334 Go on\r\n');
    const message = 'timed out while waiting for a step of the exchange';
    expect(await failed(server, { exchange: never })).toMatchObject({ code: 'ETIMEDOUT', message });
    const broken: Exchange = { step: () => Promise.reject(new FtpSecurityError('security/no-key', 'no ticket')) };
    expect((await failed(server, { exchange: broken })).code).toBe('security/no-key');
  });

  it('erases the keys of a step that comes too late', async () => {
    const { initiator: context } = pskContexts();
    const [near, far] = inMemory();
    far.on('data', () => far.write('334 Go on\r\n'));
    const exchange: Exchange = { step: () => pause(100).then(() => ({ context })) };
    const client = new ClientControl(near, { mechanism: 'X-PSK', exchange, greeted: true, timeout: 20 });
    await expect(client.start()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await vi.waitFor(() => expect(() => context.supports('safe')).toThrow('destroyed'));
  });

  it('fails when the server refuses the service, or PBSZ', async () => {
    const [near, far] = inMemory();
    far.write('421 Not now\r\n');
    const client = clientOf(PSK, near);
    await expect(client.start()).rejects.toThrow(/refused service: 421/);
    // Its event `error` must not end the process, although nothing here listens to it.
    await new Promise(resolve => client.once('close', resolve));
    const [near2, far2] = inMemory();
    const served = echo(serverOf(PSK, far2)).catch(() => {});
    const other = clientOf(PSK, near2, { bufferSize: 4, protection: 'private' });
    other.on('error', () => {});
    await expect(other.start()).rejects.toBeInstanceOf(FtpSecurityError);
    far2.destroy();
    await served;
  });

  it('fails when the server hangs up before its greeting', async () => {
    const [near, far] = inMemory();
    far.end();
    const message = expect.stringMatching(/^the server closed the connection during .*, before its greeting: /);
    await expect(clientOf(PSK, near).start()).rejects.toMatchObject({ code: 'sequence/closed', message });
  });

  it('takes no code from 300 on for a greeting, or for the level of data', async () => {
    const [near, far] = inMemory();
    far.write('300 Hm\r\n');
    await expect(clientOf(PSK, near).start()).rejects.toThrow('the server refused service: 300 Hm');
    const [other, server] = inMemory();
    const exchange = answering(server, 300);
    const client = new ClientControl(other, { mechanism: 'X-TEST', exchange, greeted: true });
    await expect(client.start()).rejects.toThrow('the server refused PBSZ: 300');
  });

  it('asks for the strongest level with integrity that the mechanism has', async () => {
    for (const [levels, letter] of [
      [['safe'], 'S'],
      [['safe', 'private'], 'P'],
      [['safe', 'private', 'confidential'], 'P'],
    ] as const) {
      const [near, far] = inMemory();
      const { initiator, acceptor } = pskContexts();
      const heard: string[] = [];
      far.on('data', (octets: Buffer) => {
        const command = parseCommand(octets);
        if (command.verb === 'AUTH') far.write('334 Go on\r\n');
        else if (command.verb === 'ADAT') far.write('235 Done\r\n');
        else {
          const { inner } = unprotectCommand(acceptor, command);
          heard.push(`${inner.verb} ${inner.argument}`);
          far.write(protectReply(acceptor, 'safe', formatReply(200, 'OK')));
        }
      });
      const exchange: Exchange = { step: () => ({ token: new Uint8Array(1), context: having(levels, initiator) }) };
      await new ClientControl(near, { mechanism: 'X-TEST', exchange, greeted: true, level: 'safe' }).start();
      expect(heard).toEqual(['PBSZ 65536', `PROT ${letter}`]);
    }
  });

  it('gets the addresses of the connection, its own as those of the initiator', async () => {
    const channels: unknown[] = [];
    const step: Exchange['step'] = (_, channel) => {
      channels.push(channel);
      throw new FtpSecurityError('security/no-key', 'no ticket');
    };
    for (const channelBindings of [true, false]) {
      const [near, far] = inMemory();
      far.on('data', () => far.write('334 Go on\r\n'));
      Object.assign(near, { localAddress: '192.0.2.1', remoteAddress: '198.51.100.2' });
      const options = { mechanism: 'X-TEST', exchange: { step }, greeted: true, channelBindings };
      await new ClientControl(near, options).start().catch(() => {});
    }
    const [initiator, acceptor] = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(198, 51, 100, 2)];
    expect(channels).toEqual([{ initiator, acceptor }, {}]);
  });

  it('sends each line at once, without Nagle’s algorithm', () => {
    const [near] = inMemory();
    const asked: unknown[] = [];
    Object.assign(near, { setNoDelay: (noDelay: unknown) => asked.push(noDelay) });
    clientOf(PSK, near);
    expect(asked).toEqual([true]);
  });

  it('is done behind a greeting of any length that is not read yet', async () => {
    const [near, far] = inMemory();
    const server = serverOf(PSK, far);
    const many = Array.from({ length: 3000 }, () => 'This service is for authorised users only.');
    const greeted = server.reply(220, many);
    const heard = (async () => {
      for await (const event of server) await server.reply(200, 'OK', event);
    })();
    const client = clientOf(PSK, near);
    await client.start();
    await greeted;
    expect(await lines(client, many.length)).toHaveLength(many.length);
    client.end();
    await heard;
  });

  it('waits through 120 for the greeting, and needs none that has been read', async () => {
    for (const greeted of [false, true]) {
      const [near, far] = inMemory();
      const server = serverOf(PSK, far);
      if (!greeted) far.write('120 Soon\r\n220 Ready\r\n');
      const heard = (async () => {
        for await (const event of server) await server.reply(200, 'OK', event);
      })();
      const client = clientOf(PSK, near, { greeted, protection: 'clear' });
      await client.start();
      client.write('NOOP\r\n');
      const expected = greeted ? ['200 OK'] : ['120 Soon', '220 Ready', '200 OK'];
      expect(await lines(client, expected.length)).toEqual(expected);
      expect(client.session.protection).toBe('clear');
      client.end();
      await heard;
    }
  });

  describe('that ends before a reply', () => {
    /** Says `said` in answer to a command, and ends. @returns what was read, and the error */
    async function ended(commands: string, said: (acceptor: SecurityContext) => Uint8Array[]) {
      const [near, far] = inMemory();
      const { initiator, acceptor } = pskContexts();
      far.on('data', (line: Buffer) => {
        if (line.toString().startsWith('AUTH')) far.write('334 Go on\r\n');
        else if (line.toString().startsWith('ADAT')) far.write('235 Done\r\n');
        else far.end(Buffer.concat(said(acceptor)));
      });
      const exchange = { step: () => ({ token: new Uint8Array(1), context: initiator }) };
      const options = { mechanism: 'X-TEST', exchange, greeted: true, protection: 'clear' } as const;
      const client = new ClientControl(near, options);
      await client.start();
      client.write(commands);
      let read = '';
      try {
        for await (const octets of client) read += octets;
        return [read];
      } catch (error) {
        return [read, error];
      }
    }
    const reply = (acceptor: SecurityContext, text: string) =>
      protectReply(acceptor, 'private', new TextEncoder().encode(text));

    it('has an error, since anybody could have ended it', async () => {
      const [read, error] = await ended('NOOP\r\nPWD\r\n', it => [reply(it, '200 OK\r\n')]);
      expect(read).toBe('200 OK\r\n');
      expect(error).toMatchObject({
        code: 'sequence/closed',
        message: 'the server closed the connection before its reply to PWD',
      });
    });

    it.each([
      ['only QUIT waits', 'NOOP\r\nQUIT\r\n', '200 OK\r\n'],
      ['the server has said that it ends', 'NOOP\r\nPWD\r\n', '421 Good bye\r\n'],
      ['all is answered', 'NOOP\r\n', '200 OK\r\n'],
    ])('has none where %s', async (_, commands, text) => {
      expect(await ended(commands, it => [reply(it, text)])).toEqual([text]);
    });
  });

  it('is not begun over a socket that is gone', async () => {
    const [near, far] = await onLoopback();
    far.destroy();
    await pause(20);
    near.resume();
    await pause(20);
    const client = clientOf(PSK, near, { timeout: 100 });
    client.on('error', () => {});
    await expect(client.start()).rejects.toThrow('the connection is closed already');
  });

  it('an error of the socket before start waits for it, and does not end the process', async () => {
    const [near] = inMemory();
    const client = clientOf(PSK, near);
    near.destroy(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    await pause(20); // Without a listener the event would have been thrown.
    await expect(client.start()).rejects.toThrow('connect ECONNREFUSED');
    expect(client.destroyed).toBe(true);
  });
});

describe('waits have a limit', () => {
  it('a reply that never comes; not a transfer', async () => {
    const [near, far] = inMemory();
    const server = serverOf(PSK, far);
    let retr: CommandEvent | undefined;
    const served = (async () => {
      await server.reply(220, 'Ready');
      for await (const event of server) {
        if (event.command.verb === 'RETR') retr = event;
        if (event.command.verb !== 'NOOP') await server.reply(event === retr ? 150 : 213, 'Soon', event);
      }
    })().catch(() => {});
    const client = clientOf(PSK, near, { timeout: 150 });
    await client.start();
    client.write('RETR a\r\n');
    await lines(client, 2);
    client.write('NOOP\r\nSTAT\r\n'); // STAT is answered during the transfer, NOOP behind it.
    await lines(client, 1);
    await pause(250);
    expect(client.destroyed).toBe(false);
    const failed = failure(client);
    await server.reply(226, 'Done', retr);
    await lines(client, 1);
    const message = 'timed out while waiting for a reply of the server';
    expect(await failed).toMatchObject({ code: 'ETIMEDOUT', message });
    far.destroy();
    await served;
  });

  it.each([
    ['whole commands', 'NOOP\r\n'],
    ['parts of a command', 'N'],
    ['nothing', ''],
  ])('a reply, even if the client goes on writing: %s', async (_, further) => {
    const [near, far] = inMemory();
    const server = serverOf(PSK, far);
    const served = (async () => {
      await server.reply(220, 'Ready');
      for await (const _event of server);
    })().catch(() => {});
    const client = clientOf(PSK, near, { timeout: 150 });
    await client.start();
    const failed = failure(client);
    client.write('STAT\r\n');
    let writes = 0;
    const writing = setInterval(() => client.write(++writes < 8 ? further : ''), 60);
    expect((await failed).code).toBe('ETIMEDOUT');
    clearInterval(writing);
    expect(writes).toBeLessThan(8);
    far.destroy();
    await served;
  });

  it.each([
    ['a reply that comes octet by octet', '220 Ready\r\n', 'x', 'a reply of the server'],
    ['a greeting that is put off again and again', '', '120 Soon\r\n', 'the greeting'],
  ])('%s', async (_, first, again, what) => {
    const [near, far] = inMemory();
    const client = clientOf(PSK, near, { timeout: 150 });
    client.on('error', () => {});
    far.write(first);
    const dripping = setInterval(() => far.write(again), 20);
    const message = `timed out while waiting for ${what}`;
    await expect(client.start()).rejects.toMatchObject({ code: 'ETIMEDOUT', message });
    clearInterval(dripping);
  });

  it.each(['NOOP', 'PWD', 'USER anna', 'XCRC a'])(
    'a preliminary reply to %s, which has none, neither ends nor renews it',
    async command => {
      const [near, far] = inMemory();
      const server = serverOf(PSK, far);
      let told = 0;
      const served = (async () => {
        await server.reply(220, 'Ready');
        for await (const event of server) {
          for (; !far.destroyed; told++) {
            await server.reply(150, 'Soon', event);
            await pause(20);
          }
        }
      })().catch(() => {});
      const client = clientOf(PSK, near, { timeout: 400 });
      await client.start();
      client.resume();
      const failed = failure(client);
      client.write(`${command}\r\n`);
      expect((await failed).code).toBe('ETIMEDOUT');
      expect(told).toBeGreaterThan(1);
      far.destroy();
      await served;
    },
  );

  it('a reply, also after one that answered no command', async () => {
    const { client, say } = await prepared({ timeout: 150 });
    say('421 Bye');
    await lines(client, 1);
    await pause(250);
    expect(client.destroyed).toBe(false);
    const failed = failure(client);
    client.write('NOOP\r\n');
    expect((await failed).message).toBe('timed out while waiting for a reply of the server');
  });

  it('none where every command has its reply, or where there shall be none', async () => {
    const idle = await prepared({ timeout: 150 });
    idle.client.write('NOOP\r\n');
    idle.say('200 OK');
    expect(await lines(idle.client, 1)).toEqual(['200 OK']);
    const unlimited = await prepared({ timeout: 0 });
    unlimited.client.write('NOOP\r\n');
    await pause(300);
    expect([idle.client.destroyed, unlimited.client.destroyed]).toEqual([false, false]);
  });

  it('the whole of start, however many answers it has', async () => {
    const [near, far] = inMemory();
    let rounds = 0;
    const endless: Exchange = { step: () => ({ token: new Uint8Array([++rounds & 1]) }) };
    far.on('data', (line: Buffer) => {
      setTimeout(() => far.write(line.toString().startsWith('AUTH') ? '334 Go on\r\n' : '335 ADAT=\r\n'), 20);
    });
    const client = new ClientControl(near, {
      mechanism: 'X-TEST',
      exchange: endless,
      greeted: true,
      timeout: 1000,
      startTimeout: 150,
    });
    client.on('error', () => {});
    await expect(client.start()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(rounds).toBeGreaterThan(2);
    far.destroy();
  });

  it('unless there shall be none', async () => {
    const client = new ClientControl(new PassThrough(), {
      ...PSK,
      exchange: PSK.initiator(),
      timeout: 0,
      startTimeout: 0,
    });
    client.on('error', () => {});
    const started = client.start();
    client.destroy();
    await expect(started).rejects.toThrow('the control connection was closed');
  });
});

describe('what a caller gets wrong', () => {
  const { mechanism, initiator } = PSK;
  const make = (options: object) => () => new ClientControl(new PassThrough(), options as ClientControlOptions);

  it.each([
    ['no exchange', { mechanism }, TypeError, /^exchange must be .*krb5Initiator/],
    [
      'a mechanism for an exchange',
      { mechanism, exchange: { name: mechanism, initiator } },
      TypeError,
      /^exchange must/,
    ],
    ['no mechanism', { exchange: initiator() }, TypeError, /^mechanism must be .*AUTH/],
    ['a letter of PROT', { mechanism, exchange: initiator(), require: 'P' }, RangeError, /^require must be safe or pr/],
    ['another level', { mechanism, exchange: initiator(), protection: 'P' }, RangeError, /level must be clear, safe/],
    ['a limit as text', { mechanism, exchange: initiator(), timeout: '5' }, TypeError, /^timeout must be a number/],
    ['a limit below 0', { mechanism, exchange: initiator(), startTimeout: -1 }, RangeError, /^startTimeout must be 0/],
  ])('is named before anything is sent: %s', (_, options, error, message) => {
    expect(make(options)).toThrow(error);
    expect(make(options)).toThrow(message);
  });

  it('is not to wait for what never happens: commands, but no start', async () => {
    const client = clientOf(PSK, inMemory()[0], { timeout: 20 });
    client.write('NOOP\r\n');
    await expect(once(client, 'data')).rejects.toThrow('timed out while waiting for start()');
  });

  it('may be right: commands before start, for as long as that takes', async () => {
    const [here, there] = inMemory();
    const client = clientOf(PSK, here, { timeout: 400 });
    client.write('QUIT\r\n');
    await pause(250);
    const started = client.start();
    // The greeting has a limit of its own, which begins with start.
    await pause(250);
    void echo(serverOf(PSK, there)).catch(() => {});
    await started;
    expect(await lines(client, 2)).toEqual(['220 Ready', '221 Bye']);
  });

  it('is not to wait for what has happened: a second start', async () => {
    const [here, there] = inMemory();
    const client = clientOf(PSK, here);
    void echo(serverOf(PSK, there)).catch(() => {});
    const first = client.start();
    await expect(client.start()).rejects.toThrow('start was called already');
    await first;
    await expect(client.start()).rejects.toThrow('start was called already');
    client.write('QUIT\r\n');
    expect(await lines(client, 2)).toEqual(['220 Ready', '221 Bye']);
  });
});
