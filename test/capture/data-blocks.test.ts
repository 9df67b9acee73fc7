/** The data connections of real sessions, read with the reader that the observer of their control connection gives. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from '../../src/bytes.js';
import { ControlConnections } from '../../src/capture/control-connections.js';
import { reassemble } from '../../src/capture/tcp.js';
import { refusalFrom } from '../../src/errors.js';
import { krb4, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { BlockReader } from '../../src/protection/data-block.js';
import type { Mechanism, Peer, SequenceState } from '../../src/protection/mechanism.js';
import { covers, type ProtectionLevel } from '../../src/protection/protection-level.js';
import { Observer } from '../../src/session/observer.js';
import { connectionsOf, realCapture, segmentsOf, vectorPath } from './helpers.js';

interface Truth {
  data: true;
  conn: number;
  from: Peer;
  blocks: number;
  bytes: number;
  sha256: string;
  why?: string;
}

/** What a data connection gave: octets of all blocks, what the blocks had, and the rule that was broken. */
interface Transfer {
  from: Peer;
  blocks: number;
  bytes: number;
  sha256: string;
  sequences: SequenceState[];
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

function mechanismOf(name: string): Mechanism {
  if (name.includes('krb4'))
    return krb4({ observer: { keys: parseSrvtab(fileOf(name, 'srvtab')), ciphers: nodeCiphers } });
  return krb5({ observer: { keys: parseKeytab(fileOf(name, 'keytab')), ciphers: nodeCiphers } });
}

/** One data connection, read as it comes. */
class DataRecording {
  readonly level: ProtectionLevel;
  readonly #from: Peer;
  readonly #reader: BlockReader;
  readonly #hash = createHash('sha256');
  readonly #sequences = new Set<SequenceState>();
  #blocks = 0;
  #bytes = 0;
  #error: string | undefined;

  constructor(observer: Observer) {
    const { from, level } = observer.transfer!;
    this.level = level;
    this.#from = from;
    this.#reader = observer.dataReader(from)!;
  }

  push(octets: Uint8Array): void {
    this.#reader.push(octets);
    this.#attempt(() => {
      for (let block = this.#reader.nextBlock(); block !== undefined; block = this.#reader.nextBlock()) {
        this.#blocks++;
        this.#bytes += block.plaintext.length;
        this.#hash.update(block.plaintext);
        this.#sequences.add(block.sequence);
        expect(covers(block.level, this.level)).toBe(true);
      }
    });
  }

  end(): Transfer {
    this.#attempt(() => this.#reader.close());
    const sha256 = this.#hash.digest('hex');
    const sequences = [...this.#sequences];
    return { from: this.#from, blocks: this.#blocks, bytes: this.#bytes, sha256, sequences, error: this.#error };
  }

  #attempt(read: () => void): void {
    if (this.#error === undefined) this.#error = codeOf(read);
  }
}

function codeOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return refusalFrom(error).code;
  }
}

/** Reads every data connection at the level and the size that its control connection has agreed on. */
function transfersOf(name: string): Transfer[] {
  const streams = reassemble(segmentsOf(realCapture(name)));
  const ends = new ControlConnections(streams.connections);
  const observers = new Map(ends.ids.map(id => [id, new Observer({ mechanisms: [mechanismOf(name)] })]));
  const readers = new Map<number, DataRecording>();
  let current: Observer | undefined;
  for (const event of streams.events()) {
    const observer = observers.get(event.connection.id);
    if (observer !== undefined) {
      current = observer;
      const from = event.from === ends.get(event.connection.id)!.clientEnd ? 'client' : 'server';
      if (event.kind === 'data') observer.push(from, event.data);
    } else if (event.kind === 'data') {
      const recording = readers.get(event.connection.id) ?? new DataRecording(current!);
      readers.set(event.connection.id, recording);
      recording.push(event.data);
    }
  }
  const inOrder = connectionsOf(streams).map(({ id }) => readers.get(id));
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
    const numbered = !name.includes('krb4');
    const found = transfersOf(name).map(({ sequences, ...transfer }) => {
      expect(sequences.includes('none')).toBe(!numbered);
      return transfer;
    });
    expect(found).toEqual(expected);
  });
});
