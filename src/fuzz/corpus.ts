/** Seeds for fuzzers that know nothing of FTP: the octets of every case, under keys that are written beside them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatAll, toHex } from '../bytes.js';
import { formatReply } from '../ftp/reply.js';
import type { BlockCiphers } from '../mechanisms/block-cipher.js';
import { enctypeOf } from '../mechanisms/krb5/crypto/enctypes.js';
import type { Peer } from '../secure/security-context.js';
import { formatAuth } from '../secure/security-data.js';
import { type MessageCase, messageCases, perform } from './cases.js';
import { octetsFrom } from './draw.js';
import { type ExchangeCase, exchangeCases, performExchange } from './exchange/cases.js';
import { lineOf } from './exchange/mutation.js';
import { type SampleExchange, sampleExchanges } from './exchange/sample.js';
import { krb4FuzzSession } from './mechanisms/krb4.js';
import { krb5FuzzSession } from './mechanisms/krb5.js';
import { pskFuzzSession } from './mechanisms/psk.js';
import type { FuzzSession } from './mutation.js';
import { SCRIPTS, type ScriptCase, scriptOctets } from './phases.js';
import { performTransfer, type TransferCase, transferCases } from './transfers.js';

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
  about: { keys: string; case: CorpusCase };
}

type CorpusCase = MessageCase | ScriptCase | TransferCase | ExchangeCase;

interface Keys {
  name: string;
  /** The format of their tokens: cases that forge another say nothing. */
  forges: string;
  session(to: Peer): FuzzSession;
}

/** 1, 2, 3 and so on: nobody takes these for keys. */
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i + 1);

const CLIENT = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
const SERVER = { address: Uint8Array.of(198, 51, 100, 20), port: 21 };
/** Of every message of KERBEROS_V4, in seconds since 1970. */
const KRB4_TIME = 1_795_342_788;

/** Every session of the corpus has one of these keys; both sides start at number 0. */
function corpusKeys(seed: number, ciphers: BlockCiphers = {}): Keys[] {
  const role = (to: Peer) => (to === 'client' ? 'acceptor' : 'initiator');
  const kerberos = (enctype: number, length: number): Keys => ({
    name: `GSSAPI, enctype ${enctype}, acceptor's subkey ${toHex(counting(length))}`,
    forges: enctypeOf(enctype)!.tokens,
    session: to =>
      krb5FuzzSession({
        role: role(to),
        enctype,
        key: counting(length),
        acceptorSubkey: true,
        sendSequence: 0,
        receiveSequence: 0,
        allowWeak: true,
        ciphers,
        random: octetsFrom(seed),
      }),
  });
  const psk: Keys = {
    name: `X-PSK, key ${toHex(counting(32))}, nonces ${toHex(counting(64))}`,
    forges: 'psk',
    session: to => pskFuzzSession({ role: role(to), key: counting(32), nonces: counting(64) }),
  };
  const krb4: Keys = {
    name: `KERBEROS_V4, key ${toHex(counting(8))}, client 192.0.2.1:40000, server 198.51.100.20:21, time ${KRB4_TIME}`,
    forges: 'krb4',
    session: to => {
      const [local, peer] = to === 'client' ? [SERVER, CLIENT] : [CLIENT, SERVER];
      return krb4FuzzSession({
        key: counting(8),
        ciphers,
        local,
        peer,
        clock: () => KRB4_TIME * 1000,
        allowWeak: true,
      });
    },
  };
  return [kerberos(18, 32), kerberos(23, 16), psk, ...(ciphers.des ? [kerberos(3, 8), krb4] : [])];
}

/** The whole corpus, file by file. */
export function* corpusFiles({ seed = 2228, ciphers, maxOctets = 0x10000 }: CorpusOptions = {}): Generator<CorpusFile> {
  const written = new Set<string>();
  const sources: [keys: string, files: Iterable<Entry>][] = [
    ...corpusKeys(seed, ciphers).map((keys): [string, Iterable<Entry>] => [keys.name, octetsOf(keys, seed)]),
    ...sampleExchanges(seed).map((sample): [string, Iterable<Entry>] => [sample.name, linesOf(sample, seed)]),
  ];
  for (const [keys, files] of sources) {
    for (const [folder, one, octets] of files) {
      if (octets.length > maxOctets) continue;
      const name = toHex(sha256(octets)).slice(0, 20);
      if (written.has(`${folder}/${name}`)) continue;
      written.add(`${folder}/${name}`);
      yield { folder, name, octets, about: { keys, case: one } };
    }
  }
}

type Entry = [CorpusFile['folder'], CorpusCase, Uint8Array];

/** What one side says from AUTH on, as far as the bent line. */
function* linesOf({ mechanism, turns }: SampleExchange, seed: number): Generator<Entry> {
  for (const to of ['server', 'client'] as const) {
    const first = to === 'server' ? formatAuth(mechanism) : formatReply(334, 'Security data, please');
    const sound = turns(to);
    for (const one of exchangeCases({ seed, to })) {
      for (const [at, turn] of sound.entries()) {
        const bent = performExchange(one, turn);
        if (bent === undefined) continue;
        const before = sound.slice(0, at).map(it => lineOf(it));
        yield [`${to}-exchange`, one, concatAll([first, ...before, bent])];
      }
    }
  }
}

function* octetsOf({ forges, session }: Keys, seed: number): Generator<Entry> {
  for (const one of messageCases({ seed })) {
    if ((one.forges ?? forges) !== forges) continue;
    const played = perform(one, session(one.to));
    if (played !== undefined) yield [one.to, one, concatAll([...played.before, ...played.chunks])];
  }
  for (const one of SCRIPTS) {
    const { context } = session(one.to);
    const before = one.to === 'server' ? one.before : [];
    const lines = [...before, one.line].map(line => scriptOctets(line, one.to, context));
    if (lines.every(line => line !== undefined)) yield [one.to, one, concatAll(lines)];
  }
  for (const one of transferCases({ seed, to: 'client' })) {
    const chunks = performTransfer(one, session('client'));
    if (chunks !== undefined) yield ['data', one, concatAll(chunks)];
  }
}
