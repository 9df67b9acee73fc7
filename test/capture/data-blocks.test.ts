/** The data connections of real sessions, read with the context of their control connection: blocks, octets and hash are those of the truth. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromUtf8, toUtf8 } from '../../src/bytes.js';
import { controlConnections } from '../../src/capture/control-connections.js';
import { reassemble, type TcpConnection } from '../../src/capture/tcp.js';
import { type Command, parseCommand } from '../../src/ftp/command.js';
import type { Reply } from '../../src/ftp/reply.js';
import { krb4, krb4Observer, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, krb5Observer, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { BlockReader } from '../../src/protection/data-block.js';
import type { ExchangeObserver, Mechanism, ObservedStep, Peer } from '../../src/protection/mechanism.js';
import type { ProtectionLevel } from '../../src/protection/protection-level.js';
import { parsePbszCommand, parsePbszReply, parseProt } from '../../src/protection/security-data.js';
import { Observer } from '../../src/session/observer.js';
import { errorOf, onlyRefuses } from '../helpers.js';
import { realCapture, segmentsOf, vectorPath } from './helpers.js';

interface Truth {
  data: true;
  conn: number;
  from: Peer;
  blocks: number;
  bytes: number;
  sha256: string;
  why?: string;
}

const UPLOADS = ['STOR', 'STOU', 'APPE'];
const DOWNLOADS = ['RETR', 'LIST', 'NLST', 'MLSD'];

/** What a data connection gave: whole texts, and the rule that was broken. */
interface Transfer {
  from: Peer;
  blocks: number;
  bytes: number;
  sha256: string;
  error: string | undefined;
}

function fileOf(name: string, suffix: string): Uint8Array {
  return new Uint8Array(readFileSync(vectorPath(`${name}.${suffix}`)));
}

function truthOf(name: string): Truth[] {
  const lines = fromUtf8(fileOf(name, 'truth.jsonl')).split('\n');
  const records = lines.filter(line => line !== '').map(line => JSON.parse(line));
  return records.filter(({ data }) => data === true);
}

/** The mechanism of a capture, whose observers tell what they know. */
function mechanismOf(name: string, tell: (step: ObservedStep) => void): Mechanism {
  const telling = (observer: ExchangeObserver): ExchangeObserver => ({
    observe(from, token) {
      const step = observer.observe(from, token);
      tell(step);
      return step;
    },
  });
  if (name.includes('krb4')) {
    const keys = parseSrvtab(fileOf(name, 'srvtab'));
    return { ...krb4(), observer: () => telling(krb4Observer({ keys, ciphers: nodeCiphers })) };
  }
  const keys = parseKeytab(fileOf(name, 'keytab'));
  return { ...krb5(), observer: () => telling(krb5Observer({ keys, ciphers: nodeCiphers })) };
}

/** A control connection as a passive reader of its data connections needs it. */
class Control {
  level: ProtectionLevel = 'clear';
  bufferSize = 0;
  known: ObservedStep = { facts: {} };
  /** Who sends on the data connection of the last transfer command. */
  sender: Peer = 'server';
  readonly #observer: Observer;
  #asked: Command | undefined;

  constructor(name: string) {
    const mechanism = mechanismOf(name, step => {
      this.known = step;
    });
    this.#observer = new Observer({ mechanisms: [mechanism] });
  }

  push(from: Peer, octets: Uint8Array): void {
    this.#observer.push(from, octets);
    for (let seen = this.#observer.next(); seen !== undefined; seen = this.#observer.next()) {
      if (seen.type === 'message' && seen.from === 'client') this.#ask(commandIn(seen.text ?? ''));
      if (seen.type === 'reply' && seen.reply.code === 200) this.#granted(seen.reply);
    }
  }

  #ask(command: Command | undefined): void {
    this.#asked = command;
    if (UPLOADS.includes(command?.verb ?? '')) this.sender = 'client';
    if (DOWNLOADS.includes(command?.verb ?? '')) this.sender = 'server';
  }

  #granted(reply: Reply): void {
    const asked = this.#asked;
    if (asked?.verb === 'PROT') this.level = parseProt(asked);
    // MIT grants `PBSZ abc` too, and changes nothing.
    const wanted = asked?.verb === 'PBSZ' ? onlyRefuses(() => parsePbszCommand(asked)) : undefined;
    if (wanted !== undefined) this.bufferSize = Math.min(wanted, parsePbszReply(reply) ?? wanted);
  }
}

/** One data connection, read as it comes. */
class DataRecording {
  readonly level: ProtectionLevel;
  readonly #from: Peer;
  readonly #reader: BlockReader;
  readonly #hash = createHash('sha256');
  #blocks = 0;
  #bytes = 0;
  #error: string | undefined;

  constructor({ level, bufferSize, known, sender }: Control) {
    this.level = level;
    this.#from = sender;
    const context = sender === 'client' ? known.fromClient : known.fromServer;
    this.#reader = new BlockReader(context, level, { bufferSize: bufferSize });
  }

  push(octets: Uint8Array): void {
    this.#reader.push(octets);
    this.#attempt(() => {
      for (let text = this.#reader.next(); text !== undefined; text = this.#reader.next()) {
        this.#blocks++;
        this.#bytes += text.length;
        this.#hash.update(text);
      }
    });
  }

  end(): Transfer {
    this.#attempt(() => this.#reader.close());
    const blocks = this.#blocks + (this.#reader.ended ? 1 : 0);
    return { from: this.#from, blocks, bytes: this.#bytes, sha256: this.#hash.digest('hex'), error: this.#error };
  }

  #attempt(read: () => void): void {
    if (this.#error === undefined) this.#error = onlyRefusal(read);
  }
}

function onlyRefusal(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return errorOf(() => {
      throw error;
    }).code;
  }
}

function commandIn(text: string): Command | undefined {
  return onlyRefuses(() => parseCommand(toUtf8(text.replace(/[\r\n\0]+$/, ''))));
}

/** Reads every data connection at the level and the size that its control connection has agreed on. */
function transfersOf(name: string): Transfer[] {
  const streams = reassemble(segmentsOf(realCapture(name)));
  const ends = controlConnections(streams);
  const controls = new Map([...ends.keys()].map(connection => [connection, new Control(name)]));
  const readers = new Map<TcpConnection, DataRecording>();
  let current: Control | undefined;
  for (const event of streams.events) {
    const control = controls.get(event.connection);
    if (control !== undefined) {
      current = control;
      const from = event.from === ends.get(event.connection)!.clientEnd ? 'client' : 'server';
      if (event.kind === 'data') control.push(from, event.data);
    } else if (event.kind === 'data') {
      const recording = readers.get(event.connection) ?? new DataRecording(current!);
      readers.set(event.connection, recording);
      recording.push(event.data);
    }
  }
  const inOrder = streams.connections.map(connection => readers.get(connection));
  return inOrder.filter(it => it !== undefined && it.level !== 'clear').map(it => it!.end());
}

const NAMES = readdirSync(vectorPath('.'))
  .filter(file => file.endsWith('.truth.jsonl'))
  .map(file => file.slice(0, -'.truth.jsonl'.length))
  .filter(name => truthOf(name).length > 0);

describe('the data connections of real sessions', () => {
  it.each(NAMES)('%s', name => {
    const expected = truthOf(name).map(({ from, blocks, bytes, sha256, why }) => {
      return { from, blocks, bytes, sha256, error: why === 'no final empty block' ? 'syntax/truncated' : undefined };
    });
    expect(transfersOf(name)).toEqual(expected);
  });
});
