/** A client under test: we are the server. */

import { FtpSecurityError } from '../../errors.js';
import { type Command, CommandReader } from '../../ftp/command.js';
import { formatReply } from '../../ftp/reply.js';
import type { FuzzCase } from '../cases.js';
import type { ClientTrace } from './client-trace.js';
import type { Connection, NoReply } from './connection.js';
import { mutatorOf, type Plain } from './mutators.js';
import { type ClientTarget, ServerSide } from './server-side.js';

/** Plays a case, or a conforming server, to a client that has just connected. */
export async function playToClient(
  one: FuzzCase | Plain,
  target: ClientTarget,
  connection: Connection,
): Promise<ClientTrace> {
  const server = new ServerSide(mutatorOf(one, target.keys), target, connection);
  await connection.send([formatReply(220, 'Ready')]);
  const end = await converse(server, connection);
  connection.end();
  return { ...server.trace, end };
}

/** Continues until the client has reacted to the mutated reply, or the connection ends. */
async function converse(server: ServerSide, connection: Connection): Promise<NoReply> {
  const reader = new CommandReader();
  let isFresh = true;
  for (;;) {
    let command: Command | undefined;
    try {
      command = reader.next();
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      await connection.send([formatReply(500, 'No command')]);
      continue;
    }
    if (command !== undefined) {
      await connection.send(await server.answer(command, !isFresh));
      isFresh = false;
      if (server.isOver) return 'end';
      if (server.isOpen) connection.end();
      continue;
    }
    const heard = await connection.hear();
    isFresh = true;
    if (heard === 'end') return heard;
    if (heard !== 'timeout') reader.push(server.linesOf(heard));
    else if (server.canGoOn) await connection.send(server.goOn());
    else return heard;
  }
}
