/** `rfc2228 fuzz server`: plays the client. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FuzzCase } from '../../fuzz/cases.js';
import {
  crashed,
  type Outcome,
  playToServer,
  probeServer,
  type ServerTarget,
  SetupFailed,
  TargetUnavailable,
  unready,
  withExit,
} from '../../fuzz/driver/index.js';
import { parseOptions, readInput, UsageError } from '../status.js';
import { Child } from './child.js';
import { assertOwned, OPTIONS, parseEndpoint, type Settings, settingsOf } from './options.js';
import { run } from './run.js';
import { sideOf } from './sides.js';
import { connected, SocketConnection, SocketData } from './sockets.js';

/** Milliseconds between two attempts to connect to a server that is starting. */
const RETRY = 20;

/** @returns the exit status */
export async function fuzzServer(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions({
    args,
    options: { ...OPTIONS, user: { type: 'string', default: 'anonymous' }, 'password-file': { type: 'string' } },
    allowPositionals: true,
  });
  const [where, ...more] = positionals;
  if (where === undefined || more.length > 0) throw new UsageError('fuzz server wants one HOST:PORT');
  const { host, port } = parseEndpoint(where);
  assertOwned(host, values);
  const target: ServerTarget = { ...sideOf(values, 'server', host), user: values.user };
  const file = values['password-file'];
  if (file !== undefined)
    target.password = Buffer.from(readInput(file))
      .toString('utf8')
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

const started = ({ exec }: Place) => (exec === undefined ? undefined : new Child(exec));

/** @throws TargetUnavailable if no session can be set up */
async function probe(target: ServerTarget, place: Place): Promise<string> {
  const child = started(place);
  try {
    return await connecting(place, child, async connect =>
      probeServer(target, new SocketConnection(await connect(), place.limit)),
    );
  } catch (error) {
    throw error instanceof SetupFailed ? new TargetUnavailable(error.message) : error;
  } finally {
    await child?.end(0);
  }
}

async function play(one: FuzzCase, target: ServerTarget, place: Place): Promise<Outcome> {
  const { limit } = place;
  const child = started(place);
  const outcome = await connecting(place, child, async connect => {
    const socket = await connect();
    const data = new SocketData(socket, limit);
    const another = async () => new SocketConnection(await connect(), limit);
    try {
      return await playToServer(one, { ...target, data }, new SocketConnection(socket, limit), another);
    } finally {
      data.close();
    }
  }).catch(error => {
    if (error instanceof SetupFailed) return unready(error);
    throw error;
  });
  const hasClosed = outcome.kind === 'closed' || outcome.closes === true;
  if (child === undefined) return hasClosed ? await stillThere(outcome, place) : outcome;
  const exit = await child.end(hasClosed ? limit : 0);
  return exit === undefined ? outcome : withStatus(withExit(outcome, exit));
}

/** A server that ends by itself after a case, with a status other than 0, counts as crashed. */
function withStatus(outcome: Outcome): Outcome {
  const { kind, exit } = outcome;
  return kind === 'crashed' || !exit?.status ? outcome : crashed(outcome, `ends by itself, with status ${exit.status}`);
}

/** @param work  receives a function that connects or throws SetupFailed; all connections are closed when `work` ends */
async function connecting<T>(
  place: Place,
  child: Child | undefined,
  work: (connect: () => Promise<Socket>) => Promise<T>,
): Promise<T> {
  const sockets: Socket[] = [];
  try {
    return await work(async () => {
      try {
        const socket = await reached(place, child);
        sockets.push(socket);
        return socket;
      } catch (error) {
        throw new SetupFailed(`${(error as Error).message}${child?.lastWords ?? ''}`, { cut: true });
      }
    });
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/**
 * Connects; tries again, because a server that was just started may not listen yet.
 * @throws Error of the system, if the server can't be reached within the limit
 */
async function reached({ host, port, limit }: Place, child?: Child): Promise<Socket> {
  const end = Date.now() + limit;
  for (;;) {
    try {
      return await connected(host, port, limit);
    } catch (error) {
      if (child === undefined || child.isOver || Date.now() > end) throw error;
      await sleep(RETRY);
    }
  }
}

/** Checks a server that closed the connection: if it no longer listens, it has crashed. */
async function stillThere(outcome: Outcome, { host, port, limit }: Place): Promise<Outcome> {
  try {
    (await connected(host, port, limit)).destroy();
    return outcome;
  } catch (error) {
    return crashed(outcome, (error as Error).message);
  }
}
