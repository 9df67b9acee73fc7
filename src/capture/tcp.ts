/**
 * The streams of the TCP connections in a capture (RFC 9293). The capture is read twice. The first pass finds the
 * octets that are missing from it. The second pass yields the octets, each at the packet that completes them. Octets
 * that a packet acknowledges are yielded before the packet's own octets, because a tap may record two packets of
 * opposite directions in the wrong order.
 */
import { concatAll } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { RST, type Segment } from './link-layer.js';
import { type Examined, examine, OPENING, type Opening } from './opening.js';
import { type Connection, ConnectionTracker, type Side } from './tcp-connections.js';
import { Coverage, type Ending, type Piece, StreamAssembler, type StreamPlan } from './tcp-stream.js';

export interface TcpConnection {
  /** From 0, in the order in which the connections are found. */
  readonly id: number;
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
  /** What the first octets of a connection show, by its id; most connections are not in it. */
  examined: ReadonlyMap<number, Examined>;
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
  const { plans, examined, strays } = survey(segments);
  return {
    strays,
    examined,
    connections: [...plans].sort((a, b) => a.place - b.place).map(({ connection }) => connection),
    events: { [Symbol.iterator]: () => deliver(segments, plans) },
  };
}

/** The first pass: the connections, in the order in which they are found. */
function survey(segments: Iterable<Segment>): Pick<TcpStreams, 'examined' | 'strays'> & { plans: Plan[] } {
  const tracker = new ConnectionTracker();
  const connections: Connection[] = [];
  // Most connections of a port scan carry no octets, so there is an entry only for a direction that has some.
  const captured = new Map<Side, Captured>();
  const examined = new Map<number, Examined>();
  const finish = (connection: Connection): void => {
    const found = examineConnection(connection, captured);
    if (found !== undefined) examined.set(connection.found, found);
  };
  let strays = 0;
  for (const segment of segments) {
    const { connection, from, at } = tracker.follow(segment);
    connections[connection.found] ??= connection;
    if (isOver(connection)) finish(connection);
    if (segment.payload.length === 0) continue;
    if (at === undefined) {
      // The payload of a reset is a diagnostic text for people, not part of the stream.
      if ((segment.flags & RST) === 0) strays++;
      continue;
    }
    const side = connection.sides[from];
    let octets = captured.get(side);
    if (octets === undefined) {
      octets = new Captured();
      captured.set(side, octets);
    }
    octets.add(at, segment.payload);
  }
  const plans = connections.map((connection): Plan => {
    finish(connection);
    return { connection: factsOf(connection), place: connection.place, streams: streamsOf(connection, captured) };
  });
  return { plans, examined, strays };
}

/** What was captured of one direction. */
class Captured {
  readonly coverage = new Coverage();
  /** Copies of its first octets, in the order of capture; undefined once they have been examined. */
  #first: { at: number; data: Uint8Array }[] | undefined = [];
  #octets = 0;

  add(at: number, payload: Uint8Array): void {
    this.coverage.add(at, at + payload.length);
    // Twice as many, because some may come again, or out of order.
    if (this.#first === undefined || this.#octets >= 2 * OPENING) return;
    // A copy, because a view would keep the whole chunk in memory.
    const data = payload.slice(0, OPENING);
    this.#first.push({ at, data });
    this.#octets += data.length;
  }

  /** Whether the first octets have not been examined. */
  get hasOpening(): boolean {
    return this.#first !== undefined;
  }

  /** The first octets in their order. They can be taken once. @returns undefined after that */
  takeOpening(plan: StreamPlan): Opening | undefined {
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined) return undefined;
    const assembler = new StreamAssembler(plan);
    for (const { at, data } of first) assembler.add(at, data);
    const said: Uint8Array[] = [];
    for (let length = 0; length < OPENING; ) {
      const piece = assembler.next(plan.end, undefined, Number.POSITIVE_INFINITY);
      if (piece === undefined) break;
      if (piece.kind !== 'data') continue;
      said.push(piece.data.subarray(0, OPENING - length));
      length += piece.data.length;
    }
    return openingOf(plan, concatAll(said));
  }
}

const NOTHING = new Uint8Array(0);

function openingOf({ start, holes }: StreamPlan, said: Uint8Array): Opening {
  return { said, lost: holes.length > 0, late: holes[0]?.from === start };
}

/** Whether both ends have closed a connection, or one has reset it. What comes after that changes nothing in its beginning. */
function isOver({ sides: [a, b], reset }: Connection): boolean {
  return reset || (a.fin !== undefined && b.fin !== undefined);
}

/** Examines the first octets of a connection, and forgets them. */
function examineConnection(connection: Connection, captured: ReadonlyMap<Side, Captured>): Examined | undefined {
  const { sides } = connection;
  if (!sides.some(side => captured.get(side)?.hasOpening)) return undefined;
  const streams = streamsOf(connection, captured);
  const openings = sides.map(
    (side, i) => captured.get(side)?.takeOpening(streams[i]!) ?? openingOf(streams[i]!, NOTHING),
  );
  return examine(factsOf(connection), openings as [Opening, Opening]);
}

function factsOf({ found: id, ends, opener, synSeen, answered }: Connection): TcpConnection {
  return { id, ends, opener, opened: synSeen ? (answered ? 'answered' : 'unanswered') : 'missing' };
}

function streamsOf({ sides: [a, b] }: Connection, captured: ReadonlyMap<Side, Captured>): [StreamPlan, StreamPlan] {
  return [planStream(a, captured.get(a)?.coverage), planStream(b, captured.get(b)?.coverage)];
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

type Assemblers = [StreamAssembler, StreamAssembler];

/** The second pass: the events, each at the segment that causes it. */
function* deliver(segments: Iterable<Segment>, plans: readonly Plan[]): Generator<TcpEvent> {
  const tracker = new ConnectionTracker();
  /** By id; null for a connection whose directions have both ended. */
  const assemblers: (Assemblers | null)[] = [];
  let time: bigint | undefined;
  for (const segment of segments) {
    time = segment.time;
    const { connection: tracked, from: sender, at, acknowledged } = tracker.follow(segment);
    const plan = plans[tracked.found];
    if (plan === undefined) throw new FtpSecurityError('syntax/bad-file', 'the recording changed while it was read');
    const { connection, streams } = plan;
    if (assemblers[tracked.found] === undefined)
      assemblers[tracked.found] = [new StreamAssembler(streams[0]), new StreamAssembler(streams[1])];
    const pair = assemblers[tracked.found];
    if (pair == null) continue;
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
    if (pair[0].ended && pair[1].ended) assemblers[tracked.found] = null;
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
