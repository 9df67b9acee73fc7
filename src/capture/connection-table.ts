/**
 * What is known of every TCP connection of a capture after its first pass. Most connections are none of FTP, so each takes
 * only some octets: numbers in typed arrays, and an object only for what is unusual.
 */
import type { Examined } from './opening.js';
import type { StreamPlan } from './tcp-stream.js';

export interface TcpConnection {
  /** From 0, in the order in which the connections are found. */
  readonly id: number;
  /** The two ends, `address:port`; the sender of the first segment comes first. */
  readonly ends: readonly [string, string];
  /** The end that sent the SYN; undefined if neither the SYN nor its answer was captured. */
  readonly opener: 0 | 1 | undefined;
  /**
   * Whether the SYN was answered, with a SYN or with any segment that acknowledges it. `late-answer`: only by such a segment, so
   * that earlier octets of that side may be missing. `missing`: the SYN was not captured.
   */
  readonly opened: (typeof OPENED)[number];
}

const OPENED = ['answered', 'unanswered', 'missing', 'late-answer'] as const;
/** An end, or none. */
const ENDS = [0, 1, undefined] as const;
/** No client is known, neither by commands nor by a greeting. */
const UNKNOWN = 2 * 4 + 2;

/** Octets that a proxy sends from each end, if the first or the second end is the client. */
export type Preambles = NonNullable<Examined['preambles']>;

export class ConnectionTable {
  readonly #addresses = new AddressNumbers();
  readonly #one = new Numbers(Float64Array);
  readonly #other = new Numbers(Float64Array);
  readonly #places = new Numbers(Float64Array);
  /** Four numbers of two bits each: `opener`, `opened`, `byCommands`, `byGreeting`. */
  readonly #facts = new Numbers(Uint8Array);
  readonly #preambles = new Map<number, Preambles>();
  readonly #plans = new Map<number, readonly [StreamPlan, StreamPlan]>();

  /** Number of connections: their ids are less. */
  get size(): number {
    return this.#facts.length;
  }

  /**
   * @param place  index of the segment that orders the connection: its SYN, or its first segment if the SYN is missing
   * @param plan  absent if its streams are regular: see ConnectionTracker
   */
  set(
    { id, ends, opener, opened }: TcpConnection,
    place: number,
    examined: Examined | undefined,
    plan: readonly [StreamPlan, StreamPlan] | undefined,
  ): void {
    this.#one.set(id, this.#addresses.numberOf(ends[0]));
    this.#other.set(id, this.#addresses.numberOf(ends[1]));
    this.#places.set(id, place);
    const ended = examined === undefined ? UNKNOWN : (examined.byCommands ?? 2) * 4 + (examined.byGreeting ?? 2);
    this.#facts.set(id, (opener ?? 2) * 64 + OPENED.indexOf(opened) * 16 + ended);
    const preambles = examined?.preambles;
    if (preambles !== undefined) this.#preambles.set(id, preambles);
    if (plan !== undefined) this.#plans.set(id, plan);
  }

  /** @param ends  where their texts are at hand: they are not kept here, and have to be made */
  get(id: number, ends: TcpConnection['ends'] = this.#endsOf(id)): TcpConnection {
    return { id, ends, opener: this.opener(id), opened: OPENED[this.#fact(id, 1)]! };
  }

  opener(id: number): 0 | 1 | undefined {
    return ENDS[this.#fact(id, 0)];
  }

  /** Whether the SYN was captured, and nothing has answered it. */
  isUnanswered(id: number): boolean {
    return OPENED[this.#fact(id, 1)] === 'unanswered';
  }

  /** The client of a control connection, by its commands or by the greeting of the server: see Examined. */
  clientEnd(id: number, by: 'byCommands' | 'byGreeting'): 0 | 1 | undefined {
    return ENDS[this.#fact(id, by === 'byCommands' ? 2 : 3)];
  }

  preambles(id: number): Preambles | undefined {
    return this.#preambles.get(id);
  }

  place(id: number): number {
    return this.#places.get(id);
  }

  /** What to expect of its streams; undefined if they are regular. */
  plan(id: number): readonly [StreamPlan, StreamPlan] | undefined {
    return this.#plans.get(id);
  }

  /** A number for an end: equal ends have equal numbers. The port is its remainder of 65536. */
  endNumber(id: number, end: 0 | 1): number {
    return (end === 0 ? this.#one : this.#other).get(id);
  }

  #endsOf(id: number): TcpConnection['ends'] {
    return [this.#addresses.textOf(this.#one.get(id)), this.#addresses.textOf(this.#other.get(id))];
  }

  #fact(id: number, index: number): number {
    return (this.#facts.get(id) >> (2 * (3 - index))) & 3;
  }
}

const PORTS = 2 ** 16;
const IPV4 = 2 ** 32;

/** The port of an end, by its number. */
export function portOfNumber(end: number): number {
  return end % PORTS;
}

/** The address of an end, by its number. */
export function hostOfNumber(end: number): number {
  return Math.floor(end / PORTS);
}

/** How many hosts are looked up at once. */
const MAX_LAST = 4096;

/** Numbers for `address:port`: an IPv4 address is its own number, and others are counted from 2^32. */
class AddressNumbers {
  /** Of the last hosts. */
  readonly #last = new Map<string, number>();
  readonly #others: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(end: string): number {
    const colon = end.lastIndexOf(':');
    const host = end.slice(0, colon);
    return this.#hostNumber(host) * PORTS + Number(end.slice(colon + 1));
  }

  textOf(number: number): string {
    const host = hostOfNumber(number);
    const text =
      host < IPV4 ? [24, 16, 8, 0].map(bits => (host >>> bits) & 0xff).join('.') : this.#others[host - IPV4]!;
    return `${text}:${portOfNumber(number)}`;
  }

  #hostNumber(host: string): number {
    const known = this.#last.get(host);
    if (known !== undefined) return known;
    if (this.#last.size === MAX_LAST) this.#last.clear();
    const number = this.#newHostNumber(host);
    this.#last.set(host, number);
    return number;
  }

  #newHostNumber(host: string): number {
    const parts = host.split('.');
    if (parts.length === 4 && parts.every(part => /^(0|[1-9][0-9]{0,2})$/.test(part)))
      return parts.reduce((number, part) => number * 256 + Number(part), 0);
    let number = this.#numbers.get(host);
    if (number === undefined) {
      number = IPV4 + this.#others.length;
      this.#others.push(host);
      this.#numbers.set(host, number);
    }
    return number;
  }
}

/** An array of numbers that grows. */
class Numbers {
  #array: Float64Array | Uint8Array;
  #length = 0;

  constructor(type: typeof Float64Array | typeof Uint8Array) {
    this.#array = new type(1024);
  }

  /** The greatest index that was set, and one. */
  get length(): number {
    return this.#length;
  }

  get(index: number): number {
    return this.#array[index]!;
  }

  set(index: number, value: number): void {
    if (index >= this.#array.length) {
      const longer = new (this.#array.constructor as Float64ArrayConstructor)(2 * index);
      longer.set(this.#array);
      this.#array = longer;
    }
    this.#array[index] = value;
    this.#length = Math.max(this.#length, index + 1);
  }
}
