/** Programs that are peers. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Environment } from './realm.js';

/** Of the scripts in `peers`. The system's own Python has the module. */
export const PYTHON = '/usr/bin/python3';
export const script = (name: string) => fileURLToPath(new URL(`peers/${name}`, import.meta.url));

export interface Ended {
  code: number | null;
  output: string;
  complaint: string;
}

/** Runs a program to its end; one that takes longer than the limit, in milliseconds, is killed. */
export function run(
  program: string,
  args: readonly string[],
  { input = '', limit, ...its }: { environment: Environment; folder: string; input?: string; limit: number },
): Promise<Ended> {
  const child = spawn(program, args, { env: its.environment, cwd: its.folder, timeout: limit, stdio: 'pipe' });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', text => (output += text));
  child.stderr.setEncoding('utf8').on('data', text => (complaint += text));
  child.stdin.on('error', () => {}); // the exit status shows why
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ code, output, complaint }));
  });
}
