/** A server under test: we are the client. */
import { concat, toHex, toUtf8 } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { replyDetails } from '../../ftp/reply-details.js';
import { BlockReader } from '../../protection/data-block.js';
import { covers, factsOf } from '../../protection/protection-level.js';
import { parsePbszReply } from '../../protection/security-data.js';
import type { FuzzCase, MessageCase, TransferCase } from '../cases.js';
import { isMessage, isTransfer, ruleIn, validTransfer } from '../cases.js';
import type { ExchangeTurn } from '../mutation.js';
import { FILE, PIECE } from '../mutations/data.js';
import { scriptOctets } from '../mutations/phases.js';
import { lineCount, lineOf, perform, performExchange } from '../perform.js';
import { assertReply, ClientSide, NOT_EXECUTED, type ServerTarget, textOf } from './client-side.js';
import { type Connection, type DataConnections, readTransfer, SetupFailed, TargetUnavailable } from './connection.js';
import { type Finding, judged, type Outcome, withFinding, withoutFinding } from './outcome.js';

const SKIPPED: Outcome = { kind: 'skipped' };

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
  const outcome = await played(one, target, client, another).catch((error): Outcome => {
    if (error instanceof SetupFailed) return unready(error);
    return { kind: 'refused', finding: 'bad reply given', detail: ruleBroken(error), sent: client.lastSent };
  });
  const mayEnd = target.endsAtError && one.expected.verdict !== 'accept';
  return mayEnd ? withoutFinding(outcome, 'connection cut') : outcome;
}

async function played(
  one: FuzzCase,
  { data }: ServerTarget,
  client: ClientSide,
  another?: () => Promise<Connection>,
): Promise<Outcome> {
  if (one.layer === 'exchange') return await playExchange(one, client, another);
  if (!isMessage(one) && !isTransfer(one)) return await playScript(one, client);
  await client.establish();
  await client.logIn();
  return isMessage(one) ? await playMessage(one, client) : await playTransfer(one, client, data);
}

/** The rule that the server's reply has broken. @throws any other error */
function ruleBroken(error: unknown): string {
  if (!(error instanceof FtpSecurityError) || error.side === 'local') throw error;
  return `${error.code}: ${error.message}`;
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
  const refused: string[] = [];
  try {
    await client.establish();
    await client.logIn();
    for (const probe of PROBES) {
      const reply = await client.request(client.protect(probe, 'safe'));
      if (!NOT_EXECUTED.includes(reply.code)) return probe;
      refused.push(`${probe} is answered by ${textOf(reply)}`);
    }
  } catch (error) {
    if (error instanceof SetupFailed) throw error;
    throw new TargetUnavailable(`the valid session fails: ${ruleBroken(error)}`);
  }
  throw new TargetUnavailable(`it accepts no command that could show that it still answers: ${refused.join('; ')}`);
}

/** Those of the codes in NOT_EXECUTED that can be given only because of the protection of a command. */
const NOT_SAFE: readonly number[] = [421, 431, 503, 533, 534, 535, 536, 537];

/** Plays a mutated command after the login, and judges it by the reply. */
async function playMessage(one: MessageCase, client: ClientSide): Promise<Outcome> {
  const fitted = await fitText(one, client);
  if ('kind' in fitted) return fitted;
  const performed = perform(fitted, { ...client.session!, received: client.lastToken });
  if (performed === undefined) return SKIPPED;
  for (const message of performed.before) await client.request(message);
  const { chunks, open } = performed;
  const { finding, ...outcome } = await client.provoke(chunks, open);
  // If a server closes while octets of a long message are unread, the connection is reset, and its 421 may be lost (RFC
  // 1122 §4.2.2.13). So the end of the connection is not a finding then.
  const isReset = finding === 'connection cut' && ruleIn(fitted).large;
  // The server may not know a text that the case invents.
  const isInvented = one.layer === 'inner' && one.expected.verdict === 'accept';
  const wasExecuted = outcome.code !== undefined && !(isInvented ? NOT_SAFE : NOT_EXECUTED).includes(outcome.code);
  const kind = wasExecuted ? 'accepted' : outcome.kind;
  return judged({ ...outcome, ...(finding && !isReset && { finding }), kind, played: fitted, sent: chunks }, fitted);
}

/**
 * First sends the unmutated text. If the server does not understand it, its reply to the mutated text would show
 * nothing, so the case uses the probe instead. If the reply was weaker than the command, returns that as outcome.
 */
async function fitText(one: MessageCase, client: ClientSide): Promise<MessageCase | Outcome> {
  for (const text of [one.text, client.probe]) {
    const { code, level } = await client.request(client.protect(text, one.level));
    if (!covers(level, one.level)) {
      const detail = `a ${one.level} command is answered by ${code} at level ${level}`;
      return { kind: 'accepted', finding: 'weak reply given', detail, sent: client.lastSent };
    }
    if (!NOT_EXECUTED.includes(code)) return { ...one, text };
  }
  throw new SetupFailed(`${client.probe.trimEnd()} is not accepted any more`);
}

/** A protected command for a server with which we share no key. */
const MIC = toUtf8('MIC AAAA\r\n');
const isLast = (turn: ExchangeTurn) => turn.number + 1 >= lineCount(turn);

/**
 * Plays mutated security data (RFC 2228 §3, ADAT), and checks whether the server accepts the association nevertheless.
 * An accepted line may have to be replayed on another connection.
 */
async function playExchange(one: FuzzCase, client: ClientSide, another?: () => Promise<Connection>): Promise<Outcome> {
  const first = await playLine(one, client);
  if (!ruleIn(one).again) return judged(first, one);
  if (first.kind !== 'accepted' || another === undefined) return { ...first, kind: 'skipped' };
  return judged(await playLine(one, client.at(await another()), first.sent), one);
}

/** @param sent  replaces the mutated line */
async function playLine(one: FuzzCase, client: ClientSide, sent?: readonly Uint8Array[]): Promise<Outcome> {
  let outcome = SKIPPED;
  await client.exchange(async turn => {
    const mutated = performExchange(one, turn);
    if (mutated === undefined) return await client.adat(turn);
    outcome = await provokeExchange(sent ?? [mutated], isLast(turn), client);
    return undefined;
  });
  return outcome;
}

/** After a refused line, no protected command may be accepted. */
async function provokeExchange(sent: readonly Uint8Array[], last: boolean, client: ClientSide): Promise<Outcome> {
  // If our mechanism has keys before the exchange is complete, the server may have them too.
  const early = client.session && client.protect(client.probe, 'safe');
  client.session = undefined;
  await client.send(sent);
  const reply = await client.next();
  if (typeof reply !== 'string' && (reply.code === 235 || (reply.code === 335 && !last))) {
    return { kind: 'accepted', code: reply.code, sent };
  }
  return { ...(await client.probed(reply, early ?? MIC)), sent };
}

/** Plays a command out of order (RFC 2228 §3 and §7). The code of its reply shows whether it was executed. */
async function playScript(one: FuzzCase, client: ClientSide): Promise<Outcome> {
  const { start, before, line } = ruleIn(one).script!;
  if (start === 'adat') return await playWithAdat(scriptOctets(line, 'server')!, one, client);
  if (start === 'secured') await client.establish();
  else await client.greeting();
  if (start === 'exchange') await client.auth();
  for (const { text, level } of before) {
    const { code } = await client.request(client.protect(text, level!));
    if (code >= 400) return { kind: 'skipped', detail: `${text} is refused: ${code}` };
  }
  const octets = scriptOctets(line, 'server', client.session?.context);
  if (octets === undefined) return SKIPPED;
  // The line is in the server's buffer when it accepts AUTH.
  if (start === 'auth') await client.auth(octets);
  else await client.send([octets]);
  return judgedScript(await client.outcomeAfter(await client.next()), [octets], one);
}

/** The line follows the last ADAT in one piece. A command that is answered before 235 has no association. */
async function playWithAdat(line: Uint8Array, one: FuzzCase, client: ClientSide): Promise<Outcome> {
  let outcome = SKIPPED;
  await client.exchange(async turn => {
    if (!isLast(turn)) return await client.adat(turn);
    const sent = [concat(lineOf(turn), line)];
    await client.send(sent);
    const reply = assertReply(await client.next(), 'the last ADAT');
    const { code } = reply;
    outcome = { kind: 'skipped', code, detail: `the exchange is answered by ${code}`, sent };
    if (code < 300 && code !== 235) outcome = { kind: 'accepted', code, finding: 'order broken', sent };
    return code === 235 ? reply : undefined;
  });
  if (outcome.code !== 235) return outcome;
  client.assertEstablished();
  return judgedScript(await client.outcomeAfter(await client.next()), outcome.sent!, one);
}

function judgedScript(its: Outcome, sent: readonly Uint8Array[], { expected }: FuzzCase): Outcome {
  const codes = expected.verdict === 'answer' ? expected.codes : [];
  const outcome = { ...its, sent };
  const { code, finding } = outcome;
  if (code === undefined) return judged(outcome, { layer: 'phases', expected: { verdict: 'either' } });
  if (code < 400) {
    const found = codes.includes(code) ? undefined : (EXECUTED[codes[0]!] ?? 'malformed text accepted');
    return withFinding({ ...outcome, kind: 'accepted' }, found);
  }
  // A code with the same first digit is as good as a recommended one (RFC 2228 §3), and so is 421 (§8.2).
  const isFine = code === 421 || codes.some(it => Math.floor(it / 100) === Math.floor(code / 100));
  return withFinding({ ...outcome, kind: 'refused' }, finding || isFine ? undefined : 'another code given');
}

/** The finding if a command is executed although another code is required. */
const EXECUTED: Partial<Record<number, Finding>> = {
  503: 'order broken',
  533: 'clear text accepted',
  535: 'unverified text accepted',
};

const NAME = 'rfc2228-fuzz';

/** What a transfer needs: its case, with a buffer that the server has granted, and both connections. */
interface Transfer {
  one: TransferCase;
  control: ClientSide;
  data: Pick<DataConnections, 'open'>;
}

/**
 * Plays a mutated transfer (RFC 2228 §6) after the login. First a valid file, which shows whether the server accepts
 * any; then the mutated one; and if the server may have accepted that, the driver retrieves it.
 */
export async function playTransfer(
  given: TransferCase,
  control: ClientSide,
  data: Transfer['data'] | undefined,
): Promise<Outcome> {
  if (data === undefined) return skipped('there are no data connections');
  const one = await fitToServer(given, control);
  if (typeof one === 'string') return skipped(one);
  const transfer = { one, control, data };
  const valid = validTransfer(one);
  if (valid.name !== one.name) {
    const { kind, code } = await store({ ...transfer, one: valid });
    if (kind !== 'accepted') return skipped(`a valid STOR is ${kind}${code === undefined ? '' : ` by ${code}`}`);
  }
  const outcome = await store(transfer);
  if (outcome.kind === 'skipped') return outcome;
  // If writing is forbidden, also for a second file, the refusal is not because of the data.
  if (outcome.kind === 'refused' && outcome.sent === undefined) return skipped(`STOR is refused by ${outcome.code}`);
  const its = judged({ ...outcome, played: one }, one);
  return its.kind !== 'accepted' || its.finding ? its : { ...its, ...(await givenBack(transfer)) };
}

/** Sends the PBSZ and PROT of the case. Returns the case as it can be played, or the reason if it can't. */
async function fitToServer(one: TransferCase, control: ClientSide): Promise<TransferCase | string> {
  let { bufferSize } = one;
  for (const command of [`PBSZ ${bufferSize}`, `PROT ${factsOf(one.level).prot}`, 'TYPE I']) {
    const reply = await control.request(control.protect(command, one.level));
    if (reply.code >= 300) return `${command} is refused: ${reply.code}`;
    if (command.startsWith('PBSZ')) bufferSize = Math.min(bufferSize, parsePbszReply(reply) ?? bufferSize);
  }
  const isTooSmall = control.session!.context.wrapSizeLimit(one.level, bufferSize) < PIECE;
  return isTooSmall ? `a protection buffer of ${bufferSize} octets is too small` : { ...one, bufferSize };
}

/** Stores the file of a case. If the case is not applicable, a valid file is stored, to end the transfer. */
async function store(transfer: Transfer): Promise<Outcome> {
  const { one, control } = transfer;
  const connection = await begin(`STOR ${NAME}`, transfer);
  if ('kind' in connection) return connection;
  // Its tokens come after that of the command.
  const chunksOf = (its: TransferCase) => perform(its, { ...control.session!, received: control.lastToken })?.chunks;
  const chunks = chunksOf(one);
  const sent = chunks ?? chunksOf(validTransfer(one))!;
  await connection.send(sent);
  connection.end();
  const outcome = await control.outcomeAfter(await control.next());
  if (chunks === undefined) return { kind: 'skipped' };
  if (outcome.kind === 'ignored') return { kind: 'hung', detail: 'STOR is not answered', sent };
  const isTaken = outcome.kind === 'refused' && outcome.code! < 300;
  return { ...outcome, ...(isTaken && { kind: 'accepted' }), sent };
}

/** The errors in what the server sends: the stored file, and a listing. */
async function givenBack(transfer: Transfer): Promise<Partial<Outcome>> {
  const file = await retrieve(`RETR ${NAME}`, transfer);
  if (file instanceof FtpSecurityError) return badData(`RETR: ${file.code}: ${file.message}`);
  if (file !== undefined && toHex(file) !== toHex(FILE)) {
    const isValid = transfer.one.expected.verdict === 'accept';
    if (isValid) return badData('RETR gives another file than was stored');
    return { finding: 'malformed data accepted', detail: 'RETR gives more, or less, than the file' };
  }
  const listing = await retrieve('LIST', transfer);
  return listing instanceof FtpSecurityError ? badData(`LIST: ${listing.code}: ${listing.message}`) : {};
}

/** @returns undefined if the server does not send the file, or reports a failure */
async function retrieve(command: string, transfer: Transfer): Promise<Uint8Array | FtpSecurityError | undefined> {
  const connection = await begin(command, transfer);
  if ('kind' in connection) return undefined;
  const { one, control } = transfer;
  const { level, bufferSize } = one;
  const read = await readTransfer(new BlockReader(control.session!.context, level, { bufferSize }), connection);
  connection.end();
  const reply = await control.next();
  return typeof reply !== 'string' && reply.code < 300 ? read : undefined;
}

/** Sends the command of a transfer. Returns an outcome if the transfer does not begin. */
async function begin(command: string, transfer: Transfer): Promise<Connection | Outcome> {
  const { one, control } = transfer;
  const connection = await connect(transfer);
  if (typeof connection === 'string') return skipped(connection);
  await control.send([control.protect(command, one.level)]);
  const reply = await control.next({ final: false });
  if (typeof reply !== 'string' && reply.code < 200) return connection;
  connection.end();
  return await control.outcomeAfter(reply);
}

async function connect({ one, control, data }: Transfer): Promise<Connection | string> {
  const codes: number[] = [];
  for (const verb of ['EPSV', 'PASV']) {
    const reply = await control.request(control.protect(verb, one.level));
    const place = replyDetails(reply);
    codes.push(reply.code);
    if (place?.kind !== 'passive' && place?.kind !== 'extended-passive') continue;
    return (await data.open(place.port)) ?? `no one answers at the port that ${verb} names`;
  }
  return `EPSV and PASV are refused: ${codes.join(', ')}`;
}

function skipped(detail: string): Outcome {
  return { kind: 'skipped', detail };
}

function badData(detail: string): Partial<Outcome> {
  return { finding: 'bad data given', detail };
}
