/** gss_unwrap of MIT krb5 and of Heimdal, with every encryption type: what it takes that it must refuse. */
import { describe, expect, inject, test } from 'vitest';
import { SECONDS, SEED } from './fuzz-command.js';
import { report } from './library-run.js';
import { enctypesOf, type Library } from './realm.js';
import { fuzzUnwrap, type Unwrapped } from './unwrap-fuzz.js';
import { memchecked, sanitized } from './watched-peer.js';

/** RC4, DES3 and DES: tokens of RFC 1964. */
const FRAMED = [23, 16, 3, 1];

describe.each(['mit', 'heimdal'] as const)('gss_unwrap of %s', library => {
  const enctypes = enctypesOf(library);
  const seconds = SECONDS / enctypes.length;

  test.each(enctypes)('enctype %i', async enctype => {
    const run = await fuzzUnwrap(sanitized(inject(library)), enctype, seconds, SEED);
    const found = expectKnown(`unwrap ${library}-${enctype}`, run, knownOf(library, enctype));
    for (const key of knownOf(library, enctype).filter(key => MUST_BE_FOUND.test(key))) expect(found).toContain(key);
  });

  test.each(enctypes)('enctype %i, every access checked', async enctype => {
    const run = await fuzzUnwrap(memchecked(inject(library)), enctype, seconds / 2, SEED + 1);
    expectKnown(`unwrap ${library}-${enctype} under memcheck`, run, knownOf(library, enctype));
  });
});

/** @returns what was found */
function expectKnown(target: string, run: Unwrapped, known: readonly string[]): string[] {
  const found = report(target, run);
  expect(found.filter(key => !known.includes(key))).toEqual([]);
  return found;
}

const REPLAYS = [
  'replay accepted: sequence: a message comes again',
  'replay accepted: sequence: a message comes again, after many others',
  'replay accepted: sequence: a used number around a new text',
];
/** Nothing covers these octets: `unprotected` in vectors/deviations.json. */
const NUMBER = 'altered token accepted: safe token, the number in SND_SEQ (octets 8 to 11 behind the frame)';
const ROTATION = ['safe', 'private'].map(level => `altered token accepted: ${level} token, its RRC (octets 6 and 7)`);
const SEALED_RRC = 'malformed token accepted: token: RRC is sealed as it was sent';
const FRAME = 'malformed token accepted: token: the frame of RFC 2743 around it';
/** Of RFC 1964's tokens: neither library looks at all of the padding, and MIT's not at the octets before it. */
const PADDING = [
  'malformed token accepted: token: padding that counts nothing',
  'malformed token accepted: token: padding that counts more than a block',
  'malformed token accepted: token: padding that is not its own count',
];
const HEADERS = [
  'malformed token accepted: token: the id of a GetMIC token',
  'malformed token accepted: token: the id of a context deletion token',
  'malformed token accepted: token: the id of an AP-REQ',
  'malformed token accepted: token: no frame',
];

/** What the libraries are known to take, all of it with the right key, or with the text that was protected. */
function knownOf(library: Library, enctype: number): string[] {
  const isMit = library === 'mit';
  const replays = isMit || enctype === 23 ? REPLAYS : [];
  if (!FRAMED.includes(enctype)) return [...replays, ...ROTATION, SEALED_RRC, ...(isMit ? [FRAME] : [])];
  return [...replays, ...PADDING, ...(isMit ? HEADERS : []), ...(enctype === 23 ? [NUMBER] : [])];
}

/** The simplest replay, and what a run of any length meets. */
const MUST_BE_FOUND = /SND_SEQ|a message comes again$|RFC 2743/;
