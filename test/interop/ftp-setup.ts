/** A realm of MIT krb5 with an FTP service runs while the tests do; in the end comes the table of what they found. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { makeFtpRealm, type Row } from './ftp-realm.js';
import { startRealm } from './realm.js';

export default async function setup(project: TestProject): Promise<() => void> {
  install('install-ftp.sh');
  const packages = install('install.sh').trim();
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-ftp-'));
  const removed = () => rmSync(folder, { recursive: true, force: true });
  let stop = () => {};
  try {
    const [realm, stopRealm] = await startRealm('mit', packages, join(folder, 'mit'));
    stop = stopRealm;
    project.provide('ftp', makeFtpRealm(realm, folder));
  } catch (error) {
    stop();
    removed();
    throw error;
  }
  return () => {
    stop();
    print(join(folder, 'rows'));
    removed();
  };
}

function install(script: string): string {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return execFileSync(path, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

const COLUMNS = ['peer', 'levels', 'operation', 'expected', 'found'] as const;

function print(file: string): void {
  if (!existsSync(file)) return;
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const rows = lines.map(line => JSON.parse(line) as Row);
  const widths = COLUMNS.map(name => Math.max(name.length, ...rows.map(row => row[name].length)));
  const format = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  const sorted = [...rows].sort((a, b) => a.peer.localeCompare(b.peer) || a.levels.localeCompare(b.levels));
  console.info(['', format(COLUMNS), ...sorted.map(row => format(COLUMNS.map(name => row[name]))), ''].join('\n'));
}
