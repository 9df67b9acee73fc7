/**
 * TLS cipher suites by their registered numbers (IANA, TLS Cipher Suites). The name of a suite determines its key
 * exchange and its protection, so the table has only names. It has the suites with AES, ChaCha20 or no encryption.
 */
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';

export type CipherKind = 'NULL' | 'CBC' | 'GCM' | 'CCM' | 'POLY1305';

export interface Suite {
  number: number;
  name: string;
  /** `RSA`, `DHE_RSA`, …; absent in TLS 1.3, whose suites do not determine it. */
  keyExchange?: string;
  kind: CipherKind;
  /** In octets; 0 without encryption. */
  keyLength: number;
  /** In octets; only with an AEAD cipher. */
  tagLength: number;
  /** Hash of the HMAC of each record; absent with an AEAD cipher. */
  mac?: CHash;
  /** Hash of the key derivation since TLS 1.2 (RFC 5246 §5, RFC 8446 §7.1). */
  prf: CHash;
}

const NAMES: Readonly<Record<number, string>> = {
  1: 'TLS_RSA_WITH_NULL_MD5',
  2: 'TLS_RSA_WITH_NULL_SHA',
  47: 'TLS_RSA_WITH_AES_128_CBC_SHA',
  50: 'TLS_DHE_DSS_WITH_AES_128_CBC_SHA',
  51: 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA',
  52: 'TLS_DH_anon_WITH_AES_128_CBC_SHA',
  53: 'TLS_RSA_WITH_AES_256_CBC_SHA',
  56: 'TLS_DHE_DSS_WITH_AES_256_CBC_SHA',
  57: 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA',
  58: 'TLS_DH_anon_WITH_AES_256_CBC_SHA',
  59: 'TLS_RSA_WITH_NULL_SHA256',
  60: 'TLS_RSA_WITH_AES_128_CBC_SHA256',
  61: 'TLS_RSA_WITH_AES_256_CBC_SHA256',
  64: 'TLS_DHE_DSS_WITH_AES_128_CBC_SHA256',
  103: 'TLS_DHE_RSA_WITH_AES_128_CBC_SHA256',
  106: 'TLS_DHE_DSS_WITH_AES_256_CBC_SHA256',
  107: 'TLS_DHE_RSA_WITH_AES_256_CBC_SHA256',
  108: 'TLS_DH_anon_WITH_AES_128_CBC_SHA256',
  109: 'TLS_DH_anon_WITH_AES_256_CBC_SHA256',
  156: 'TLS_RSA_WITH_AES_128_GCM_SHA256',
  157: 'TLS_RSA_WITH_AES_256_GCM_SHA384',
  158: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256',
  159: 'TLS_DHE_RSA_WITH_AES_256_GCM_SHA384',
  162: 'TLS_DHE_DSS_WITH_AES_128_GCM_SHA256',
  163: 'TLS_DHE_DSS_WITH_AES_256_GCM_SHA384',
  166: 'TLS_DH_anon_WITH_AES_128_GCM_SHA256',
  167: 'TLS_DH_anon_WITH_AES_256_GCM_SHA384',
  4865: 'TLS_AES_128_GCM_SHA256',
  4866: 'TLS_AES_256_GCM_SHA384',
  4867: 'TLS_CHACHA20_POLY1305_SHA256',
  4868: 'TLS_AES_128_CCM_SHA256',
  4869: 'TLS_AES_128_CCM_8_SHA256',
  49158: 'TLS_ECDHE_ECDSA_WITH_NULL_SHA',
  49161: 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
  49162: 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  49168: 'TLS_ECDHE_RSA_WITH_NULL_SHA',
  49171: 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
  49172: 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
  49173: 'TLS_ECDH_anon_WITH_NULL_SHA',
  49176: 'TLS_ECDH_anon_WITH_AES_128_CBC_SHA',
  49177: 'TLS_ECDH_anon_WITH_AES_256_CBC_SHA',
  49187: 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
  49188: 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384',
  49191: 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256',
  49192: 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384',
  49195: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  49196: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  49199: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  49200: 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  49308: 'TLS_RSA_WITH_AES_128_CCM',
  49309: 'TLS_RSA_WITH_AES_256_CCM',
  49310: 'TLS_DHE_RSA_WITH_AES_128_CCM',
  49311: 'TLS_DHE_RSA_WITH_AES_256_CCM',
  49312: 'TLS_RSA_WITH_AES_128_CCM_8',
  49313: 'TLS_RSA_WITH_AES_256_CCM_8',
  49314: 'TLS_DHE_RSA_WITH_AES_128_CCM_8',
  49315: 'TLS_DHE_RSA_WITH_AES_256_CCM_8',
  49324: 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM',
  49325: 'TLS_ECDHE_ECDSA_WITH_AES_256_CCM',
  49326: 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
  49327: 'TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8',
  52392: 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  52393: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  52394: 'TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
};

const FORM =
  /^TLS_(?:(\w+)_WITH_)?(?:AES_(128|256)_|CHACHA20_)?(NULL|CBC|GCM|CCM|POLY1305)(_8)?(?:_(MD5|SHA|SHA256|SHA384))?$/;
const HASHES: Readonly<Record<string, CHash>> = { MD5: md5, SHA: sha1, SHA256: sha256, SHA384: sha384 };

export const SUITES: readonly Suite[] = Object.entries(NAMES).map(([number, name]) => suiteOf(Number(number), name));

const BY_NUMBER = new Map(SUITES.map(suite => [suite.number, suite]));

/** The suite with a registered number; undefined if it is not in the table. */
export function suiteByNumber(number: number): Suite | undefined {
  return BY_NUMBER.get(number);
}

/** The registered name, or else the number as `0x1234`. */
export function suiteName(number: number): string {
  return NAMES[number] ?? `0x${number.toString(16).padStart(4, '0')}`;
}

function suiteOf(number: number, name: string): Suite {
  const [, keyExchange, aesBits, mode, isShort, hash = 'SHA256'] = FORM.exec(name)!;
  const kind = mode as CipherKind;
  const hasMac = kind === 'NULL' || kind === 'CBC';
  return {
    number,
    name,
    ...(keyExchange !== undefined && { keyExchange }),
    kind,
    keyLength: kind === 'NULL' ? 0 : kind === 'POLY1305' ? 32 : Number(aesBits) / 8,
    tagLength: hasMac ? 0 : isShort === undefined ? 16 : 8,
    ...(hasMac && { mac: HASHES[hash]! }),
    prf: hash === 'SHA384' ? sha384 : sha256,
  };
}
