/** `rfc2228 fuzz client`: plays the server for whatever connects. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  type ClientTarget,
  type Conduct,
  type DrivenCase,
  judgeClient,
  judgeTransfer,
  type Known,
  type KnownTransfers,
  MARKER,
  type Outcome,
  type Plain,
  type ProcessExit,
  playToClient,
  type Seen,
  withExit,
} from '../../fuzz/driver/index.js';
import type { TransferCase } from '../../fuzz/transfers.js';
import { sideOf } from '../mechanisms.js';
import { InputError, parseOptions, UsageError } from '../status.js';
import { Child } from './child.js';
import { wholeNumber } from './numbers.js';
import { assertOwned, OPTIONS, parseEndpoint, settingsOf } from './options.js';
import { run } from './run.js';
import { SocketData } from './socket-data.js';
import { SocketWire } from './socket-wire.js';

export async function fuzzClient(args: string[]): Promise<number> {
  const options = { ...OPTIONS, listen: { type: 'string' }, at: { type: 'string' } } as const;
  const { values } = parseOptions({ args, options });
  if (values.listen === undefined) throw new UsageError('fuzz client wants --listen PORT');
  const { host, port } = parseEndpoint(values.listen);
  assertOwned(host, values);
  const at = wholeNumber('at', values.at, 1000, 1);
  const target: ClientTarget = { ...sideOf(values, 'client'), at: at ?? 1 };
  const settings = settingsOf(values, 'client', at);
  const door = await Door.open(host, port);
  try {
    if (settings.exec === undefined) process.stderr.write(`rfc2228: port ${door.port} waits for clients\n`);
    const clients = new Clients(door, target, settings);
    await clients.learn();
    return await run(settings, target.mechanism, one => clients.play(one));
  } finally {
    door.close();
  }
}

/** Where clients come in, one after the other. */
class Door {
  readonly port: number;
  readonly #waiting: Socket[] = [];
  readonly #close: () => void;
  #wake: () => void = () => {};

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.#close = close;
  }

  static async open(host: string, port: number): Promise<Door> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (error) {
      throw new InputError((error as Error).message);
    }
    const door = new Door((server.address() as AddressInfo).port, () => server.close());
    server.on('connection', socket => {
      door.#waiting.push(socket);
      door.#wake();
    });
    return door;
  }

  /** @param limit  in milliseconds; undefined waits for ever */
  async next(limit: number | undefined): Promise<Socket | undefined> {
    if (this.#waiting.length === 0) {
      await new Promise<void>(resolve => {
        const timer = limit === undefined ? undefined : setTimeout(resolve, limit);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#waiting.shift();
  }

  /** Those that have come meanwhile, such as one that connects again, are no case's. */
  turnAway(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  close(): void {
    this.turnAway();
    this.#close();
  }
}

interface Visit {
  conduct: Conduct;
  /** How its process ended by itself. */
  exit: ProcessExit | undefined;
  output: string | undefined;
}

const placeOf = (one: DrivenCase | Plain) => (typeof one === 'string' ? undefined : one.at);

class Clients {
  readonly #door: Door;
  readonly #target: ClientTarget;
  readonly #limit: number;
  readonly #exec: string | undefined;
  /** What it does where a command is refused, by the command's number. */
  readonly #refused = new Map<number, Conduct>();
  #usual: Conduct = { commands: [], end: 'end' };
  /** What it does behind files that are not bent, by the number of the command that `at` names. */
  readonly #transfers = new Map<number, KnownTransfers>();
  #shows = false;
  /** Exit statuses with a sound server, and where a command is refused, if they are what tells of it. */
  #statuses: Pick<Statuses, 'usual' | 'failed'> | undefined;

  constructor(door: Door, target: ClientTarget, { limit, exec }: { limit: number; exec: string | undefined }) {
    this.#door = door;
    this.#target = target;
    this.#limit = limit;
    this.#exec = exec;
  }

  /** What the client does with a sound server. @throws InputError when it never gets behind the exchange */
  async learn(): Promise<void> {
    const visit = await this.#visit('accept');
    const { commands = [], refusal } = visit?.conduct ?? {};
    if (!commands.some(isProtected)) {
      const sent = commands.join(', ') || 'nothing is sent';
      const why = refusal === undefined ? '' : ` (${refusal.code}: ${refusal.message})`;
      throw new InputError(`the client comes to no security association: ${sent}${why}`);
    }
    this.#usual = visit!.conduct;
    this.#shows = visit!.output?.includes(MARKER) === true;
    if (!this.#shows && visit!.exit !== undefined) await this.#learnStatuses(visit!);
  }

  /** Where it does the same whether a command is refused or not, and says nothing of it, its exit status may tell. */
  async #learnStatuses(usual: Visit): Promise<void> {
    const again = await this.#visit('accept');
    const failed = await this.#visit('refuse', this.#target.at, true);
    const { bent, commands } = failed?.conduct ?? { commands: [] };
    const isAlike = bent !== undefined && usual.conduct.commands[bent + 1] === commands[bent + 1];
    const [status, , refused] = [usual, again, failed].map(statusOf);
    if (isAlike && status !== refused) this.#statuses = { usual: [status, statusOf(again)], failed: refused };
  }

  async play(one: DrivenCase): Promise<Outcome> {
    const visit = await this.#visit(one);
    if (visit === undefined) return { kind: 'unready', detail: 'no client came' };
    if (one.layer === 'data') return await this.#judgeTransfer(one as TransferCase, visit);
    const { conduct, exit, output } = visit;
    const shown = this.#shows ? output!.split(MARKER).length - 1 : undefined;
    const outcome = judgeClient(one, conduct, {
      usual: this.#usual,
      refused: await this.#whereRefused(conduct),
      shown,
      statuses: this.#statuses && { ...this.#statuses, its: exit?.status },
    });
    return exit === undefined ? outcome : withExit(outcome, exit);
  }

  async #judgeTransfer(one: TransferCase, visit: Visit): Promise<Outcome> {
    const at = placeOf(one) ?? this.#target.at;
    const outcome = await judgeTransfer(one, seenIn(visit), async () => {
      const known = this.#transfers.get(at) ?? (await this.#learnTransfers(at));
      if (known !== undefined) this.#transfers.set(at, known);
      return known;
    });
    if (visit.exit === undefined) return outcome;
    // A case that was not played is not what it dies of.
    return outcome.kind === 'skipped' ? { ...outcome, exit: visit.exit } : withExit(outcome, visit.exit);
  }

  async #learnTransfers(at: number): Promise<KnownTransfers | undefined> {
    const visits: Visit[] = [];
    for (const plain of ['send', 'send', 'fail'] as const) {
      const visit = await this.#visit(plain, at);
      if (visit === undefined) return undefined;
      visits.push(visit);
    }
    const [usual, again, failed] = visits.map(seenIn) as [Seen, Seen, Seen];
    return { usual: [usual, again], failed };
  }

  /** What it does if the command whose reply was bent is refused. */
  async #whereRefused({ commands, bent }: Conduct): Promise<Conduct | undefined> {
    if (bent === undefined || !isProtected(commands[bent] ?? 'clear ')) return undefined;
    const at = commands.slice(0, bent + 1).filter(isProtected).length;
    let conduct = this.#refused.get(at);
    conduct ??= (await this.#visit('refuse', at))?.conduct;
    if (conduct !== undefined) this.#refused.set(at, conduct);
    return conduct;
  }

  async #visit(
    one: DrivenCase | Plain,
    at = placeOf(one) ?? this.#target.at,
    toEnd = this.#statuses !== undefined,
  ): Promise<Visit | undefined> {
    const child = this.#exec === undefined ? undefined : new Child(this.#exec, { PORT: `${this.#door.port}` });
    const socket = await this.#door.next(child && this.#limit);
    if (socket === undefined) {
      await child?.end(0);
      return undefined;
    }
    const data = new SocketData(socket, this.#limit);
    const conduct = await playToClient(one, { ...this.#target, at, toEnd, data }, new SocketWire(socket, this.#limit));
    // What was sent last is still on its way.
    socket.end(() => socket.destroySoon());
    const exit = await child?.end(this.#limit);
    data.close();
    if (child !== undefined) this.#door.turnAway();
    return { conduct, exit, output: child?.output };
  }
}

type Statuses = NonNullable<Known['statuses']>;
const statusOf = (visit: Visit | undefined) => visit?.exit?.status;
const seenIn = ({ conduct, exit, output }: Visit): Seen => ({ conduct, output, status: exit?.status });
const isProtected = (command: string) => !command.startsWith('clear ');
