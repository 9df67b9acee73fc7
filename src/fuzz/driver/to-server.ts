/** A server under test: we are the client. */
import { concat, toUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { covers } from '../../protection/protection-level.js';
import { type FuzzCase, isMessage, isTransfer, type MessageCase, ruleIn } from '../cases.js';
import type { Script } from '../mutation.js';
import { scriptOctets } from '../mutations/phases.js';
import { lineCount, lineOf, perform, performExchange } from '../perform.js';
import { ClientSide, type MutatedLine, NOT_HEARD, ready, type ServerTarget, textOf } from './client-side.js';
import { type Connection, SetupFailed, TargetUnavailable } from './connection.js';
import { playTransfer } from './data-to-server.js';
import { type Finding, judged, type Outcome, withFinding } from './outcome.js';

/**
 * Plays a case on a new connection.
 * @param another  opens another connection to the same server, or throws SetupFailed; without it nothing is replayed
 * @throws FtpSecurityError, side local, if our side can't perform the exchange, for example without a ticket
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

/** The outcome of a case that could not begin. */
export function unready({ message, cut }: SetupFailed): Outcome {
  return { kind: 'unready', detail: message, ...(cut && { cut }) };
}

/** Commands without side effects. PBSZ is last, since it changes the session; but every server of RFC 2228 has it. */
const PROBES = ['NOOP', 'PWD', 'SYST', 'HELP', 'TYPE I', 'STAT', 'PBSZ 4096'];

/**
 * Performs a valid session with a server under test.
 * @param connection  a new connection
 * @returns the first of a few harmless commands that the server accepts, for `probe` of the target
 * @throws TargetUnavailable with the reason: the server does not know RFC 2228 or the mechanism, has another key, or
 *   accepts no command. FtpSecurityError, side local, if our side can't perform the exchange, for example without a
 *   ticket
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

/** Those of the codes in NOT_HEARD that can be given only because of the protection of a command. */
const NOT_SAFE: readonly number[] = [421, 431, 503, 533, 534, 535, 536, 537];

/** Plays a mutated command after the login, and judges it by the reply. */
async function playMessage(one: MessageCase, client: ClientSide): Promise<Outcome> {
  const fitted = await fitText(one, client);
  if (typeof fitted === 'string')
    return { kind: 'accepted', finding: 'weak reply given', detail: fitted, sent: client.lastSent };
  const { received } = client.replies;
  const performed = perform(fitted, { ...client.session!, received });
  if (performed === undefined) return { kind: 'skipped' };
  for (const message of performed.before) await client.answered(message);
  const outcome = unlessReset(fitted, await client.provoke(performed.chunks, performed.open));
  const kind = outcome.code === undefined ? outcome.kind : wasHeard(fitted, outcome.code) ? 'accepted' : 'refused';
  return judged({ ...outcome, kind, played: fitted, sent: performed.chunks }, fitted);
}

/**
 * If a server closes while octets of a long message are unread, the connection is reset, and its 421 may be lost (RFC
 * 1122 §4.2.2.13). So the end of the connection is not a finding then.
 */
function unlessReset(one: MessageCase, outcome: Outcome): Outcome {
  const { finding, ...rest } = outcome;
  return finding === 'connection cut' && ruleIn(one).large ? rest : outcome;
}

/**
 * First sends the unmutated text. If the server does not understand it, its reply to the mutated text would show
 * nothing, so the case uses the probe instead. If the reply was weaker than the command, returns that as text.
 */
async function fitText(one: MessageCase, client: ClientSide): Promise<MessageCase | string> {
  for (const text of [one.text, client.probe]) {
    const { code, level } = await client.answered(client.protect(text, one.level));
    if (!covers(level, one.level)) return `a ${one.level} command is answered by ${code} at level ${level}`;
    if (!NOT_HEARD.includes(code)) return { ...one, text };
  }
  throw new SetupFailed(`${client.probe.trimEnd()} is not accepted any more`);
}

/**
 * Whether the server carried out a command as far as it supports it. The server may not know a text that the case
 * invents.
 */
function wasHeard({ layer, expected }: MessageCase, code: number): boolean {
  const own = layer === 'inner' && expected.verdict === 'accept';
  return !(own ? NOT_SAFE : NOT_HEARD).includes(code);
}

/** A protected command for a server with which we share no key. */
const MIC = toUtf8('MIC AAAA\r\n');

/**
 * Plays mutated security data (RFC 2228 §3, ADAT), and checks whether the server accepts the association nevertheless.
 */
async function playExchange(one: FuzzCase, client: ClientSide, another?: () => Promise<Connection>): Promise<Outcome> {
  const mutated = await client.exchange(turn => performExchange(one, turn));
  if (mutated === undefined) return { kind: 'skipped' };
  const outcome = await provoke(mutated, client);
  if (!ruleIn(one).again) return judged(outcome, one);
  if (outcome.kind !== 'accepted' || another === undefined) return { ...outcome, kind: 'skipped' };
  const other = client.at(await another());
  const place = await other.exchange(turn => performExchange(one, turn) && mutated.octets);
  return place === undefined ? { kind: 'skipped' } : judged(await provoke(place, other), one);
}

/** After a refused line, no protected command may be accepted. */
async function provoke({ octets, isLast }: MutatedLine, client: ClientSide): Promise<Outcome> {
  // If our mechanism has keys before the exchange is complete, the server may have them too.
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

/** Plays a command out of order (RFC 2228 §3 and §7). The code of its reply shows whether it was carried out. */
async function playScript(one: FuzzCase, client: ClientSide): Promise<Outcome> {
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
  return judgedScript({ ...(await client.concluded(await client.replies.final())), sent: [line] }, one);
}

/**
 * The line is in the server's buffer when the exchange is complete. A command that is answered before 235 was carried
 * out without the association.
 */
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
  return judgedScript({ ...(await client.concluded(await client.replies.final())), sent }, one);
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
  if (code === undefined) return judged(outcome, { layer: 'phases', expected: { verdict: 'either' } });
  if (code < 400 && codes.includes(code)) return { ...outcome, kind: 'accepted' };
  if (code < 400) {
    return withFinding({ ...outcome, kind: 'accepted' }, CARRIED_OUT[codes[0]!] ?? 'malformed text accepted');
  }
  const isFine = finding !== undefined || isAlike(code, codes);
  return withFinding({ ...outcome, kind: 'refused' }, isFine ? undefined : 'another code given');
}

/** The finding if a command is carried out although another code is required. */
const CARRIED_OUT: Partial<Record<number, Finding>> = {
  503: 'order broken',
  533: 'clear text accepted',
  535: 'unverified text accepted',
};

/**
 * Whether a code is equivalent to a recommended one: its first digit is the same (RFC 2228 §3), or it is 421 (§8.2).
 */
function isAlike(code: number, codes: readonly number[]): boolean {
  return code === 421 || codes.some(it => Math.floor(it / 100) === Math.floor(code / 100));
}
