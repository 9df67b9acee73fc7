/** A server under test: we are the client. Each kind of case has a file of its own. */
import { FtpSecurityError } from '../../errors.js';
import { type FuzzCase, isMessage, isTransfer } from '../cases.js';
import { ClientSide, type ServerTarget } from './client-side.js';
import { type Connection, SetupFailed } from './connection.js';
import { playTransfer } from './data-to-server.js';
import { playExchange } from './exchange-to-server.js';
import { playMessage } from './message-to-server.js';
import type { Outcome } from './outcome.js';
import { playScript } from './script-to-server.js';

/**
 * Plays a case on a connection that is new.
 * @param another  makes another to the same server, or throws SetupFailed; without it nothing is replayed there
 * @throws FtpSecurityError, side local, where our own side can't: it has no ticket, say
 */
export async function playToServer(
  one: FuzzCase,
  target: ServerTarget,
  connection: Connection,
  another?: () => Promise<Connection>,
): Promise<Outcome> {
  const client = new ClientSide(target, connection);
  try {
    if (one.layer === 'exchange') return await playExchange(one, client, another);
    if (!isMessage(one) && !isTransfer(one)) return await playScript(one, client);
    await client.establish();
    await client.logIn();
    return isMessage(one) ? await playMessage(one, client) : await playTransfer(one, client, target.data);
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
