/** A server under test: we are the client. Each kind of case has a file of its own. */
import { FtpSecurityError } from '../../errors.js';
import type { MessageCase } from '../cases.js';
import type { ExchangeCase } from '../exchange/cases.js';
import type { ServerScript } from '../phases.js';
import type { TransferCase } from '../transfers.js';
import { ClientSide, type ServerTarget } from './client-side.js';
import { type Connection, SetupFailed } from './connection.js';
import { playTransfer } from './data-to-server.js';
import { playExchange } from './exchange-to-server.js';
import { playMessage } from './message-to-server.js';
import type { DrivenCase, Outcome } from './outcome.js';
import { playScript } from './script-to-server.js';

/**
 * Plays a case on a connection that is new.
 * @param another  makes another to the same server, or throws SetupFailed; without it nothing is replayed there
 * @throws FtpSecurityError, side local, where our own side can't: it has no ticket, say
 */
export async function playToServer(
  one: DrivenCase,
  target: ServerTarget,
  connection: Connection,
  another?: () => Promise<Connection>,
): Promise<Outcome> {
  const client = new ClientSide(target, connection);
  try {
    if (one.layer === 'phases') return await playScript(one as ServerScript, client);
    if (one.layer === 'exchange') return await playExchange(one as ExchangeCase, client, another);
    await client.establish();
    await client.logIn();
    if (one.layer === 'data') return await playTransfer(one as TransferCase, client, target.data);
    return await playMessage(one as MessageCase, client);
  } catch (error) {
    if (error instanceof SetupFailed) return unready(error);
    if (!(error instanceof FtpSecurityError) || error.side === 'local') throw error;
    const detail = `${error.code}: ${error.message}`;
    return { kind: 'refused', finding: 'bad reply given', detail, sent: client.lastSent };
  }
}

export function unready({ message, cut }: SetupFailed): Outcome {
  return { kind: 'unready', detail: message, ...(cut && { cut }) };
}
