/** The exchange of MIT krb5 and of Heimdal, both sides, with every encryption type: what they take that they must refuse. */
import { describe, expect, inject, test } from 'vitest';
import { type Exchanged, fuzzExchanges } from './exchange-fuzz.js';
import { SECONDS, SEED } from './fuzz-command.js';
import { enctypesOf, type Library } from './realm.js';
import { sanitized } from './sanitized.js';

function tell(target: string, { tokens, refused, seconds, found }: Exchanged): void {
  console.info(`${target}: ${tokens} tokens, ${(tokens / seconds).toFixed(0)}/s, ${refused} refused`);
  for (const { finding, name, outcome } of found.values()) console.info(`  ${finding}  ${name}: ${outcome}`);
}

describe.each(['mit', 'heimdal'] as const)('the exchange of %s', library => {
  const enctypes = enctypesOf(library);
  test.each(enctypes)('enctype %i', async enctype => {
    const run = await fuzzExchanges(sanitized(inject(library)), enctype, SECONDS / enctypes.length, SEED);
    tell(`${library}-${enctype}`, run);
    const known = KNOWN[library];
    expect([...run.found.keys()].filter(key => !known.includes(key))).toEqual([]);
    for (const key of known.filter(it => MUST_BE_FOUND.test(it))) expect([...run.found.keys()]).toContain(key);
  });
});

/**
 * What the libraries are known to take. Whoever sends it has the session key all the same, but for Heimdal's replays, which
 * it never records.
 */
const KNOWN: Record<Library, readonly string[]> = {
  mit: [
    'malformed exchange accepted: the number of an AP-REP',
    'malformed exchange accepted: delegation without credentials',
    'malformed exchange accepted: authorization data that nobody knows',
    'malformed exchange accepted: the number of an AP-REQ',
    "malformed exchange accepted: a sealed part under the client's subkey",
    'malformed exchange accepted: a subkey of another length',
  ],
  heimdal: [
    'malformed exchange accepted: authenticator-vno 4',
    'malformed exchange accepted: delegation without credentials',
    'malformed exchange accepted: authorization data that nobody knows',
    'replay accepted: an AP-REQ without mutual authentication comes again',
    'malformed exchange accepted: authenticator: no contents',
    'malformed exchange accepted: authenticator: a length one too small',
    'malformed exchange accepted: a subkey of an enctype that nobody has',
    'malformed exchange accepted: a subkey of another length',
  ],
};

/** By the simplest case of each, which comes first. */
const MUST_BE_FOUND = /delegation|authorization data|replay/;
