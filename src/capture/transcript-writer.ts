/** Collects and counts the records of a transcript. */
import { FtpSecurityError } from '../errors.js';
import type { Observation } from '../session/events.js';
import { Findings } from './findings.js';
import {
  type ConnectionRecord,
  connectionRecord,
  type DataRecord,
  type Endpoints,
  faultRecord,
  messageRecord,
  replyRecord,
  type SummaryRecord,
  type TranscriptRecord,
} from './records.js';

/** A verified recording. */
export interface Transcript {
  /** In the order of the wire; the summary comes last. */
  records: TranscriptRecord[];
  /** Why the recording could not be read to its end. */
  error?: FtpSecurityError;
  /** Internal errors of this package or of a mechanism; absent if there were none. */
  faults?: Fault[];
  /** The ports in the options that no connection of the capture uses; absent if there are none. */
  unusedPorts?: number[];
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

/**
 * The most control lines. A transcript is held in memory, with about a kilobyte for each line; a capture of 12 MB has
 * about thirty thousand lines.
 */
const MAX_LINES = 1_000_000;

/** Collects the records. They are written at the end, because only then is it known that a reply never ends. */
export class TranscriptWriter {
  #lines = 0;
  connections = 0;
  lost = 0;
  readonly faults: Fault[] = [];
  readonly #pending: (() => TranscriptRecord)[] = [];

  add(connection: number, endpoints: Endpoints, observation: Observation): void {
    switch (observation.type) {
      case 'message':
        if (++this.#lines > MAX_LINES) {
          throw new FtpSecurityError('syntax/limit-exceeded', `more than ${MAX_LINES} control lines`);
        }
        this.#pending.push(() => messageRecord(connection, observation));
        break;
      case 'reply':
        this.#pending.push(() => replyRecord(connection, observation));
        break;
      case 'exchange':
        this.#pending.push(() => connectionRecord(connection, endpoints, observation));
    }
  }

  addConnection(connection: number, endpoints: Endpoints, problem: FtpSecurityError | undefined): void {
    this.#pending.push(() => connectionRecord(connection, endpoints, { problem }));
  }

  addData(record: DataRecord): void {
    this.#pending.push(() => record);
  }

  finish(dataConnections: number, unread: Record<string, number>): Transcript {
    const { faults } = this;
    const faulty = new Map(faults.map(({ connection, error }) => [connection, faultRecord(error)]));
    const records: TranscriptRecord[] = [];
    const findings = new Findings();
    for (const write of this.#pending) {
      const record = write();
      const problem = record.type === 'connection' ? faulty.get(record.connection) : undefined;
      records.push(problem === undefined ? record : ({ ...record, problem } as ConnectionRecord));
      for (const finding of findings.see(record)) records.push(finding);
    }
    records.push(this.#summary(records, dataConnections, unread));
    return faults.length > 0 ? { records, faults } : { records };
  }

  #summary(
    records: readonly TranscriptRecord[],
    dataConnections: number,
    unread: Record<string, number>,
  ): SummaryRecord {
    const messages = records.filter(record => record.type === 'message');
    const count = (verdict: string) => messages.filter(message => message.verdict === verdict).length;
    return {
      type: 'summary',
      connections: this.connections,
      messages: messages.length,
      protected: messages.length - count('clear'),
      verified: count('verified'),
      decrypted: count('decrypted'),
      failed: count('failed'),
      unkeyed: count('unkeyed'),
      unprotected_after_security: messages.filter(({ error }) => error?.code === 'sequence/unprotected').length,
      data_connections: dataConnections,
      lost_segments: this.lost,
      unread,
    };
  }
}
