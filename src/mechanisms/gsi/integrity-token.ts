/**
 * Integrity-only tokens, which Globus makes when a caller asks gss_wrap for quality of protection 1. They are not TLS
 * records, and have numbers of their own:
 *
 *     token      1a 03 00, length of the MIC (2 octets), MIC, text in the clear
 *     MIC        number from 0 (8 octets), length of the text (4 octets), checksum; all numbers are big-endian
 *     checksum   with GCM suites: GMAC of the text; its nonce is the number and 4 exported octets;
 *                with other suites: the suite's hash over key, padding, number, length, text; the padding is octets 36,
 *                as many as the largest multiple of the hash's length up to 48
 *     key        exported from TLS (RFC 5705, RFC 8446 §7.5) with the label EXPERIMENTAL-GSI-MAC-KEY; the 4 octets of
 *                the nonce with EXPERIMENTAL-GSI-MAC-IV-FIXED
 *
 * Both directions have the same key, so a token does not show which side made it. With GCM, two texts with the same number,
 * one from each side, reveal the key of all checksums. So these tokens are opened only in recordings, and refused elsewhere.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { concat, copy, equalConstantTime, viewOf } from '../../bytes.js';
import { badChecksum, badToken } from '../../errors.js';
import type { Exporter } from './tls/key-schedule.js';
import type { Suite } from './tls/suites.js';

export const INTEGRITY_TOKEN = 0x1a;

export interface IntegrityToken {
  sequence: bigint;
  /** A subarray of the token, not a copy. */
  mic: Uint8Array;
  checksum: Uint8Array;
  plaintext: Uint8Array;
}

export interface IntegrityKey {
  /** @throws FtpSecurityError `security/bad-checksum` */
  verify(token: IntegrityToken): void;
  destroy(): void;
}

const PREFIX = 5;
const COVERED = 12;

/** @throws FtpSecurityError `security/bad-token` */
export function parseIntegrityToken(token: Uint8Array): IntegrityToken {
  if (token.length < PREFIX + COVERED) throw badToken('GSI integrity token too short');
  const view = viewOf(token);
  if (token[0] !== INTEGRITY_TOKEN || token[1] !== 3 || token[2] !== 0) throw badToken('not a GSI integrity token');
  const micLength = view.getUint16(3);
  const textLength = view.getUint32(PREFIX + 8);
  if (micLength < COVERED || PREFIX + micLength + textLength !== token.length) {
    throw badToken('GSI integrity token with a wrong length', { offset: 3 });
  }
  const plaintext = copy(token, PREFIX + micLength);
  const mic = token.subarray(PREFIX, PREFIX + micLength);
  return { sequence: view.getBigUint64(PREFIX), mic, checksum: mic.subarray(COVERED), plaintext };
}

/** Returns undefined with ChaCha20-Poly1305 and CCM, for which Globus defines no such tokens. */
export function integrityKey(suite: Suite, exported: Exporter): IntegrityKey | undefined {
  if (suite.kind === 'GCM') return gmacKey(suite, exported);
  return suite.mac && prefixKey(suite.mac, exported);
}

function gmacKey({ keyLength }: Suite, exported: Exporter): IntegrityKey {
  const key = exported(KEY_LABEL, keyLength);
  const iv = exported(IV_LABEL, 12);
  return {
    verify: ({ mic, checksum, plaintext }) => {
      const nonce = concat(mic.subarray(0, 8), iv.subarray(0, 4));
      assertEqual(gcm(key, nonce, plaintext).encrypt(new Uint8Array()), checksum);
    },
    destroy: () => erase(key, iv),
  };
}

function prefixKey(hash: NonNullable<Suite['mac']>, exported: Exporter): IntegrityKey {
  const key = exported(KEY_LABEL, hash.outputLen);
  const pad = new Uint8Array(Math.floor(48 / hash.outputLen) * hash.outputLen).fill(0x36);
  return {
    verify: ({ mic, checksum, plaintext }) => {
      const input = concat(key, pad, mic.subarray(0, COVERED), plaintext);
      const computed = hash(input);
      input.fill(0);
      assertEqual(computed, checksum);
    },
    destroy: () => erase(key),
  };
}

function assertEqual(computed: Uint8Array, shown: Uint8Array): void {
  if (equalConstantTime(computed, shown)) return;
  throw badChecksum('wrong checksum of a GSI integrity token');
}

function erase(...keys: readonly Uint8Array[]): void {
  for (const key of keys) key.fill(0);
}

const KEY_LABEL = 'EXPERIMENTAL-GSI-MAC-KEY';
const IV_LABEL = 'EXPERIMENTAL-GSI-MAC-IV-FIXED';
