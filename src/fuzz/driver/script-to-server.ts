/** A command out of order to a server under test (RFC 2228 §3 and §7): the code of its reply tells whether it was carried out. */
import { concat } from '../../bytes.js';
import { type FuzzCase, ruleIn } from '../cases.js';
import type { Script } from '../mutation.js';
import { scriptOctets } from '../mutations/phases.js';
import { lineCount, lineOf } from '../perform.js';
import { type ClientSide, ready } from './client-side.js';
import { type Finding, judged, type Outcome, withFinding } from './outcome.js';

export async function playScript(one: FuzzCase, client: ClientSide): Promise<Outcome> {
  const script = ruleIn(one).script!;
  const { start, before, line } = script;
  if (start === 'auth') return await playWithAuth(script, one, client);
  if (start === 'adat') return await playWithAdat(script, one, client);
  await come(start, client);
  for (const { text, level } of before) {
    const { code } = await client.answered(client.protect(text, level!));
    if (code >= 400) return { kind: 'skipped', detail: `${text} is refused: ${code}` };
  }
  const octets = scriptOctets(line, 'server', client.session?.context);
  if (octets === undefined) return { kind: 'skipped' };
  return judgedScript({ ...(await client.provoke([octets])), sent: [octets] }, one);
}

/** The line is in the server's buffer when it accepts AUTH. */
async function playWithAuth(script: Script, one: FuzzCase, client: ClientSide): Promise<Outcome> {
  const line = scriptOctets(script.line, 'server')!;
  await client.greeting();
  await client.auth(line);
  return judgedScript({ ...(await client.told(await client.replies.final())), sent: [line] }, one);
}

/** The line is in the server's buffer when the exchange is complete. What is answered before 235 was carried out without. */
async function playWithAdat(script: Script, one: FuzzCase, client: ClientSide): Promise<Outcome> {
  const line = scriptOctets(script.line, 'server')!;
  const last = await client.exchange(turn =>
    turn.number + 1 >= lineCount(turn) ? concat(lineOf(turn), line) : undefined,
  );
  if (last === undefined) return { kind: 'skipped' };
  const sent = [last.octets];
  await client.send(last.octets);
  const reply = ready(await client.replies.final(), 'the last ADAT');
  if (reply.code !== 235) return { ...whyNot(reply.code), sent };
  await last.complete(reply);
  return judgedScript({ ...(await client.told(await client.replies.final())), sent }, one);
}

function whyNot(code: number): Outcome {
  if (code < 300) return { kind: 'accepted', code, finding: 'order broken' };
  return { kind: 'skipped', code, detail: `the exchange is answered by ${code}` };
}

async function come(start: Script['start'], client: ClientSide): Promise<void> {
  if (start === 'secured') return await client.establish();
  await client.greeting();
  if (start === 'exchange') await client.auth();
}

function judgedScript(outcome: Outcome, { expected }: FuzzCase): Outcome {
  const codes = expected.verdict === 'answer' ? expected.codes : [];
  const { code, finding } = outcome;
  if (code === undefined) return judged(outcome, { verdict: 'either' });
  if (code < 400 && codes.includes(code)) return { ...outcome, kind: 'accepted' };
  if (code < 400) {
    return withFinding({ ...outcome, kind: 'accepted' }, ACCEPTED[codes[0]!] ?? 'malformed text accepted');
  }
  const isFine = finding !== undefined || isAlike(code, codes);
  return withFinding({ ...outcome, kind: 'refused' }, isFine ? undefined : 'another code given');
}

/** What it means that a command is carried out to which another code was codes. */
const ACCEPTED: Partial<Record<number, Finding>> = {
  503: 'order broken',
  533: 'clear text accepted',
  535: 'unverified text accepted',
};

/** A code is as good as the recommended one if it begins with the same digit (RFC 2228 §3), and 421 always is (§8.2). */
function isAlike(code: number, codes: readonly number[]): boolean {
  return code === 421 || codes.some(it => Math.floor(it / 100) === Math.floor(code / 100));
}
