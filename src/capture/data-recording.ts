/** Turns a data connection into a record of the transcript. */
import type { Peer } from '../protection/mechanism.js';
import type { TcpConnection } from './connection-table.js';
import type { ControlRecording, RecordedTransfer } from './control-recording.js';
import { DataBlocks, type Sha256 } from './data-blocks.js';
import type { FoundDataConnection } from './data-connections.js';
import { other } from './opening.js';
import { type DataFacts, type DataRecord, dataRecord } from './records.js';
import type { TcpEvent } from './tcp.js';
import type { BlockNumbers } from './token-numbers.js';

/** What is known of a file before its first block. */
export type Transfer = Pick<DataRecord, 'connection' | 'from' | 'command' | 'name' | 'offset' | 'user' | 'level'>;

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
  /** Undefined as long as it is not known. */
  transfer: RecordedTransfer | undefined;
  blocks: DataBlocks;
  numbers: BlockNumbers;
}

/** Options of the caller for the contents of data connections. */
export interface DataOptions {
  /** Called for each protected data connection; returns the sink for its file, or undefined. */
  extract?: Extract;
  /**
   * Begins the hash of a file. Default the built-in one; `createHash('sha256')` of node:crypto takes a tenth of its time. With false,
   * `sha256` of the records is null.
   */
  sha256?: (() => Sha256) | false;
}

export class DataRecording {
  #found: FoundDataConnection<ControlRecording>;
  readonly #tcp: TcpConnection;
  readonly #options: DataOptions;
  /** By the end: octets of a proxy that are still to be skipped. */
  readonly #preamble: number[];
  /** How many ends have not been closed. */
  #openEnds = 2;
  #begun: Begun | undefined;
  #sink: TransferSink | undefined;
  /** Whether only the capture ends, and not the connection. */
  #isCut = false;

  /** @param preamble  how many octets of each end belong to a proxy, before the blocks */
  constructor(
    tcp: TcpConnection,
    found: FoundDataConnection<ControlRecording>,
    preamble: readonly [number, number],
    options: DataOptions,
  ) {
    this.#tcp = tcp;
    this.#preamble = [...preamble];
    this.#found = found;
    this.#options = options;
  }

  /**
   * Takes an event. After an error, which is not the recording's fault, the data connection has to be given up.
   * @returns whether the connection has ended
   */
  take(event: TcpEvent): boolean {
    const data = event.kind === 'data' ? this.#behindProxy(event.data, event.from) : undefined;
    if (data?.length === 0) return false;
    if (this.#begun === undefined && event.kind !== 'end') this.#chooseControl(event.from);
    const sender: Peer = event.from === this.#found.clientEnd ? 'client' : 'server';
    if (event.kind === 'end') {
      if (sender === (this.#begun?.facts.from ?? sender)) this.#isCut = event.by === 'open';
      if (--this.#openEnds > 0) return false;
      this.#end(event.time);
      return true;
    }
    this.#begun ??= this.#begin(sender, event.time);
    const { facts, blocks } = this.#begun;
    if (sender !== facts.from) return false;
    if (event.kind === 'lost') blocks.gap(event.octets);
    else blocks.push(data!);
    return false;
  }

  #behindProxy(octets: Uint8Array, from: 0 | 1): Uint8Array {
    const data = octets.subarray(this.#preamble[from]);
    this.#preamble[from]! -= octets.length - data.length;
    return data;
  }

  /** Gives the data connection up, after an internal error. */
  fault(error: unknown): void {
    this.#found.control.writer.fault(error);
  }

  /**
   * The transfer of this data connection. Undefined if that transfer has a whole data connection already, or in doubt any: then this
   * one belongs to another transfer, whose lines are missing.
   */
  get #transfer(): RecordedTransfer | undefined {
    const { control, message, isDoubtful } = this.#found;
    const transfer = control.transferAt(message);
    if (transfer === undefined || transfer === this.#begun?.transfer) return transfer;
    const isTaken = transfer.isCaptured && (isDoubtful || transfer.blocks?.isWhole === true);
    return isTaken ? undefined : transfer;
  }

  /** Between two servers, the data connection belongs to the one that sends, which protects the blocks. @param from  the end that sends */
  #chooseControl(from: 0 | 1): void {
    const { partner, control, message, clientEnd } = this.#found;
    if (partner === undefined || from !== clientEnd) return;
    this.#found = { ...this.#found, ...partner, clientEnd: other(clientEnd), partner: { control, message } };
  }

  /** Notes in the transfer, and in that of the other server if there are two, that this is its data connection. */
  #capture(transfer: RecordedTransfer | undefined): void {
    const { partner } = this.#found;
    for (const it of [transfer, partner?.control.transferAt(partner.message)])
      if (it !== undefined) it.isCaptured = true;
  }

  /** The protection set on the control connection when the first octets come applies to the whole transfer. */
  #begin(from: Peer, time: bigint | undefined): Begun {
    const { control, clientEnd, foundBy, isDoubtful } = this.#found;
    const transfer = this.#transfer;
    const isCertain = !isDoubtful;
    if (isCertain) this.#capture(transfer);
    const { ends, opener, opened } = this.#tcp;
    const { level, isCertain: isLevelCertain, bufferSize, contexts } = control.dataProtection;
    const facts: DataFacts = {
      connection: control.number,
      client: ends[clientEnd],
      server: ends[other(clientEnd)],
      time,
      from,
      ...namesOf(transfer),
      user: control.user ?? null,
      foundBy,
      level,
      weak: control.weak,
    };
    const write = (plaintext: Uint8Array) => {
      this.#capture(transfer);
      this.#sinkOf(facts)?.write(plaintext);
    };
    const isOpener = opener === (from === 'client' ? clientEnd : other(clientEnd));
    const fromStart = opened === 'answered' || (opened === 'late-answer' && isOpener);
    const numbers = control.numbers.blocks(from, transfer?.from === from ? transfer : undefined, {
      fromStart,
      isCertain,
    });
    const received = (place: bigint) => numbers.add(place);
    const { sha256 } = this.#options;
    const options = { context: contexts[from], level, bufferSize, write, sha256, received, fromStart };
    const blocks = new DataBlocks({ ...options, isCertain: isCertain && isLevelCertain });
    return { facts, transfer, blocks, numbers };
  }

  #sinkOf({ connection, from, command, name, offset, user, level }: DataFacts): TransferSink | undefined {
    this.#sink ??= this.#options.extract?.({ connection, from, command, name, offset, user, level });
    return this.#sink;
  }

  #end(time: bigint | undefined): void {
    const { control } = this.#found;
    const transfer = this.#transfer;
    // A transfer that has begun but sent no octets lacks its last block as well.
    if (transfer?.begun && !transfer.isRefused && !this.#found.isDoubtful)
      this.#begun ??= this.#begin(transfer.from, time);
    if (this.#begun === undefined) return;
    const { facts, blocks, numbers } = this.#begun;
    if (facts.message === null && transfer !== undefined) {
      Object.assign(facts, namesOf(transfer));
      this.#begun.transfer = transfer;
      this.#capture(transfer);
      if (transfer.from === facts.from) numbers.belongTo(transfer, true);
    }
    const result = blocks.end(this.#isCut);
    if (result === undefined) return;
    numbers.end(result.complete);
    const its = this.#begun.transfer;
    // The reply may say that the transfer has failed.
    const isAwaited = () => result.error?.code === 'syntax/truncated' && its !== undefined && control.awaitsReply(its);
    control.writer.data(
      () => !numbers.isSettled || isAwaited(),
      () => {
        const error = result.error ?? numbers.error;
        const record = dataRecord(facts, { ...result, error }, numbers.isCertain, its?.isGivenUp === true);
        this.#endSink(facts, record);
        return record;
      },
    );
  }

  /** An error of the sink is not the recording's fault, and must not keep the record back. */
  #endSink(facts: DataFacts, record: DataRecord): void {
    try {
      this.#sinkOf(facts)?.end(record);
    } catch (error) {
      this.fault(error);
    }
  }
}

/** What the control connection says of a data connection. Its command may be recorded after the first octets. */
function namesOf(transfer: RecordedTransfer | undefined): Pick<DataFacts, 'message' | 'command' | 'name' | 'offset'> {
  const { message = null, command = null, name = null, offset = null } = transfer ?? {};
  return { message, command, name, offset };
}
