/** Turns a data connection into a record of the transcript. */
import type { Peer } from '../protection/mechanism.js';
import type { ControlRecording } from './control-recording.js';
import { DataBlocks } from './data-blocks.js';
import type { FoundDataConnection } from './data-connections.js';
import { type DataFacts, type DataRecord, dataRecord } from './records.js';
import type { TcpConnection, TcpEvent } from './tcp.js';

/** What is known of a file before its first block. */
export type Transfer = Pick<DataRecord, 'connection' | 'from' | 'command' | 'name' | 'user' | 'level'>;

/** Receives the file of one data connection: the octets of its opened blocks, and at the end the record of the whole. */
export interface TransferSink {
  /** Receives the plaintext of an opened block. A later block, or the end, may show that it is not reliable. */
  write(plaintext: Uint8Array): void;
  end(record: DataRecord): void;
}

/** Called for each transfer of a recording; returns the sink for its plaintext, or undefined if it is not wanted. */
export type Extract = (transfer: Transfer) => TransferSink | undefined;

interface Begun {
  facts: DataFacts;
  blocks: DataBlocks;
}

export class DataRecording {
  readonly #found: FoundDataConnection<ControlRecording>;
  readonly #ends: TcpConnection['ends'];
  readonly #extract: Extract | undefined;
  #open = 2;
  #begun: Begun | undefined;
  #sink: TransferSink | undefined;

  constructor({ ends }: TcpConnection, found: FoundDataConnection<ControlRecording>, extract: Extract | undefined) {
    this.#ends = ends;
    this.#found = found;
    this.#extract = extract;
  }

  /** The number of its control connection. */
  get connection(): number {
    return this.#found.control.number;
  }

  /** @returns the record, if the connection has ended and was protected; otherwise undefined */
  take(event: TcpEvent): DataRecord | undefined {
    if (event.kind === 'end') return --this.#open === 0 ? this.#end(event.time) : undefined;
    const sender: Peer = event.from === this.#found.clientEnd ? 'client' : 'server';
    this.#begun ??= this.#begin(sender, event.time);
    const { facts, blocks } = this.#begun;
    if (sender !== facts.from) return undefined;
    if (event.kind === 'data') blocks.push(event.data);
    else blocks.gap(event.octets);
    return undefined;
  }

  /** The protection set on the control connection when the first octets come applies to the whole transfer. */
  #begin(from: Peer, time: bigint | undefined): Begun {
    const { control, clientEnd, foundBy } = this.#found;
    const ends = this.#ends;
    const { level, bufferSize, contexts } = control.dataProtection;
    const facts: DataFacts = {
      connection: control.number,
      client: ends[clientEnd],
      server: ends[clientEnd === 0 ? 1 : 0],
      time,
      from,
      command: control.transfer?.command ?? null,
      name: control.transfer?.name ?? null,
      user: control.user ?? null,
      foundBy,
      level,
      weak: control.weak,
    };
    const write = (plaintext: Uint8Array) => this.#sinkOf(facts)?.write(plaintext);
    const { gaps } = control;
    const received = (place: bigint) => gaps.block(from, place);
    return { facts, blocks: new DataBlocks({ context: contexts[from], level, bufferSize, write, received }) };
  }

  #sinkOf({ connection, from, command, name, user, level }: DataFacts): TransferSink | undefined {
    this.#sink ??= this.#extract?.({ connection, from, command, name, user, level });
    return this.#sink;
  }

  #end(time: bigint | undefined): DataRecord | undefined {
    const { transfer } = this.#found.control;
    // A transfer that has begun but sent no octets lacks its last block as well.
    if (transfer?.begun) this.#begun ??= this.#begin(transfer.from, time);
    const result = this.#begun?.blocks.end();
    if (this.#begun === undefined || result === undefined) return undefined;
    const record = dataRecord(this.#begun.facts, result);
    this.#sinkOf(this.#begun.facts)?.end(record);
    return record;
  }
}
