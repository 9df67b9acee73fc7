/** The exchange of MIT krb5 and of Heimdal, both sides, with every encryption type: what they take that they must refuse. */
import { describe, expect, inject, test } from 'vitest';
import { type Exchanged, fuzzExchanges } from './exchange-fuzz.js';
import { SECONDS, SEED } from './fuzz-command.js';
import { report } from './library-run.js';
import { enctypesOf, type Library } from './realm.js';
import { memchecked, sanitized } from './watched-peer.js';

describe.each(['mit', 'heimdal'] as const)('the exchange of %s', library => {
  const enctypes = enctypesOf(library);
  const seconds = SECONDS / enctypes.length;

  test.each(enctypes)('enctype %i', async enctype => {
    const run = await fuzzExchanges(sanitized(inject(library)), enctype, seconds, SEED);
    const found = expectKnown(library, `exchange ${library}-${enctype}`, run);
    for (const key of KNOWN[library].filter(it => MUST_BE_FOUND.test(it))) expect(found).toContain(key);
  });

  test.each(enctypes)('enctype %i, every access checked', async enctype => {
    const run = await fuzzExchanges(memchecked(inject(library)), enctype, seconds / 2, SEED + 1);
    expectKnown(library, `exchange ${library}-${enctype} under memcheck`, run);
  });
});

test('heimdal: what only checking every access has shown', async () => {
  const names = ['a realm of 32 KiB', 'the token is cut'];
  const run = await fuzzExchanges(memchecked(inject('heimdal'), true), 18, 20, SEED, names);
  report('exchange heimdal-18, nothing suppressed', run);
  const crashes = [...run.found.values()].filter(({ finding }) => finding === 'crashed');
  expect(crashes.map(({ name }) => name)).toEqual(names);
  for (const { outcome } of crashes) expect(outcome).toMatch(/depends on uninitialised value/);
});

/** @returns what was found */
function expectKnown(library: Library, target: string, run: Exchanged): string[] {
  const found = report(target, run);
  const isKnown = (key: string) => KNOWN[library].includes(key) || (library === 'heimdal' && LENGTHS.test(key));
  expect(found.filter(key => !isKnown(key))).toEqual([]);
  return found;
}

/**
 * What the libraries are known to take. Its sender has the session key nevertheless, but for Heimdal's replays, which
 * it never records.
 */
const KNOWN: Record<Library, readonly string[]> = {
  mit: [
    'malformed exchange accepted: the number of an AP-REP',
    'malformed exchange accepted: delegation without credentials',
    'malformed exchange accepted: unknown authorization data',
    'malformed exchange accepted: the number of an AP-REQ',
    "malformed exchange accepted: a sealed part under the client's subkey",
    'malformed exchange accepted: a subkey of another length',
    'malformed exchange accepted: AP-REQ: a number of 33 bits',
    'malformed exchange accepted: AP-REP: a number of 33 bits',
  ],
  heimdal: [
    'malformed exchange accepted: authenticator-vno 4',
    'malformed exchange accepted: delegation without credentials',
    'malformed exchange accepted: unknown authorization data',
    'replay accepted: an AP-REQ without mutual authentication comes again',
    'malformed exchange accepted: authenticator: no contents',
    'malformed exchange accepted: a subkey of an unknown enctype',
    'malformed exchange accepted: a subkey of another length',
  ],
};

/** Heimdal looks at few of the lengths behind the seal; which, depends on the enctype. */
const LENGTHS = /^malformed exchange accepted: (authenticator|what is sealed): a length/;

/** By the simplest case of each, which comes first. */
const MUST_BE_FOUND = /delegation|authorization data|replay/;
