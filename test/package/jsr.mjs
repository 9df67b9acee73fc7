/** JSR publishes the sources: its tool says what it would publish, and Deno checks their types. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ENTRIES, FOLDER, PACKAGE, ROOT, report, run } from './project.mjs';
import { installed } from './runtimes.mjs';

export function toJsr() {
  const { version, license, exports } = JSON.parse(readFileSync(join(ROOT, 'jsr.json'), 'utf8'));
  const names = Object.keys(exports).map(name => join('rfc2228', name));
  const isSame = isDeepStrictEqual(
    [version, license, names.sort()],
    [PACKAGE.version, PACKAGE.license, ENTRIES.sort()],
  );
  report('jsr.json says what package.json says', isSame);
  // Deno finds the dependencies in the clone, and takes imports of `.js` for the sources `.ts`, as it does when JSR publishes.
  const options = ['--dry-run', '--allow-dirty', '--sloppy-imports', '--quiet'];
  run(installed('deno', 'deno'), ['publish', ...options], {
    cwd: ROOT,
    env: { ...process.env, DENO_DIR: join(FOLDER, 'deno') },
  });
  report(`${names.length} entries for JSR, whose types Deno has checked`);
}
