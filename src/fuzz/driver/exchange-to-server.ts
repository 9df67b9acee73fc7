/** Mutated security data to a server under test (RFC 2228 §3, ADAT), and whether it believes us all the same. */

import { toUtf8 } from '../../bytes.js';
import { type FuzzCase, ruleIn } from '../cases.js';
import { performExchange } from '../perform.js';
import type { ClientSide, MutatedLine } from './client-side.js';
import type { Connection } from './connection.js';
import { judgedExchange, type Outcome } from './outcome.js';

/** Where no key is known that it could have. */
const MIC = toUtf8('MIC AAAA\r\n');

/** @param another  makes another connection to the same server, or throws SetupFailed; without it nothing is replayed there */
export async function playExchange(
  one: FuzzCase,
  client: ClientSide,
  another?: () => Promise<Connection>,
): Promise<Outcome> {
  const mutated = await client.exchange(turn => performExchange(one, turn));
  if (mutated === undefined) return { kind: 'skipped' };
  const outcome = await provoke(mutated, client);
  if (!ruleIn(one).again) return judgedExchange(outcome, one);
  if (outcome.kind !== 'accepted' || another === undefined) return { ...outcome, kind: 'skipped' };
  const other = client.at(await another());
  const place = await other.exchange(turn => performExchange(one, turn) && mutated.octets);
  return place === undefined ? { kind: 'skipped' } : judgedExchange(await provoke(place, other), one);
}

/** Where the line is refused, no protected command may be accepted. */
async function provoke({ octets, isLast }: MutatedLine, client: ClientSide): Promise<Outcome> {
  // Keys that the mechanism has early are those that a server could have, too.
  const early = client.session && client.protect(client.probe, 'safe');
  client.session = undefined;
  await client.send(octets);
  const reply = await client.replies.final();
  const sent = [octets];
  if (typeof reply !== 'string' && (reply.code === 235 || (reply.code === 335 && !isLast))) {
    return { kind: 'accepted', code: reply.code, sent };
  }
  return { ...(await client.probed(reply, early ?? MIC)), sent };
}
