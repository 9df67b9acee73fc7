/** Seeds for fuzzers that know nothing of FTP: the octets of every case, under keys that are written beside them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatAll, toHex } from '../bytes.js';
import type { BlockCiphers } from '../mechanisms/block-cipher.js';
import { type FuzzCase, fuzzCases, ruleOf } from './cases.js';
import type { Reference } from './mechanisms/mechanism.js';
import { LAYERS, type Script } from './mutation.js';
import { referenceChunks, references } from './reference.js';

/** Options of {@link corpusFiles}. */
export interface CorpusOptions {
  /** The same seed gives the same corpus. Default 2228. */
  seed?: number;
  /** With DES, its tokens of RFC 1964 and KERBEROS_V4 are there too; AES, RC4 and X-PSK need nothing. */
  ciphers?: BlockCiphers;
  /** Cases with more octets are left out. Default 65536: other fuzzers go slowly with long inputs. */
  maxOctets?: number;
}

/** A seed file. */
export interface CorpusFile {
  /** Who reads it: a folder for each, so that each fuzzer gets one kind of input. */
  folder: 'client' | 'server' | 'data' | 'client-exchange' | 'server-exchange';
  /** SHA-256 of the octets in hex, its first 20 digits: a case that comes twice is one file. */
  name: string;
  octets: Uint8Array;
  /** Of the first case that came to these octets; `start` is where a session must have come to before a line out of order. */
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
  // What a server reads on a data connection is the same as what a client does.
  for (const one of fuzzCases({ seed, layers })) if (one.layer !== 'data' || one.to === 'client') yield one;
}

function folderOf({ layer, to }: FuzzCase): CorpusFile['folder'] {
  if (layer === 'exchange') return `${to}-exchange`;
  return layer === 'data' ? 'data' : to;
}
