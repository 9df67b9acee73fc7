/** `rfc2228 fuzz client`: plays the server for each client that connects. */
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

/** The longest time that setTimeout accepts, in milliseconds. */
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

/** Accepts clients, and gives them out one after another. */
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
   * The next client; undefined if the time is over or the run is interrupted.
   * @param limit  the longest wait, in milliseconds
   * @param interrupted  ends the wait
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

  /** Rejects clients that connected in the meantime, such as one that connects again: they belong to no case. */
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
  /** How the client's process ended by itself; undefined if it did not. */
  exit: ProcessExit | undefined;
  output: string | undefined;
  /** The end of the client's output, for an error message. */
  lastWords: string;
}

/** What the first connections have shown of a client. */
interface Learned {
  /** The protected command whose reply is mutated, from 1. */
  at: number;
  /** The command with its level: `safe PWD`. */
  command: string;
  /** How it is visible whether the client accepts a reply to that command. */
  shownBy: 'text' | 'next command' | 'exit status' | 'nothing';
}

/** How many commands are tried to find one whose reply changes what the client does. Each try takes a connection. */
const MAX_PLACES = 8;

const placeOf = (one: FuzzCase | Plain) => (typeof one === 'string' ? undefined : one.at);
const isShown = (output: string | undefined, at: number) => new RegExp(`${markerOf(at)}(?!\\d)`).test(output ?? '');

class Clients {
  readonly #listener: Listener;
  readonly #target: FuzzSide;
  readonly #settings: Settings;
  #at = 1;
  /** What the client does if a command is rejected, by the command's number. */
  readonly #refused = new Map<number, ClientTrace>();
  #usual: ClientTrace = { commands: [], end: 'end' };
  /** What the client does after files that are not mutated, by the number of the command that `at` gives. */
  readonly #transfers = new Map<number, TransferBaseline>();
  #shows = false;
  /** The end of the output of a client that did not connect. */
  #lastWords = '';
  /** Exit statuses with a conforming server and with a rejected command, if only the exit status shows the difference. */
  #statuses: Pick<Statuses, 'usual' | 'failed'> | undefined;

  constructor(listener: Listener, target: FuzzSide, settings: Settings) {
    this.#listener = listener;
    this.#target = target;
    this.#settings = settings;
  }

  /**
   * Learns what the client does with a conforming server, and chooses the reply to mutate.
   * @param at  the command, if the user has chosen one
   * @throws TargetUnavailable if no client connects, or none completes the security exchange
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

  /**
   * The first command whose reply the client prints; if there is no such command, the first whose rejection changes
   * what the client does next.
   */
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

  /**
   * If the client does the same whether a command is rejected or not, and prints nothing of the reply, its exit status
   * may show the difference.
   */
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
    // A case that was not played is not the cause of the client's end.
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

  /** What the client does if the command whose reply was mutated is rejected. */
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
    // Destroy the socket only after the last octets have been sent.
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
