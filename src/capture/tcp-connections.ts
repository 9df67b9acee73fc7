/**
 * Which TCP connection a segment belongs to, and where in its stream the segment's octets stand (RFC 9293 §3.4). It holds
 * numbers only, and the same segments always give the same answers: tcp.ts goes through a capture twice.
 */
import { FtpSecurityError } from '../errors.js';
import { ACK, FIN, RST, type Segment, SYN } from './link-layer.js';

/**
 * How far ahead of all that is known of a stream a sequence number may lie and be taken at its word, in octets. RFC 7323
 * §2.2 allows windows of 2^30, but such a bound takes in every fourth wild number, and with it a gap of up to a gigabyte
 * that nobody sent. This one holds more than real windows do, and takes in one wild number of 256. A capture may lose
 * more than that at once; there, two segments that go on from each other are believed (as in RFC 3550 A.1).
 */
const AHEAD = 2 ** 24;

/** So many connections take about a gigabyte; what has more of them is a flood, and no record of FTP sessions. */
const MAX_CONNECTIONS = 1_000_000;

/** How many octets may be captured before the SYN that they follow, when packets were reordered. */
const BEFORE_SYN = 2 ** 16;

/**
 * One direction of a connection. Positions count octets from `origin`; they don't wrap, and may be negative where the
 * SYN is missing.
 */
export interface Side {
  /** The sequence number of position 0; undefined until a segment tells one. */
  origin: number | undefined;
  /** The sequence number of the SYN. */
  isn: number | undefined;
  /** Where the stream begins, as far as is known. */
  start: number | undefined;
  /** Whether `start` is settled: by the SYN, or by the other end, which had everything before. */
  settled: boolean;
  /** The end of the octets that segments said they had. */
  sent: number;
  /** The highest position that either end has told of: the one sent so far, or the other acknowledged. */
  edge: number;
  /** Position of the FIN. */
  fin: number | undefined;
  /** The sequence number that follows a segment too far ahead: one that begins there confirms it. */
  far: number | undefined;
}

export interface Connection {
  /** From 0, in the order in which they were found. */
  readonly found: number;
  /** Senders of `sides`. The first is the one seen first. */
  readonly ends: readonly [string, string];
  readonly sides: readonly [Side, Side];
  /** Which segment stands for the connection: its SYN, or the first if that is missing. Counted from 0. */
  place: number;
  /** Who sent the SYN, or must have. */
  opener: 0 | 1 | undefined;
  synSeen: boolean;
  /** Whether a segment shows that both ends have agreed: it acknowledges something of the other. */
  answered: boolean;
  reset: boolean;
}

/** A segment in its place. */
export interface Placed {
  connection: Connection;
  from: 0 | 1;
  /** Position of the payload's first octet; undefined when the octets are none of the stream's. */
  at: number | undefined;
  /** The position in the other direction that the segment acknowledges; undefined when it fits nothing there. */
  acknowledged: number | undefined;
}

/** Follows the connections of one capture, segment by segment. */
export class ConnectionTracker {
  readonly #current = new Map<string, Connection>();
  /** The one that the last segment was of: most often that of the next, too, and cheaper to compare than to look up. */
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
    // The octets of a reset are a remark for people (RFC 9293 §3.5.3), and its numbers may be anything.
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

/** Whether a SYN is the one of this connection: again, or late; otherwise the port is used again. */
function mayBegin(connection: Connection, segment: Segment): boolean {
  const from = fromOf(connection, segment);
  const own = connection.sides[from];
  if (own.isn !== undefined) return own.isn === segment.seq;
  const early = before(own, (segment.seq + 1) >>> 0);
  if (early < 0 || early > BEFORE_SYN) return false;
  return (segment.flags & ACK) === 0 || Math.abs(before(connection.sides[1 - from]!, segment.ack)) <= BEFORE_SYN;
}

/** By how much a sequence number comes before the start of a stream; 0 when nothing is known of the stream. */
function before(side: Side, seq: number): number {
  return side.start === undefined ? 0 : side.start - positionOf(side, seq);
}

function begin(connection: Connection, from: 0 | 1, { seq, flags }: Segment, place: number): void {
  const side = connection.sides[from];
  if (side.isn !== undefined) return;
  side.isn = seq;
  // Nothing has been placed so far: what was seen, if anything, was of another connection.
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

/** Takes an acknowledgment of a stream, and gives its position; undefined when it fits nothing. */
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

/** Places octets that a segment begins at `seq`; undefined when they are out of any window. */
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
  // Nothing follows a FIN: one that octets were seen behind is none.
  if (fin && end === side.sent) side.fin = end;
  return at;
}

/** The position that a sequence number means: of those that wrap to it, the one nearest to the edge (RFC 9293 §3.4). */
function positionOf(side: Side, seq: number): number {
  side.origin ??= seq;
  return side.edge + ((seq - side.origin - side.edge) | 0);
}
