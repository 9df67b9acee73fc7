/** A target that is started for each case: its output, and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { type ProcessExit, sanitizerReport } from '../../fuzz/index.js';
import { withTimeout } from '../../node/timeout.js';

/** The most characters of output that are kept; the rest is dropped. */
const MAX_OUTPUT = 1 << 20;
const MAX_WORDS = 300;
/** How long a process may take to end after a signal, in milliseconds. */
const SIGNAL_LIMIT = 1000;
/** Signals that mean a crash. */
const CRASHES = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGSYS'] as const;

export class Child {
  output = '';
  isOver = false;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  /** @param command  for the shell */
  constructor(command: string, environment: Record<string, string> = {}) {
    this.#process = spawn(command, {
      shell: true,
      detached: true,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream!.setEncoding('latin1').on('data', (text: string) => {
        this.output += text.slice(0, MAX_OUTPUT - this.output.length);
      });
    }
    const over = () => {
      this.isOver = true;
    };
    this.#ended = once(this.#process, 'close').then(over, over);
  }

  /** The end of the output, for an error message: it may show why the target did not start. */
  get lastWords(): string {
    const words = this.output.trim().slice(-MAX_WORDS);
    return words === '' ? '' : `; it says: ${words}`;
  }

  /**
   * Waits until the process ends, and ends it if that takes too long.
   * @param limit  in milliseconds; 0 ends it at once
   * @returns how it ended by itself, or what a sanitizer reported; undefined if neither
   */
  async end(limit: number): Promise<ProcessExit | undefined> {
    if (limit > 0) await this.#wait(limit);
    const byItself = this.isOver;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      this.#kill(signal);
      await this.#wait(SIGNAL_LIMIT);
      if (this.isOver) break;
    }
    const { exitCode: status, signalCode } = this.#process;
    const sanitizer = sanitizerReport(this.output);
    if (!byItself && sanitizer === undefined) return undefined;
    const signal = byItself ? (signalCode ?? signalOf(status)) : null;
    return { status, signal, ...(sanitizer !== undefined && { sanitizer }) };
  }

  /** Signals the whole process group, because the shell may have started several processes. */
  #kill(signal: NodeJS.Signals): void {
    try {
      if (this.#process.pid !== undefined) process.kill(-this.#process.pid, signal);
    } catch {
      // No process is left.
    }
  }

  async #wait(limit: number): Promise<void> {
    await withTimeout(limit, 'the end of the target', this.#ended).catch(() => {});
  }
}

/** The signal in a shell's exit status: 128 plus the number of the signal that ended the shell's command. */
function signalOf(status: number | null): string | null {
  return CRASHES.find(name => status === 128 + constants.signals[name]) ?? null;
}
