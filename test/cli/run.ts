/** Runs the command `rfc2228` in the test's own process, which is fast; main.test.ts starts it as a process. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { runCommand } from '../../src/cli/command.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CAPTURES = join(ROOT, 'vectors/captures');

/** A folder for the files of the tests. Another test file may have written some of them. */
export const folder = mkdtempSync(join(tmpdir(), 'rfc2228-cli-'));

export interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

export async function run(...args: string[]): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const status = await runCommand(args, {
    stdout: { write: text => (stdout += text) },
    stderr: { write: text => (stderr += text) },
  });
  return { status, stdout, stderr };
}

/** @returns the path of a new file with this content */
export function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** What wrong usage and unreadable input show: one line on standard error, and exit status 2. */
export const ONE_LINE = {
  status: 2,
  stdout: '',
  stderr: expect.stringMatching(/^rfc2228: (?!internal error)[^\n]+\n$/),
};

/** The warning about `newline.keytab`, which ends in other octets than an entry. */
export const ODD_KEYTAB = /^rfc2228: .*newline\.keytab: .*\(octet \d+\); the whole entries before it are used\n$/;

export const capture = (name: string) => join(CAPTURES, `${name}.pcap`);
export const keytabOf = (name: string) => join(CAPTURES, `${name}.keytab`);
export const srvtabOf = (name: string) => join(CAPTURES, `${name}.srvtab`);
