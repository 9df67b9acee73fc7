/**
 * IP fragments put together (RFC 791 §3.2, RFC 8200 §4.5). Of octets that come more than once, the first copy counts. What
 * has come is kept in a map of eights of octets, where RFC 815 keeps a list of holes: so the work is linear in the octets,
 * whatever the order of the fragments.
 */
export interface Fragment {
  /** The protocol number of what was cut; that of the first fragment counts. */
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

/** RFC 1122 §3.3.2 wants 60 to 120 seconds; RFC 8200 §4.5 has 60. */
const TIMEOUT = 60_000_000_000n;

/** What a packet costs beside its octets. */
const OVERHEAD = 512;

/** Octets that may be held. Linux holds 4 MiB for each network; a capture is of many hosts. */
const MAX_HELD = 2 ** 25;

/** What an IP packet may hold at most. */
const MAX_LENGTH = 65_535;

/** One packet, as far as it has come. */
interface Entry {
  key: string;
  time: bigint | undefined;
  octets: Uint8Array;
  /** One octet for each eight of `octets`: whether they have come. */
  present: Uint8Array;
  /** How many have come, of those that belong to the packet. */
  eights: number;
  protocol: number | undefined;
  /** Length of the packet, once the last fragment has come. */
  length: number | undefined;
  fragments: number;
  whole: boolean;
}

export class IpFragments {
  readonly #entries = new Map<string, Entry>();
  /** Goes on from the entry that was dropped last; to begin anew costs a look at all that were dropped before. */
  #oldest = this.#entries.values();
  #held = 0;
  readonly #lose: (reason: string, packets: number) => void;

  /** @param lose  is told of fragments that never became a packet */
  constructor(lose: (reason: string, packets: number) => void) {
    this.#lose = lose;
  }

  /**
   * Adds a fragment; its octets are copied.
   * @param key  what the fragments of one packet have in common: addresses, identification, in IPv4 also the protocol
   * @returns the whole packet when this completes it, undefined as long as it does not; a text, why it is no fragment
   */
  add(key: string, fragment: Fragment, time: bigint | undefined): Reassembled | string | undefined {
    const { offset, more, data } = fragment;
    const end = offset + data.length;
    if (end > MAX_LENGTH || (more && (data.length === 0 || data.length % 8 !== 0))) return 'malformed IP fragment';
    while (this.#held > MAX_HELD) this.#dropOldest();
    const entry = this.#entryFor(key, fragment, time);
    // A copy of what is there already, as captures of several interfaces have it.
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

  /** Tells of all that is not whole, and forgets everything. */
  finish(): void {
    for (const entry of this.#entries.values()) this.#drop(entry);
  }

  /** The packet that a fragment belongs to: a new one where the identification is used again. */
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

  /** Doubles the room, so that no octet is moved more often than a constant number of times. */
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

/** Takes over what has not come before. */
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

/** Whether a fragment says nothing that a whole packet does not have. */
function repeats({ octets, length = 0 }: Entry, { offset, data }: Fragment): boolean {
  return offset + data.length <= length && data.every((octet, i) => octet === octets[offset + i]);
}
