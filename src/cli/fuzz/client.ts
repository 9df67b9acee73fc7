/** `rfc2228 fuzz client`: plays the server for whatever connects. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type FuzzCase, isTransfer, type TransferCase } from '../../fuzz/cases.js';
import {
  type Baseline,
  type ClientTrace,
  type FuzzSide,
  judgeClient,
  judgeTransfer,
  MARKER,
  markerOf,
  type Outcome,
  type Plain,
  type ProcessExit,
  playToClient,
  type Seen,
  TargetUnavailable,
  type TransferBaseline,
  withExit,
} from '../../fuzz/driver/index.js';
import { sideOf } from '../mechanisms.js';
import { InputError, parseOptions, UsageError } from '../status.js';
import { Child } from './child.js';
import { wholeNumber } from './numbers.js';
import { assertOwned, OPTIONS, parseEndpoint, placed, type Settings, settingsOf } from './options.js';
import { run } from './run.js';
import { SocketConnection } from './socket-connection.js';
import { SocketData } from './socket-data.js';

/** The longest that a timer takes, in milliseconds. */
const MAX_TIMER = 0x7fff_ffff;

/** @returns the exit status */
export async function fuzzClient(args: string[]): Promise<number> {
  const options = { ...OPTIONS, listen: { type: 'string' }, at: { type: 'string' } } as const;
  const { values } = parseOptions({ args, options });
  if (values.listen === undefined) throw new UsageError('fuzz client wants --listen PORT');
  const { host, port } = parseEndpoint(values.listen);
  assertOwned(host, values);
  const at = wholeNumber('at', values.at, 1000, 1);
  const target: FuzzSide = sideOf(values, 'client');
  const settings = settingsOf(values, 'client');
  const listener = await Listener.open(host, port);
  try {
    if (settings.exec === undefined) process.stderr.write(`rfc2228: port ${listener.port} waits for clients\n`);
    const clients = new Clients(listener, target, settings);
    const learned = await clients.learn(at);
    announce(learned, settings);
    const cases = placed(settings.cases, own => at ?? own ?? learned.at);
    return await run({ ...settings, cases }, target.mechanism, one => clients.play(one));
  } finally {
    listener.close();
  }
}

const SHOWN: Readonly<Record<Learned['shownBy'], string>> = {
  text: 'the client prints it',
  'next command': 'what the client sends next shows what it makes of it',
  'exit status': 'the exit status of the client shows what it makes of it',
  nothing: 'what the client makes of it cannot be seen: only transfers, clear commands, hangs and crashes can',
};

function announce({ at, command, shownBy }: Learned, { json }: Settings): void {
  if (json) process.stdout.write(`${JSON.stringify({ type: 'target', at, command, shownBy })}\n`);
  else process.stderr.write(`rfc2228: mutating the reply to protected command ${at} (${command}): ${SHOWN[shownBy]}\n`);
}

/** Where clients come in, one after the other. */
class Listener {
  readonly port: number;
  readonly #waiting: Socket[] = [];
  readonly #close: () => void;
  #wake: () => void = () => {};

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.#close = close;
  }

  static async open(host: string, port: number): Promise<Listener> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (error) {
      throw new InputError((error as Error).message);
    }
    const listener = new Listener((server.address() as AddressInfo).port, () => server.close());
    server.on('connection', socket => {
      listener.#waiting.push(socket);
      listener.#wake();
    });
    return listener;
  }

  /**
   * @param limit  how long to wait at the most, in milliseconds
   * @param interrupted  ends the waiting
   */
  async next(limit: number, interrupted: AbortSignal): Promise<Socket | undefined> {
    if (this.#waiting.length === 0 && !interrupted.aborted) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(() => this.#wake(), Math.min(limit, MAX_TIMER));
        this.#wake = () => {
          clearTimeout(timer);
          interrupted.removeEventListener('abort', this.#wake);
          resolve();
        };
        interrupted.addEventListener('abort', this.#wake);
      });
    }
    return this.#waiting.shift();
  }

  /** Those that have come meanwhile, such as one that connects again, are no case's. */
  rejectPending(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  close(): void {
    this.rejectPending();
    this.#close();
  }
}

interface Visit {
  trace: ClientTrace;
  /** How its process ended by itself. */
  exit: ProcessExit | undefined;
  output: string | undefined;
  /** For an error message. */
  lastWords: string;
}

/** What the first connections have shown of a client. */
interface Learned {
  /** The protected command whose reply is mutated, from 1. */
  at: number;
  /** With its level: `safe PWD`. */
  command: string;
  /** By what it is seen whether the client takes a reply to that command. */
  shownBy: 'text' | 'next command' | 'exit status' | 'nothing';
}

/** So many commands are tried for one whose reply changes what the client does: each takes a connection. */
const MAX_PLACES = 8;

const placeOf = (one: FuzzCase | Plain) => (typeof one === 'string' ? undefined : one.at);
const isShown = (output: string | undefined, at: number) => new RegExp(`${markerOf(at)}(?!\\d)`).test(output ?? '');

class Clients {
  readonly #listener: Listener;
  readonly #target: FuzzSide;
  readonly #settings: Settings;
  #at = 1;
  /** What it does where a command is refused, by the command's number. */
  readonly #refused = new Map<number, ClientTrace>();
  #usual: ClientTrace = { commands: [], end: 'end' };
  /** What it does behind files that are not mutated, by the number of the command that `at` names. */
  readonly #transfers = new Map<number, TransferBaseline>();
  #shows = false;
  /** Of a client that did not come. */
  #lastWords = '';
  /** Exit statuses with a conforming server, and where a command is refused, if they are what shows it. */
  #statuses: Pick<Statuses, 'usual' | 'failed'> | undefined;

  constructor(listener: Listener, target: FuzzSide, settings: Settings) {
    this.#listener = listener;
    this.#target = target;
    this.#settings = settings;
  }

  /**
   * What the client does with a conforming server, and which reply is to be mutated.
   * @param at  the command, where the user has chosen one
   * @throws TargetUnavailable when no client comes, or it never gets behind the exchange
   */
  async learn(at: number | undefined): Promise<Learned> {
    const visit = await this.#visit('accept');
    if (visit === undefined) throw new TargetUnavailable('no client has come');
    const { commands, refusal } = visit.trace;
    const secured = commands.filter(isProtected);
    if (secured.length === 0) {
      const sent = commands.join(', ') || 'nothing is sent';
      const why = refusal === undefined ? '' : ` (${refusal.code}: ${refusal.message})`;
      throw new TargetUnavailable(`the client comes to no security association: ${sent}${why}${visit.lastWords}`);
    }
    this.#usual = visit.trace;
    this.#at = at ?? (await this.#bestPlace(visit, secured.length));
    this.#shows = isShown(visit.output, this.#at);
    if (!this.#shows && visit.exit !== undefined) await this.#learnStatuses(visit);
    return { at: this.#at, command: secured[this.#at - 1] ?? 'none', shownBy: await this.#shownBy() };
  }

  /** The first command whose reply the client prints; else the first whose refusal changes what it does next. */
  async #bestPlace({ output }: Visit, count: number): Promise<number> {
    const places = Array.from({ length: Math.min(count, MAX_PLACES) }, (_, i) => i + 1);
    const printed = places.find(at => isShown(output, at));
    if (printed !== undefined) return printed;
    for (const at of places) if (await this.#differsWhereRefused(at)) return at;
    return 1;
  }

  async #shownBy(): Promise<Learned['shownBy']> {
    if (this.#shows) return 'text';
    if (this.#statuses !== undefined) return 'exit status';
    return (await this.#differsWhereRefused(this.#at)) ? 'next command' : 'nothing';
  }

  async #differsWhereRefused(at: number): Promise<boolean> {
    const refused = await this.#refusedAt(at);
    const { mutated, commands } = refused ?? { commands: [] };
    return mutated !== undefined && this.#usual.commands[mutated + 1] !== commands[mutated + 1];
  }

  /** Where it does the same whether a command is refused or not, and prints nothing of it, its exit status may show it. */
  async #learnStatuses(usual: Visit): Promise<void> {
    const again = await this.#visit('accept');
    const failed = await this.#visit('refuse', this.#at, true);
    const { mutated, commands } = failed?.trace ?? { commands: [] };
    const isAlike = mutated !== undefined && usual.trace.commands[mutated + 1] === commands[mutated + 1];
    const [status, , refused] = [usual, again, failed].map(statusOf);
    if (isAlike && status !== refused) this.#statuses = { usual: [status, statusOf(again)], failed: refused };
  }

  async play(one: FuzzCase): Promise<Outcome> {
    const visit = await this.#visit(one);
    if (visit === undefined) return { kind: 'unready', detail: `no client came${this.#lastWords}` };
    if (isTransfer(one)) return await this.#judgeTransfer(one, visit);
    const { trace, exit, output } = visit;
    const shown = this.#shows ? output!.split(MARKER).length - 1 : undefined;
    const outcome = judgeClient(one, trace, {
      usual: this.#usual,
      refused: await this.#whereRefused(trace),
      shown,
      statuses: this.#statuses && { ...this.#statuses, its: exit?.status },
    });
    return exit === undefined ? outcome : withExit(outcome, exit);
  }

  async #judgeTransfer(one: TransferCase, visit: Visit): Promise<Outcome> {
    const at = placeOf(one) ?? this.#at;
    const outcome = await judgeTransfer(one, seenIn(visit), async () => {
      const known = this.#transfers.get(at) ?? (await this.#learnTransfers(at));
      if (known !== undefined) this.#transfers.set(at, known);
      return known;
    });
    if (visit.exit === undefined) return outcome;
    // A case that was not played is not what it dies of.
    return outcome.kind === 'skipped' ? { ...outcome, exit: visit.exit } : withExit(outcome, visit.exit);
  }

  async #learnTransfers(at: number): Promise<TransferBaseline | undefined> {
    const visits: Visit[] = [];
    for (const plain of ['send', 'send', 'fail'] as const) {
      const visit = await this.#visit(plain, at);
      if (visit === undefined) return undefined;
      visits.push(visit);
    }
    const [usual, again, failed] = visits.map(seenIn) as [Seen, Seen, Seen];
    return { usual: [usual, again], failed };
  }

  /** What it does if the command whose reply was mutated is refused. */
  async #whereRefused({ commands, mutated }: ClientTrace): Promise<ClientTrace | undefined> {
    if (mutated === undefined || !isProtected(commands[mutated] ?? 'clear ')) return undefined;
    return await this.#refusedAt(commands.slice(0, mutated + 1).filter(isProtected).length);
  }

  async #refusedAt(at: number): Promise<ClientTrace | undefined> {
    let trace = this.#refused.get(at);
    trace ??= (await this.#visit('refuse', at))?.trace;
    if (trace !== undefined) this.#refused.set(at, trace);
    return trace;
  }

  async #visit(
    one: FuzzCase | Plain,
    at = placeOf(one) ?? this.#at,
    toEnd = this.#statuses !== undefined,
  ): Promise<Visit | undefined> {
    const { exec, limit, end, interrupted } = this.#settings;
    const child = exec === undefined ? undefined : new Child(exec, { PORT: `${this.#listener.port}` });
    const socket = await this.#listener.next(child ? limit : end - Date.now(), interrupted);
    if (socket === undefined) {
      await child?.end(0);
      this.#lastWords = child?.lastWords ?? '';
      return undefined;
    }
    const data = new SocketData(socket, limit);
    const trace = await playToClient(one, { ...this.#target, at, toEnd, data }, new SocketConnection(socket, limit));
    // What was sent last is still on its way.
    socket.end(() => socket.destroySoon());
    const exit = await child?.end(limit);
    data.close();
    if (child !== undefined) this.#listener.rejectPending();
    return { trace, exit, output: child?.output, lastWords: child?.lastWords ?? '' };
  }
}

type Statuses = NonNullable<Baseline['statuses']>;
const statusOf = (visit: Visit | undefined) => visit?.exit?.status;
const seenIn = ({ trace, exit, output }: Visit): Seen => ({ trace, output, status: exit?.status });
const isProtected = (command: string) => !command.startsWith('clear ');
