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
import { type Connection, type DataConnections, readTransfer } from './connection.js';
import { judged, type Outcome } from './outcome.js';

/** The name of every file that is stored. */
const NAME = 'rfc2228-fuzz';
type Data = Pick<DataConnections, 'open'>;

/** Plays a mutated transfer after the login. */
export async function playTransfer(one: TransferCase, control: ClientSide, data: Data | undefined): Promise<Outcome> {
  if (data === undefined) return skipped('there are no data connections');
  const fitted = await fitToServer(one, control);
  if (typeof fitted === 'string') return skipped(fitted);
  const client = new DataClient(fitted, control, data);
  const valid = validTransfer(fitted);
  if (valid.name !== fitted.name) {
    const { kind, code } = await client.store(valid);
    if (kind !== 'accepted') return skipped(`a valid STOR is ${kind}${code === undefined ? '' : ` by ${code}`}`);
  }
  const outcome = await client.store(fitted);
  if (outcome.kind === 'skipped') return outcome;
  // If writing is forbidden, also for a second file, the refusal is not because of the data.
  if (outcome.kind === 'refused' && outcome.sent === undefined) return skipped(`STOR is refused by ${outcome.code}`);
  const its = judged({ ...outcome, played: fitted }, fitted);
  if (its.kind !== 'accepted' || its.finding !== undefined) return its;
  return { ...its, ...(await client.givenBack()) };
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

/** Our side of the data connections. */
class DataClient {
  readonly #one: TransferCase;
  readonly #control: ClientSide;
  readonly #data: Data;

  constructor(one: TransferCase, control: ClientSide, data: Data) {
    this.#one = one;
    this.#control = control;
    this.#data = data;
  }

  /** Stores the file of a case. If the case is not applicable, a valid file is stored, to end the transfer. */
  async store(one: TransferCase): Promise<Outcome> {
    const begun = await this.#begin(`STOR ${NAME}`);
    if ('kind' in begun) return begun;
    const chunks = this.#chunks(one);
    const sent = chunks ?? this.#chunks(validTransfer(one))!;
    await begun.connection.send(sent);
    begun.connection.end();
    const reply = await this.#control.replies.next();
    const outcome = reply === 'timeout' ? await this.#late() : await this.#control.outcomeAfter(reply);
    if (chunks === undefined) return { kind: 'skipped' };
    const isTaken = outcome.kind === 'refused' && outcome.code! < 300;
    return { ...outcome, ...(isTaken && { kind: 'accepted' }), sent };
  }

  /** Its tokens come after that of the command. */
  #chunks(one: TransferCase): readonly Uint8Array[] | undefined {
    const { session, replies } = this.#control;
    return perform(one, { ...session!, received: replies.lastToken })?.chunks;
  }

  /** The errors in what the server sends: the stored file, and a listing. */
  async givenBack(): Promise<Partial<Outcome>> {
    const file = await this.#retrieve(`RETR ${NAME}`);
    if (file instanceof FtpSecurityError) return badData(`RETR: ${file.code}: ${file.message}`);
    if (file !== undefined && toHex(file) !== toHex(FILE)) {
      const { verdict } = this.#one.expected;
      return verdict === 'accept'
        ? badData('RETR gives another file than was stored')
        : { finding: 'malformed data accepted', detail: 'RETR gives more, or less, than the file' };
    }
    const listing = await this.#retrieve('LIST');
    return listing instanceof FtpSecurityError ? badData(`LIST: ${listing.code}: ${listing.message}`) : {};
  }

  /** @returns undefined if the server does not send the file, or reports a failure */
  async #retrieve(command: string): Promise<Uint8Array | FtpSecurityError | undefined> {
    const begun = await this.#begin(command);
    if ('kind' in begun) return undefined;
    const { level, bufferSize } = this.#one;
    const reader = new BlockReader(this.#control.session!.context, level, { bufferSize });
    const read = await readTransfer(reader, begun.connection);
    begun.connection.end();
    const reply = await this.#control.replies.next();
    return typeof reply !== 'string' && reply.code < 300 ? read : undefined;
  }

  /** Sends the command of a transfer. Returns an outcome if the transfer does not begin. */
  async #begin(command: string): Promise<{ connection: Connection } | Outcome> {
    const connection = await this.#connect();
    if (typeof connection === 'string') return skipped(connection);
    await this.#control.send([this.#control.protect(command, this.#one.level)]);
    const reply = await this.#control.replies.next({ final: false });
    if (typeof reply !== 'string' && reply.code < 200) return { connection };
    connection.end();
    return await this.#control.outcomeAfter(reply);
  }

  async #connect(): Promise<Connection | string> {
    const codes: number[] = [];
    for (const verb of ['EPSV', 'PASV']) {
      const reply = await this.#control.request(this.#control.protect(verb, this.#one.level));
      const place = replyDetails(reply);
      codes.push(reply.code);
      if (place?.kind !== 'passive' && place?.kind !== 'extended-passive') continue;
      return (await this.#data.open(place.port)) ?? `no one answers at the port that ${verb} names`;
    }
    return `EPSV and PASV are refused: ${codes.join(', ')}`;
  }

  /** Whether a server that sends no reply at the end of a transfer is only slow, or will not send one. */
  async #late(): Promise<Outcome> {
    await this.#control.send([this.#control.protect(this.#control.probe, this.#one.level)]);
    const reply = await this.#control.replies.next();
    if (reply === 'end') return CUT;
    if (reply === 'timeout') return { kind: 'hung' };
    return reply.code < 300
      ? { kind: 'hung', detail: 'STOR is not answered' }
      : await this.#control.outcomeAfter(reply);
  }
}

function skipped(detail: string): Outcome {
  return { kind: 'skipped', detail };
}

function badData(detail: string): Partial<Outcome> {
  return { finding: 'bad data given', detail };
}
