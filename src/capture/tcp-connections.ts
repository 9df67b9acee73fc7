/**
 * Finds the TCP connection of a segment, and the position of the segment's octets in the stream (RFC 9293 §3.4). It
 * holds numbers only, and only of connections that are open or were closed not long ago; and it gives the same answers for
 * the same segments, because tcp.ts reads a capture twice.
 */
import { FtpSecurityError } from '../errors.js';
import { Queue } from '../queue.js';
import { ACK, FIN, RST, type Segment, SYN } from './link-layer.js';

/**
 * How far, in octets, a sequence number may be ahead of everything known of a stream and still be accepted. RFC 7323
 * §2.2 allows windows of 2^30, but that bound would accept one of four random numbers, and with it a gap of up to a
 * gigabyte that was never sent. 2^24 is more than real windows have, and accepts one of 256 random numbers. A capture
 * may lose more than that at once; then two consecutive segments are accepted (as in RFC 3550 A.1).
 */
const AHEAD = 2 ** 24;

/** Each connection takes 25 octets of memory (connection-table.ts). */
const MAX_CONNECTIONS = 50_000_000;

/**
 * How many connections are still known after both ends have closed them, or one has reset them: segments may come later.
 * In the same way, how many SYNs wait for an answer after those of later connections.
 */
const MAX_CLOSED = 8192;
const MAX_UNANSWERED = 8192;

/** How many octets may be captured before the SYN of their own connection, if packets were reordered. */
const BEFORE_SYN = 2 ** 16;

const NOTHING = new Uint8Array(0);

/**
 * One direction of a connection. Positions count octets from `origin`. They do not wrap around, and can be negative if
 * the SYN is missing.
 */
export interface Side {
  // Sequence numbers are kept as signed ones, which take less memory.
  /** The sequence number of position 0; undefined until a segment gives one. */
  origin: number | undefined;
  /** The sequence number of the SYN. */
  isn: number | undefined;
  /** Position of the first octet, as far as is known. */
  start: number | undefined;
  /** Whether `start` is final: known from the SYN, or from the other end, which acknowledged everything before. */
  settled: boolean;
  /** Position after the last octet that segments claim to carry; NOT_SENT if none do. */
  sent: number;
  /** The highest position known from either end: sent by this one, or acknowledged by the other. */
  edge: number;
  /** Position of the FIN. */
  fin: number | undefined;
  /** The sequence number after a segment that was too far ahead. A segment that begins there confirms it. */
  far: number | undefined;
}

/** @typeParam Note  what the user of the tracker keeps with each connection */
export interface Connection<Note = unknown> {
  /** Undefined until the user sets it. */
  note: Note | undefined;
  /** Number of the connection from 0, in the order in which they were found. */
  readonly found: number;
  /** The same for both directions between its ends. */
  readonly key: string;
  /** The senders of `sides`. The sender of the first segment comes first. */
  readonly ends: readonly [string, string];
  readonly sides: readonly [Side, Side];
  /** Index of the segment that orders the connection: its SYN, or its first segment if the SYN is missing. */
  place: number;
  /** The end that sent the SYN; if the SYN is missing, known from its answer. */
  opener: 0 | 1 | undefined;
  synSeen: boolean;
  /** Whether both ends have agreed: a segment acknowledges something of the other end. */
  answered: boolean;
  reset: boolean;
  /** A SYN of other numbers while the connection is open; undefined if there is none. */
  otherSyn: OtherSyn | undefined;
  /**
   * Whether everything came in an order in which a stream can be followed without knowing what comes later: each SYN before
   * the octets of its stream, octets before what acknowledges them, and none after a FIN or a reset. Gaps are not regarded.
   */
  regular: boolean;
}

/**
 * A SYN that does not belong to an open connection. It changes nothing there (RFC 9293 §3.10.7.4), and begins another
 * connection only if that goes on: anybody can forge a SYN.
 */
interface OtherSyn {
  segment: Segment;
  place: number;
}

/** A segment with its place in a stream. */
export interface Placed<Note = unknown> {
  connection: Connection<Note>;
  from: 0 | 1;
  /** Position of the payload's first octet; undefined if the octets do not belong to the stream. */
  at: number | undefined;
  /** The position in the other direction that the segment acknowledges; undefined if it fits no position there. */
  acknowledged: number | undefined;
}

/**
 * Follows the connections of one capture, segment by segment.
 * @throws FtpSecurityError `syntax/limit-exceeded` for more than 50 million connections
 */
export class ConnectionTracker<Note> {
  readonly #current = new Map<string, Connection<Note>>();
  readonly #closed = new Queue<Connection<Note>>();
  readonly #unanswered = new Queue<Connection<Note>>();
  readonly #forgotten: (connection: Connection<Note>) => void;
  /** Connection of the last segment. The next segment most often belongs to it too, and a comparison is cheaper than a lookup. */
  #last: Connection<Note> | undefined;
  #found = 0;
  #segments = 0;

  /** @param forgotten  receives each connection to which no later segment can belong, before that segment is followed */
  constructor(forgotten: (connection: Connection<Note>) => void) {
    this.#forgotten = forgotten;
  }

  /** Forgets all connections: the capture has ended. */
  end(): void {
    for (const connection of this.#current.values()) this.#forgotten(connection);
    this.#current.clear();
  }

  follow(segment: Segment): Placed<Note> {
    const { source, destination, seq, ack, flags, payload, missing } = segment;
    const isReset = (flags & RST) !== 0;
    const isSyn = (flags & SYN) !== 0 && !isReset;
    const place = this.#segments++;
    const last = isBetween(this.#last, source, destination) ? this.#last : undefined;
    const key = last?.key ?? keyOf(segment);
    let connection = last ?? this.#current.get(key);
    const otherSyn = connection?.otherSyn;
    if (connection !== undefined && otherSyn !== undefined && goesOn(otherSyn, segment)) {
      this.#forgotten(connection);
      connection = this.#begin(otherSyn.segment, otherSyn.place, key);
      begin(connection, 0, otherSyn.segment, otherSyn.place);
    } else if (connection === undefined || (isSyn && !mayBegin(connection, segment))) {
      if (connection?.answered && !isOver(connection)) {
        connection.otherSyn = { segment: { ...segment, payload: NOTHING }, place };
        return { connection, from: fromOf(connection, segment), at: undefined, acknowledged: undefined };
      }
      if (connection !== undefined) this.#forgotten(connection);
      connection = this.#begin(segment, place, key);
    }
    this.#last = connection;
    const from = fromOf(connection, segment);
    // The octets of a reset are a diagnostic text (RFC 9293 §3.5.3), and its own number can be anything. What it acknowledges shows
    // octets of the other end that were not captured.
    const wasOver = isOver(connection);
    if (isReset) {
      const answered = connection.sides[1 - from]!;
      if ((flags & ACK) !== 0 && answered.settled) acknowledge(answered, ack);
      connection.reset = true;
      if (!wasOver) this.#close(connection);
      return { connection, from, at: undefined, acknowledged: undefined };
    }
    if (isSyn) begin(connection, from, segment, place);
    const other = connection.sides[1 - from]!;
    const acknowledged = (flags & ACK) === 0 ? undefined : acknowledge(other, ack);
    const length = payload.length + missing;
    const side = connection.sides[from];
    if (acknowledged !== undefined) connection.answered = true;
    else if (!isSyn && isOfEarlier(connection, from, segment, length))
      return { connection, from, at: undefined, acknowledged };
    const first = isSyn ? (seq + 1) >>> 0 : seq;
    const { fin } = side;
    const at = put(side, first, length, (flags & FIN) !== 0);
    const isLate = at !== undefined && length > 0 && (connection.reset || (fin !== undefined && at + length > fin));
    if (isLate || !isAcknowledgedInOrder(other, acknowledged)) connection.regular = false;
    if (!wasOver && isOver(connection)) this.#close(connection);
    return { connection, from, at, acknowledged };
  }

  #begin(segment: Segment, place: number, key: string): Connection<Note> {
    if (this.#found === MAX_CONNECTIONS) {
      throw new FtpSecurityError('syntax/limit-exceeded', `more than ${MAX_CONNECTIONS} connections`);
    }
    const connection: Connection<Note> = newConnection(this.#found++, place, key, segment);
    this.#current.set(connection.key, connection);
    this.#unanswered.push(connection);
    if (this.#unanswered.length > MAX_UNANSWERED) {
      const oldest = this.#unanswered.shift()!;
      if (!oldest.answered && hasSentNothing(oldest)) this.#forget(oldest);
    }
    return connection;
  }

  #close(connection: Connection<Note>): void {
    this.#closed.push(connection);
    if (this.#closed.length > MAX_CLOSED) this.#forget(this.#closed.shift()!);
  }

  /** @param connection  may have been forgotten already, when another one began between its ends */
  #forget(connection: Connection<Note>): void {
    if (this.#current.get(connection.key) !== connection) return;
    this.#current.delete(connection.key);
    if (this.#last === connection) this.#last = undefined;
    this.#forgotten(connection);
  }
}

/** Less than every position. */
const NOT_SENT = -(2 ** 30);

/** Whether no octets of a connection, and no FIN, were captured. */
export function hasSentNothing({ sides }: Connection): boolean {
  return sides[0].sent === NOT_SENT && sides[1].sent === NOT_SENT;
}

/** Whether both ends have closed a connection, or one has reset it. */
export function isOver({ sides, reset }: Connection): boolean {
  return reset || (sides[0].fin !== undefined && sides[1].fin !== undefined);
}

/** Whether all that a segment acknowledges was captured before it, or nothing. A FIN counts as an octet. */
function isAcknowledgedInOrder({ start, sent, fin }: Side, at: number | undefined): boolean {
  if (at === undefined) return true;
  return at <= Math.max(start ?? 0, sent) + (fin === undefined ? 0 : 1);
}

function keyOf({ source, destination }: Pick<Segment, 'source' | 'destination'>): string {
  return source < destination ? `${source} ${destination}` : `${destination} ${source}`;
}

function isBetween(connection: Connection | undefined, source: string, destination: string): boolean {
  if (connection === undefined) return false;
  const { ends } = connection;
  return source === ends[0] ? destination === ends[1] : source === ends[1] && destination === ends[0];
}

function newConnection(found: number, place: number, key: string, { source, destination }: Segment): Connection<never> {
  return {
    note: undefined,
    found,
    key,
    ends: [source, destination],
    sides: [newSide(), newSide()],
    place,
    opener: undefined,
    synSeen: false,
    answered: false,
    reset: false,
    otherSyn: undefined,
    regular: true,
  };
}

function newSide(): Side {
  return {
    origin: undefined,
    isn: undefined,
    start: undefined,
    settled: false,
    sent: NOT_SENT,
    edge: 0,
    fin: undefined,
    far: undefined,
  };
}

function fromOf(connection: Connection, { source }: Segment): 0 | 1 {
  return source === connection.ends[0] ? 0 : 1;
}

/** Whether a SYN belongs to this connection, as a repeated or late SYN. If not, a new connection uses the same ports. */
function mayBegin(connection: Connection, segment: Segment): boolean {
  const from = fromOf(connection, segment);
  const own = connection.sides[from];
  if (own.isn !== undefined) return own.isn === (segment.seq | 0);
  const early = before(own, (segment.seq + 1) >>> 0);
  if (early < 0 || early > BEFORE_SYN) return false;
  return (segment.flags & ACK) === 0 || Math.abs(before(connection.sides[1 - from]!, segment.ack)) <= BEFORE_SYN;
}

/** Whether a segment goes on from a SYN: by the same end from the next number, or by the other end, which acknowledges it. */
function goesOn({ segment: syn }: OtherSyn, { source, seq, ack, flags }: Segment): boolean {
  const next = (syn.seq + 1) >>> 0;
  if ((flags & RST) !== 0) return false;
  if (source === syn.source) return seq === next;
  return (flags & ACK) !== 0 && ack === next;
}

/**
 * Whether a segment belongs to an earlier connection with the same ports, and comes late: it acknowledges numbers of the opener that are far
 * from its SYN, before the other end has answered that. Two such segments with octets, of which the second goes on from the first, are
 * believed; then the SYN was the one that is wrong.
 */
function isOfEarlier({ sides, answered }: Connection, from: 0 | 1, { seq, flags }: Segment, length: number): boolean {
  const side = sides[from];
  if (answered || (flags & ACK) === 0 || side.isn !== undefined || sides[1 - from]!.isn === undefined) return false;
  const isBelieved = length > 0 && side.far === (seq | 0);
  if (length > 0) side.far = (seq + length) | 0;
  return !isBelieved;
}

/** How many octets a sequence number is before the start of a stream; 0 if nothing is known of the stream. */
function before(side: Side, seq: number): number {
  return side.start === undefined ? 0 : side.start - positionOf(side, seq);
}

function begin(connection: Connection, from: 0 | 1, { seq, flags }: Segment, place: number): void {
  const side = connection.sides[from];
  if (side.isn !== undefined) return;
  side.isn = seq | 0;
  if (side.start !== undefined) connection.regular = false;
  // No octets have been placed yet: numbers seen so far, if any, belonged to another connection.
  if (side.start === undefined) {
    side.origin = undefined;
    side.edge = 0;
  }
  side.start = positionOf(side, (seq + 1) >>> 0);
  side.settled = true;
  if ((flags & ACK) !== 0) {
    connection.opener ??= from === 0 ? 1 : 0;
  } else if (!connection.synSeen) {
    connection.opener ??= from;
    connection.synSeen = true;
    connection.place = place;
  }
}

/** Records an acknowledgment of a stream and returns its position; undefined if it is outside the window. */
function acknowledge(side: Side, ack: number): number | undefined {
  const at = positionOf(side, ack);
  const least = side.settled && side.start !== undefined ? side.start : -AHEAD;
  if (at < least || at > side.edge + AHEAD) return undefined;
  if (!side.settled) {
    side.start = Math.min(side.start ?? at, at);
    side.settled = true;
  }
  side.edge = Math.max(side.edge, at);
  return at;
}

/** Places the octets of a segment that begins at `seq` and returns their position; undefined if it is outside the window. */
function put(side: Side, seq: number, length: number, fin: boolean): number | undefined {
  const at = positionOf(side, seq);
  const end = at + length;
  if (end > side.edge + AHEAD) {
    const confirmed = length > 0 && side.far === (seq | 0);
    if (length > 0) side.far = (seq + length) | 0;
    if (!confirmed) return undefined;
  }
  if (at < -AHEAD) return undefined;
  // Nothing is sent before a SYN, but a probe of an idle connection repeats the number of the SYN.
  if (side.isn !== undefined && length > 1 && end <= side.start!) return undefined;
  side.edge = Math.max(side.edge, end);
  if (length === 0 && !fin) return at;
  if (!side.settled) side.start = Math.min(side.start ?? at, at);
  side.sent = Math.max(side.sent, end);
  // A FIN ends the stream, so a FIN before octets that were already seen is invalid.
  if (fin && end === side.sent) side.fin = end;
  return at;
}

/** The position of a sequence number: of all positions that wrap to it, the one nearest to the edge (RFC 9293 §3.4). */
function positionOf(side: Side, seq: number): number {
  side.origin ??= seq | 0;
  return side.edge + ((seq - side.origin - side.edge) | 0);
}
