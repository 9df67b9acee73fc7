/** `rfc2228 verify` beside tshark, which lists the connections and decrypts nothing. `npm run bench:verify` has larger captures. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Row, Side } from './measure.js';
import { ROOT } from './root.js';
import { processTime } from './rows-startup.js';
import { captures } from './verify/captures.js';
import { CaptureWriter } from './verify/generator.js';

const TSHARK = 'tshark';
const NAMES = [
  'download in the clear, 10 MB',
  'download at level private, 10 MB',
  '2000 control connections',
  '20000 control connections',
];

export function verifyRows(): Row[] {
  const hasTshark = spawnSync(TSHARK, ['--version']).status === 0;
  if (!hasTshark) console.error('tshark is left out: it is not installed (apt-get install tshark)');
  return captures(10, 20_000)
    .filter(({ name }) => NAMES.includes(name))
    .map(({ name, make }) => {
      let folder: string | undefined;
      const path = (file: string) => join(folder!, file);
      const ours: Side = {
        name: 'ours',
        async prepare() {
          if (folder !== undefined) return;
          folder = mkdtempSync(join(tmpdir(), 'rfc2228-bench-'));
          const writer = new CaptureWriter(path('capture'));
          await make(writer, path('keytab'));
          writer.close();
        },
        run() {
          const keys = name.includes('private') ? ['--keytab', path('keytab')] : [];
          return processTime(
            process.execPath,
            join(ROOT, 'dist/cli/main.js'),
            'verify',
            path('capture'),
            '--summary',
            ...keys,
          );
        },
        end: () => rmSync(folder!, { recursive: true }),
      };
      const tshark = {
        name: 'tshark',
        run: () => processTime(TSHARK, '-r', path('capture'), '-q', '-z', 'conv,tcp'),
      };
      return {
        name: `verify: ${name}`,
        count: 1,
        sides: hasTshark ? [ours, tshark] : [ours],
        // Of the smaller one, half of our time is spent before V8 has compiled what it runs.
        ...(name.startsWith('20000 ') && { goals: { tshark: 1.5 } }),
      };
    });
}
