/**
 * Transfers to a server under test (RFC 2228 §6). First a valid file, which shows whether the server accepts any; then
 * the mutated one; and if the server may have accepted that, the driver retrieves it.
 */
import { toHex } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { replyDetails } from '../../ftp/reply-details.js';
import { BlockReader } from '../../protection/data-block.js';
import { factsOf } from '../../protection/protection-level.js';
import { parsePbszReply } from '../../protection/security-data.js';
import { type TransferCase, validTransfer } from '../cases.js';
import { FILE, PIECE } from '../mutations/data.js';
import { perform } from '../perform.js';
import { type ClientSide, CUT } from './client-side.js';
import type { Connection, DataConnections } from './connection.js';
import { judged, type Outcome } from './outcome.js';
import { readTransfer } from './transfer.js';

const NAME = 'rfc2228-fuzz';

/** What a transfer needs: its case, with a buffer that the server has granted, and both connections. */
interface Transfer {
  one: TransferCase;
  control: ClientSide;
  data: Pick<DataConnections, 'open'>;
}

/** Plays a mutated transfer after the login. */
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
  const reply = await control.next();
  const outcome = reply === 'timeout' ? await afterSilence(transfer) : await control.outcomeAfter(reply);
  if (chunks === undefined) return { kind: 'skipped' };
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

/** Whether a server that sends no reply at the end of a transfer is only slow, or will not send one. */
async function afterSilence({ one, control }: Transfer): Promise<Outcome> {
  await control.send([control.protect(control.probe, one.level)]);
  const reply = await control.next();
  if (reply === 'end') return CUT;
  if (reply === 'timeout') return { kind: 'hung' };
  return reply.code < 300 ? { kind: 'hung', detail: 'STOR is not answered' } : await control.outcomeAfter(reply);
}

function skipped(detail: string): Outcome {
  return { kind: 'skipped', detail };
}

function badData(detail: string): Partial<Outcome> {
  return { finding: 'bad data given', detail };
}
