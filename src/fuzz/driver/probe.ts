/** A valid session before the first case: whether a server takes part at all, and which command shows that it still answers. */
import { FtpSecurityError } from '../../errors.js';
import { ClientSide, NOT_HEARD, type ServerTarget, textOf } from './client-side.js';
import { type Connection, SetupFailed } from './connection.js';

/** The target takes no part: there is nothing to be found. */
export class TargetUnavailable extends Error {}

/** Commands without side effects. PBSZ is last, as it changes the session; but every server of RFC 2228 has it. */
const PROBES = ['NOOP', 'PWD', 'SYST', 'HELP', 'TYPE I', 'STAT', 'PBSZ 4096'];

/**
 * Speaks a valid session to a server under test.
 * @param connection  a new connection
 * @returns the first of a few harmless commands that the server accepts, for `probe` of the target
 * @throws TargetUnavailable with the reason: it doesn't know RFC 2228 or the mechanism, has another key, or accepts no command.
 *   FtpSecurityError, side local, where our own side has no ticket, or the like
 */
export async function probeServer(target: ServerTarget, connection: Connection): Promise<string> {
  const client = new ClientSide(target, connection);
  try {
    await client.establish();
    await client.logIn();
    const refused: string[] = [];
    for (const probe of PROBES) {
      const reply = await client.answered(client.protect(probe, 'safe'));
      if (!NOT_HEARD.includes(reply.code)) return probe;
      refused.push(`${probe} is answered by ${textOf(reply)}`);
    }
    throw new TargetUnavailable(`it accepts no command that could show that it still answers: ${refused.join('; ')}`);
  } catch (error) {
    if (error instanceof SetupFailed) throw new TargetUnavailable(error.message);
    if (!(error instanceof FtpSecurityError) || error.side === 'local') throw error;
    throw new TargetUnavailable(`the valid session fails: ${error.code}: ${error.message}`);
  }
}
