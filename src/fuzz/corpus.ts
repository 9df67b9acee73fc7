/** Seed files for fuzzers without knowledge of FTP: the octets of every case, and an index with the keys. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { BlockCiphers } from '../block-cipher.js';
import { concatAll, toHex } from '../bytes.js';
import { type FuzzCase, fuzzCases, ruleOf } from './cases.js';
import type { Reference } from './mechanisms/mechanism.js';
import { LAYERS, type Script } from './mutation.js';
import { referenceChunks, references } from './perform.js';

/** Options of {@link corpusFiles}. */
export interface CorpusOptions {
  /** The same seed gives the same corpus. Default 2228. */
  seed?: number;
  /** With DES, tokens of RFC 1964 with DES and KERBEROS_V4 are included; AES, RC4 and X-PSK need no ciphers. */
  ciphers?: BlockCiphers;
  /** Cases with more octets are left out. Default 65536: other fuzzers are slow with long inputs. */
  maxOctets?: number;
}

/** A seed file. */
export interface CorpusFile {
  /** The reader of the input: each has a folder, so that a fuzzer gets only one kind of input. */
  folder: 'client' | 'server' | 'data' | 'client-exchange' | 'server-exchange';
  /** The first 20 hex digits of the SHA-256 of the octets, so that equal cases give one file. */
  name: string;
  octets: Uint8Array;
  /** The first case with these octets. `start` is the point that a session must reach before a line out of order. */
  about: { keys: string; case: FuzzCase; start?: Script['start'] };
}

/** The whole corpus, file by file. */
export function* corpusFiles({ seed = 2228, ciphers, maxOctets = 0x10000 }: CorpusOptions = {}): Generator<CorpusFile> {
  const written = new Set<string>();
  for (const reference of references(seed, ciphers)) {
    for (const one of casesFor(reference, seed)) {
      const chunks = referenceChunks(one, reference);
      if (chunks === undefined) continue;
      const octets = concatAll(chunks);
      if (octets.length > maxOctets) continue;
      const folder = folderOf(one);
      const name = toHex(sha256(octets)).slice(0, 20);
      if (written.has(`${folder}/${name}`)) continue;
      written.add(`${folder}/${name}`);
      const script = ruleOf(one)?.script;
      yield {
        folder,
        name,
        octets,
        about: { keys: reference.name, case: one, ...(script && { start: script.start }) },
      };
    }
  }
}

function* casesFor({ exchange, session }: Reference, seed: number): Generator<FuzzCase> {
  if (exchange?.isKeyless) return;
  const layers = LAYERS.filter(layer => (layer === 'exchange') === (session === undefined));
  // On a data connection, a server reads the same octets as a client, so one of them is enough.
  for (const one of fuzzCases({ seed, layers })) if (one.layer !== 'data' || one.to === 'client') yield one;
}

function folderOf({ layer, to }: FuzzCase): CorpusFile['folder'] {
  if (layer === 'exchange') return `${to}-exchange`;
  return layer === 'data' ? 'data' : to;
}
