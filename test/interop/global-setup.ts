/** Both realms run while the tests do. They live in a temporary folder, which goes with them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { type Realm, startRealm } from './realm.js';

declare module 'vitest' {
  interface ProvidedContext {
    mit: Realm;
    heimdal: Realm;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const script = fileURLToPath(new URL('install.sh', import.meta.url));
  const packages = execFileSync(script, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-realms-'));
  const stops: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })];
  const teardown = () => stops.reverse().forEach(stop => void stop());
  try {
    for (const library of ['mit', 'heimdal'] as const) {
      const [realm, stop] = await startRealm(library, packages, join(folder, library));
      stops.push(stop);
      project.provide(library, realm);
    }
  } catch (error) {
    teardown();
    throw error;
  }
  return teardown;
}
