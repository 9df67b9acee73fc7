/** A command out of order to a server under test (RFC 2228 §3 and §7): the code of its reply tells whether it was carried out. */
import { type ServerScript, scriptOctets } from '../phases.js';
import type { ClientSide } from './client-side.js';
import { judged, type Outcome } from './outcome.js';

export async function playScript(script: ServerScript, client: ClientSide): Promise<Outcome> {
  const { start, before, line } = script;
  await come(start, client);
  for (const { text, level } of before) {
    const { code } = await client.answered(client.sound(text, level!));
    if (code >= 400) return { kind: 'skipped', detail: `${text} is refused: ${code}` };
  }
  const octets = scriptOctets(line, 'server', client.session?.context);
  if (octets === undefined) return { kind: 'skipped' };
  return judgedScript({ ...(await client.provoke([octets])), sent: [octets] }, script);
}

async function come(start: ServerScript['start'], client: ClientSide): Promise<void> {
  if (start === 'secured') return await client.establish();
  await client.greeting();
  if (start === 'exchange') await client.auth();
}

function judgedScript(outcome: Outcome, { owed }: ServerScript): Outcome {
  const { code } = outcome;
  if (code === undefined) return judged(outcome, { verdict: 'either' });
  if (code < 400) return { ...outcome, kind: 'accepted', finding: outcome.finding ?? 'order broken' };
  const finding = outcome.finding ?? (owed.includes(code) ? undefined : 'another code given');
  return { ...outcome, kind: 'refused', ...(finding && { finding }) };
}
