/** `rfc2228 fuzz client`: plays the server for each client that connects. */
import { isTransfer } from '../../fuzz/cases.js';
import * as fuzz from '../../fuzz/index.js';
import { InputError, parseOptions, UsageError } from '../status.js';
import { Child } from './child.js';
import { assertOwned, OPTIONS, parseEndpoint, type Settings, settingsOf, wholeNumber } from './options.js';
import { run } from './report.js';
import { sideOf } from './sides.js';
import { Listener, SocketConnection, SocketData } from './sockets.js';

export async function fuzzClient(args: string[]): Promise<number> {
  const options = { ...OPTIONS, listen: { type: 'string' }, at: { type: 'string' } } as const;
  const { values } = parseOptions({ args, options });
  if (values.listen === undefined) throw new UsageError('fuzz client needs --listen PORT');
  const { host, port } = parseEndpoint(values.listen);
  assertOwned(host, values);
  const at = wholeNumber('at', values.at, 1000, 1);
  const target = sideOf(values, 'client');
  const settings = settingsOf(values, 'client');
  const listener = await Listener.open(host, port).catch(error => {
    throw new InputError((error as Error).message);
  });
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

/** @param place  gives the number of the command whose reply is mutated, from the number in the case, if it has one */
function* placed(cases: Iterable<fuzz.FuzzCase>, place: (own: number | undefined) => number): Generator<fuzz.FuzzCase> {
  for (const one of cases) yield { ...one, at: place(one.at) };
}

/** How it is visible whether the client accepts the mutated reply. */
const SHOWN_BY = {
  text: 'the client prints it',
  'next command': 'what the client sends next shows what it makes of it',
  'exit status': 'the exit status of the client shows what it makes of it',
  nothing: 'what the client makes of it cannot be seen: only transfers, clear commands, hangs and crashes can',
} as const;

function announce({ at, command, shownBy }: Learned, { json }: Settings): void {
  const how = `mutating the reply to protected command ${at} (${command}): ${SHOWN_BY[shownBy]}`;
  if (json) process.stdout.write(`${JSON.stringify({ type: 'target', at, command, shownBy })}\n`);
  else process.stderr.write(`rfc2228: ${how}\n`);
}

/** What is seen of a client on one connection. */
type Visit = fuzz.Seen & { exit: fuzz.ProcessExit | undefined };

/** What the first connections have shown of a client. */
interface Learned {
  /** The protected command whose reply is mutated, from 1. */
  at: number;
  /** The command with its level: `safe PWD`. */
  command: string;
  shownBy: keyof typeof SHOWN_BY;
}

/** How many commands are tried to find one whose reply changes what the client does. Each try takes a connection. */
const MAX_PLACES = 8;

const isShown = ({ output }: fuzz.Seen, at: number) => new RegExp(`${fuzz.markerOf(at)}(?!\\d)`).test(output ?? '');
const isProtected = (command: string) => !command.startsWith('clear ');

class Clients {
  readonly #listener: Listener;
  readonly #target: fuzz.FuzzSide;
  readonly #settings: Settings;
  #at = 1;
  /** What the client does with a conforming server. */
  #usual: fuzz.Baseline = { usual: { trace: { commands: [], end: 'end' } } };
  /** What the client does without a case, by the kind of connection and the number of the command. */
  readonly #known = new Map<string, Visit>();
  /** The end of the output of the last client, for an error message. */
  #lastWords = '';

  constructor(listener: Listener, target: fuzz.FuzzSide, settings: Settings) {
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
    const usual = await this.#visit('accept', this.#at);
    if (usual === undefined) throw new fuzz.TargetUnavailable('no client has come');
    const { commands, refusal } = usual.trace;
    const secured = commands.filter(isProtected);
    if (secured.length === 0) {
      const sent = commands.join(', ') || 'nothing is sent';
      const why = refusal === undefined ? '' : ` (${refusal.code}: ${refusal.message})`;
      const what = `the client sets up no security association: ${sent}${why}${this.#lastWords}`;
      throw new fuzz.TargetUnavailable(what);
    }
    this.#usual = { usual };
    this.#at = at ?? (await this.#bestPlace(usual, secured.length));
    const shownBy = await this.#learnEvidence(usual);
    return { at: this.#at, command: secured[this.#at - 1] ?? 'none', shownBy };
  }

  /** The first command whose reply the client prints; or else whose refusal changes what it does next. */
  async #bestPlace(usual: Visit, count: number): Promise<number> {
    const places = Array.from({ length: Math.min(count, MAX_PLACES) }, (_, i) => i + 1);
    const printed = places.find(at => isShown(usual, at));
    if (printed !== undefined) return printed;
    for (const at of places) if (await this.#differsIfRefused(at, usual)) return at;
    return 1;
  }

  async #differsIfRefused(at: number, usual: Visit): Promise<boolean> {
    const { mutated, commands = [] } = (await this.#plain('refuse', at))?.trace ?? {};
    return mutated !== undefined && usual.trace.commands[mutated + 1] !== commands[mutated + 1];
  }

  /**
   * If the client does the same whether a command is refused or not, and prints nothing of the reply, its exit status
   * may show the difference. Then every later connection is continued until the client ends it.
   */
  async #learnEvidence(usual: Visit): Promise<Learned['shownBy']> {
    if (isShown(usual, this.#at)) {
      this.#usual = { usual, prints: true };
      return 'text';
    }
    if (await this.#differsIfRefused(this.#at, usual)) return 'next command';
    if (usual.exit === undefined) return 'nothing';
    const again = await this.#visit('accept', this.#at);
    const failed = await this.#visit('refuse', this.#at, true);
    if (failed?.trace.mutated === undefined || failed.status === usual.status) return 'nothing';
    this.#usual = { usual, again };
    this.#known.set(`refuse ${this.#at}`, failed);
    return 'exit status';
  }

  async play(one: fuzz.FuzzCase): Promise<fuzz.Outcome> {
    const { at = this.#at } = one;
    const visit = await this.#visit(one, at);
    if (visit === undefined) return { kind: 'unready', detail: `no client came${this.#lastWords}` };
    const outcome = isTransfer(one)
      ? await fuzz.judgeTransfer(one, visit, () => this.#transfersAt(at))
      : fuzz.judgeClient(one, visit, { ...this.#usual, failed: await this.#whereRefused(visit.trace) });
    if (visit.exit === undefined) return outcome;
    // A transfer that was not played is not the cause of the client's end.
    const isOther = isTransfer(one) && outcome.kind === 'skipped';
    return isOther ? { ...outcome, exit: visit.exit } : fuzz.withExit(outcome, visit.exit);
  }

  async #transfersAt(at: number): Promise<fuzz.Baseline | undefined> {
    const usual = await this.#plain('send', at);
    const again = usual && (await this.#plain('send', at, ' again'));
    const failed = again && (await this.#plain('fail', at));
    return failed && { usual: usual!, again, failed };
  }

  /** What the client does if the command whose reply was mutated is refused. */
  async #whereRefused({ commands, mutated }: fuzz.ClientTrace): Promise<Visit | undefined> {
    if (mutated === undefined || !isProtected(commands[mutated] ?? 'clear ')) return undefined;
    return await this.#plain('refuse', commands.slice(0, mutated + 1).filter(isProtected).length);
  }

  async #plain(kind: fuzz.Plain, at: number, again = ''): Promise<Visit | undefined> {
    const key = `${kind} ${at}${again}`;
    const visit = this.#known.get(key) ?? (await this.#visit(kind, at));
    if (visit !== undefined) this.#known.set(key, visit);
    return visit;
  }

  async #visit(
    one: fuzz.FuzzCase | fuzz.Plain,
    at: number,
    toEnd = this.#usual.again !== undefined,
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
    const target = { ...this.#target, at, toEnd, data };
    const trace = await fuzz.playToClient(one, target, new SocketConnection(socket, limit));
    // Destroy the socket only after the last octets have been sent.
    socket.end(() => socket.destroySoon());
    const exit = await child?.end(limit);
    data.close();
    if (child !== undefined) this.#listener.rejectPending();
    this.#lastWords = child?.lastWords ?? '';
    return { trace, exit, output: child?.output, status: exit?.status };
  }
}
