/** Servers and clients under X-PSK to be fuzzed: valid ones on `src/node`, and some with faults that must be found. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { toHex, toUtf8 } from '../../../src/bytes.js';
import { FtpSecurityError, replyCodeFor } from '../../../src/errors.js';
import { type Command, CommandReader } from '../../../src/ftp/command.js';
import { formatReply, type Reply, ReplyReader } from '../../../src/ftp/reply.js';
import { pskAcceptor, pskInitiator } from '../../../src/mechanisms/psk/index.js';
import { ClientControl, ServerControl } from '../../../src/node/index.js';
import type { Exchange, SecurityContext } from '../../../src/protection/mechanism.js';
import { protectCommand, protectReply } from '../../../src/protection/protect.js';
import { decodeProtectedCommand } from '../../../src/protection/protected-command.js';
import { decodeProtectedReply } from '../../../src/protection/protected-reply.js';
import { levelOfVerb, type TokenLevel } from '../../../src/protection/protection-level.js';
import {
  formatAdat,
  formatAdatReply,
  formatAuth,
  parseAdatCommand,
  parseAdatReply,
} from '../../../src/protection/security-data.js';
import { mechanismWith } from '../../helpers.js';

export const KEY = new Uint8Array(32).fill(7);

/** Both sides of a mechanism. */
export interface Sides {
  mechanism: string;
  acceptor(socket: Socket): Exchange;
  /** @param socket  not connected yet */
  initiator(socket: Socket): Exchange;
}

const PSK: Sides = {
  mechanism: 'X-PSK',
  acceptor: () => pskAcceptor({ key: KEY }),
  initiator: () => pskInitiator({ key: KEY }),
};

export interface Listener {
  port: number;
  close(): void;
}

export async function listening(serve: (socket: Socket) => Promise<void>): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    serve(socket).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

type Answers = Readonly<Record<string, [number, string]>>;
const ANSWERS: Answers = {
  USER: [232, 'Logged in'],
  NOOP: [200, 'Done'],
  CWD: [250, 'Done'],
  RETR: [550, 'No such file'],
  STAT: [211, 'All is well'],
  QUIT: [221, 'Goodbye'],
};
const answerTo = (verb: string) => ANSWERS[verb] ?? [502, 'Not implemented'];

/** @param answers  in the place of the usual ones */
export function conformingServer({ mechanism, acceptor } = PSK, answers: Answers = {}): Promise<Listener> {
  return listening(async socket => {
    const control = new ServerControl(socket, {
      mechanisms: [mechanismWith(mechanism, { acceptor: () => acceptor(socket) })],
      allowWeak: true,
    });
    await control.reply(220, 'Ready');
    for await (const event of control) {
      const { verb } = event.command;
      await control.reply(...(answers[verb] ?? answerTo(verb)), event);
    }
  });
}

/**
 * It carries out commands in the clear, replays, and commands at another level than their verb says.
 * @param onBadLine  behind what it can't read it says nothing any more, ends the connection without a word, or answers and ends
 */
export function badServer(onBadLine?: 'hangs' | 'closes' | 'dies'): Promise<Listener> {
  return listening(async socket => {
    const reader = new CommandReader();
    const exchange = pskAcceptor({ key: KEY });
    const known = new Map<string, Uint8Array>();
    let context: SecurityContext | undefined;
    const opened = (token: Uint8Array): Uint8Array => {
      const text = known.get(toHex(token)) ?? context!.unwrap(token).plaintext;
      known.set(toHex(token), text);
      return text;
    };
    const answer = async (command: Command): Promise<Uint8Array> => {
      const level = levelOfVerb(command.verb);
      if (command.verb === 'AUTH') return formatReply(334, 'Go on');
      if (command.verb === 'ADAT') {
        const step = await exchange.step(parseAdatCommand(command).token);
        context = step.context;
        return step.token ? formatAdatReply(335, step.token) : formatReply(235, 'Done');
      }
      if (level === undefined) {
        const reply = formatReply(...answerTo(command.verb));
        return context ? protectReply(context, 'safe', reply) : reply;
      }
      const text = Buffer.from(opened(decodeProtectedCommand(command).token)).toString('latin1');
      return protectReply(
        context!,
        level === 'private' ? 'private' : 'safe',
        formatReply(...answerTo(text.split(/[ \r]/)[0]!)),
      );
    };
    socket.write('220 Ready\r\n');
    for await (const chunk of socket) {
      reader.push(chunk);
      for (;;) {
        try {
          const command = reader.next();
          if (command === undefined) break;
          socket.write(await answer(command));
        } catch (error) {
          if (!(error instanceof FtpSecurityError)) throw error;
          if (onBadLine === 'hangs') await new Promise(() => {});
          const reply = formatReply(replyCodeFor(error), 'No');
          if (onBadLine !== 'closes') socket.write(context ? protectReply(context, 'safe', reply) : reply);
          if (onBadLine !== undefined) return void socket.end();
        }
      }
    }
    socket.end();
  });
}

const COMMANDS = ['USER anna', 'PWD', 'NOOP', 'STAT', 'QUIT'];

/** Connects again and again, as a user does who never learns, and sends a few commands each time. */
export function conformingClient(port: number, { mechanism, initiator } = PSK): Listener {
  return visiting(port, async socket => {
    const control = new ClientControl(socket, {
      mechanism,
      exchange: initiator(socket),
      allowWeak: true,
      timeout: 5000,
    });
    const replies = new ReplyReader();
    control.on('error', () => {});
    await control.start();
    await replyOf(replies, control); // the greeting
    for (const command of COMMANDS) {
      control.write(`${command}\r\n`);
      await replyOf(replies, control);
    }
    control.end();
  });
}

/** It takes replies in the clear, replays, and tokens that are weaker than their code says. */
export function badClient(port: number): Listener {
  return visiting(port, async socket => {
    const replies = new ReplyReader();
    const known = new Map<string, Uint8Array>();
    const exchange = pskInitiator({ key: KEY });
    await replyOf(replies, socket);
    socket.write(formatAuth('X-PSK'));
    await replyOf(replies, socket);
    let step = await exchange.step();
    let context: SecurityContext | undefined;
    for (;;) {
      socket.write(formatAdat(step.token!));
      const reply = await replyOf(replies, socket);
      if (reply.code === 235) break;
      step = await exchange.step(parseAdatReply(reply).token);
      context = step.context;
    }
    const level: TokenLevel = 'safe';
    for (const command of COMMANDS) {
      socket.write(protectCommand(context!, level, toUtf8(command)));
      const reply = await replyOf(replies, socket);
      let { code } = reply;
      for (const token of reply.code < 600 ? [] : decodeProtectedReply(reply).tokens) {
        const text = known.get(toHex(token)) ?? context!.unwrap(token).plaintext;
        known.set(toHex(token), text);
        code = Number(Buffer.from(text).toString('latin1', 0, 3));
      }
      if (code >= 400) break;
    }
    socket.end();
  });
}

export function visiting(port: number, visit: (socket: Socket) => Promise<void>): Listener {
  let isOver = false;
  let socket: Socket | undefined;
  const run = async () => {
    while (!isOver) {
      socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => {});
      await visit(socket).catch(() => {});
      socket.destroy();
      await new Promise(resolve => setTimeout(resolve, 2));
    }
  };
  void run();
  return {
    port,
    close() {
      isOver = true;
      socket?.destroy();
    },
  };
}

async function replyOf(reader: ReplyReader, from: NodeJS.ReadableStream): Promise<Reply> {
  for (;;) {
    const reply = reader.next();
    if (reply !== undefined) return reply;
    reader.push(
      await new Promise<Buffer>((resolve, reject) => {
        const over = () => reject(new Error('closed'));
        from.once('end', over).once('close', over).once('error', over);
        from.once('data', chunk => resolve(chunk as Buffer));
      }),
    );
  }
}
