/** Installs the grid programs before the tests. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function setup(): void {
  execFileSync(fileURLToPath(new URL('install-gsi.sh', import.meta.url)), { stdio: 'inherit' });
}
