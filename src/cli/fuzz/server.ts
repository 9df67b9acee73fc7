/** `rfc2228 fuzz server`: plays the client. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DrivenCase,
  type Outcome,
  playToServer,
  type ServerTarget,
  Unready,
  withExit,
} from '../../fuzz/driver/index.js';
import { sideOf } from '../mechanisms.js';
import { parseOptions, readInput, UsageError } from '../status.js';
import { Child } from './child.js';
import { assertOwned, OPTIONS, parseEndpoint, type Settings, settingsOf } from './options.js';
import { run } from './run.js';
import { SocketData } from './socket-data.js';
import { connected, SocketWire } from './socket-wire.js';

/** How often a server that starts is asked whether it listens, in milliseconds. */
const RETRY = 20;

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
  return await run(settings, target.mechanism, one => play(one, target, { ...settings, host, port }));
}

interface Place extends Settings {
  host: string;
  port: number;
}

async function play(one: DrivenCase, target: ServerTarget, place: Place): Promise<Outcome> {
  const { exec, limit } = place;
  const child = exec === undefined ? undefined : new Child(exec);
  const outcome = await playOnce(one, target, place, child);
  const hasClosed = outcome.kind === 'closed' || outcome.closes === true;
  if (child === undefined) return hasClosed ? await stillThere(outcome, place) : outcome;
  const exit = await child.end(hasClosed ? limit : 0);
  return exit === undefined ? outcome : withStatus(withExit(outcome, exit));
}

/** A server that ends by itself behind a case, and says that all was not well. */
function withStatus(outcome: Outcome): Outcome {
  const { kind, finding = 'crashed', exit } = outcome;
  if (kind === 'crashed' || !exit?.status) return outcome;
  return { ...outcome, kind: 'crashed', finding, detail: `ends by itself, with status ${exit.status}` };
}

async function playOnce(one: DrivenCase, target: ServerTarget, place: Place, child?: Child): Promise<Outcome> {
  const sockets: Socket[] = [];
  let data: SocketData | undefined;
  const connect = async () => {
    const socket = await reached(place, child).catch((error: Error) => {
      throw new Unready(error.message);
    });
    sockets.push(socket);
    return new SocketWire(socket, place.limit);
  };
  try {
    const wire = await connect();
    data = new SocketData(sockets[0]!, place.limit);
    return await playToServer(one, { ...target, data }, wire, connect);
  } catch (error) {
    if (!(error instanceof Unready)) throw error;
    return { kind: 'unready', detail: error.message };
  } finally {
    data?.close();
    for (const socket of sockets) socket.destroy();
  }
}

/** A server that was started just now may not listen yet. */
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

/** A server that has closed, and listens no more, is gone. */
async function stillThere(outcome: Outcome, { host, port, limit }: Place): Promise<Outcome> {
  try {
    (await connected(host, port, limit)).destroy();
    return outcome;
  } catch (error) {
    return { ...outcome, kind: 'crashed', finding: outcome.finding ?? 'crashed', detail: (error as Error).message };
  }
}
