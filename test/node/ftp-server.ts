/** A small FTP server on ServerControl, for tests: files in memory, passive mode, transfers protected as PROT has it. */
import { createServer, type Server, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FtpSecurityError } from '../../src/errors.js';
import { protectData, ServerControl, type ServerControlOptions, unprotectData } from '../../src/node/index.js';
import type { CommandEvent } from '../../src/session/server-events.js';

export interface FtpServer {
  port: number;
  files: Map<string, Buffer>;
  /** Commands in the clear that reached it, e.g. `USER anna`, with the level that they came at. */
  heard: string[];
  /** What a session or a transfer failed with. */
  failures: Error[];
  /** Cuts each transfer's connection after so many octets. */
  cutAfter: number | undefined;
  control: Socket[];
  close(): Promise<void>;
}

/** Listens on 127.0.0.1. @param epsv  whether it has EPSV; else PASV alone */
export async function startServer(options: ServerControlOptions, { epsv = true } = {}): Promise<FtpServer> {
  const listener = createServer({ noDelay: true });
  const state: FtpServer = {
    port: 0,
    files: new Map(),
    heard: [],
    failures: [],
    cutAfter: undefined,
    control: [],
    close: () => {
      for (const socket of state.control) socket.destroy();
      return new Promise(resolve => listener.close(() => resolve()));
    },
  };
  listener.on('connection', socket => {
    state.control.push(socket);
    serve(new ServerControl(socket, options), state, epsv).catch(error => state.failures.push(error));
  });
  state.port = await listening(listener);
  return state;
}

async function serve(control: ServerControl, state: FtpServer, epsv: boolean): Promise<void> {
  await control.reply(220, 'Ready');
  let passive: { port: number; data: Promise<Socket> } | undefined;
  for await (const event of control) {
    const { verb, argument = '' } = event.command;
    state.heard.push(`${event.level} ${verb}${argument && ` ${argument}`}`);
    const say = (code: number, text: string | string[]) => control.reply(code, text, event);
    if (verb === 'USER') await say(331, 'Password');
    else if (verb === 'PASS') await say(230, 'Logged in');
    else if (verb === 'FEAT') await say(211, ['Features:', ' SIZE', ' UTF8', 'End']);
    else if (verb === 'SIZE') await say(213, `${state.files.get(argument)?.length ?? 0}`);
    else if (verb === 'PWD') await say(257, '"/" is the directory');
    else if (verb === 'EPSV' && epsv) {
      passive = await openPassive();
      await say(229, `Entering extended passive mode (|||${passive.port}|)`);
    } else if (verb === 'PASV') {
      passive = await openPassive();
      await say(227, `Entering passive mode (127,0,0,1,${passive.port >> 8},${passive.port & 255})`);
    } else if (['RETR', 'STOR', 'LIST'].includes(verb)) {
      await transfer(control, event, state, passive!.data);
    } else if (verb === 'QUIT') {
      await say(221, 'Bye');
      break;
    } else if (['TYPE', 'STRU', 'OPTS', 'NOOP'].includes(verb)) await say(200, 'OK');
    else await say(502, 'Not implemented');
  }
}

async function transfer(
  control: ServerControl,
  event: CommandEvent,
  state: FtpServer,
  connected: Promise<Socket>,
): Promise<void> {
  const { verb, argument = '' } = event.command;
  const [data] = await Promise.all([connected, control.reply(150, 'Here it comes', event)]);
  try {
    if (verb === 'STOR') {
      const parts: Buffer[] = [];
      const sink = new Writable({
        write(chunk, _encoding, done) {
          parts.push(chunk);
          done();
        },
      });
      await pipeline(data, unprotectData(control.session.dataReader()), sink);
      state.files.set(argument, Buffer.concat(parts));
    } else {
      const names = [...state.files.keys()].map(
        name => `-rw-r--r-- 1 a a ${state.files.get(name)!.length} Jan 1 2026 ${name}\r\n`,
      );
      const file = verb === 'LIST' ? Buffer.from(names.join('')) : state.files.get(argument)!;
      const protect = protectData(control.session.dataWriter());
      if (state.cutAfter === undefined) await pipeline(Readable.from(pieces(file)), protect, data);
      else await cut(Readable.from(pieces(file)).pipe(protect), data, state.cutAfter);
    }
    await control.reply(226, 'Done', event);
  } catch (error) {
    state.failures.push(error as Error);
    data.destroy();
    await control.reply(error instanceof FtpSecurityError ? 535 : 426, 'Failed', event);
  }
}

/** Sends the first octets, ends, and says that all is well. */
async function cut(source: Readable, data: Socket, octets: number): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  await new Promise<void>(resolve => data.end(Buffer.concat(parts).subarray(0, octets), resolve));
}

function* pieces(file: Buffer): Generator<Buffer> {
  for (let at = 0; at < file.length; at += 0x1_0000) yield file.subarray(at, at + 0x1_0000);
}

/** Listens for one connection. */
async function openPassive(): Promise<{ port: number; data: Promise<Socket> }> {
  const listener = createServer({ noDelay: true });
  const data = new Promise<Socket>(resolve => {
    listener.once('connection', socket => {
      listener.close();
      // A client may go away when nobody here is reading any more.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
  return { port: await listening(listener), data };
}

export async function listening(listener: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });
  return (listener.address() as { port: number }).port;
}
