/** Large captures, written packet by packet: whole TCP connections over IPv4, with cheap content or a real secured session. */
import { closeSync, openSync, writeSync } from 'node:fs';

const [FIN, SYN, ACK] = [1, 2, 16];
const HEADERS = 16 + 20 + 20;
/** Payload of a segment, as on Ethernet. */
const SEGMENT = 1448;
const START = 1_795_343_000;

export interface Ends {
  client: readonly [address: number, port: number];
  server: readonly [address: number, port: number];
}

/** A pcap file of raw IP packets (link type 101). */
export class CaptureWriter {
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(2 ** 20);
  #used = 0;
  #packets = 0;
  /** Octets of the file so far. */
  size = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
    const header = Buffer.alloc(24);
    for (const [at, value] of [0xa1b2c3d4, 0x00040002, 0, 0, 262_144, 101].entries())
      header.writeUInt32LE(value, 4 * at);
    this.#append(header);
  }

  /** A connection from its SYN; see Conversation. */
  open(ends: Ends): Conversation {
    return new Conversation(ends, (...packet) => this.#packet(...packet));
  }

  close(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #packet(
    from: Ends['client'],
    to: Ends['client'],
    seq: number,
    ack: number,
    flags: number,
    payload: Uint8Array,
  ): void {
    const length = HEADERS + payload.length;
    if (this.#used + length > this.#buffer.length) this.#flush();
    const b = this.#buffer;
    const at = this.#used;
    b.fill(0, at, at + HEADERS);
    b.writeUInt32LE(START + Math.floor(this.#packets / 1e5), at);
    b.writeUInt32LE((10 * this.#packets) % 1e6, at + 4);
    b.writeUInt32LE(length - 16, at + 8);
    b.writeUInt32LE(length - 16, at + 12);
    b.writeUInt16BE(0x4500, at + 16);
    b.writeUInt16BE(length - 16, at + 18);
    b.writeUInt16BE(0x4006, at + 24);
    b.writeUInt32BE(from[0], at + 28);
    b.writeUInt32BE(to[0], at + 32);
    b.writeUInt16BE(from[1], at + 36);
    b.writeUInt16BE(to[1], at + 38);
    b.writeUInt32BE(seq >>> 0, at + 40);
    b.writeUInt32BE(ack >>> 0, at + 44);
    b.writeUInt16BE(0x5000 | flags, at + 48);
    b.writeUInt16BE(0xffff, at + 50);
    b.set(payload, at + HEADERS);
    this.#used += length;
    this.size += length;
    this.#packets++;
  }

  #append(octets: Uint8Array): void {
    this.#buffer.set(octets, this.#used);
    this.#used += octets.length;
    this.size += octets.length;
  }

  #flush(): void {
    writeSync(this.#descriptor, this.#buffer, 0, this.#used);
    this.#used = 0;
  }
}

type Send = (
  from: Ends['client'],
  to: Ends['client'],
  seq: number,
  ack: number,
  flags: number,
  payload: Uint8Array,
) => void;

/** One connection: the SYNs are written at once; data in segments, acknowledged every other one; a FIN from both sides. */
export class Conversation {
  readonly #ends: Ends;
  readonly #send: Send;
  readonly #next = { client: 1000, server: 2 ** 31 };

  constructor(ends: Ends, send: Send) {
    this.#ends = ends;
    this.#send = send;
    this.#segment('client', SYN);
    this.#segment('server', SYN | ACK);
    this.#segment('client', ACK);
  }

  say(from: 'client' | 'server', text: string | Uint8Array, segment = SEGMENT): void {
    const octets = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
    for (let at = 0, sent = 0; at < octets.length; at += segment) {
      this.#segment(from, ACK, octets.subarray(at, at + segment));
      if (++sent % 2 === 0) this.#segment(from === 'client' ? 'server' : 'client', ACK);
    }
  }

  end(): void {
    this.#segment('client', FIN | ACK);
    this.#segment('server', FIN | ACK);
    this.#segment('client', ACK);
  }

  #segment(from: 'client' | 'server', flags: number, payload: Uint8Array = NOTHING): void {
    const to = from === 'client' ? 'server' : 'client';
    const ack = (flags & ACK) === 0 ? 0 : this.#next[to];
    this.#send(this.#ends[from], this.#ends[to], this.#next[from], ack, flags, payload);
    this.#next[from] += payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
  }
}

const NOTHING = new Uint8Array(0);
