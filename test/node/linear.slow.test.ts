/** The work of control connections is linear in what is written and read, however it is cut into chunks. */
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ClientControl, ServerControl } from '../../src/node/index.js';
import type { CommandEvent } from '../../src/session/events.js';
import { growthOfStreams, LINEAR } from '../ftp/readers.js';
import { mechanismWith } from '../helpers.js';
import { PSK } from './exchanges.js';
import { inMemory } from './sockets.js';

const COMMAND = 'NOOP\r\n';
const REPLY = '200 OK\r\n';

/** Answers commands when so many have come, in the order that `sort` gives them. */
async function serve(control: ServerControl, atOnce = 1, sort = (it: CommandEvent[]) => it): Promise<void> {
  let waiting: CommandEvent[] = [];
  for await (const event of control) {
    waiting.push(event);
    if (waiting.length < atOnce) continue;
    await Promise.all(sort(waiting).map(it => control.reply(200, 'OK', it)));
    waiting = [];
  }
}

/** Reads until so many octets have come, and closes the connection. */
function readAll(socket: Duplex, octets: number): Promise<void> {
  let due = octets;
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk: Uint8Array) => {
      due -= chunk.length;
      if (due < 0) reject(new Error('more replies than commands'));
      if (due > 0) return;
      socket.end();
      resolve();
    });
  });
}

/** A server in the clear, and a peer that says so much. @param serving  what the server does */
async function inTheClear(
  [near, far]: [Duplex, Duplex],
  said: string,
  replies: number,
  serving: (control: ServerControl) => Promise<void> = serve,
): Promise<void> {
  const served = serving(new ServerControl(far, { mechanisms: [] }));
  const read = readAll(near, replies * REPLY.length);
  near.write(said);
  await Promise.all([read, served]);
}

/** Client and server with protected lines. */
async function secured([near, far]: [Duplex, Duplex], chunks: readonly string[], replies: number): Promise<void> {
  const server = new ServerControl(far, { mechanisms: [mechanismWith('x-psk', PSK)] });
  const served = serve(server);
  const client = new ClientControl(near, { mechanism: 'X-PSK', exchange: PSK.initiator(), greeted: true });
  await client.start();
  const read = readAll(client, replies * REPLY.length);
  for (const chunk of chunks) client.write(chunk);
  await Promise.all([read, served]);
}

const WORK: Record<string, (size: number) => Promise<void>> = {
  'commands in one chunk, at a server': size => inTheClear(inMemory(), COMMAND.repeat(size), size),
  'commands in chunks of one octet, at a server': size => inTheClear(inMemory(1), COMMAND.repeat(size), size),
  'one command in chunks of one octet, at a server': size =>
    inTheClear(inMemory(1), `NOOP ${'x'.repeat(10 * size)}\r\n`, 1),
  'commands that are answered together, at a server': size =>
    inTheClear(inMemory(), COMMAND.repeat(size), size, control => serve(control, size)),
  'commands that are answered together, the last one first': size =>
    inTheClear(inMemory(), COMMAND.repeat(size), size, control => serve(control, size, it => it.reverse())),
  'commands and replies in one chunk': size => secured(inMemory(), [COMMAND.repeat(size)], size),
  'commands and replies in chunks of one octet': size => secured(inMemory(1), [COMMAND.repeat(size)], size),
  'commands that are written at once, each in a chunk of its own': size =>
    secured(inMemory(), Array<string>(size).fill(COMMAND), size),
  'commands that are written octet by octet': size => secured(inMemory(), [...COMMAND.repeat(size)], size),
};

describe('work is linear', () => {
  it.each(Object.keys(WORK))('for %s', { timeout: 120_000 }, async name => {
    expect(await growthOfStreams(WORK[name]!, 100)).toBeLessThan(LINEAR);
  });
});
