/**
 * The streams of the TCP connections in a capture (RFC 9293). The capture is read twice. The first pass finds the
 * octets that are missing from it. The second pass yields the octets, each at the packet that completes them. Octets
 * that a packet acknowledges are yielded before the packet's own octets, because a tap may record two packets of
 * opposite directions in the wrong order.
 */
import { FtpSecurityError } from '../errors.js';
import { RST, type Segment } from './link-layer.js';
import { type Connection, ConnectionTracker, type Side } from './tcp-connections.js';
import { Coverage, type Ending, type Piece, StreamAssembler, type StreamPlan } from './tcp-stream.js';

export interface TcpConnection {
  /** The two ends, `address:port`; the sender of the first segment comes first. */
  readonly ends: readonly [string, string];
  /** The end that sent the SYN; undefined if neither the SYN nor its answer was captured. */
  readonly opener: 0 | 1 | undefined;
  /** Whether the SYN was answered, with a SYN or with any segment that acknowledges it. `missing`: it was not captured. */
  readonly opened: 'answered' | 'unanswered' | 'missing';
}

/**
 * Octets, a gap, or the end of one direction. Each direction of each connection has one end event, after all its
 * octets. Octets that follow a reset are included, because they were sent.
 */
export type TcpEvent = Piece & {
  connection: TcpConnection;
  /** The end that sent it. */
  from: 0 | 1;
  /**
   * Time of the packet that completes the octets, or that shows the gap or the end, in nanoseconds since 1970-01-01
   * UTC; undefined if unknown.
   */
  time: bigint | undefined;
};

export interface TcpStreams {
  /** In the order of their SYNs; a connection without a captured SYN has the place of its first packet. */
  connections: readonly TcpConnection[];
  /** Number of segments with octets whose sequence numbers are outside any window; their octets are in no stream. */
  strays: number;
  /**
   * In the order of the packets, but octets that a packet acknowledges come before its own octets. Can be iterated any
   * number of times; each iteration reads the segments again.
   */
  events: Iterable<TcpEvent>;
}

/** What the first pass found about a connection, for the second pass. */
interface Plan {
  connection: TcpConnection;
  place: number;
  streams: readonly [StreamPlan, StreamPlan];
}

/**
 * Reassembles the streams. All data are views into the capture, without a copy. The time is n log n in the number of
 * segments n at worst, and linear if they are in order.
 * @param segments  in the order of the capture; each iteration must give the same segments
 * @throws FtpSecurityError `syntax/limit-exceeded` for more than a million connections. Iterating `events` throws
 *   `syntax/bad-file` if the segments have changed
 */
export function reassemble(segments: Iterable<Segment>): TcpStreams {
  const { plans, strays } = survey(segments);
  return {
    strays,
    connections: [...plans].sort((a, b) => a.place - b.place).map(({ connection }) => connection),
    events: { [Symbol.iterator]: () => deliver(segments, plans) },
  };
}

/** The first pass: the connections, in the order in which they are found. */
function survey(segments: Iterable<Segment>): { plans: Plan[]; strays: number } {
  const tracker = new ConnectionTracker();
  const connections: Connection[] = [];
  // Most connections of a port scan carry no octets, so a Coverage is made only for a direction that has some.
  const coverage = new Map<Side, Coverage>();
  let strays = 0;
  for (const segment of segments) {
    const { connection, from, at } = tracker.follow(segment);
    connections[connection.found] ??= connection;
    if (segment.payload.length === 0) continue;
    if (at === undefined) {
      // The payload of a reset is a diagnostic text for people, not part of the stream.
      if ((segment.flags & RST) === 0) strays++;
      continue;
    }
    const side = connection.sides[from];
    const covered = coverage.get(side) ?? new Coverage();
    coverage.set(side, covered.add(at, at + segment.payload.length));
  }
  const plans = connections.map(
    ({ ends, sides: [a, b], place, opener, synSeen, answered }): Plan => ({
      connection: { ends, opener, opened: synSeen ? (answered ? 'answered' : 'unanswered') : 'missing' },
      place,
      streams: [planStream(a, coverage.get(a)), planStream(b, coverage.get(b))],
    }),
  );
  return { plans, strays };
}

function planStream({ start: begins, sent: octets, edge, fin }: Side, coverage = new Coverage()): StreamPlan {
  const start = begins ?? edge;
  const sent = Math.max(start, octets);
  // If more numbers were used than the captured octets explain, octets are missing. One extra number is the FIN's.
  const unseen = edge > sent + 1 ? edge : sent;
  // Octets after a FIN are ignored (RFC 9293 §3.10.7.4): keep-alive probes carry such an octet.
  const end = fin === undefined ? unseen : Math.max(start, fin);
  return { start, end, fin, holes: coverage.holes(start, end) };
}

/** The second pass: the events, each at the segment that causes it. */
function* deliver(segments: Iterable<Segment>, plans: readonly Plan[]): Generator<TcpEvent> {
  const tracker = new ConnectionTracker();
  const assemblers: [StreamAssembler, StreamAssembler][] = [];
  let time: bigint | undefined;
  for (const segment of segments) {
    time = segment.time;
    const { connection: tracked, from: sender, at, acknowledged } = tracker.follow(segment);
    const plan = plans[tracked.found];
    if (plan === undefined) throw new FtpSecurityError('syntax/bad-file', 'the recording changed while it was read');
    const { connection, streams } = plan;
    assemblers[tracked.found] ??= [new StreamAssembler(streams[0]), new StreamAssembler(streams[1])];
    const pair = assemblers[tracked.found]!;
    const other = sender === 0 ? 1 : 0;
    // The acknowledgment of a FIN is one past the last octet.
    const after = acknowledged === undefined ? undefined : Math.min(acknowledged, streams[other].end);
    if (at !== undefined) pair[sender].add(at, segment.payload, after);
    // First yield what the other end has sent so far: this segment may be the answer to it.
    for (let from: 0 | 1 = other, idle = 0; idle < 2; from = from === 0 ? 1 : 0, idle++) {
      const { edge, fin } = tracked.sides[from];
      const finSeen = fin !== undefined && fin === streams[from].fin;
      const ending: Ending | undefined = finSeen ? 'fin' : tracked.reset ? 'reset' : undefined;
      for (;;) {
        const piece = pair[from].next(edge, ending, reachOf(pair, from, other));
        if (piece === undefined) break;
        idle = -1;
        // Object.assign, because a spread takes several times as long.
        yield Object.assign(piece, { connection, from, time });
      }
    }
  }
  for (const [found, { connection }] of plans.entries()) {
    for (const from of [0, 1] as const) {
      const piece = assemblers[found]?.[from].next(0, 'open', Number.POSITIVE_INFINITY);
      if (piece !== undefined) yield Object.assign(piece, { connection, from, time });
    }
  }
}

/**
 * The position up to which the other direction counts as yielded. Two directions can wait for each other, for example
 * if octets were captured only as a retransmission with a later acknowledgment. Then the direction `first` continues
 * without waiting, so that there is no deadlock.
 */
function reachOf(pair: readonly [StreamAssembler, StreamAssembler], from: 0 | 1, first: 0 | 1): number {
  const other = pair[from === 0 ? 1 : 0];
  if (from !== first || !other.waits(pair[from].position)) return other.position;
  return Number.POSITIVE_INFINITY;
}
