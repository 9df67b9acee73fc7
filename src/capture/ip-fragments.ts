/**
 * Reassembles IP fragments (RFC 791 §3.2, RFC 8200 §4.5). If octets come more than once, the first copy is used. A map
 * with one entry for each eight octets shows what has come, instead of the list of holes in RFC 815. So the work is
 * linear in the octets, whatever the order of the fragments.
 */
export interface Fragment {
  /** Protocol number of the fragmented payload; the first fragment's number is used. */
  protocol: number;
  /** In octets, a multiple of 8. */
  offset: number;
  /** Whether more fragments follow. */
  more: boolean;
  data: Uint8Array;
}

export interface Reassembled {
  protocol: number;
  data: Uint8Array;
}

/** Nanoseconds that fragments wait for the rest: RFC 1122 §3.3.2 recommends 60 to 120 seconds, RFC 8200 §4.5 sets 60. */
const TIMEOUT = 60_000_000_000n;

/** Memory that a packet takes in addition to its octets, in octets. */
const OVERHEAD = 512;

/** The most octets that may be held. Linux holds 4 MiB for each network; a capture may cover many hosts. */
const MAX_HELD = 2 ** 25;

/** The most octets that an IP packet may hold. */
const MAX_LENGTH = 65_535;

/** One packet, with the fragments that have come so far. */
interface Entry {
  key: string;
  time: bigint | undefined;
  octets: Uint8Array;
  /** One octet for each eight of `octets`: 1 if they have come. */
  present: Uint8Array;
  /** How many eights have come, of those that belong to the packet. */
  eights: number;
  protocol: number | undefined;
  /** Length of the packet, once the last fragment has come. */
  length: number | undefined;
  fragments: number;
  whole: boolean;
}

export class IpFragments {
  readonly #entries = new Map<string, Entry>();
  /** Continues after the entry that was dropped last. A new iterator would first pass all entries dropped before. */
  #oldest = this.#entries.values();
  #held = 0;
  readonly #lose: (reason: string, packets: number) => void;

  /** @param lose  called with fragments that never became a packet: the reason and their number */
  constructor(lose: (reason: string, packets: number) => void) {
    this.#lose = lose;
  }

  /**
   * Adds a fragment; its octets are copied.
   * @param key  what the fragments of one packet have in common: addresses, identification, and in IPv4 also the
   *   protocol
   * @returns the whole packet if this fragment completes it, undefined if not; a text with the reason if it is
   *   malformed
   */
  add(key: string, fragment: Fragment, time: bigint | undefined): Reassembled | string | undefined {
    const { offset, more, data } = fragment;
    const end = offset + data.length;
    if (end > MAX_LENGTH || (more && (data.length === 0 || data.length % 8 !== 0))) return 'malformed IP fragment';
    while (this.#held > MAX_HELD) this.#dropOldest();
    const entry = this.#entryFor(key, fragment, time);
    // A copy of a fragment of a whole packet, as in captures of several interfaces.
    if (entry.whole) return undefined;
    entry.fragments++;
    if (!more && entry.length === undefined) setLength(entry, end);
    this.#grow(entry, end);
    if (offset === 0) entry.protocol ??= fragment.protocol;
    put(entry, fragment);
    const { length, protocol } = entry;
    if (length === undefined || protocol === undefined || entry.eights < Math.ceil(length / 8)) return undefined;
    entry.whole = true;
    return { protocol, data: entry.octets.subarray(0, length) };
  }

  /** Reports all packets that are not whole, and forgets everything. */
  finish(): void {
    for (const entry of this.#entries.values()) this.#drop(entry);
  }

  /** The packet that a fragment belongs to; a new packet if the identification is used again. */
  #entryFor(key: string, fragment: Fragment, time: bigint | undefined): Entry {
    const found = this.#entries.get(key);
    if (found !== undefined) {
      const late = time !== undefined && found.time !== undefined && time - found.time > TIMEOUT;
      if (!late && (!found.whole || repeats(found, fragment))) return found;
      this.#drop(found);
    }
    const entry: Entry = {
      key,
      time,
      octets: new Uint8Array(0),
      present: new Uint8Array(0),
      eights: 0,
      protocol: undefined,
      length: undefined,
      fragments: 0,
      whole: false,
    };
    this.#entries.set(key, entry);
    this.#held += OVERHEAD;
    return entry;
  }

  /** Doubles the buffer, so that the copying takes linear time in total. */
  #grow(entry: Entry, needed: number): void {
    const before = entry.octets.length;
    if (needed <= before) return;
    const room = Math.min(Math.max(needed, 2 * before) + 7, MAX_LENGTH + 1) & ~7;
    const [octets, present] = [new Uint8Array(room), new Uint8Array(room / 8)];
    octets.set(entry.octets);
    present.set(entry.present);
    Object.assign(entry, { octets, present });
    this.#held += room - before;
  }

  #dropOldest(): void {
    let next = this.#oldest.next();
    if (next.done) {
      this.#oldest = this.#entries.values();
      next = this.#oldest.next();
    }
    if (!next.done) this.#drop(next.value);
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#held -= entry.octets.length + OVERHEAD;
    if (entry.whole) return;
    const reason = entry.protocol === undefined ? 'IP fragment without its first' : 'IP fragment without the rest';
    this.#lose(reason, entry.fragments);
  }
}

function setLength(entry: Entry, length: number): void {
  entry.length = length;
  entry.eights = 0;
  for (let i = 0; i < Math.min(Math.ceil(length / 8), entry.present.length); i++) entry.eights += entry.present[i]!;
}

/** Copies the octets that have not come before. */
function put(entry: Entry, { offset, data }: Fragment): void {
  const end = Math.min(data.length, (entry.length ?? MAX_LENGTH) - offset);
  for (let at = 0; at < end; at += 8) {
    const eight = (offset + at) / 8;
    if (entry.present[eight] === 1) continue;
    entry.present[eight] = 1;
    entry.eights++;
    entry.octets.set(data.subarray(at, Math.min(at + 8, end)), offset + at);
  }
}

/** Whether a fragment contains only octets that the whole packet already has. */
function repeats({ octets, length = 0 }: Entry, { offset, data }: Fragment): boolean {
  return offset + data.length <= length && data.every((octet, i) => octet === octets[offset + i]);
}
