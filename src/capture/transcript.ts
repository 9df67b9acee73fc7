/** A recording in, a verified transcript out: capture files and text transcripts, every control connection of them. */
import { CRLF, concat, fromUtf8 } from '../bytes.js';
import type { Tolerance } from '../protection/deviations.js';
  const controls = new ControlConnections(control, { ...options, mechanisms }, writer);
  const data = new Map<TcpConnection, DataRecording | undefined>();
  for (const event of streams.events) {
    const { connection } = event;
    if (controls.take(event)) continue;
    if (!data.has(connection)) {
      const found = controls.addresses.find(connection);
      data.set(connection, found && new DataRecording(connection, found, options.extract));
    }
    const recording = data.get(connection);
    if (recording === undefined) continue;
    try {
      const record = recording.take(event);
      if (record !== undefined) writer.addData(record);
    } catch (error) {
      // As with control connections: what is wrong with one, or with what takes its file, does not stop the others.
      writer.faults.push({ connection: recording.connection, error });
      data.set(connection, undefined);
    }
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

/** The control connections of a capture, and where their data connections are. */
class ControlConnections {
  readonly addresses = new DataConnections<ControlRecording>();
  readonly #entries: ReadonlyMap<TcpConnection, ControlEntry>;

  constructor(
    control: ReadonlyMap<TcpConnection, ControlConnection>,
    options: VerifyOptions,
    writer: TranscriptWriter,
  ) {
    this.#entries = new Map(
      [...control].map(([connection, ends], index) => {
        const observed = { ...options, fromStart: connection.opened !== 'missing' };
        const announce = (by: Peer, address: DataAddress) =>
          this.addresses.announce(recording, by, address, hostOf(ends[by]));
        const recording = new ControlRecording(index + 1, ends, observed, writer, announce);
        // Without PORT, the client listens at the port of its control connection (RFC 959 §3.2).
        announce('client', { host: undefined, port: portOf(ends.client) });
        return [connection, { ends, recording, open: 2, preamble: [...ends.preamble] }];
      }),
    );
  }

  /** @returns whether the event is one of a control connection */
  take(event: TcpEvent): boolean {
    const entry = this.#entries.get(event.connection);
    if (entry === undefined) return false;
    const { ends, recording, preamble } = entry;
    const from = event.from === ends.clientEnd ? 'client' : 'server';
    if (event.kind === 'data') {
      const data = event.data.subarray(preamble[event.from]);
      preamble[event.from]! -= event.data.length - data.length;
      recording.observe(observer => observer.push(from, data, event.time));
    } else if (event.kind === 'lost') recording.gap(from);
    else if (--entry.open === 0) {
      recording.end(event.time);
      this.addresses.forget(recording);
    }
    return true;
  }
}

interface ControlEntry {
  ends: ControlConnection;
  recording: ControlRecording;
  /** Directions that have not ended. */
  open: number;
  /** Octets of each end that a proxy takes. */
  preamble: number[];
}
