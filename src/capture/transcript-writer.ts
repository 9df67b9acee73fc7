/** Makes the records of a transcript, and gives each away as soon as it is final. */
import type { FtpSecurityError } from '../errors.js';
import type { ObservedExchange, ObservedMessage, ObservedReply } from '../session/events.js';
import { ConnectionFindings } from './findings.js';
import {
  type ConnectionRecord,
  connectionRecord,
  type DataRecord,
  type Endpoints,
  type FindingRecord,
  faultRecord,
  messageRecord,
  replyRecord,
  type SummaryRecord,
  type TranscriptRecord,
} from './records.js';
import { emptySummary } from './totals.js';

/** A verified recording. */
export interface Transcript {
  /** Those of a connection in the order of the wire; the summary comes last. With the option `onRecord`, only the summary. */
  records: TranscriptRecord[];
  /** Why the recording could not be read to its end. */
  error?: FtpSecurityError;
  /** Internal errors of this package or of a mechanism; absent if there were none. */
  faults?: Fault[];
  /** The ports in the options that no connection of the capture uses; absent if there are none. */
  unusedPorts?: number[];
  /** Present if data were not found, and packets come after others that were captured more than a tenth of a second later. */
  isDisordered?: true;
  /** Octets to which the capture has cut packets. Present if that may be why something is missing. */
  cutTo?: number;
}

/**
 * A connection that could not be read to its end because of an internal error, which is not the recording's fault. Its
 * record shows the error in `problem`.
 */
export interface Fault {
  connection: number;
  /** What was thrown. */
  error: unknown;
}

/** Receives each record as soon as it is final. */
export type OnRecord = (record: TranscriptRecord) => void;

/**
 * How many records of a connection wait for one that is not final. If there are more, that one is given away as it is. Only
 * a gap can make so many wait, whose transfer is not in the capture.
 */
const MAX_WAITING = 1024;

/** Counts the records of a recording. */
export class TranscriptWriter {
  readonly summary: SummaryRecord = emptySummary();
  readonly faults: Fault[] = [];
  /** Whether the data connection of a protected transfer was not found. */
  missesData = false;
  /** Whether octets of a control connection, or of a data connection that was found, are missing. */
  missesOctets = false;
  readonly #onRecord: OnRecord;

  constructor(onRecord: OnRecord) {
    this.#onRecord = onRecord;
  }

  /** The writer of a control connection. */
  connection(number: number, endpoints: Endpoints): ConnectionWriter {
    this.summary.connections++;
    return new ConnectionWriter(number, endpoints, this);
  }

  write(record: TranscriptRecord): void {
    if (record.type === 'message') {
      const { summary } = this;
      const { verdict, error } = record;
      summary.messages++;
      if (verdict !== 'clear') {
        summary.protected++;
        summary[verdict]++;
      }
      if (error?.code === 'sequence/unprotected') summary.unprotected_after_security++;
    }
    if (record.type === 'finding' && record.rule === 'data-not-captured') this.missesData = true;
    if (record.type === 'data' && !record.whole) this.missesOctets = true;
    this.#onRecord(record);
  }

  finish(): void {
    this.write(this.summary);
  }
}

/** A record that waits: for what it is made of to be final, or for a record before it. */
interface Waiting {
  isOpen(): boolean;
  record(): TranscriptRecord;
}

/** Writes the records of one control connection, and of its data connections, in their order. */
export class ConnectionWriter {
  readonly #number: number;
  readonly #endpoints: Endpoints;
  readonly #writer: TranscriptWriter;
  readonly #findings: ConnectionFindings;
  #waiting: Waiting[] = [];
  /** The last one. */
  #exchange: ObservedExchange | undefined;
  #fault: unknown;
  #ended = false;

  constructor(number: number, endpoints: Endpoints, writer: TranscriptWriter) {
    this.#number = number;
    this.#endpoints = endpoints;
    this.#writer = writer;
    this.#findings = new ConnectionFindings(number);
  }

  message(message: ObservedMessage, isOpen: () => boolean): void {
    this.#add(isOpen, () => messageRecord(this.#number, message));
  }

  reply(reply: ObservedReply, user: string | undefined): void {
    this.#add(FINAL, () => replyRecord(this.#number, reply, user));
  }

  exchange(exchange: ObservedExchange): void {
    this.#exchange = exchange;
    const isOpen = () => exchange.provisional && !this.#ended;
    this.#add(isOpen, () => connectionRecord(this.#number, this.#endpoints, exchange));
  }

  data(isOpen: () => boolean, record: () => DataRecord): void {
    this.#add(isOpen, record);
    this.flush();
  }

  finding(record: FindingRecord): void {
    this.#add(FINAL, () => record);
  }

  /** Octets of the control connection are missing from the capture. */
  gap(): void {
    this.#writer.summary.lost_segments++;
    this.#writer.missesOctets = true;
  }

  /** An internal error. */
  fault(error: unknown): void {
    this.#writer.faults.push({ connection: this.#number, error });
    if (this.#ended) this.#write(this.#faultRecord(error));
    else this.#fault ??= error;
  }

  /**
   * The control connection has ended.
   * @param last  what its last record says; undefined if it needs no record more
   */
  end(last: Partial<ObservedExchange> | undefined): void {
    this.#ended = true;
    if (this.#fault !== undefined) this.#add(FINAL, () => this.#faultRecord(this.#fault));
    else if (last !== undefined) this.#add(FINAL, () => connectionRecord(this.#number, this.#endpoints, last));
    this.flush();
  }

  /** Writes the records that are final. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    let written = 0;
    for (const { isOpen, record } of this.#waiting) {
      if (this.#waiting.length - written <= MAX_WAITING && isOpen()) break;
      written++;
      this.#write(record());
    }
    if (written > 0) this.#waiting = this.#waiting.slice(written);
  }

  #add(isOpen: () => boolean, record: () => TranscriptRecord): void {
    if (this.#waiting.length === 0 && !isOpen()) this.#write(record());
    else this.#waiting.push({ isOpen, record });
  }

  #faultRecord(error: unknown): ConnectionRecord {
    return { ...connectionRecord(this.#number, this.#endpoints, this.#exchange ?? {}), problem: faultRecord(error) };
  }

  #write(record: TranscriptRecord): void {
    this.#writer.write(record);
    for (const finding of this.#findings.see(record)) this.#writer.write(finding);
  }
}

const FINAL = () => false;
