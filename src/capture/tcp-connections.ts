/**
 * Finds the TCP connection of a segment, and the position of the segment's octets in the stream (RFC 9293 §3.4). It
 * holds numbers only, and gives the same answers for the same segments, because tcp.ts reads a capture twice.
 */
import { FtpSecurityError } from '../errors.js';
import { ACK, FIN, RST, type Segment, SYN } from './link-layer.js';

/**
 * How far, in octets, a sequence number may be ahead of everything known of a stream and still be accepted. RFC 7323
 * §2.2 allows windows of 2^30, but that bound would accept one of four random numbers, and with it a gap of up to a
 * gigabyte that was never sent. 2^24 is more than real windows have, and accepts one of 256 random numbers. A capture
 * may lose more than that at once; then two consecutive segments are accepted (as in RFC 3550 A.1).
 */
const AHEAD = 2 ** 24;

/** A million connections take about a gigabyte of memory. A capture with more is a flood, not a record of FTP sessions. */
const MAX_CONNECTIONS = 1_000_000;

/** How many octets may be captured before the SYN of their own connection, if packets were reordered. */
const BEFORE_SYN = 2 ** 16;

/**
 * One direction of a connection. Positions count octets from `origin`. They do not wrap around, and can be negative if
 * the SYN is missing.
 */
export interface Side {
  /** The sequence number of position 0; undefined until a segment gives one. */
  origin: number | undefined;
  /** The sequence number of the SYN. */
  isn: number | undefined;
  /** Position of the first octet, as far as is known. */
  start: number | undefined;
  /** Whether `start` is final: known from the SYN, or from the other end, which acknowledged everything before. */
  settled: boolean;
  /** Position after the last octet that segments claim to carry. */
  sent: number;
  /** The highest position known from either end: sent by this one, or acknowledged by the other. */
  edge: number;
  /** Position of the FIN. */
  fin: number | undefined;
  /** The sequence number after a segment that was too far ahead. A segment that begins there confirms it. */
  far: number | undefined;
}

export interface Connection {
  /** Number of the connection from 0, in the order in which they were found. */
  readonly found: number;
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
}

/** A segment with its place in a stream. */
export interface Placed {
  connection: Connection;
  from: 0 | 1;
  /** Position of the payload's first octet; undefined if the octets do not belong to the stream. */
  at: number | undefined;
  /** The position in the other direction that the segment acknowledges; undefined if it fits no position there. */
  acknowledged: number | undefined;
}

/**
 * Follows the connections of one capture, segment by segment.
 * @throws FtpSecurityError `syntax/limit-exceeded` for more than a million connections
 */
export class ConnectionTracker {
  readonly #current = new Map<string, Connection>();
  /** Connection of the last segment. The next segment most often belongs to it too, and a comparison is cheaper than a lookup. */
  #last: Connection | undefined;
  #found = 0;
  #segments = 0;

  follow(segment: Segment): Placed {
    const { source, destination, seq, ack, flags, payload, missing } = segment;
    const isReset = (flags & RST) !== 0;
    const isSyn = (flags & SYN) !== 0 && !isReset;
    let connection = isBetween(this.#last, source, destination) ? this.#last : this.#current.get(keyOf(segment));
    if (connection === undefined || (isSyn && !mayBegin(connection, segment))) {
      if (this.#found === MAX_CONNECTIONS) {
        throw new FtpSecurityError('syntax/limit-exceeded', `more than ${MAX_CONNECTIONS} connections`);
      }
      connection = newConnection(this.#found++, this.#segments, segment);
      this.#current.set(keyOf(segment), connection);
    }
    this.#last = connection;
    const place = this.#segments++;
    const from = fromOf(connection, segment);
    // The octets of a reset are a diagnostic text (RFC 9293 §3.5.3), and its numbers can be anything.
    if (isReset) {
      connection.reset = true;
      return { connection, from, at: undefined, acknowledged: undefined };
    }
    if (isSyn) begin(connection, from, segment, place);
    const acknowledged = (flags & ACK) === 0 ? undefined : acknowledge(connection.sides[1 - from]!, ack);
    if (acknowledged !== undefined) connection.answered = true;
    const first = isSyn ? (seq + 1) >>> 0 : seq;
    const at = put(connection.sides[from], first, payload.length + missing, (flags & FIN) !== 0);
    return { connection, from, at, acknowledged };
  }
}

function keyOf({ source, destination }: Segment): string {
  return source < destination ? `${source} ${destination}` : `${destination} ${source}`;
}

function isBetween(connection: Connection | undefined, source: string, destination: string): boolean {
  if (connection === undefined) return false;
  const [one, other] = connection.ends;
  return (source === one && destination === other) || (source === other && destination === one);
}

function newConnection(found: number, place: number, { source, destination }: Segment): Connection {
  return {
    found,
    ends: [source, destination],
    sides: [newSide(), newSide()],
    place,
    opener: undefined,
    synSeen: false,
    answered: false,
    reset: false,
  };
}

function newSide(): Side {
  return {
    origin: undefined,
    isn: undefined,
    start: undefined,
    settled: false,
    sent: Number.NEGATIVE_INFINITY,
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
  if (own.isn !== undefined) return own.isn === segment.seq;
  const early = before(own, (segment.seq + 1) >>> 0);
  if (early < 0 || early > BEFORE_SYN) return false;
  return (segment.flags & ACK) === 0 || Math.abs(before(connection.sides[1 - from]!, segment.ack)) <= BEFORE_SYN;
}

/** How many octets a sequence number is before the start of a stream; 0 if nothing is known of the stream. */
function before(side: Side, seq: number): number {
  return side.start === undefined ? 0 : side.start - positionOf(side, seq);
}

function begin(connection: Connection, from: 0 | 1, { seq, flags }: Segment, place: number): void {
  const side = connection.sides[from];
  if (side.isn !== undefined) return;
  side.isn = seq;
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
    const confirmed = length > 0 && side.far === seq;
    if (length > 0) side.far = (seq + length) >>> 0;
    if (!confirmed) return undefined;
  }
  if (at < -AHEAD) return undefined;
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
  side.origin ??= seq;
  return side.edge + ((seq - side.origin - side.edge) | 0);
}
