/** A whole client's side of a connection, said in chunks of any size: the server hears the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromUtf8, toUtf8 } from '../../src/bytes.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import type { Exchange, Step } from '../../src/protection/mechanism.js';
import { ClientSession } from '../../src/session/client.js';
import { ServerSession } from '../../src/session/server.js';
import { chunkSizes, growth, inChunks, LINEAR, octetByOctet } from '../ftp/readers.js';
import { secured } from './pair.js';

const key = new Uint8Array(32).fill(7);
/** The same nonce each time, so that octets that were recorded can be said again. */
const random = (octet: number) => (length: number) => new Uint8Array(length).fill(octet);

const COMMANDS = ['USER anna', 'PASS x', 'PBSZ 4096', 'PROT P', 'TYPE I', 'RETR a', 'CCC', 'NOOP', 'PBSZ x', 'QUIT'];

class Server {
  readonly session = new ServerSession({ mechanisms: [{ name: 'X-PSK' }], ccc: 'allowed' });
  readonly events: string[] = [];
  readonly #acceptor: Exchange = pskAcceptor({ key, random: random(2) });

  /** @returns octets for the client */
  hear(chunk: Uint8Array): Uint8Array {
    this.session.receive(chunk);
    const answers: Uint8Array[] = [];
    for (let event = this.session.next(); event !== undefined; event = this.session.next()) {
      switch (event.type) {
        case 'auth':
          answers.push(this.session.proceed({}));
          break;
        case 'security-data':
          answers.push(this.session.proceed(this.#acceptor.step(event.token) as Step));
          break;
        case 'command':
          this.events.push(`${event.level} ${fromUtf8(event.command.raw).trimEnd()}`);
          answers.push(this.session.reply(event.command.verb === 'RETR' ? 550 : 250, ['a', 'b']));
          break;
        case 'answered':
          this.events.push(`${event.code} ${event.command?.verb}`);
          answers.push(event.octets);
      }
    }
    return concat(...answers);
  }
}

/** A connection, command by command; the octets of both sides, and what either heard. */
function converse(chunks: (octets: Uint8Array) => Uint8Array[]) {
  const client = new ClientSession();
  const server = new Server();
  const initiator = pskInitiator({ key, random: random(1) });
  const [said, heard]: [Uint8Array[], string[]] = [[], []];
  const say = (octets: Uint8Array): void => {
    said.push(octets);
    const answer = chunks(octets).map(chunk => server.hear(chunk));
    for (const chunk of chunks(concat(...answer))) {
      client.receive(chunk);
      for (let event = client.next(); event !== undefined; event = client.next()) {
        if (event.type === 'reply') heard.push(`${event.level} ${event.reply.code} ${event.command?.verb}`);
        else say(client.proceed(initiator.step(event.token) as Step)!);
      }
    }
  };
  say(client.send(toUtf8('AUTH X-PSK')));
  for (const command of COMMANDS) {
    if (command === 'PBSZ x') say(toUtf8('PBSZ x\r\n'));
    else say(client.send(toUtf8(command)));
  }
  return { said: concat(...said), heard, events: server.events, phase: client.phase };
}

const once = converse(octets => [octets]);

describe('sessions in chunks', () => {
  it('see the expected events', () => {
    expect(once.phase).toBe('cleared');
    expect(once.events).toEqual([
      'private USER anna',
      'private PASS x',
      '200 PBSZ',
      '200 PROT',
      'private TYPE I',
      'private RETR a',
      '200 CCC',
      'clear NOOP',
      '501 PBSZ',
      'clear QUIT',
    ]);
    expect(once.heard).toHaveLength(1 + COMMANDS.length);
  });

  it('see the same events octet by octet', () => {
    expect(converse(octetByOctet)).toEqual(once);
  });

  it('see the same events in any chunks, and all at once', () => {
    fc.assert(
      fc.property(chunkSizes, sizes => {
        const server = new Server();
        for (const chunk of inChunks(once.said, sizes)) server.hear(chunk);
        expect(server.events).toEqual(once.events);
      }),
      { numRuns: 50 },
    );
  });

  it('take time linear in their input', () => {
    const work = (lines: number) => {
      const { client, server } = secured();
      for (let i = 0; i < lines; i++) {
        server.receive(client.send(toUtf8('NOOP'), 'safe'));
        if (server.next()?.type !== 'command') throw new Error('no command');
      }
      for (let i = 0; i < lines; i++) client.receive(server.reply(200, 'x'));
      for (let i = 0; i < lines; i++) client.next();
    };
    expect(growth(work, 200)).toBeLessThan(LINEAR);
  });
});
