/** Keys of TLS: the PRF up to version 1.2 (RFC 2246 §5, RFC 5246 §5), and HKDF in version 1.3 (RFC 8446 §7). */
import { expand } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { md5, sha1 } from '@noble/hashes/legacy.js';
import type { CHash } from '@noble/hashes/utils.js';
import { concat, concatAll, toUtf8, u16be } from '../../../bytes.js';
import type { Suite } from './suites.js';

/** Version numbers as in the protocol. */
export const TLS_1_0 = 0x0301;
export const TLS_1_1 = 0x0302;
export const TLS_1_2 = 0x0303;
export const TLS_1_3 = 0x0304;

/** The name of a version, such as `TLS 1.3`. */
export function tlsName(version: number): string {
  return `TLS 1.${(version & 0xff) - 1}`;
}

/** The input from which the keys of both directions are derived, up to TLS 1.2. */
export interface MasterSecret {
  version: number;
  suite: Suite;
  /** 48 octets. */
  secret: Uint8Array;
  clientRandom: Uint8Array;
  serverRandom: Uint8Array;
  /** RFC 7366: the MAC of a CBC suite covers the encrypted record. */
  encryptThenMac: boolean;
}

/** Keys of one direction. */
export interface RecordKeys {
  key: Uint8Array;
  /** The fixed part of the nonce; in TLS 1.0 the first initialisation vector. */
  iv: Uint8Array;
  /** The key of the HMAC; not used with an AEAD cipher. */
  mac: Uint8Array;
}

/** The PRF of a version. Returns `length` octets. */
export function prf(
  { version, suite }: Pick<MasterSecret, 'version' | 'suite'>,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const labelled = concat(toUtf8(label), seed);
  if (version >= TLS_1_2) return expandHmac(suite.prf, secret, labelled, length);
  // If the length of the secret is odd, both halves contain its middle octet.
  const half = Math.ceil(secret.length / 2);
  const first = expandHmac(md5, secret.subarray(0, half), labelled, length);
  const second = expandHmac(sha1, secret.subarray(secret.length - half), labelled, length);
  for (let i = 0; i < length; i++) first[i]! ^= second[i]!;
  second.fill(0);
  return first;
}

/** P_hash (RFC 5246 §5). */
function expandHmac(hash: CHash, secret: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  let a = seed;
  for (let made = 0; made < length; made += hash.outputLen) {
    a = hmac(hash, secret, a);
    const input = concat(a, seed);
    blocks.push(hmac(hash, secret, input));
    input.fill(0);
  }
  const output = concatAll(blocks);
  const result = output.slice(0, length);
  for (const octets of [...blocks, output]) octets.fill(0);
  return result;
}

/**
 * The master secret (RFC 5246 §8.1), or the extended one (RFC 7627 §4).
 * @param sessionHash  the hash of the handshake up to ClientKeyExchange, if both sides have agreed on the extended
 *   secret
 */
export function masterSecret(
  agreed: Omit<MasterSecret, 'secret' | 'encryptThenMac'>,
  premaster: Uint8Array,
  sessionHash: Uint8Array | undefined,
): Uint8Array {
  const { clientRandom, serverRandom } = agreed;
  return sessionHash === undefined
    ? prf(agreed, premaster, 'master secret', concat(clientRandom, serverRandom), 48)
    : prf(agreed, premaster, 'extended master secret', sessionHash, 48);
}

/** The hash of a handshake for Finished and the extended master secret. */
export function transcriptHash(
  { version, suite }: Pick<MasterSecret, 'version' | 'suite'>,
  messages: readonly Uint8Array[],
): Uint8Array {
  const octets = concatAll(messages);
  return version >= TLS_1_2 ? suite.prf(octets) : concat(md5(octets), sha1(octets));
}

/** The key block (RFC 5246 §6.3), split into the keys of both directions. */
export function recordKeys(master: MasterSecret): { client: RecordKeys; server: RecordKeys } {
  const { version, suite, secret, clientRandom, serverRandom } = master;
  const sizes = [suite.mac?.outputLen ?? 0, suite.keyLength, fixedIvLength(version, suite)];
  const total = 2 * sizes.reduce((sum, size) => sum + size, 0);
  const block = prf(master, secret, 'key expansion', concat(serverRandom, clientRandom), total);
  let at = 0;
  const [clientMac, serverMac, clientKey, serverKey, clientIv, serverIv] = sizes.flatMap(size =>
    [0, 1].map(() => {
      at += size;
      return block.slice(at - size, at);
    }),
  );
  block.fill(0);
  return {
    client: { mac: clientMac!, key: clientKey!, iv: clientIv! },
    server: { mac: serverMac!, key: serverKey!, iv: serverIv! },
  };
}

function fixedIvLength(version: number, { kind }: Suite): number {
  if (kind === 'CBC') return version === TLS_1_0 ? 16 : 0;
  return { NULL: 0, GCM: 4, CCM: 4, POLY1305: 12 }[kind];
}

/** verify_data of Finished up to TLS 1.2 (RFC 5246 §7.4.9). */
export function finishedData(
  master: MasterSecret,
  from: 'client' | 'server',
  messages: readonly Uint8Array[],
): Uint8Array {
  return prf(master, master.secret, `${from} finished`, transcriptHash(master, messages), 12);
}

/** HKDF-Expand-Label (RFC 8446 §7.1). */
export function expandLabel(
  hash: CHash,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const name = toUtf8(`tls13 ${label}`);
  const info = concat(u16be(length), Uint8Array.of(name.length), name, Uint8Array.of(context.length), context);
  return expand(hash, secret, info, length);
}

/** Keys of a traffic secret of TLS 1.3 (RFC 8446 §7.3). */
export function trafficKeys({ prf: hash, keyLength }: Suite, secret: Uint8Array): RecordKeys {
  return {
    key: expandLabel(hash, secret, 'key', NOTHING, keyLength),
    iv: expandLabel(hash, secret, 'iv', NOTHING, 12),
    mac: NOTHING,
  };
}

/** The traffic secret after KeyUpdate (RFC 8446 §7.2). */
export function nextTrafficSecret({ prf: hash }: Suite, secret: Uint8Array): Uint8Array {
  return expandLabel(hash, secret, 'traffic upd', NOTHING, hash.outputLen);
}

/** verify_data of Finished in TLS 1.3 (RFC 8446 §4.4.4). */
export function finishedData13({ prf: hash }: Suite, secret: Uint8Array, messages: readonly Uint8Array[]): Uint8Array {
  const key = expandLabel(hash, secret, 'finished', NOTHING, hash.outputLen);
  const data = hmac(hash, key, hash(concatAll(messages)));
  key.fill(0);
  return data;
}

/** Exports `length` octets of keying material under a label, without a context. */
export type Exporter = (label: string, length: number) => Uint8Array;

/** The exporter up to TLS 1.2 (RFC 5705 §4). */
export function exporterOf(master: MasterSecret): Exporter {
  const randoms = concat(master.clientRandom, master.serverRandom);
  return (label, length) => prf(master, master.secret, label, randoms, length);
}

/** The exporter of TLS 1.3 (RFC 8446 §7.5). */
export function exporterOf13({ prf: hash }: Suite, secret: Uint8Array): Exporter {
  const empty = hash(NOTHING);
  return (label, length) => {
    const derived = expandLabel(hash, secret, label, empty, hash.outputLen);
    const exported = expandLabel(hash, derived, 'exporter', empty, length);
    derived.fill(0);
    return exported;
  };
}

const NOTHING = new Uint8Array();
