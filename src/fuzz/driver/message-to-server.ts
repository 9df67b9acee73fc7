/** A mutated command to a server under test: what it answers tells what it made of it. */
import { covers } from '../../protection/protection-level.js';
import { type MessageCase, ruleIn } from '../cases.js';
import { perform } from '../perform.js';
import { type ClientSide, NOT_HEARD } from './client-side.js';
import { SetupFailed } from './connection.js';
import { judged, type Outcome } from './outcome.js';

/** Of the codes for what was not heard, those that a command gets for nothing but its protection. */
const NOT_SAFE: readonly number[] = [421, 431, 503, 533, 534, 535, 536, 537];

/** Plays a case where a user is logged in. */
export async function playMessage(one: MessageCase, client: ClientSide): Promise<Outcome> {
  const fitted = await fitText(one, client);
  if (typeof fitted === 'string')
    return { kind: 'accepted', finding: 'weak reply given', detail: fitted, sent: client.lastSent };
  const { received } = client.replies;
  const performed = perform(fitted, { ...client.session!, received });
  if (performed === undefined) return { kind: 'skipped' };
  for (const message of performed.before) await client.answered(message);
  const outcome = unlessReset(fitted, await client.provoke(performed.chunks, performed.open));
  const kind = outcome.code === undefined ? outcome.kind : wasHeard(fitted, outcome.code) ? 'accepted' : 'refused';
  return judged({ ...outcome, kind, played: fitted, sent: performed.chunks }, fitted.expected, fitted.forges);
}

/**
 * A server that closes while octets of a long message are unread resets the connection, and its 421 may be lost with it (RFC 1122
 * §4.2.2.13): then the end of the connection is no finding.
 */
function unlessReset(one: MessageCase, outcome: Outcome): Outcome {
  const { finding, ...rest } = outcome;
  return finding === 'connection cut' && ruleIn(one).large ? rest : outcome;
}

/**
 * Sends the text as it is first: where the answer is that of a command which was not understood, it tells nothing of a mutated
 * one, and the case goes on with the probe. A text is given where the answer was weaker than the command.
 */
async function fitText(one: MessageCase, client: ClientSide): Promise<MessageCase | string> {
  for (const text of [one.text, client.probe]) {
    const { code, level } = await client.answered(client.protect(text, one.level));
    if (!covers(level, one.level)) return `a ${one.level} command is answered by ${code} at level ${level}`;
    if (!NOT_HEARD.includes(code)) return { ...one, text };
  }
  throw new SetupFailed(`${client.probe.trimEnd()} is not accepted any more`);
}

/** Whether a command was carried out as far as the server would. A text of the case's own may be one that it does not know. */
function wasHeard({ layer, expected }: MessageCase, code: number): boolean {
  const own = layer === 'inner' && expected.verdict === 'accept';
  return !(own ? NOT_SAFE : NOT_HEARD).includes(code);
}
