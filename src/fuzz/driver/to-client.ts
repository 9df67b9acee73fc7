/** A client under test: we are the server. How each kind of case bends what the server says has a file of its own. */
import { FtpSecurityError } from '../../errors.js';
import { type Command, CommandReader } from '../../ftp/command.js';
import { formatReply } from '../../ftp/reply.js';
import type { MessageCase } from '../cases.js';
import type { ExchangeCase } from '../exchange/cases.js';
import type { ClientScript } from '../phases.js';
import { soundTransfer, type TransferCase } from '../transfers.js';
import type { Bender } from './bender.js';
import type { Conduct } from './conduct.js';
import { exchangeBender } from './exchange-to-client.js';
import { messageBender } from './message-to-client.js';
import type { DrivenCase } from './outcome.js';
import { PLAIN, type Plain } from './plain-to-client.js';
import { scriptBender } from './script-to-client.js';
import { type ClientTarget, ServerSide } from './server-side.js';
import type { Quiet, Wire } from './wire.js';

/** Plays a case to a client that has just connected, or a sound server. */
export async function playToClient(one: DrivenCase | Plain, target: ClientTarget, wire: Wire): Promise<Conduct> {
  const server = new ServerSide(benderOf(one, target), target, wire);
  await wire.send([formatReply(220, 'Ready')]);
  const end = await converse(server, wire);
  wire.end();
  return { ...server.conduct, end };
}

function benderOf(one: DrivenCase | Plain, { keys }: ClientTarget): Bender {
  if (typeof one === 'string') return PLAIN[one];
  if (one.layer === 'phases') return scriptBender(one as ClientScript);
  if (one.layer === 'exchange') return exchangeBender(one as ExchangeCase, keys);
  if (one.layer === 'data') return transferBender(one as TransferCase);
  return messageBender(one as MessageCase);
}

function transferBender(one: TransferCase): Bender {
  // Behind a sound file others may follow, which the client sends.
  const behind = one.name === soundTransfer(one).name ? Number.POSITIVE_INFINITY : 1;
  return { sends: one, bufferSize: one.bufferSize, behind };
}

/** Goes on until the client has done something behind the bent reply, or ends. */
async function converse(server: ServerSide, wire: Wire): Promise<Quiet> {
  const reader = new CommandReader();
  let isFresh = true;
  for (;;) {
    let command: Command | undefined;
    try {
      command = reader.next();
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      await wire.send([formatReply(500, 'No command')]);
      continue;
    }
    if (command !== undefined) {
      await wire.send(await server.answer(command, !isFresh));
      isFresh = false;
      if (server.isOver) return 'end';
      if (server.isOpen) wire.end();
      continue;
    }
    const heard = await wire.hear();
    isFresh = true;
    if (heard === 'end') return heard;
    if (heard !== 'silence') reader.push(server.linesOf(heard));
    else if (server.canGoOn) await wire.send(server.goOn());
    else return heard;
  }
}
