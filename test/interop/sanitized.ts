/** `peer.c` with AddressSanitizer and UndefinedBehaviorSanitizer in it. */
import { join } from 'node:path';
import { compilePeer, type Realm } from './realm.js';

const FLAGS = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'];

export function sanitized(realm: Realm): Realm {
  const program = join(realm.folder, 'peer-sanitized');
  compilePeer(realm, program, FLAGS);
  // The libraries keep what they have until they end, and leaks are nobody's finding here.
  const environment = { ...realm.environment, ASAN_OPTIONS: 'detect_leaks=0' };
  return { ...realm, program, environment };
}
