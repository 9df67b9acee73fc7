/** How long the command takes to start, beside Node itself. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Row, Side } from './measure.js';
import { ROOT } from './root.js';

/** Runs its arguments, and writes their processor time in seconds: of the user and of the system. */
const TIMED = 'TIMEFORMAT="%3U %3S"; time "$@" > /dev/null';

export function startupRows(): Row[] {
  const started = (name: string, args: string[]): Side => ({
    name,
    run() {
      const { stderr } = spawnSync('bash', ['-c', TIMED, 'bash', process.execPath, ...args], { encoding: 'utf8' });
      return stderr.split(' ').reduce((total, seconds) => total + 1000 * Number(seconds), 0);
    },
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
