/** `rfc2228 fuzz server`: plays the client. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fuzz from '../../fuzz/index.js';
import { parseOptions, readInput, UsageError } from '../status.js';
import { Child } from './child.js';
import { assertOwned, OPTIONS, parseEndpoint, type Settings, settingsOf } from './options.js';
import { run } from './report.js';
import { sideOf } from './sides.js';
import { connected, SocketConnection, SocketData } from './sockets.js';

/** Milliseconds between two attempts to connect to a server that is starting. */
const RETRY = 20;

export async function fuzzServer(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions({
    args,
    options: { ...OPTIONS, user: { type: 'string', default: 'anonymous' }, 'password-file': { type: 'string' } },
    allowPositionals: true,
  });
  const [where, ...more] = positionals;
  if (where === undefined || more.length > 0) throw new UsageError('fuzz server needs one HOST:PORT');
  const { host, port } = parseEndpoint(where);
  assertOwned(host, values);
  const target: fuzz.ServerTarget = { ...sideOf(values, 'server', host), user: values.user };
  const file = values['password-file'];
  if (file !== undefined)
    target.password = Buffer.from(readInput(file))
      .toString()
      .replace(/\r?\n$/, '');
  const settings = settingsOf(values, 'server');
  const place = { ...settings, host, port };
  target.probe = await probe(target, place);
  return await run(settings, target.mechanism, one => play(one, target, place));
}

interface Place extends Settings {
  host: string;
  port: number;
}

/** The server, started for a case if it has to be, and the connections to it. */
class Server {
  readonly child: Child | undefined;
  readonly #place: Place;
  readonly #sockets: Socket[] = [];

  constructor(place: Place) {
    this.child = place.exec === undefined ? undefined : new Child(place.exec);
    this.#place = place;
  }

  /** Tries again, because a server that was just started may not listen yet. @throws SetupFailed */
  async connect(): Promise<Socket> {
    const { host, port, limit } = this.#place;
    for (const end = Date.now() + limit; ; await sleep(RETRY)) {
      try {
        const socket = await connected(host, port, limit);
        this.#sockets.push(socket);
        return socket;
      } catch (error) {
        if (this.child !== undefined && !this.child.isOver && Date.now() <= end) continue;
        throw new fuzz.SetupFailed(`${(error as Error).message}${this.child?.lastWords ?? ''}`, { cut: true });
      }
    }
  }

  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** @throws TargetUnavailable if no session can be set up */
async function probe(target: fuzz.ServerTarget, place: Place): Promise<string> {
  const server = new Server(place);
  try {
    return await fuzz.probeServer(target, new SocketConnection(await server.connect(), place.limit));
  } finally {
    server.disconnect();
    await server.child?.end(0);
  }
}

async function play(one: fuzz.FuzzCase, target: fuzz.ServerTarget, place: Place): Promise<fuzz.Outcome> {
  const server = new Server(place);
  const outcome = await playOn(server, one, target, place.limit);
  const hasClosed = outcome.kind === 'closed' || outcome.closes === true;
  if (server.child === undefined) return hasClosed ? await stillThere(outcome, place) : outcome;
  const exit = await server.child.end(hasClosed ? place.limit : 0);
  const its = exit === undefined ? outcome : fuzz.withExit(outcome, exit);
  // A server that ends by itself after a case, with a status other than 0, counts as crashed.
  if (its.kind === 'crashed' || !its.exit?.status) return its;
  return fuzz.crashed(its, `ends by itself, with status ${its.exit.status}`);
}

async function playOn(
  server: Server,
  one: fuzz.FuzzCase,
  target: fuzz.ServerTarget,
  limit: number,
): Promise<fuzz.Outcome> {
  try {
    const socket = await server.connect();
    const data = new SocketData(socket, limit);
    const another = async () => new SocketConnection(await server.connect(), limit);
    const played = fuzz.playToServer(one, { ...target, data }, new SocketConnection(socket, limit), another);
    return await played.finally(() => data.close());
  } catch (error) {
    if (error instanceof fuzz.SetupFailed) return fuzz.unready(error);
    throw error;
  } finally {
    server.disconnect();
  }
}

/** Checks a server that closed the connection: if it no longer listens, it has crashed. */
async function stillThere(outcome: fuzz.Outcome, { host, port, limit }: Place): Promise<fuzz.Outcome> {
  try {
    (await connected(host, port, limit)).destroy();
    return outcome;
  } catch (error) {
    return fuzz.crashed(outcome, (error as Error).message);
  }
}
