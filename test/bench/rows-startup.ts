/** How long the command takes to start, beside Node itself. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Row, Side } from './measure.js';
import { ROOT } from './root.js';

export function startupRows(): Row[] {
  const started = (name: string, args: string[]): Side => ({
    name,
    run() {
      const start = performance.now();
      execFileSync(process.execPath, args, { stdio: 'ignore' });
      return performance.now() - start;
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
