/** Both sides of live exchanges in a test grid. */
import {
  type GsiAcceptorOptions,
  type GsiInitiatorOptions,
  gsiAcceptor,
  gsiInitiator,
} from '../../../src/node/gsi/exchange.js';
import { gsiTrust } from '../../../src/node/gsi/trust.js';
import type { Exchange, Step } from '../../../src/protection/mechanism.js';
import { CA, HOST, NOW, USER } from './certificates.js';

export const trust = gsiTrust({ authorities: [CA.der] });
export const clock = () => NOW;

export const initiator = (options: Partial<GsiInitiatorOptions> = {}): Exchange =>
  gsiInitiator({ credential: USER, trust, clock, server: 'ftp.example.org', ...options });

export const acceptor = (options: Partial<GsiAcceptorOptions> = {}): Exchange =>
  gsiAcceptor({ credential: HOST, trust, clock, ...options });

export interface Course {
  client: Step;
  server: Step;
  /** The tokens in order; the first is the client's. */
  tokens: Uint8Array[];
}

/** Runs an exchange to its end. @throws what a side throws, after both have been destroyed */
export async function run(client: Exchange, server: Exchange): Promise<Course> {
  const tokens: Uint8Array[] = [];
  let [ours, theirs]: [Step, Step] = [{}, {}];
  try {
    ours = await client.step();
    while (theirs.context === undefined) {
      tokens.push(ours.token!);
      theirs = await server.step(ours.token);
      if (theirs.token === undefined) break;
      tokens.push(theirs.token);
      ours = await client.step(theirs.token);
    }
  } catch (error) {
    client.destroy!();
    server.destroy!();
    throw error;
  }
  return { client: ours, server: theirs, tokens };
}
