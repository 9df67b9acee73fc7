/** Verifies a recording, a capture file or a text transcript, with all its control connections. */
import { CRLF, concat, fromUtf8 } from '../bytes.js';
import type { Tolerance } from '../protection/deviations.js';
import type { Mechanism, Peer } from '../protection/mechanism.js';
import { assertTolerance } from '../session/command-rules.js';
import type { ObserverOptions } from '../session/observer.js';
import { type Capture, CaptureFile, JoinedCapture, noCapture } from './capture-file.js';
import { type ConnectionTable, portOfNumber, type TcpConnection } from './connection-table.js';
import { type ControlConnection, ControlConnections, type PortOptions } from './control-connections.js';
import { ControlRecording } from './control-recording.js';
import type { DataAddress } from './data-addresses.js';
import { type Announcing, DataConnections } from './data-connections.js';
import { type DataOptions, DataRecording } from './data-recording.js';
import { SegmentReader } from './link-layer.js';
import { hostOf, portOf } from './opening.js';
import type { SpokenLine } from './program-log.js';
import { beginningOf, chunksOf, type Recording, recordingFormat, wholeOf } from './recording.js';
import type { TranscriptRecord } from './records.js';
import { reassembleSteps, type TcpEvent } from './tcp.js';
import { readDumpedCapture, readTextTranscript } from './text-transcript.js';
import { type OnRecord, type Transcript, TranscriptWriter } from './transcript-writer.js';

/** In a capture, control connections are the TCP connections that speak FTP, and those that `ports` names. */
export interface VerifyOptions extends Tolerance, PortOptions, DataOptions {
  /** The mechanisms that can observe an exchange, with their keys. */
  mechanisms: readonly Mechanism[];
  /** Receives each record as soon as it is final; then the transcript holds only the summary, and memory stays bounded. */
  onRecord?: OnRecord;
}

/**
 * Verifies a recording. Exchanges are checked at the time when they were recorded.
 * @param recording  a capture (pcap or pcapng) or a text transcript, whole or in chunks. Chunks are iterated several
 *   times, so that a capture need not be in memory; each iteration must give the same octets, and they must not change
 * @throws FtpSecurityError `syntax/bad-file` or `syntax/truncated` if it is neither, `syntax/limit-exceeded` if a
 *   capture has more than 50 million TCP connections, or a text transcript more than 256 MiB; TypeError if chunks can't be
 *   iterated again, or if `mechanisms` is not a list of mechanisms;
 *   RangeError for an unknown deviation
 * @example
 * const keys = parseKeytab(readFileSync('ftp.keytab'));
 * const { records } = verifyRecording(readFileSync('session.pcap'), { mechanisms: [krb5({ observer: { keys } })] });
 * const summary = records.at(-1); // { type: 'summary', verified: 7, failed: 0, … }
 */
export function verifyRecording(recording: Recording, options: VerifyOptions): Transcript {
  return runAll(verifySteps([recording], options));
}

/**
 * Verifies a recording, or the files of one capture, in steps, so that the caller can do something else in between.
 * The first step is the longest: the first pass through a capture.
 * @returns a generator; after `next(true)` the rest of the recording is left out, as if it ended there
 * @throws as verifyRecording and verifyRotated
 */
export function* verifySteps(
  recordings: readonly Recording[],
  options: VerifyOptions,
): Generator<void, Transcript, boolean | undefined> {
  assertOptions(options);
  const [recording, ...more] = recordings;
  if (recording === undefined) throw new RangeError('there must be a recording');
  if (more.length > 0) return yield* verifyCapture(joined(recordings), options);
  const chunks = chunksOf(recording);
  const start = beginningOf(chunks);
  switch (recordingFormat(start)) {
    case 'capture':
      return yield* verifyCapture(new CaptureFile(chunks), options);
    case 'text': {
      const text = wholeOf(chunks);
      const dumped = readDumpedCapture(text);
      if (dumped !== undefined) return yield* verifyCapture(dumped, options);
      return verifyText(readTextTranscript(text), options);
    }
    default:
      throw noCapture(start);
  }
}

/**
 * Verifies the files of one capture as one recording: a rotated one, or one of several taps. Where the times of files overlap, their
 * packets are merged in the order of time.
 * @throws FtpSecurityError as verifyRecording, and `syntax/bad-file` if one of them is not a capture
 */
export function verifyRotated(files: readonly Recording[], options: VerifyOptions): Transcript {
  assertOptions(options);
  return runAll(verifyCapture(joined(files), options));
}

/** A function in place of a mechanism, such as `krb5` that was not called, would recognise no exchange. */
function assertOptions(options: VerifyOptions): void {
  const mechanisms: readonly (Mechanism | undefined)[] = options?.mechanisms;
  if (!Array.isArray(mechanisms) || !mechanisms.every(it => typeof it?.recognises === 'function'))
    throw new TypeError('mechanisms must be a list, e.g. [krb5({ observer: { keys } })]');
  assertTolerance(options);
}

function joined(files: readonly Recording[]): Capture {
  return new JoinedCapture(files.map(file => new CaptureFile(chunksOf(file))));
}

/** Yields after each step; is given whether to stop. */
type Steps = Generator<void, Transcript, boolean | undefined>;

/** How many events of connections make a step. */
const STEP = 1024;

function runAll(steps: Steps): Transcript {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function* verifyCapture(capture: Capture, options: VerifyOptions): Steps {
  const transcript = yield* verifySegments(new SegmentReader(capture), options, capture);
  return capture.error === undefined ? transcript : { ...transcript, error: capture.error };
}

function verifyText(connections: readonly SpokenLine[][], options: VerifyOptions): Transcript {
  const { writer, records } = writerFor(options);
  let missing = 0;
  connections.forEach((lines, index) => {
    const observed = { ...options, fromStart: beginsWithGreeting(lines) };
    const recording = new ControlRecording(index + 1, { client: null, server: null }, observed, writer);
    for (const { from, line } of lines) {
      if (line !== undefined) recording.observe(observer => observer.push(from, concat(line, CRLF)));
      else {
        recording.gap(from, { isWithinLine: false });
        missing++;
      }
    }
    recording.end(undefined);
  });
  if (missing > 0) writer.summary.unread[NOT_PRINTED] = missing;
  return finish(writer, records);
}

/** Why lines of a text can't be checked. A capture of the packets has them all. */
const NOT_PRINTED = 'line printed without its token (capture the packets)';

/** A writer that collects the records, or gives them to the caller. */
function writerFor({ onRecord }: VerifyOptions): { writer: TranscriptWriter; records: TranscriptRecord[] } {
  const records: TranscriptRecord[] = [];
  const collect = (record: TranscriptRecord) => {
    if (onRecord === undefined || record.type === 'summary') records.push(record);
    onRecord?.(record);
  };
  return { writer: new TranscriptWriter(collect), records };
}

function finish(writer: TranscriptWriter, records: TranscriptRecord[]): Transcript {
  writer.finish();
  return writer.faults.length > 0 ? { records, faults: writer.faults } : { records };
}

/** A text has no SYN, so only a greeting, or a refusal, shows that nothing is missing before it. */
function beginsWithGreeting([first]: readonly SpokenLine[]): boolean {
  return first?.from === 'server' && /^(120|220|[45][0-9][0-9])/.test(fromUtf8(first.line?.subarray(0, 3) ?? NOTHING));
}

const NOTHING = new Uint8Array(0);

/** @param capture  has the segments; its secrets are known after they have been read once */
function* verifySegments(segments: SegmentReader, options: VerifyOptions, capture: Capture): Steps {
  const streams = yield* reassembleSteps(segments);
  const { connections, strays } = streams;
  const mechanisms = options.mechanisms.map(it => it.withSecrets?.(capture.secrets) ?? it);
  const control = new ControlConnections(connections, options);
  const { writer, records } = writerFor(options);
  const controls = new ControlRecordings(control, { ...options, mechanisms }, writer);
  /** By id: those that have not ended. */
  const data = new Map<number, DataRecording>();
  const isWanted = (connection: TcpConnection): boolean => {
    if (control.has(connection.id)) return true;
    const found = controls.addresses.find(connection);
    if (found === undefined) return false;
    // A client that has a proxy for its control connection has it for data as well.
    const preamble = connections.preambles(connection.id)?.[connection.opener ?? 0] ?? NO_PREAMBLE;
    data.set(connection.id, new DataRecording(connection, found, preamble, options));
    return true;
  };
  let events = 0;
  for (const event of streams.events(isWanted)) {
    const { id } = event.connection;
    if (++events % STEP === 0 && (yield)) break;
    const recording = data.get(id);
    if (recording === undefined) {
      controls.take(event);
      continue;
    }
    try {
      if (recording.take(event)) data.delete(id);
    } catch (error) {
      // As with control connections, an error in one data connection, or in its sink, does not stop the others.
      recording.fault(error);
      data.delete(id);
    }
  }
  controls.end();
  const { unread } = segments;
  if (strays > 0) unread['TCP segment out of sequence'] = strays;
  const { answered, ports } = answeredOf(connections);
  const unusedPorts = options.ports?.filter(port => !ports.has(port));
  Object.assign(writer.summary, { data_connections: answered - control.ids.length, unread });
  const transcript = finish(writer, records);
  const cutTo = writer.missesOctets ? lengthOfCut(capture) : undefined;
  return {
    ...transcript,
    ...(cutTo !== undefined && { cutTo }),
    ...(unusedPorts?.length && { unusedPorts }),
    ...(writer.missesData && isDisordered(capture) && { isDisordered: true }),
  };
}

const NO_PREAMBLE = [0, 0] as const;

/** In nanoseconds. Captures of several interfaces or queues mix up packets within milliseconds. */
const MAX_DISORDER = 100_000_000n;

/** Whether packets come after others that were captured much later. */
function isDisordered(capture: Capture): boolean {
  let latest = 0n;
  for (const { time = latest } of capture) {
    if (latest - time > MAX_DISORDER) return true;
    if (time > latest) latest = time;
  }
  return false;
}

/** The length of the longest packet that was cut when it was captured (the snapshot length); undefined if none was. */
function lengthOfCut(capture: Capture): number | undefined {
  let longest: number | undefined;
  for (const { data, originalLength } of capture) {
    if (data.length < originalLength && data.length > (longest ?? -1)) longest = data.length;
  }
  return longest;
}

/** The number of connections whose SYN was answered or is missing, and their ports. */
function answeredOf(connections: ConnectionTable): { answered: number; ports: ReadonlySet<number> } {
  const ports = new Set<number>();
  let answered = 0;
  for (let id = 0; id < connections.size; id++) {
    if (connections.isUnanswered(id)) continue;
    answered++;
    for (const end of [0, 1] as const) ports.add(portOfNumber(connections.endNumber(id, end)));
  }
  return { answered, ports };
}

/** The recordings of the control connections that are open, and the addresses of their data connections. */
class ControlRecordings {
  readonly addresses = new DataConnections<ControlRecording>((control, message) => control.waitsForData(message));
  readonly #control: ControlConnections;
  /** For the observers of connections that are in the capture from their start, and of others. */
  readonly #fromStart: ObserverOptions;
  readonly #late: ObserverOptions;
  readonly #writer: TranscriptWriter;
  readonly #open = new Map<number, ControlEntry>();

  constructor(control: ControlConnections, options: VerifyOptions, writer: TranscriptWriter) {
    this.#control = control;
    this.#fromStart = { ...options, fromStart: true };
    this.#late = { ...options, fromStart: false };
    this.#writer = writer;
  }

  /** Takes an event of a control connection; others are ignored. */
  take(event: TcpEvent): void {
    const entry = this.#open.get(event.connection.id) ?? this.#begin(event.connection);
    if (entry === undefined) return;
    const { recording, preamble, ends } = entry;
    const from = event.from === ends.clientEnd ? 'client' : 'server';
    if (event.kind === 'data') {
      const data = event.data.subarray(preamble[event.from]);
      preamble[event.from]! -= event.data.length - data.length;
      recording.observe(observer => observer.push(from, data, event.time));
    } else if (event.kind === 'lost') recording.gap(from, { goesOn: event.goesOn });
    else {
      if (event.by !== 'open') entry.isClosed = true;
      if (--entry.open > 0) return;
      recording.end(event.time, !entry.isClosed);
      this.addresses.forget(entry.announcing);
      this.#open.delete(event.connection.id);
    }
  }

  /** Ends the connections that are still open, where the recording was not read to its end. */
  end(): void {
    for (const { recording } of this.#open.values()) recording.end(undefined);
  }

  #begin(connection: TcpConnection): ControlEntry | undefined {
    const ends = this.#control.get(connection.id, connection);
    if (ends === undefined) return undefined;
    const observed = connection.opened === 'missing' ? this.#late : this.#fromStart;
    const hosts = { client: hostOf(ends.client), server: hostOf(ends.server) };
    const announce = (by: Peer, address: DataAddress, message: number | undefined) =>
      this.addresses.announce(announcing, by, address, message);
    const recording = new ControlRecording(ends.number, ends, observed, this.#writer, announce);
    const announcing = this.addresses.begin(recording, hosts, portOf(ends.client));
    const preamble = [...ends.preamble];
    const entry: ControlEntry = { recording, announcing, ends, open: 2, isClosed: false, preamble };
    this.#open.set(connection.id, entry);
    return entry;
  }
}

interface ControlEntry {
  recording: ControlRecording;
  announcing: Announcing<ControlRecording>;
  ends: ControlConnection;
  /** Number of directions that have not ended. */
  open: number;
  /** Whether at least one side has closed the connection. */
  isClosed: boolean;
  /** Octets of each end that belong to a proxy and are still to be skipped. */
  preamble: number[];
}
