/** An attacker in the middle of a TCP connection adds one line in the clear, and each end notices. */
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Client } from 'basic-ftp';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FtpSecurityError, replyCodeFor } from '../../src/errors.js';
import { formatReply } from '../../src/ftp/reply.js';
import { ClientControl, ServerControl, type ServerControlOptions, secureBasicFtp } from '../../src/node/index.js';
import { protectReply } from '../../src/protection/protect.js';
import type { AnsweredEvent } from '../../src/session/events.js';
import { mechanismWith } from '../helpers.js';
import { pskContexts } from '../session/pair.js';
import { kerberos, PSK, type TestMechanism } from './exchanges.js';
import { listening, startServer } from './ftp-server.js';
import { inMemory } from './sockets.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Attacker {
  port: number;
  /** Adds octets to what the client sends. */
  insert(line: string): void;
}

async function attacker(port: number): Promise<Attacker> {
  let server: Socket | undefined;
  const listener = createServer(client => {
    server = connect({ host: '127.0.0.1', port });
    for (const socket of [client, server]) socket.on('error', () => {});
    client.pipe(server).pipe(client);
    cleanups.push(() => [client.destroy(), server?.destroy()]);
  });
  cleanups.push(() => listener.close());
  return { port: await listening(listener), insert: line => server!.write(`${line}\r\n`) };
}

const INSERTED = ['NOOP', 'QUIT', 'AUTH X-PSK', 'DELE a', '\0', 'MIC', 'ENC !', 'MIC AAAA'];
const CODES: Record<string, number> = { '\0': 501, MIC: 501, 'ENC !': 501, 'MIC AAAA': 535 };
const codeOf = (line: string) => CODES[line] ?? 533;

/** A server behind an attacker, and how it would go on if it took what was inserted. */
async function setting(mechanism: TestMechanism, options: Partial<ServerControlOptions> = {}) {
  const answered: AnsweredEvent[] = [];
  const server = await startServer({
    mechanisms: [mechanismWith(mechanism.mechanism, mechanism)],
    answered: event => answered.push(event),
    ...options,
  });
  cleanups.push(() => server.close());
  return { server, answered, middle: await attacker(server.port) };
}

async function basicFtp(mechanism: TestMechanism, port: number, allowInsertedLines = false) {
  const client = new Client(5000);
  cleanups.push(() => client.close());
  await client.connect('127.0.0.1', port);
  const { socket } = client.ftp;
  const exchange = mechanism.initiator();
  await secureBasicFtp(client, { mechanism: mechanism.mechanism, exchange, allowInsertedLines });
  await client.login('anna', 'secret');
  /** How many octets have come from the server. */
  const received = () => socket.bytesRead;
  return Object.assign(client, { received });
}

describe.each([
  ['X-PSK', PSK],
  ['Kerberos', kerberos(18)],
] as const)('a line inserted on the way to the server, under %s', (_, mechanism) => {
  it.each(INSERTED)('%j: basic-ftp gets a rejected promise, and the server ends the connection', async line => {
    const { server, answered, middle } = await setting(mechanism);
    const client = await basicFtp(mechanism, middle.port);
    expect((await client.send('PWD')).message).toMatch(/^257/);
    middle.insert(line);
    await vi.waitFor(() => expect(answered.at(-1)).toMatchObject({ ends: true }));
    await expect(client.send('SIZE a')).rejects.toThrow();
    await vi.waitFor(() => expect([client.closed, server.control[0]!.destroyed]).toEqual([true, true]));
    expect(answered.at(-1)).toMatchObject({ ends: true, code: codeOf(line) });
    expect(server.failures).toEqual([expect.any(FtpSecurityError)]);
    expect(server.heard.at(-1)).toBe('private PWD');
  });

  it('while a command waits for its reply: it is refused, and was not carried out', async () => {
    const { server, middle } = await setting(mechanism);
    const client = await basicFtp(mechanism, middle.port);
    middle.insert('NOOP');
    await expect(client.send('SIZE a')).rejects.toThrow();
    await vi.waitFor(() => expect(server.control[0]!.destroyed).toBe(true));
    expect(server.heard).not.toContain('private SIZE a');
  });

  it('by a server that goes on: the client ends all the same, and goes on if it is told to', async () => {
    const { middle } = await setting(mechanism, { allowInsertedLines: true });
    const client = await basicFtp(mechanism, middle.port);
    middle.insert('NOOP');
    const error = await client.send('SIZE a').catch(thrown => thrown);
    expect(error).toMatchObject({ name: 'FtpSecurityError', code: 'sequence/unexpected-reply' });
    expect(client.closed).toBe(true);

    const trusting = await setting(mechanism, { allowInsertedLines: true });
    trusting.server.files.set('a', Buffer.of(0));
    const shifted = await basicFtp(mechanism, trusting.middle.port, true);
    const received = shifted.received();
    trusting.middle.insert('NOOP');
    await vi.waitFor(() => expect(shifted.received()).toBeGreaterThan(received));
    expect((await shifted.send('SIZE a')).message).toMatch(/^213/); // The reply before it answers no command.
  });
});

/** A client by hand behind `near`, that has been secured. */
async function clientControl(near: Duplex, far: Duplex, options: { allowInsertedLines?: boolean } = {}) {
  const { initiator, acceptor } = pskContexts();
  far.on('data', (line: Buffer) => {
    if (line.toString().startsWith('AUTH')) far.write('334 Go on\r\n');
    if (line.toString().startsWith('ADAT')) far.write('235 Done\r\n');
  });
  const exchange = { step: () => ({ token: new Uint8Array(1), context: initiator }) };
  const client = new ClientControl(near, {
    mechanism: 'X-TEST',
    exchange,
    greeted: true,
    protection: 'clear',
    ...options,
  });
  const failed = new Promise<Error>(resolve => client.once('error', resolve));
  await client.start();
  const say = (code: number) => far.write(protectReply(acceptor, 'private', formatReply(code, 'Text')));
  return { client, failed, say };
}

describe('ClientControl', () => {
  it.each([
    ['533 to its command', 533, true],
    ['535 to its command', 535, true],
    ['a reply that it did not ask for', 200, false],
    ['a preliminary one that it did not ask for', 150, false],
  ])('is destroyed by %s, which is not read', async (_, code, request) => {
    const [near, far] = inMemory();
    const { client, failed, say } = await clientControl(near, far);
    if (request) client.write('DELE a\r\n');
    say(code);
    expect(await failed).toMatchObject({ name: 'FtpSecurityError', code: 'sequence/unexpected-reply', side: 'peer' });
    expect([client.destroyed, near.destroyed, client.readableLength]).toEqual([true, true, 0]);
    expect(() => client.session.send(Buffer.from('NOOP'))).toThrow('closed');
  });

  it('goes on by allowInsertedLines, and hears a 421 without a command in any case', async () => {
    for (const allowInsertedLines of [true, false]) {
      const [near, far] = inMemory();
      const { client, say } = await clientControl(near, far, { allowInsertedLines });
      client.write('PWD\r\n');
      for (const code of allowInsertedLines ? [533, 200, 421] : [257, 421]) say(code);
      let text = '';
      client.on('data', octets => {
        text += octets;
      });
      const replies = allowInsertedLines ? /^533.*\r\n200.*\r\n421/ : /^257.*\r\n421/;
      await vi.waitFor(() => expect(text).toMatch(replies));
      client.destroy();
    }
  });
});

describe('ServerControl', () => {
  it.each(INSERTED)('answers %j in the clear, says 421, both protected, and throws', async line => {
    const [near, far] = inMemory();
    const control = new ServerControl(far, { mechanisms: [mechanismWith('X-PSK', PSK)] });
    const heard: string[] = [];
    const served = (async () => {
      for await (const event of control) {
        heard.push(event.command.verb);
        await control.reply(200, 'OK', event);
      }
    })();
    const codes: number[] = [];
    const client = new ClientControl(near, {
      mechanism: 'X-PSK',
      exchange: PSK.initiator(),
      greeted: true,
      protection: 'clear',
      allowInsertedLines: true,
      replied: event => codes.push(event.reply.code),
    });
    await client.start();
    client.on('error', () => {}).resume();
    near.write(`${line}\r\n`);
    client.write('DELE a\r\n');
    const error = await served.catch(thrown => thrown);
    expect(error).toBeInstanceOf(FtpSecurityError);
    expect(replyCodeFor(error)).toBe(codeOf(line));
    await vi.waitFor(() => expect(codes.slice(-2)).toEqual([codeOf(line), 421]));
    expect(heard).toEqual([]);
    expect(far.writableEnded || far.destroyed).toBe(true);
    client.destroy();
  });
});
