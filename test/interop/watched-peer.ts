/** `peer.c` under the eyes of tools that see it read or write where it must not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilePeer, type Realm } from './realm.js';

const FLAGS = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];

/** With AddressSanitizer and UndefinedBehaviorSanitizer, which see of the libraries what goes through malloc, memcpy and the like. */
export function sanitized(realm: Realm): Realm {
  const program = join(realm.folder, 'peer-sanitized');
  compilePeer(realm, program, FLAGS);
  // The libraries keep what they have until they end, and leaks are no findings here.
  const environment = { ...realm.environment, ASAN_OPTIONS: 'detect_leaks=0' };
  return { ...realm, program, environment };
}

/**
 * Under Valgrind: a tenth as fast, but it sees every access of the libraries, too. The first that is wrong ends the process.
 * @param showsKnown  even those that `heimdal.supp` has, which end nothing otherwise
 */
export function memchecked(realm: Realm, showsKnown = false): Realm {
  const program = join(realm.folder, `peer-memcheck${showsKnown ? '-all' : ''}`);
  const known = `--suppressions='${fileURLToPath(new URL('heimdal.supp', import.meta.url))}'`;
  const options = ['-q', '--exit-on-first-error=yes', '--error-exitcode=99', ...(showsKnown ? [] : [known])];
  writeFileSync(program, `#!/bin/sh\nexec valgrind ${options.join(' ')} '${realm.program}' "$@"\n`, { mode: 0o755 });
  return { ...realm, program };
}
