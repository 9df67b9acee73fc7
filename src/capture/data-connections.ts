/** Finds the data connections in a capture, and the control connection of each, by the addresses that were announced. */
import type { Peer } from '../protection/mechanism.js';
import type { TcpConnection } from './connection-table.js';
import type { DataAddress } from './data-addresses.js';
import { hostOf, portOf } from './opening.js';

/** How many recent addresses of a control connection are kept: a data connection may come late, or be opened again. */
const KEPT = 16;

/** How many announcements of one address, port or pair of hosts are compared, the last ones first. */
const COMPARED = 64;

/** An address that a control connection has announced. */
interface Announced<Control> {
  control: Control;
  /** The side that listens there. */
  by: Peer;
  /** `host:port`; empty if the address is not known. */
  end: string;
  port: number;
  /** The hosts of the control connection: of the side that listens, and of the other one. */
  own: string;
  other: string;
  /** Both, in that order. */
  pair: string;
  /** The host that listens, and whether as client or as server. */
  side: string;
  /** The number of the message with the command that asked for it, e.g. PASV; undefined for the default port. */
  message: number | undefined;
  /** Whether a TCP connection has been found by it. */
  isUsed: boolean;
  isForgotten: boolean;
}

/**
 * `port`: only the port matches, because address translation changed the host. `time`: the port does not match either, or the
 * line that announces it can't be read, but the control connection between the same hosts waits for a data connection.
 */
export type FoundBy = 'address' | 'port' | 'time';

export interface FoundDataConnection<Control> {
  control: Control;
  /** Which end of the TCP connection is the client. */
  clientEnd: 0 | 1;
  foundBy: FoundBy;
  /** Whether it may be none of this control connection: found by time alone, or where another one may have announced the address again. */
  isDoubtful: boolean;
  /** The number of the message with the command that asked for the address; undefined if that is not known. */
  message: number | undefined;
  /** The control connection with the other server, where a client lets two of them transfer a file (RFC 959 §2.3, figure 2). */
  partner: { control: Control; message: number | undefined } | undefined;
}

/** An open control connection, and what it has announced. */
export interface Announcing<Control> {
  readonly control: Control;
  readonly hosts: Readonly<Record<Peer, string>>;
  /** What is not registered so far. */
  news: News<Control>[];
  /** The last addresses that are registered. */
  kept: Announced<Control>[];
  /** For data connections whose announcement is not known: one for each side, as either may listen; none before it is registered. */
  unknown: readonly Announced<Control>[];
}

/** An announcement as it came. */
interface News<Control> {
  session: Announcing<Control>;
  by: Peer;
  address: DataAddress;
  message: number | undefined;
}

/**
 * The addresses that control connections have announced. Several may announce the same one: a capture on both sides of an
 * address translation has each control connection twice, and a port is used again. Then the one between the same hosts is meant,
 * and of several the last. What some announce is not known, because their keys are missing, or lines of them: so an address
 * whose data connection has come is not taken to be meant once more, as long as its host has another control connection.
 */
export class DataConnections<Control> {
  /** In the order in which they came. Registered when a data connection is looked for: most connections of a capture may have none. */
  readonly #news = new Set<News<Control>>();
  readonly #byEnd = new Recent<string, Announced<Control>>();
  readonly #byPort = new Recent<number, Announced<Control>>();
  readonly #byHosts = new Recent<string, Announced<Control>>();
  /** How many control connections are open with a host on one side. */
  readonly #sides = new Map<string, number>();
  readonly #waits: (control: Control, message: number | undefined) => boolean;

  /** @param waits  whether the transfer after a message, or the last one, has no data connection so far */
  constructor(waits: (control: Control, message: number | undefined) => boolean) {
    this.#waits = waits;
  }

  /**
   * A control connection begins.
   * @param port  of the client, where it listens as long as it has not sent PORT (RFC 959 §3.2)
   */
  begin(control: Control, hosts: Readonly<Record<Peer, string>>, port: number): Announcing<Control> {
    const session: Announcing<Control> = { control, hosts, news: [], kept: [], unknown: [] };
    this.announce(session, 'client', { host: undefined, port }, undefined);
    return session;
  }

  /**
   * @param address  on the host of the listening side if only a port was announced
   * @param message  the number of the message with the command that asked for the address
   */
  announce(session: Announcing<Control>, by: Peer, address: DataAddress, message: number | undefined): void {
    const news = { session, by, address, message };
    session.news.push(news);
    this.#news.add(news);
    if (session.news.length > KEPT) this.#registerNews();
  }

  /** The control connection has ended: forgets the addresses that it has announced. */
  forget({ news, kept, unknown }: Announcing<Control>): void {
    for (const it of news) this.#news.delete(it);
    for (const announced of kept) this.#remove(announced);
    for (const announced of unknown) {
      announced.isForgotten = true;
      this.#byHosts.forget(announced.pair);
      const left = this.#sides.get(announced.side)! - 1;
      if (left === 0) this.#sides.delete(announced.side);
      else this.#sides.set(announced.side, left);
    }
  }

  #registerNews(): void {
    for (const news of this.#news) {
      const { session } = news;
      if (session.unknown.length === 0) this.#registerSession(session);
      this.#register(news);
      session.news = [];
    }
    this.#news.clear();
  }

  #registerSession(session: Announcing<Control>): void {
    session.unknown = PEERS.map(by => newAnnounced({ session, by, address: undefined, message: undefined }));
    for (const announced of session.unknown) {
      this.#byHosts.add(announced.pair, announced);
      this.#sides.set(announced.side, (this.#sides.get(announced.side) ?? 0) + 1);
    }
  }

  #register(news: News<Control>): void {
    const { kept } = news.session;
    const announced = newAnnounced(news);
    this.#byEnd.add(announced.end, announced);
    this.#byPort.add(announced.port, announced);
    // The default port is not translated, as it is that of the control connection.
    if (announced.message !== undefined) this.#byHosts.add(announced.pair, announced);
    kept.push(announced);
    if (kept.length > KEPT) this.#remove(kept.shift()!);
  }

  /**
   * The control connection of a TCP connection; undefined if none has announced its address. Call it when the first
   * octets come or the connection ends, because by then the address has been announced.
   */
  find({ ends, opener }: TcpConnection): FoundDataConnection<Control> | undefined {
    this.#registerNews();
    // If the SYN is missing, either end may be the one that listens.
    const listeners = opener === undefined ? ([1, 0] as const) : ([opener === 0 ? 1 : 0] as const);
    for (const isSpent of [false, true]) {
      for (const [foundBy, likely] of this.#likely) {
        for (const listener of listeners) {
          const [own, other] = [hostOf(ends[listener]), hostOf(ends[listener === 0 ? 1 : 0])];
          const candidates = likely(ends[listener], own, other).filter(it => this.#isSpent(it) === isSpent);
          const announced = this.#choose(candidates, own);
          if (announced === undefined) continue;
          if (foundBy !== 'time') announced.isUsed = true;
          const { control, by, message } = announced;
          const clientEnd = by === 'client' ? listener : listener === 0 ? 1 : 0;
          const isDoubtful = isSpent || foundBy === 'time';
          return { control, clientEnd, foundBy, isDoubtful, message, partner: this.#partnerOf(announced) };
        }
      }
    }
    return undefined;
  }

  /** The announcements that may be meant, by the end that listens, its host and the other host. The likeliest come first. */
  readonly #likely: readonly [FoundBy, (end: string, own: string, other: string) => Announced<Control>[]][] = [
    ['address', (end, _, other) => this.#byEnd.latest(end).filter(it => it.other === other)],
    ['port', (end, own, other) => this.#byPort.latest(portOf(end)).filter(it => it.own === own && it.other === other)],
    ['address', end => this.#byEnd.latest(end)],
    ['port', end => this.#byPort.latest(portOf(end))],
    ['time', (_, own, other) => this.#byHosts.latest(`${own} ${other}`).filter(it => this.#isWaiting(it))],
  ];

  /** Of several: those with the same host that listens, of these one that has no data connection yet, and the last one. */
  #choose(announced: Announced<Control>[], own: string): Announced<Control> | undefined {
    if (announced.length < 2) return announced[0];
    const same = announced.filter(it => it.own === own);
    const left = same.length > 0 ? same : announced;
    return left.find(it => this.#isWaiting(it)) ?? left[0];
  }

  /** What one server has announced, the client announces to the other one. */
  #partnerOf({ control, by, end }: Announced<Control>): FoundDataConnection<Control>['partner'] {
    const found = this.#byEnd.latest(end).find(it => it.control !== control && it.by !== by && this.#isWaiting(it));
    return found && { control: found.control, message: found.message };
  }

  #isWaiting({ control, message }: Announced<Control>): boolean {
    return this.#waits(control, message);
  }

  /** Whether its data connection has come, and the same address may have been announced since: for the next transfer, or by another one. */
  #isSpent(announced: Announced<Control>): boolean {
    if (!announced.isUsed || this.#isWaiting(announced)) return false;
    return this.#sides.get(announced.side)! > 1 || this.#waits(announced.control, undefined);
  }

  #remove(announced: Announced<Control>): void {
    const { end, port, pair, message } = announced;
    announced.isForgotten = true;
    this.#byEnd.forget(end);
    this.#byPort.forget(port);
    if (message !== undefined) this.#byHosts.forget(pair);
  }
}

const PEERS = ['client', 'server'] as const;

/** @param address  undefined if it is not known; the result then has port 0 */
function newAnnounced<Control>({
  session: { control, hosts },
  by,
  address,
  message,
}: Omit<News<Control>, 'address'> & { address: DataAddress | undefined }): Announced<Control> {
  const [own, other] = [hosts[by], hosts[by === 'client' ? 'server' : 'client']];
  const end = address === undefined ? '' : `${address.host ?? own}:${address.port}`;
  const [pair, side] = [`${own} ${other}`, `${by} ${own}`];
  const port = address?.port ?? 0;
  return { control, by, end, port, own, other, pair, side, message, isUsed: false, isForgotten: false };
}

/** Values by key, in the order in which they came. Those that are forgotten are dropped when they are half of all. */
class Recent<K, T extends { isForgotten: boolean }> {
  readonly #lists = new Map<K, { items: T[]; forgotten: number }>();

  add(key: K, item: T): void {
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, { items: [item], forgotten: 0 });
    else list.items.push(item);
  }

  /** The last ones that are not forgotten, the very last first. */
  latest(key: K): T[] {
    const items = this.#lists.get(key)?.items;
    if (items === undefined) return [];
    return items
      .slice(-COMPARED)
      .filter(it => !it.isForgotten)
      .reverse();
  }

  /** A value of this key has been forgotten. */
  forget(key: K): void {
    const list = this.#lists.get(key);
    if (list === undefined) return;
    list.forgotten++;
    while (list.items.at(-1)?.isForgotten) {
      list.items.pop();
      list.forgotten--;
    }
    if (2 * list.forgotten < list.items.length) return;
    const items = list.items.filter(it => !it.isForgotten);
    if (items.length === 0) this.#lists.delete(key);
    else this.#lists.set(key, { items, forgotten: 0 });
  }
}
