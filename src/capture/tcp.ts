/**
 * The streams of the TCP connections in a capture (RFC 9293). The capture is read twice. The first pass finds the
 * octets that are missing from it. The second pass yields the octets, each at the packet that completes them. Octets
 * that a packet acknowledges are yielded before the packet's own octets, because a tap may record two packets of
 * opposite directions in the wrong order.
 */
import { concatAll } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { ConnectionTable, type TcpConnection } from './connection-table.js';
import { RST, type Segment } from './link-layer.js';
import { type Examined, examine, OPENING, type Opening } from './opening.js';
import { type Connection, ConnectionTracker, isOver, type Placed, type Side } from './tcp-connections.js';
import { Coverage, type Ending, type Piece, StreamAssembler, type StreamPlan } from './tcp-stream.js';

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

/** Whether the events of a connection are wanted; asked before its first event. */
export type IsWanted = (connection: TcpConnection) => boolean;

export interface TcpStreams {
  connections: ConnectionTable;
  /** Number of segments with octets whose sequence numbers are outside any window; their octets are in no stream. */
  strays: number;
  /**
   * The events of all connections, or of those that are wanted, in the order of the packets, but octets that a packet
   * acknowledges come before its own octets. The segments are read again each time.
   */
  events(isWanted?: IsWanted): Iterable<TcpEvent>;
}

/** How many segments make a step of the first pass. */
const STEP = 4096;

/**
 * Reassembles the streams. All data are views into the capture, without a copy. The time is n log n in the number of
 * segments n at worst, and linear if they are in order. Memory is needed for connections that are open, and some octets
 * for each other one.
 * @param segments  in the order of the capture; each iteration must give the same segments
 * @throws FtpSecurityError `syntax/limit-exceeded` for more than 50 million connections. Iterating `events` throws
 *   `syntax/bad-file` if the segments have changed
 */
export function reassemble(segments: Iterable<Segment>): TcpStreams {
  const steps = reassembleSteps(segments);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps; after `next(true)` the segments end where the first pass is. */
export function* reassembleSteps(segments: Iterable<Segment>): Generator<void, TcpStreams, boolean | undefined> {
  const survey = new Survey();
  for (const segment of segments) {
    survey.add(segment);
    if (survey.segments % STEP === 0 && (yield)) break;
  }
  survey.end();
  const { connections, strays, segments: count } = survey;
  const events = (isWanted: IsWanted = () => true) => ({
    [Symbol.iterator]: () => new Delivery(connections, isWanted).deliver(segments, count),
  });
  return { connections, strays, events };
}

/** The first pass. */
class Survey {
  readonly connections = new ConnectionTable();
  strays = 0;
  segments = 0;
  readonly #tracker = new ConnectionTracker(connection => this.#finish(connection));
  // Most connections of a port scan carry no octets, so there is an entry only for a direction that has some.
  readonly #captured = new Map<Side, Captured>();
  /** Of connections that are over. */
  readonly #examined = new Map<Connection, Examined>();

  add(segment: Segment): void {
    this.segments++;
    const { connection, from, at } = this.#tracker.follow(segment);
    if (isOver(connection)) this.#examine(connection);
    if (segment.payload.length === 0) return;
    if (at === undefined) {
      // The payload of a reset is a diagnostic text for people, not part of the stream.
      if ((segment.flags & RST) === 0) this.strays++;
      return;
    }
    const side = connection.sides[from];
    let octets = this.#captured.get(side);
    if (octets === undefined) {
      octets = new Captured();
      this.#captured.set(side, octets);
    }
    octets.add(at, segment.payload);
  }

  end(): void {
    this.#tracker.end();
  }

  /** Examines the first octets of a connection, and forgets them. */
  #examine(connection: Connection): void {
    const { sides } = connection;
    if (!sides.some(side => this.#captured.get(side)?.hasOpening)) return;
    const streams = this.#streamsOf(connection);
    const openings = sides.map(
      (side, i) => this.#captured.get(side)?.takeOpening(streams[i]!) ?? openingOf(streams[i]!, NOTHING),
    );
    const found = examine(factsOf(connection), openings as [Opening, Opening]);
    if (found !== undefined) this.#examined.set(connection, found);
  }

  #finish(connection: Connection): void {
    this.#examine(connection);
    const streams = this.#streamsOf(connection);
    const plan = isRegular(connection, streams) ? undefined : streams;
    this.connections.set(factsOf(connection), connection.place, this.#examined.get(connection), plan);
    this.#examined.delete(connection);
    for (const side of connection.sides) this.#captured.delete(side);
  }

  #streamsOf({ sides: [a, b] }: Connection): [StreamPlan, StreamPlan] {
    return [planStream(a, this.#captured.get(a)?.coverage), planStream(b, this.#captured.get(b)?.coverage)];
  }
}

/** Whether the second pass can follow the streams of a connection without a plan: they begin with a SYN, and nothing is missing. */
function isRegular({ regular, sides, answered }: Connection, streams: readonly [StreamPlan, StreamPlan]): boolean {
  if (!answered && sides.every(({ sent }) => sent === Number.NEGATIVE_INFINITY)) return true;
  const isWhole = (side: Side, i: number) => {
    const { start, end, holes } = streams[i]!;
    return side.isn !== undefined && holes.length === 0 && end === Math.max(start, side.sent);
  };
  return regular && sides.every(isWhole);
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
    const data = copied(payload.subarray(0, OPENING));
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

/** Many short copies share one array, which takes less time. As long as a copy is kept, so is its array: it has at most this length. */
const SHARED = 2 ** 13;
let shared = NOTHING;
let used = 0;

/** A copy, because a view would keep the whole chunk of the capture in memory. */
function copied(octets: Uint8Array): Uint8Array {
  const { length } = octets;
  if (length > SHARED / 8) return octets.slice();
  if (shared.length - used < length) {
    shared = new Uint8Array(SHARED);
    used = 0;
  }
  const copy = shared.subarray(used, used + length);
  copy.set(octets);
  used += length;
  return copy;
}

function openingOf({ start, holes }: StreamPlan, said: Uint8Array): Opening {
  return { said, lost: holes.length > 0, late: holes[0]?.from === start };
}

function factsOf({ found: id, ends, opener, synSeen, answered, sides }: Connection): TcpConnection {
  const isWhole = sides.every(({ isn }) => isn !== undefined);
  const opened = !synSeen ? 'missing' : !answered ? 'unanswered' : isWhole ? 'answered' : 'late-answer';
  return { id, ends, opener, opened };
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

/** A connection in the second pass. */
interface Flow {
  connection: TcpConnection;
  tracked: Connection;
  /** Those of a regular connection follow what is known so far. */
  streams: readonly [StreamPlan, StreamPlan];
  isRegular: boolean;
  assemblers: readonly [StreamAssembler, StreamAssembler];
  /** Undefined before its first event. */
  isWanted: boolean | undefined;
}

/** The second pass: the events, each at the segment that causes it. */
class Delivery {
  readonly #connections: ConnectionTable;
  readonly #isWanted: IsWanted;
  readonly #tracker = new ConnectionTracker(connection => this.#forgotten.push(connection));
  /** Absent before the first event; null for a connection that is not wanted, or whose directions have both ended. */
  readonly #flows = new Map<Connection, Flow | null>();
  #forgotten: Connection[] = [];
  #time: bigint | undefined;

  constructor(connections: ConnectionTable, isWanted: IsWanted) {
    this.#connections = connections;
    this.#isWanted = isWanted;
  }

  /** @param count  of segments */
  *deliver(segments: Iterable<Segment>, count: number): Generator<TcpEvent> {
    let left = count;
    for (const segment of segments) {
      if (left-- === 0) break;
      const placed = this.#tracker.follow(segment);
      if (this.#forgotten.length > 0) yield* this.#finish();
      this.#time = segment.time;
      if (placed.connection.found >= this.#connections.size)
        throw new FtpSecurityError('syntax/bad-file', 'the recording changed while it was read');
      const flow = this.#flowOf(placed.connection);
      if (flow !== null) for (const event of this.#read(flow, placed, segment.payload)) yield event;
    }
    this.#tracker.end();
    yield* this.#finish();
  }

  /** Ends the connections to which no segment can belong any more. */
  *#finish(): Generator<TcpEvent> {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    for (const connection of forgotten) {
      const flow = this.#flowOf(connection);
      if (flow !== null) yield* this.#endOf(flow, connection);
      this.#flows.delete(connection);
    }
  }

  #flowOf(tracked: Connection): Flow | null {
    const known = this.#flows.get(tracked);
    if (known !== undefined) return known;
    const connection = this.#connections.get(tracked.found);
    const plan = this.#connections.plan(tracked.found);
    const streams = plan ?? [regularStream(), regularStream()];
    const assemblers = [new StreamAssembler(streams[0]), new StreamAssembler(streams[1])] as const;
    const flow: Flow = { connection, tracked, streams, isRegular: plan === undefined, assemblers, isWanted: undefined };
    this.#flows.set(tracked, flow);
    return flow;
  }

  #read(flow: Flow, { from: sender, at, acknowledged }: Placed, payload: Uint8Array): readonly TcpEvent[] {
    const { tracked, streams, assemblers: pair } = flow;
    if (flow.isRegular) endStreams(streams, tracked, tracked.reset);
    const other = sender === 0 ? 1 : 0;
    // The acknowledgment of a FIN is one past the last octet.
    const after = acknowledged === undefined ? undefined : Math.min(acknowledged, streams[other].end);
    if (at !== undefined) pair[sender].add(at, payload, after);
    let events = NO_EVENTS;
    // First yield what the other end has sent so far: this segment may be the answer to it.
    for (let from: 0 | 1 = other, idle = 0; idle < 2; from = from === 0 ? 1 : 0, idle++) {
      const { edge, fin } = tracked.sides[from];
      const finSeen = fin !== undefined && fin === streams[from].fin;
      const ending: Ending | undefined = finSeen ? 'fin' : tracked.reset ? 'reset' : undefined;
      for (;;) {
        const piece = pair[from].next(edge, ending, reachOf(pair, from, other));
        if (piece === undefined) break;
        if (!this.#wants(flow)) return NO_EVENTS;
        idle = -1;
        if (events === NO_EVENTS) events = [];
        events.push(this.#eventOf(flow, from, piece));
      }
    }
    if (pair[0].ended && pair[1].ended) this.#flows.set(tracked, null);
    return events;
  }

  *#endOf(flow: Flow, tracked: Connection): Generator<TcpEvent> {
    if (flow.isRegular) endStreams(flow.streams, tracked, true);
    for (const from of [0, 1] as const) {
      for (;;) {
        const piece = flow.assemblers[from].next(0, 'open', Number.POSITIVE_INFINITY);
        if (piece === undefined) break;
        if (!this.#wants(flow)) return;
        yield this.#eventOf(flow, from, piece);
      }
    }
  }

  #eventOf({ connection }: Flow, from: 0 | 1, piece: Piece): TcpEvent {
    // Object.assign, because a spread takes several times as long.
    return Object.assign(piece, { connection, from, time: this.#time });
  }

  #wants(flow: Flow): boolean {
    flow.isWanted ??= this.#isWanted(flow.connection);
    if (!flow.isWanted) this.#flows.set(flow.tracked, null);
    return flow.isWanted;
  }
}

const NO_EVENTS: TcpEvent[] = [];

/** A stream that begins with a SYN, from which nothing is missing, and whose end is not known. */
function regularStream(): StreamPlan {
  return { start: 0, end: Number.POSITIVE_INFINITY, fin: undefined, holes: [] };
}

/** Sets where regular streams end, if that is known. @param isOver  whether nothing is sent any more */
function endStreams(streams: readonly [StreamPlan, StreamPlan], { sides }: Connection, isOver: boolean): void {
  for (const from of [0, 1] as const) {
    const { fin, sent } = sides[from];
    streams[from].fin = fin;
    if (fin !== undefined || isOver) streams[from].end = fin ?? Math.max(0, sent);
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
