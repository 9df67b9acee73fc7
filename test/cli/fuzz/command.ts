/** `rfc2228 fuzz` as a process, with X-PSK by default, and its output. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { toHex } from '../../../src/bytes.js';
import { KEY, type Listener } from './peers.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const folder = mkdtempSync(join(tmpdir(), 'rfc2228-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));
export const KEY_FILE = join(folder, 'key');
writeFileSync(KEY_FILE, `${toHex(KEY)}\n`);
export const PSK = ['--mechanism', 'psk', '--key', KEY_FILE, '--rate', '10000', '--limit', '1500'];

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/**
 * @param args  behind `rfc2228 fuzz`
 * @param interrupted  by SIGINT, so many milliseconds after its start
 * @param listening  called with the port, when the command waits for clients
 */
export async function rfc2228(
  args: string[],
  listening: (port: number) => void = () => {},
  interrupted: { after?: number } = {},
): Promise<Ran> {
  const child = spawn(process.execPath, ['dist/cli/main.js', 'fuzz', ...args], { cwd: ROOT, timeout: 50_000 });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
    const port = /port (\d+) waits/.exec(text)?.[1];
    if (port !== undefined) listening(Number(port));
  });
  const { after } = interrupted;
  const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGINT'), after);
  const status = await new Promise<number | null>(resolve => child.on('close', resolve));
  clearTimeout(timer);
  return { status, stdout, stderr };
}

export const records = ({ stdout }: Ran) =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
export const findings = (ran: Ran) => records(ran).filter(({ type }) => type === 'finding');
export const titles = (ran: Ran): string[] => findings(ran).map(({ finding, name }) => `${finding}: ${name}`);

export async function against<T>(peer: Promise<Listener>, work: (where: string) => Promise<T>): Promise<T> {
  const { port, close } = await peer;
  try {
    return await work(`127.0.0.1:${port}`);
  } finally {
    close();
  }
}

export async function toClient(make: (port: number) => Listener, args: string[], mechanism = PSK): Promise<Ran> {
  let client: Listener | undefined;
  try {
    return await rfc2228(['client', '--listen', '0', ...mechanism, ...args], port => {
      client = make(port);
    });
  } finally {
    client?.close();
  }
}
