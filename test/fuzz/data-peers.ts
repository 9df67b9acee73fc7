/**
 * Servers and clients under X-PSK with data connections to be fuzzed: valid ones on `src/node`, and some with faults that must
 * be found. They run over sockets, or in memory.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Duplex, duplexPair, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { toHex, viewOf } from '../../src/bytes.js';
import { SocketConnection } from '../../src/cli/fuzz/sockets.js';
import { FtpSecurityError } from '../../src/errors.js';
import { type Reply, ReplyReader } from '../../src/ftp/reply.js';
import type { Connection, DataConnections, FuzzSide } from '../../src/fuzz/index.js';
import { pskFuzzSession } from '../../src/fuzz/mechanisms/psk.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import { ClientControl, protectData, ServerControl, unprotectData } from '../../src/node/index.js';
import type { BlockReader } from '../../src/protection/data-block.js';
import type { Exchange, SecurityContext } from '../../src/protection/mechanism.js';
import { covers, type ProtectionLevel } from '../../src/protection/protection-level.js';
import { mechanismWith } from '../helpers.js';

export const KEY = new Uint8Array(32).fill(7);
const HOST = '127.0.0.1';

/** Where data connections come in, or go to. */
export interface Place {
  listen(): Promise<{ port: number; next: Promise<Duplex> }>;
  connect(port: number): Promise<Duplex>;
}

export const LOOPBACK: Place = {
  async listen() {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, HOST);
    await once(server, 'listening');
    const next = once(server, 'connection', { signal: AbortSignal.timeout(5000) })
      .then(([socket]) => quiet(socket as Socket))
      .finally(() => server.close());
    next.catch(() => {}); // the caller that waits gets it
    return { port: (server.address() as AddressInfo).port, next };
  },
  async connect(port) {
    const socket = connect({ port, host: HOST, allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return quiet(socket);
  },
};

/** Ports that only this file uses. */
export function inMemory(): Place {
  const waiting = new Map<number, (stream: Duplex) => void>();
  let port = 1000;
  return {
    async listen() {
      port++;
      const next = new Promise<Duplex>(resolve => waiting.set(port, resolve));
      return { port, next };
    },
    async connect(to) {
      const come = waiting.get(to);
      if (come === undefined) throw new Error('no client connects');
      waiting.delete(to);
      const [here, there] = pair();
      come(there);
      return here;
    },
  };
}

/** Both ends of a stream: an end that is destroyed takes the other with it. */
export function pair(): [Duplex, Duplex] {
  const [one, other] = duplexPair();
  one.on('close', () => one.writableFinished || other.destroy());
  other.on('close', () => other.writableFinished || one.destroy());
  return [quiet(one), quiet(other)];
}

function quiet<T extends Duplex>(stream: T): T {
  stream.on('error', () => {}); // the caller that reads or writes gets it
  return stream;
}

/** The driver's end of a stream. */
export function wireOf(stream: Duplex, limit: number): Connection {
  return new SocketConnection(Object.assign(stream, { setNoDelay: () => stream }) as unknown as Socket, limit);
}

/** The driver's data connections in a place. */
export function dataIn(place: Place, limit: number): DataConnections {
  return {
    open: port =>
      place.connect(port).then(
        stream => wireOf(stream, limit),
        () => undefined,
      ),
    async listen() {
      const { port, next } = await place.listen();
      const late = new Promise<undefined>(resolve => void setTimeout(() => resolve(undefined), limit).unref());
      return {
        host: HOST,
        port,
        next: async () => {
          const stream = await Promise.race([next, late]);
          return stream && wireOf(stream, limit);
        },
        close() {},
      };
    },
  };
}

/** Our side of X-PSK for the driver. */
export function pskSide(side: typeof pskAcceptor | typeof pskInitiator): FuzzSide {
  return {
    mechanism: 'X-PSK',
    exchange: told => side({ key: KEY, keylog: options => told(pskFuzzSession(options)) }),
  };
}

/** What a peer takes that it must refuse, or sends although no one may. */
export interface DataFaults {
  /** No fault, but a habit of clients: they say that a transfer has failed, and go on. */
  goesOn?: boolean;
  /** The end of the connection is taken for the end of the file. */
  takesTruncated?: boolean;
  takesReplays?: boolean;
  /** Whatever the level of a block is. */
  takesLower?: boolean;
  /** Of tokens that are not sealed no checksum is looked at. */
  takesUnverified?: boolean;
  /** No file is taken. */
  takesNothing?: boolean;
  /** Blocks without the one of zero octets. */
  sendsNoEnd?: boolean;
}

/** Reads a transfer; a conforming peer by its session's reader. @throws FtpSecurityError */
async function readFile(
  data: Duplex,
  reader: BlockReader,
  context: SecurityContext,
  level: ProtectionLevel,
  faults: DataFaults,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  const isValid = !Object.keys(faults).some(fault => fault.startsWith('takes'));
  if (isValid || level === 'clear') {
    await pipeline(data, unprotectData(reader), async texts => {
      for await (const text of texts) parts.push(text as Buffer);
    });
    return Buffer.concat(parts);
  }
  for await (const chunk of data) parts.push(chunk as Buffer);
  return laxly(Buffer.concat(parts), context, level, faults);
}

function laxly(octets: Buffer, context: SecurityContext, level: ProtectionLevel, faults: DataFaults): Buffer {
  const known = new Map<string, Uint8Array>();
  const texts: Uint8Array[] = [];
  for (let at = 0; ; ) {
    const length = octets.length - at < 4 ? undefined : viewOf(octets).getUint32(at);
    const token = length === undefined ? undefined : octets.subarray(at + 4, at + 4 + length);
    if (token === undefined || token.length < length!) {
      if (faults.takesTruncated) return Buffer.concat(texts);
      throw new FtpSecurityError('syntax/truncated', 'no end');
    }
    at += 4 + length!;
    const text = open(token, context, level, faults, known);
    if (text.length === 0) return Buffer.concat(texts);
    known.set(toHex(token), text);
    texts.push(text);
  }
}

function open(
  token: Uint8Array,
  context: SecurityContext,
  level: ProtectionLevel,
  faults: DataFaults,
  known: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const again = known.get(toHex(token));
  if (faults.takesReplays && again) return again;
  try {
    const { plaintext, level: applied } = context.unwrap(token);
    if (faults.takesLower || covers(applied, level)) return plaintext;
    throw new FtpSecurityError('sequence/wrong-level', 'lower');
  } catch (error) {
    // A header of 9 octets, and a checksum of 32.
    if (faults.takesUnverified && token.length >= 41) return token.subarray(9, -32);
    throw error;
  }
}

/** An exchange whose context somebody else is told of, too. */
function watched(exchange: Exchange, told: (context: SecurityContext) => void): Exchange {
  return {
    async step(token) {
      const step = await exchange.step(token);
      if (step.context !== undefined) told(step.context);
      return step;
    },
  };
}

const ANSWERS: Record<string, [number, string]> = {
  USER: [232, 'Logged in'],
  NOOP: [200, 'Done'],
  TYPE: [200, 'Done'],
  STOR: [553, 'Not here'],
  QUIT: [221, 'Goodbye'],
};
/** Two lines, so that a listing is more than one block. */
const LISTING = 'one file\r\nanother file\r\n';

/** Serves a client, whose files are gone when it is. */
export async function serveData(socket: Duplex, place: Place, faults: DataFaults = {}): Promise<void> {
  let context: SecurityContext | undefined;
  const exchange = () => watched(pskAcceptor({ key: KEY }), made => (context = made));
  const control = new ServerControl(socket, { mechanisms: [mechanismWith('X-PSK', { acceptor: exchange })] });
  const files = new Map<string, Buffer>();
  let passive: Promise<Duplex> | undefined;
  await control.reply(220, 'Ready');
  for await (const event of control) {
    const { verb, argument = '' } = event.command;
    const { session } = control;
    if (verb === 'EPSV') {
      const { port, next } = await place.listen();
      passive = next;
      await control.reply(229, `Entering extended passive mode (|||${port}|)`, event);
      continue;
    }
    if (verb === 'STOR' && !faults.takesNothing) {
      await control.reply(150, 'Send it', event);
      const data = await passive!;
      try {
        files.set(argument, await readFile(data, session.dataReader(), context!, session.protection, faults));
        await control.reply(226, 'Done', event);
      } catch (error) {
        if (!(error instanceof FtpSecurityError)) throw error;
        await control.reply(535, 'Failed security check', event);
      }
      data.destroy();
      continue;
    }
    const file = verb === 'LIST' ? Buffer.from(LISTING) : verb === 'RETR' ? files.get(argument) : undefined;
    if (file !== undefined) {
      await control.reply(150, 'Here it comes', event);
      const data = await passive!;
      const writer = session.dataWriter();
      if (faults.sendsNoEnd) data.end(writer.write(Buffer.concat([file, Buffer.alloc(4000)])));
      else await pipeline(Readable.from([file]), protectData(writer), data);
      await control.reply(226, 'Done', event);
      continue;
    }
    await control.reply(...(ANSWERS[verb] ?? ([502, 'Not implemented'] as const)), event);
  }
}

/** Comes to a server, fetches a listing and stores it again. */
export async function visitData(
  socket: Duplex,
  place: Place,
  faults: DataFaults = {},
  protection: ProtectionLevel = 'private',
  print: (text: string) => void = () => {},
): Promise<void> {
  let context: SecurityContext | undefined;
  const exchange = watched(pskInitiator({ key: KEY }), made => (context = made));
  const control = new ClientControl(socket, { mechanism: 'X-PSK', exchange, protection, timeout: 1000 });
  try {
    await transfer(control, place, faults, protection, () => context!, print);
  } finally {
    control.destroy();
  }
}

async function transfer(
  control: ClientControl,
  place: Place,
  faults: DataFaults,
  protection: ProtectionLevel,
  context: () => SecurityContext,
  print: (text: string) => void,
): Promise<void> {
  const { session } = control;
  const heard = repliesOf(control);
  const asked = async (line: string): Promise<Reply> => {
    control.write(`${line}\r\n`);
    return await heard();
  };
  const connection = async () => {
    const [, port] = /\|(\d+)\|/.exec((await asked('EPSV')).lines[0]!)!;
    return await place.connect(Number(port));
  };
  await control.start();
  await heard(); // the greeting
  await asked('USER anna');
  const incoming = await connection();
  const reader = session.dataReader();
  await asked('LIST');
  let file = await readFile(incoming, reader, context(), protection, faults).catch(error => {
    if (faults.goesOn) return Buffer.from('the listing is damaged\n');
    throw error;
  });
  const { code } = await heard();
  if (code >= 400 && !faults.goesOn) throw new Error('the listing is not whole');
  if (code >= 400) file = Buffer.from('the server has failed\n');
  print(file.toString());
  const outgoing = await connection();
  await asked('STOR copy');
  const writer = session.dataWriter();
  if (faults.sendsNoEnd) outgoing.end(writer.write(new Uint8Array(4000)));
  else await pipeline(Readable.from([file]), protectData(writer), outgoing);
  await heard();
  await asked('QUIT');
}

/** Gives the next reply each time. */
function repliesOf(control: ClientControl): () => Promise<Reply> {
  const reader = new ReplyReader();
  let failed: Error | undefined;
  let wake = () => {};
  control.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    wake();
  });
  const over = (error: Error = new Error('closed')) => {
    failed ??= error;
    wake();
  };
  control.on('error', over).on('close', () => over());
  return async () => {
    for (;;) {
      const reply = reader.next();
      if (reply !== undefined) return reply;
      if (failed !== undefined) throw failed;
      await new Promise<void>(resolve => {
        wake = resolve;
      });
    }
  };
}
