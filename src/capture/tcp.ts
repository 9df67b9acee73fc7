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
import {
  type Connection,
  ConnectionTracker,
  hasSentNothing,
  isOver,
  type Placed,
  type Side,
} from './tcp-connections.js';
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

/** What the first pass keeps of a connection. */
interface Surveyed {
  /** By the end that sent it; undefined for one that has sent no octets. */
  captured: [Captured | undefined, Captured | undefined];
  /** Of a connection that is over. */
  examined: Examined | undefined;
}

/** The first pass. */
class Survey {
  readonly connections = new ConnectionTable();
  strays = 0;
  segments = 0;
  // Most connections of a port scan carry no octets, so only one that has some has a note.
  readonly #tracker = new ConnectionTracker<Surveyed>(connection => this.#finish(connection));

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
    connection.note ??= { captured: [undefined, undefined], examined: undefined };
    const { captured } = connection.note;
    captured[from] ??= new Captured();
    captured[from].add(at, segment.payload);
  }

  end(): void {
    this.#tracker.end();
  }

  /** Examines the first octets of a connection, and forgets them. */
  #examine(connection: Connection<Surveyed>): void {
    const { note } = connection;
    if (note === undefined || !note.captured.some(it => it?.hasOpening)) return;
    const streams = streamsOf(connection);
    const openings = [openingOf(streams[0], note.captured[0]), openingOf(streams[1], note.captured[1])] as const;
    note.examined = examine(factsOf(connection), openings) ?? note.examined;
  }

  #finish(connection: Connection<Surveyed>): void {
    this.#examine(connection);
    const streams = streamsOf(connection);
    const plan = isRegular(connection, streams) ? undefined : streams;
    this.connections.set(factsOf(connection), connection.place, connection.note?.examined, plan);
  }
}

function streamsOf({ sides, note }: Connection<Surveyed>): readonly [StreamPlan, StreamPlan] {
  return [planStream(sides[0], note?.captured[0]), planStream(sides[1], note?.captured[1])];
}

/** Whether the second pass can follow the streams of a connection without a plan: they begin with a SYN, and nothing is missing. */
function isRegular(connection: Connection, streams: readonly [StreamPlan, StreamPlan]): boolean {
  const { regular, sides } = connection;
  if (!connection.answered && hasSentNothing(connection)) return true;
  return regular && isWhole(sides[0], streams[0]) && isWhole(sides[1], streams[1]);
}

/** Whether the SYN was captured, and all octets. */
function isWhole({ isn, sent }: Side, { start, end, holes }: StreamPlan): boolean {
  return isn !== undefined && holes.length === 0 && end === Math.max(start, sent);
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
  takeOpening(plan: StreamPlan): Uint8Array | undefined {
    const first = this.#first;
    this.#first = undefined;
    return first && (joined(first, plan) ?? assembled(first, plan));
  }
}

/** Copies of captured octets, each at its position. */
type Copies = readonly { at: number; data: Uint8Array }[];

/** The octets of copies that follow each other, as those of most streams; undefined if they do not. */
function joined(copies: Copies, { start, end }: StreamPlan): Uint8Array | undefined {
  let next = start;
  for (const { at, data } of copies) {
    if (at !== next) return undefined;
    next += data.length;
  }
  if (next > end) return undefined;
  const said = copies.length === 1 ? copies[0]!.data : concatAll(copies.map(({ data }) => data));
  return said.length > OPENING ? said.subarray(0, OPENING) : said;
}

function assembled(copies: Copies, plan: StreamPlan): Uint8Array {
  const assembler = new StreamAssembler(plan);
  for (const { at, data } of copies) assembler.add(at, data);
  const said: Uint8Array[] = [];
  for (let length = 0; length < OPENING; ) {
    const piece = assembler.next(plan.end, undefined, Number.POSITIVE_INFINITY);
    if (piece === undefined) break;
    if (piece.kind !== 'data') continue;
    said.push(piece.data.subarray(0, OPENING - length));
    length += piece.data.length;
  }
  return concatAll(said);
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

function openingOf(plan: StreamPlan, captured: Captured | undefined): Opening {
  const { start, holes } = plan;
  const said = captured?.takeOpening(plan) ?? NOTHING;
  return { said, lost: holes.length > 0, late: holes[0]?.from === start };
}

function factsOf({ found: id, ends, opener, synSeen, answered, sides }: Connection): TcpConnection {
  const isAnswered = sides[0].isn !== undefined && sides[1].isn !== undefined;
  const opened = !synSeen ? 'missing' : !answered ? 'unanswered' : isAnswered ? 'answered' : 'late-answer';
  return { id, ends, opener, opened };
}

const NO_COVERAGE = new Coverage();

function planStream({ start: begins, sent: octets, edge, fin }: Side, captured: Captured | undefined): StreamPlan {
  const start = begins ?? edge;
  const sent = Math.max(start, octets);
  // If more numbers were used than the captured octets explain, octets are missing. One extra number is the FIN's.
  const unseen = edge > sent + 1 ? edge : sent;
  // Octets after a FIN are ignored (RFC 9293 §3.10.7.4): keep-alive probes carry such an octet.
  const end = fin === undefined ? unseen : Math.max(start, fin);
  return { start, end, fin, holes: (captured?.coverage ?? NO_COVERAGE).holes(start, end) };
}

/** A connection in the second pass. */
interface Flow {
  connection: TcpConnection;
  /** Those of a regular connection follow what is known so far. */
  streams: readonly [StreamPlan, StreamPlan];
  isRegular: boolean;
  assemblers: readonly [StreamAssembler, StreamAssembler];
  /** Undefined before its first event. */
  isWanted: boolean | undefined;
}

/** The note is null for a connection that is not wanted, or whose directions have both ended. */
type Followed = Connection<Flow | null>;

/** The second pass: the events, each at the segment that causes it. */
class Delivery {
  readonly #connections: ConnectionTable;
  readonly #isWanted: IsWanted;
  readonly #tracker = new ConnectionTracker<Flow | null>(connection => this.#forgotten.push(connection));
  #forgotten: Followed[] = [];
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
      if (flow === null || isIdle(flow, placed.connection, segment.payload)) continue;
      for (const event of this.#read(flow, placed, segment.payload)) yield event;
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
    }
  }

  #flowOf(tracked: Followed): Flow | null {
    if (tracked.note !== undefined) return tracked.note;
    const { found, ends } = tracked;
    const connection = this.#connections.get(found, ends);
    const plan = this.#connections.plan(found);
    const streams = plan ?? [regularStream(), regularStream()];
    const assemblers = [new StreamAssembler(streams[0]), new StreamAssembler(streams[1])] as const;
    tracked.note = { connection, streams, isRegular: plan === undefined, assemblers, isWanted: undefined };
    return tracked.note;
  }

  #read(flow: Flow, placed: Placed<Flow | null>, payload: Uint8Array): readonly TcpEvent[] {
    const { connection: tracked, from: sender, at, acknowledged } = placed;
    const { streams, assemblers: pair } = flow;
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
        if (!this.#wants(flow, tracked)) return NO_EVENTS;
        idle = -1;
        const event = this.#eventOf(flow, from, piece);
        // Most segments cause one event, and an array that begins with `push` has room for many.
        if (events === NO_EVENTS) events = [event];
        else events.push(event);
      }
    }
    if (pair[0].ended && pair[1].ended) tracked.note = null;
    return events;
  }

  *#endOf(flow: Flow, tracked: Followed): Generator<TcpEvent> {
    if (flow.isRegular) endStreams(flow.streams, tracked, true);
    for (const from of [0, 1] as const) {
      for (;;) {
        const piece = flow.assemblers[from].next(0, 'open', Number.POSITIVE_INFINITY);
        if (piece === undefined) break;
        if (!this.#wants(flow, tracked)) return;
        yield this.#eventOf(flow, from, piece);
      }
    }
  }

  #eventOf({ connection }: Flow, from: 0 | 1, piece: Piece): TcpEvent {
    const time = this.#time;
    switch (piece.kind) {
      case 'data':
        return { kind: 'data', data: piece.data, connection, from, time };
      case 'lost':
        return { kind: 'lost', octets: piece.octets, goesOn: piece.goesOn, connection, from, time };
      case 'end':
        return { kind: 'end', by: piece.by, connection, from, time };
    }
  }

  #wants(flow: Flow, tracked: Followed): boolean {
    flow.isWanted ??= this.#isWanted(flow.connection);
    if (!flow.isWanted) tracked.note = null;
    return flow.isWanted;
  }
}

const NO_EVENTS: TcpEvent[] = [];

/** A stream that begins with a SYN, from which nothing is missing, and whose end is not known. */
function regularStream(): StreamPlan {
  return { start: 0, end: Number.POSITIVE_INFINITY, fin: undefined, holes: [] };
}

/** Whether a segment causes no event: it brings no octets, none wait for what it acknowledges, and no end is known. */
function isIdle({ isRegular, assemblers }: Flow, { sides, reset }: Connection, payload: Uint8Array): boolean {
  return (
    payload.length === 0 &&
    isRegular &&
    !reset &&
    sides[0].fin === undefined &&
    sides[1].fin === undefined &&
    assemblers[0].isEmpty &&
    assemblers[1].isEmpty
  );
}

/** Sets where regular streams end, if that is known. @param isOver  whether nothing is sent any more */
function endStreams(streams: readonly [StreamPlan, StreamPlan], { sides }: Connection, isOver: boolean): void {
  endStream(streams[0], sides[0], isOver);
  endStream(streams[1], sides[1], isOver);
}

function endStream(stream: StreamPlan, { fin, sent }: Side, isOver: boolean): void {
  stream.fin = fin;
  if (fin !== undefined || isOver) stream.end = fin ?? Math.max(0, sent);
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
