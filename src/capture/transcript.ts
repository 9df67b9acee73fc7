/** A recording in, a verified transcript out: capture files and text transcripts, every control connection of them. */
import { CRLF, concat, fromUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { Tolerance } from '../protection/deviations.js';
import type { Mechanism } from '../protection/mechanism.js';
import type { Observation } from '../session/events.js';
import { Observer, type ObserverOptions } from '../session/observer.js';
import { type Capture, CaptureFile, JoinedCapture, noCapture } from './capture-file.js';
import { type ControlConnection, controlConnections, type PortOptions, portOf } from './control-connections.js';
import { SegmentReader } from './link-layer.js';
import { beginningOf, chunksOf, type Recording, recordingFormat, wholeOf } from './recording.js';
import {
  connectionRecord,
  type Endpoints,
  faultRecord,
  messageRecord,
  replyRecord,
  type SummaryRecord,
  type TranscriptRecord,
} from './records.js';
import { reassemble } from './tcp.js';
import { readTextTranscript, type SpokenLine } from './text-transcript.js';

/** A transcript is held in memory, at about a kilobyte a line; a capture of 12 MB has some thirty thousand. */
const MAX_LINES = 1_000_000;

/** Of a capture, all TCP connections that speak FTP are control connections, and those that `ports` names. */
export interface VerifyOptions extends Tolerance, PortOptions {
  /** The mechanisms that can watch an exchange, with their keys. */
  mechanisms: readonly Mechanism[];
}

/** A verified recording. */
export interface Transcript {
  /** In the order of the wire; the summary is the last. */
  records: TranscriptRecord[];
  /** Why the recording can't be read to its end. */
  error?: FtpSecurityError;
  /** Faults of this package, or of a mechanism; absent when there was none. */
  faults?: Fault[];
  /** Of the ports asked for, those that no connection of the capture has; absent when there is none. */
  unusedPorts?: number[];
}

/** A connection that could not be read to its end, through no fault of the recording: `problem` of its record tells, too. */
export interface Fault {
  connection: number;
  /** What was thrown. */
  error: unknown;
}

/**
 * Verifies a recording at its own time.
 * @param recording  a capture (pcap or pcapng) or a text transcript, whole or in chunks. Chunks are gone through several
 *   times, so that a capture need not be in memory; they must be the same each time, and not change
 * @throws FtpSecurityError `syntax/bad-file` or `syntax/truncated` when it is neither, `syntax/limit-exceeded`
 *   when it has more than a million control lines or connections
 * @example
 * const keys = parseKeytab(readFileSync('ftp.keytab'));
 * const { records } = verifyRecording(readFileSync('session.pcap'), { mechanisms: [krb5({ observer: { keys } })] });
 * const summary = records.at(-1); // { type: 'summary', verified: 7, failed: 0, … }
 */
export function verifyRecording(recording: Recording, options: VerifyOptions): Transcript {
  const chunks = chunksOf(recording);
  const start = beginningOf(chunks);
  switch (recordingFormat(start)) {
    case 'capture':
      return verifyCapture(new CaptureFile(chunks), options);
    case 'text':
      return verifyText(readTextTranscript(wholeOf(chunks)), options);
    default:
      throw noCapture(start);
  }
}

/**
 * Verifies the files of one capture that was rotated, as one recording; they are put in the order of their first packets.
 * @throws FtpSecurityError as verifyRecording, and `syntax/bad-file` when one of them is no capture
 */
export function verifyRotated(files: readonly Recording[], options: VerifyOptions): Transcript {
  return verifyCapture(new JoinedCapture(files.map(file => new CaptureFile(chunksOf(file)))), options);
}

function verifyCapture(capture: Capture, options: VerifyOptions): Transcript {
  const transcript = verifySegments(new SegmentReader(capture), options);
  return capture.error === undefined ? transcript : { ...transcript, error: capture.error };
}

function verifyText(connections: readonly SpokenLine[][], options: VerifyOptions): Transcript {
  const writer = new TranscriptWriter();
  connections.forEach((lines, index) => {
    const observed = { ...options, fromStart: beginsWithGreeting(lines) };
    const recording = new ControlRecording(index + 1, { client: null, server: null }, observed, writer);
    for (const { from, line } of lines) recording.observe(observer => observer.push(from, concat(line, CRLF)));
    recording.end(undefined);
  });
  return writer.finish(0, {});
}

/** A text has no SYN, so that only a greeting, or a refusal, shows that nothing is missing before it. */
function beginsWithGreeting([first]: readonly SpokenLine[]): boolean {
  return first?.from === 'server' && /^(120|220|[45][0-9][0-9])/.test(fromUtf8(first.line.subarray(0, 3)));
}

function verifySegments(segments: SegmentReader, options: VerifyOptions): Transcript {
  const streams = reassemble(segments);
  const control = controlConnections(streams, options);
  const writer = new TranscriptWriter();
  const recordings = new Map(
    [...control].map(([connection, ends], index) => {
      const observed = { ...options, fromStart: connection.opened !== 'missing' };
      const recording = new ControlRecording(index + 1, ends, observed, writer);
      return [connection, { ends, recording, open: 2, preamble: [...ends.preamble] }];
    }),
  );
  for (const event of streams.events) {
    const entry = recordings.get(event.connection);
    if (entry === undefined) continue;
    const { ends, recording, preamble } = entry;
    const from = sideOf(ends, event.from);
    if (event.kind === 'data') {
      const data = event.data.subarray(preamble[event.from]);
      preamble[event.from]! -= event.data.length - data.length;
      recording.observe(observer => observer.push(from, data, event.time));
    } else if (event.kind === 'lost') recording.gap(from);
    else if (--entry.open === 0) recording.end(event.time);
  }
  const answered = streams.connections.filter(({ opened }) => opened !== 'unanswered');
  const { unread } = segments;
  if (streams.strays > 0) unread['TCP segment out of sequence'] = streams.strays;
  const unusedPorts = options.ports?.filter(
    port => !answered.some(({ ends }) => ends.some(end => portOf(end) === port)),
  );
  const transcript = writer.finish(answered.length - control.size, unread);
  return unusedPorts?.length ? { ...transcript, unusedPorts } : transcript;
}

function sideOf({ clientEnd }: ControlConnection, end: 0 | 1): 'client' | 'server' {
  return end === clientEnd ? 'client' : 'server';
}

/** One control connection on its way into the transcript. */
class ControlRecording {
  readonly #number: number;
  readonly #endpoints: Endpoints;
  readonly #observer: Observer;
  readonly #writer: TranscriptWriter;
  #announced = false;
  #broken = false;

  constructor(number: number, endpoints: Endpoints, options: ObserverOptions, writer: TranscriptWriter) {
    this.#number = number;
    this.#endpoints = endpoints;
    this.#observer = new Observer(options);
    this.#writer = writer;
    writer.connections++;
  }

  /** Takes a step. Behind a fault of ours nothing that the observer holds is to be relied on; other connections go on. */
  observe(step: (observer: Observer) => void): void {
    if (this.#broken) return;
    try {
      step(this.#observer);
    } catch (error) {
      this.#broken = true;
      this.#writer.faults.push({ connection: this.#number, error });
    }
    for (let next = this.#observer.next(); next !== undefined; next = this.#observer.next()) {
      this.#announced ||= next.type === 'exchange';
      this.#writer.add(this.#number, this.#endpoints, next);
    }
  }

  gap(from: 'client' | 'server'): void {
    this.#writer.lost++;
    this.observe(observer => observer.gap(from));
  }

  end(time: bigint | undefined): void {
    this.observe(observer => observer.close(time));
    const { problem } = this.#observer;
    if (!this.#announced || problem !== undefined) this.#writer.addConnection(this.#number, this.#endpoints, problem);
  }
}

/** Collects the records. They are written at the end, since the last line of a reply that never ends learns of it then. */
class TranscriptWriter {
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

  finish(dataConnections: number, unread: Record<string, number>): Transcript {
    const { faults } = this;
    const faulty = new Map(faults.map(({ connection, error }) => [connection, faultRecord(error)]));
    const records = this.#pending.map(write => {
      const record = write();
      const problem = record.type === 'connection' ? faulty.get(record.connection) : undefined;
      return problem === undefined ? record : { ...record, problem };
    });
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
