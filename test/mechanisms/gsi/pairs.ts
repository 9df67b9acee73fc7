/** Both sides' contexts over made-up secrets, for every suite and version that has it. */
import type { ConformancePair, ConformanceSubject } from '../../../src/mechanisms/conformance.js';
import { RecordContext, type RecordContextOptions } from '../../../src/mechanisms/gsi/context.js';
import { TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 } from '../../../src/mechanisms/gsi/tls/key-schedule.js';
import { type Direction, directionOf13, directionsOf } from '../../../src/mechanisms/gsi/tls/records.js';
import { SUITES, type Suite } from '../../../src/mechanisms/gsi/tls/suites.js';

export interface Protocol {
  name: string;
  version: number;
  suite: Suite;
  encryptThenMac: boolean;
}

const VERSIONS: readonly [name: string, version: number][] = [
  ['TLS 1.0', TLS_1_0],
  ['TLS 1.1', TLS_1_1],
  ['TLS 1.2', TLS_1_2],
  ['TLS 1.3', TLS_1_3],
];

/** One of each kind of protection: suites that differ in their key exchange alone protect alike. */
export const PROTOCOLS: readonly Protocol[] = VERSIONS.flatMap(([name, version]) =>
  protections(version).flatMap(suite => {
    const one = (encryptThenMac: boolean): Protocol => ({
      name: `${name} ${suite.name}${encryptThenMac ? ', encrypt-then-MAC' : ''}`,
      version,
      suite,
      encryptThenMac,
    });
    return suite.kind === 'CBC' ? [one(false), one(true)] : [one(false)];
  }),
);

function protections(version: number): Suite[] {
  const seen = new Set<string>();
  return SUITES.filter(suite => {
    if ((version === TLS_1_3) !== (suite.keyExchange === undefined)) return false;
    if (version < TLS_1_2 && (suite.mac === undefined || suite.mac.outputLen > 20)) return false;
    const kind = [suite.kind, suite.keyLength, suite.tagLength, suite.mac?.outputLen, suite.prf.outputLen].join();
    if (seen.has(kind)) return false;
    seen.add(kind);
    return true;
  });
}

let made = 0;

interface Directions {
  client: Direction;
  server: Direction;
}

/** New keys each time. */
export function directionsFor({ version, suite, encryptThenMac }: Protocol): Directions {
  made++;
  const octets = (length: number, seed: number) =>
    Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + made * 13 + (made >> 8)) & 0xff);
  if (version === TLS_1_3) {
    const secret = (seed: number) => octets(suite.prf.outputLen, seed);
    return { client: directionOf13(suite, secret(1)), server: directionOf13(suite, secret(2)) };
  }
  return directionsOf({
    version,
    suite,
    encryptThenMac,
    secret: octets(48, 3),
    clientRandom: octets(32, 4),
    serverRandom: octets(32, 5),
  });
}

/** The same keys for both sides, each with its own copy. */
export function directionsForBoth(protocol: Protocol): [ours: Directions, theirs: Directions] {
  const ours = directionsFor(protocol);
  made--;
  return [ours, directionsFor(protocol)];
}

export function pairOf(protocol: Protocol, options: Partial<RecordContextOptions> = {}): ConformancePair {
  const [ours, theirs] = directionsForBoth(protocol);
  return {
    initiator: new RecordContext({ ...options, send: ours.client, receive: ours.server }),
    acceptor: new RecordContext({ ...options, send: theirs.server, receive: theirs.client }),
  };
}

export function subjectOf(protocol: Protocol): ConformanceSubject {
  return {
    contexts: () => pairOf(protocol),
    levels: protocol.suite.kind === 'NULL' ? ['safe'] : ['safe', 'private'],
    numbering: 'in-order',
  };
}

export function protocolOf(version: number, suite: string, encryptThenMac = false): Protocol {
  return PROTOCOLS.find(
    it => it.version === version && it.suite.name === suite && it.encryptThenMac === encryptThenMac,
  )!;
}
