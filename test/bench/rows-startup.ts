/** How long the command takes to start, beside Node itself. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Row, Side } from './measure.js';
import { ROOT } from './root.js';

/** Runs its arguments, and writes their processor time in seconds: of the user and of the system. */
const TIMED = 'TIMEFORMAT="%3U %3S"; time "$@" > /dev/null';

/** Milliseconds of processor time that a command takes, from its start to its end. */
export function processTime(...command: string[]): number {
  const { stderr } = spawnSync('bash', ['-c', TIMED, 'bash', ...command], { encoding: 'utf8' });
  // The command may write there too.
  const [user, system] = stderr.trimEnd().split('\n').at(-1)!.split(' ').map(Number);
  return 1000 * (user! + system!);
}

export function startupRows(): Row[] {
  const started = (name: string, args: string[]): Side => ({
    name,
    run: () => processTime(process.execPath, ...args),
  });
  return [
    {
      name: 'start and end of `rfc2228 code 631`',
      unit: 'ms more',
      count: 1,
      sides: [started('ours', [join(ROOT, 'dist/cli/main.js'), 'code', '631']), started('bare node', ['-e', '0'])],
      goals: { 'bare node': 40 },
    },
  ];
}
