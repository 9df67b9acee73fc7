/** A folder of captures, the recipes of src/cli/README.md, and programs that stand for other machines, on 127.0.0.1. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/main.js');
const NAMES = ['probe-heimdal-nomutual', 'krb5ftp-clear-aes256-sha1'];
const COPIES = 3;

/** Octets of a result that come at once; the rest comes a while later, so that a run can be killed in between. */
const AT_ONCE = 3000;

/** A code block of the page that describes the recipes: the one that has this text. */
export function recipe(text: string): string {
  const page = readFileSync(join(ROOT, 'src/cli/README.md'), 'utf8');
  const block = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code]) => code!).find(code => code.includes(text));
  if (block === undefined) throw new Error(`src/cli/README.md has no recipe with ${text}`);
  return block;
}

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** The folder in which a recipe runs: captures, a keytab, and `rfc2228` in the path. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), 'rfc2228-machines-'));
  readonly environment: Record<string, string>;
  /** How many there are. */
  readonly captures = NAMES.length * COPIES;
  readonly #daemons: ChildProcess[] = [];

  constructor() {
    for (const name of ['bin', 'captures']) mkdirSync(join(this.folder, name));
    for (const [i, name] of NAMES.entries()) {
      for (let copy = 0; copy < COPIES; copy++) {
        copyFileSync(join(ROOT, `vectors/captures/${name}.pcap`), join(this.folder, `captures/${copy}-${i}.pcap`));
      }
    }
    copyFileSync(join(ROOT, `vectors/captures/${NAMES[0]}.keytab`), join(this.folder, 'ftp.keytab'));
    const slow = `{ dd bs=${AT_ONCE} count=1 iflag=fullblock status=none; sleep 1; cat; }`;
    const command = `case "$*" in *--merge*) exec node '${MAIN}' "$@";; *) node '${MAIN}' "$@" | ${slow};; esac`;
    this.write('bin/rfc2228', `#!/bin/sh\n${command}\n`, 0o755);
    const { PATH, HOME = '/root' } = process.env;
    this.environment = { PATH: `${join(this.folder, 'bin')}:${PATH}`, HOME };
  }

  write(name: string, content: string, mode = 0o644): string {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  daemon(program: string, ...args: string[]): ChildProcess {
    const daemon = spawn(program, args, { cwd: this.folder, env: this.environment, stdio: 'ignore' });
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Begins a script of the shell. */
  begin(script: string): { process: ChildProcess; ended: Promise<Ran> } {
    const process = spawn('sh', ['-c', script], { cwd: this.folder, env: this.environment });
    const ran = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      process[stream].setEncoding('utf8').on('data', text => (ran[stream] += text));
    }
    return { process, ended: once(process, 'close').then(([status]) => ({ status, ...ran })) };
  }

  run(script: string): Promise<Ran> {
    return this.begin(script).ended;
  }

  /** The octets of the results that have come so far, by name. */
  results(): Map<string, string> {
    const folder = join(this.folder, 'results');
    const names = readdirSync(folder).filter(name => name.endsWith('.ndjson'));
    return new Map(names.sort().map(name => [name, readFileSync(join(folder, name), 'utf8')]));
  }

  /** Waits until some results are whole, and another one has begun. */
  async halfWay(): Promise<void> {
    for (let tries = 0; tries < 2000; tries++) {
      await sleep(20);
      const results = [...this.results().values()];
      const whole = results.filter(isWhole).length;
      if (whole >= 2 && results.some(result => result !== '' && !isWhole(result))) return;
    }
    throw new Error('the run does not come half-way');
  }

  merged(): Promise<Ran> {
    return this.run('rfc2228 verify --merge --json results/*.ndjson');
  }

  async close(): Promise<void> {
    for (const daemon of this.#daemons.reverse()) await killTree(daemon);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What one run for all captures gives. */
export function verifiedAtOnce({ folder }: Workplace): string {
  const names = readdirSync(join(folder, 'captures')).sort();
  const args = ['verify', '--json', ...names.map(name => `captures/${name}`)];
  const { stdout } = spawnSync('node', [MAIN, ...args, '--keytab', 'ftp.keytab'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  return stdout;
}

export const isWhole = (result: string) => (result.trimEnd().split('\n').at(-1) ?? '').startsWith('{"type":"summary"');

/** Kills a process and all that it has started, as if its machine had failed. */
export async function killTree({ pid, exitCode, signalCode }: ChildProcess): Promise<void> {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  for (const one of [pid, ...descendants(pid)]) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  await sleep(50);
}

function descendants(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const parents = lines.map(line => line.trim().split(/ +/).map(Number) as [number, number]);
  const below = (parent: number): number[] =>
    parents.filter(([, of]) => of === parent).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}
