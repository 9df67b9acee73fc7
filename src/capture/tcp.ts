/**
 * The streams of the TCP connections in a capture (RFC 9293). The whole capture is at hand, so it is gone through twice:
 * first to find what never comes, then to give the octets in the order of the packets that complete them, and what a packet acknowledges before it: a tap
 * may record two packets of opposite directions in the wrong order.
 */
import { FtpSecurityError } from '../errors.js';
import { RST, type Segment } from './link-layer.js';
import { type Connection, ConnectionTracker, type Side } from './tcp-connections.js';
import { Coverage, type Ending, type Piece, StreamAssembler, type StreamPlan } from './tcp-stream.js';

export interface TcpConnection {
  /** The two ends, `address:port`; the one seen first stands first. */
  readonly ends: readonly [string, string];
  /** Which of the ends sent the SYN; undefined when neither the SYN nor the one that answers it was captured. */
  readonly opener: 0 | 1 | undefined;
  /** Whether the SYN was answered: with a SYN, or with anything that acknowledges it. `missing`: it was not captured. */
  readonly opened: 'answered' | 'unanswered' | 'missing';
}

/**
 * Octets, a gap, or the end of one direction. Each direction of each connection gives one end, after all its octets;
 * those that come behind a reset count too, since they were sent.
 */
export type TcpEvent = Piece & {
  connection: TcpConnection;
  /** Which of the ends sent it. */
  from: 0 | 1;
  /** Nanoseconds since 1970-01-01, UTC, if known: of the packet with which they can come, or that shows the gap or the end. */
  time: bigint | undefined;
};

export interface TcpStreams {
  /** In the order of their SYNs; a connection whose SYN is missing stands where its first packet does. */
  connections: readonly TcpConnection[];
  /** Segments with octets whose numbers are out of any window: whatever they are, they are in no stream. */
  strays: number;
  /** In the order of those packets, but what a packet acknowledges comes before its octets. They can be gone through any number of times, and are made anew each time. */
  events: Iterable<TcpEvent>;
}

/** What the first time through has found of a connection, for the second. */
interface Plan {
  connection: TcpConnection;
  place: number;
  streams: readonly [StreamPlan, StreamPlan];
}

/**
 * Puts the streams together, with all views into the capture and no copy. The time it takes grows with the number of
 * segments n as n log n at worst, and linearly where they are in order.
 * @param segments  in the order of the capture, and the same each time they are gone through
 */
export function reassemble(segments: Iterable<Segment>): TcpStreams {
  const { plans, strays } = survey(segments);
  return {
    strays,
    connections: [...plans].sort((a, b) => a.place - b.place).map(({ connection }) => connection),
    events: { [Symbol.iterator]: () => deliver(segments, plans) },
  };
}

/** The first time through: the connections, in the order in which they are found. */
function survey(segments: Iterable<Segment>): { plans: Plan[]; strays: number } {
  const tracker = new ConnectionTracker();
  const connections: Connection[] = [];
  // Most connections of a port scan carry nothing, so what a direction needs is made when it has octets.
  const coverage = new Map<Side, Coverage>();
  let strays = 0;
  for (const segment of segments) {
    const { connection, from, at } = tracker.follow(segment);
    connections[connection.found] ??= connection;
    if (segment.payload.length === 0) continue;
    if (at === undefined) {
      // What a reset says is for people, and no part of the stream.
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
  // Numbers past the last octet were used too, and what used them is not here; a single one was that of the FIN.
  const unseen = edge > sent + 1 ? edge : sent;
  // Octets behind a FIN are ignored (RFC 9293 §3.10.7.4): probes of an idle connection carry one.
  const end = fin === undefined ? unseen : Math.max(start, fin);
  return { start, end, fin, holes: coverage.holes(start, end) };
}

/** The second time through: the events, at the segments that bring them about. */
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
    // An acknowledgment reaches past the last octet where a FIN stands there.
    const after = acknowledged === undefined ? undefined : Math.min(acknowledged, streams[other].end);
    if (at !== undefined) pair[sender].add(at, segment.payload, after);
    // What the other end is known by now to have sent comes first: this segment may answer it.
    for (let from: 0 | 1 = other, idle = 0; idle < 2; from = from === 0 ? 1 : 0, idle++) {
      const { edge, fin } = tracked.sides[from];
      const finSeen = fin !== undefined && fin === streams[from].fin;
      const ending: Ending | undefined = finSeen ? 'fin' : tracked.reset ? 'reset' : undefined;
      for (;;) {
        const piece = pair[from].next(edge, ending, reachOf(pair, from, other));
        if (piece === undefined) break;
        idle = -1;
        // Not a spread: that takes several times as long.
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
 * How far the other direction counts as given. Where each waits for the other, as behind what only came again with a later
 * acknowledgment, the one that was there first goes on.
 */
function reachOf(pair: readonly [StreamAssembler, StreamAssembler], from: 0 | 1, first: 0 | 1): number {
  const other = pair[from === 0 ? 1 : 0];
  if (from !== first || !other.waits(pair[from].position)) return other.position;
  return Number.POSITIVE_INFINITY;
}
