/** Seeds for fuzzers that know nothing of FTP: the octets of every case, under keys that are written beside them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatAll, toHex } from '../bytes.js';
import type { BlockCiphers } from '../mechanisms/block-cipher.js';
import { messageCases } from './cases.js';
import { exchangeCases } from './exchange/cases.js';
import { SCRIPTS } from './phases.js';
import { type AnyCase, type Reference, referenceChunks, references } from './reference.js';
import { transferCases } from './transfers.js';

export interface CorpusOptions {
  /** The same seed gives the same corpus. Default 2228. */
  seed?: number;
  /** With DES lent, its tokens of RFC 1964 and KERBEROS_V4 are there too; AES, RC4 and X-PSK need nothing. */
  ciphers?: BlockCiphers;
  /** Cases with more octets are left out. Default 65536: other fuzzers go slowly with long inputs. */
  maxOctets?: number;
}

export interface CorpusFile {
  /** Who reads it: a folder for each, so that each fuzzer gets one kind of input. */
  folder: 'client' | 'server' | 'data' | 'client-exchange' | 'server-exchange';
  /** SHA-256 of the octets in hex, its first 20 digits: a case that comes twice is one file. */
  name: string;
  octets: Uint8Array;
  /** Of the first case that came to these octets. */
  about: { keys: string; case: AnyCase };
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
      yield { folder, name, octets, about: { keys: reference.name, case: one } };
    }
  }
}

function* casesFor({ mechanism, session }: Reference, seed: number): Generator<AnyCase> {
  if (session === undefined) {
    // Without its key an exchange of KERBEROS_V4 leads nowhere.
    if (mechanism !== 'krb4') yield* exchangeCases({ seed });
    return;
  }
  yield* messageCases({ seed });
  yield* SCRIPTS;
  yield* transferCases({ seed, to: 'client' });
}

function folderOf({ layer, to }: AnyCase): CorpusFile['folder'] {
  if (layer === 'exchange') return `${to}-exchange`;
  return layer === 'data' ? 'data' : to;
}
