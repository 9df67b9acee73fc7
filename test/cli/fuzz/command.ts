/** `rfc2228 fuzz` as a process, and what it tells. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FindingRecord, SummaryRecord } from '../../../src/fuzz/driver/index.js';
import type { Listener } from './peers.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/**
 * @param args  behind `rfc2228 fuzz`
 * @param listening  called with the port, when the command waits for clients
 */
export async function rfc2228(args: string[], listening: (port: number) => void = () => {}): Promise<Ran> {
  const child = spawn(process.execPath, ['dist/cli/main.js', 'fuzz', ...args], { cwd: ROOT, timeout: 50_000 });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
    const port = /port (\d+) waits/.exec(text)?.[1];
    if (port !== undefined) listening(Number(port));
  });
  const status = await new Promise<number | null>(resolve => child.on('close', resolve));
  return { status, stdout, stderr };
}

/** What it has printed under `--json`. */
export const records = ({ stdout }: Ran) =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
export const findings = (ran: Ran): FindingRecord[] => records(ran).filter(({ type }) => type === 'finding');
export const titles = (ran: Ran) => findings(ran).map(({ finding, name }) => `${finding}: ${name}`);
export const summary = (ran: Ran): SummaryRecord => records(ran).at(-1);

/** Does its work while a server listens, which is told where. */
export async function against<T>(peer: Promise<Listener>, work: (where: string) => Promise<T>): Promise<T> {
  const { port, close } = await peer;
  try {
    return await work(`127.0.0.1:${port}`);
  } finally {
    close();
  }
}

/** Plays the server for the clients that it makes. */
export async function toClient(make: (port: number) => Listener, args: string[]): Promise<Ran> {
  let client: Listener | undefined;
  try {
    return await rfc2228(['client', '--listen', '0', ...args], port => {
      client = make(port);
    });
  } finally {
    client?.close();
  }
}
