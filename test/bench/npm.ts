/** Packages of npm that only the bench needs: installed into a folder of the system's temporary ones, at their exact version. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = join(tmpdir(), 'rfc2228-bench-npm');

/** @returns what the package exports; undefined, and says why, where it can't be installed or loaded */
export function installed<T>(name: string, version: string): T | undefined {
  try {
    const folder = join(FOLDER, `${name}-${version}`);
    if (!existsSync(join(folder, 'node_modules', name))) {
      mkdirSync(folder, { recursive: true });
      const flags = ['--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
      execFileSync('npm', ['install', ...flags, `${name}@${version}`], { stdio: 'ignore', timeout: 120_000 });
    }
    return createRequire(join(folder, 'package.json'))(name) as T;
  } catch (error) {
    console.error(`${name}@${version} is left out: ${(error as Error).message.split('\n')[0]}`);
    return undefined;
  }
}
