/** Keytabs, srvtabs and credential caches are read, or refused by FtpSecurityError with an offset within the file. */
import { readFileSync } from 'node:fs';
import { parseSrvtab } from '../../../src/mechanisms/krb4/index.js';
import { parseCredentialCache, parseKeytab } from '../../../src/mechanisms/krb5/index.js';
import { attempt, hold, joined, type Target } from './target.js';

const VECTORS = new URL('../../../vectors/', import.meta.url);
const READERS = [parseKeytab, parseSrvtab, parseCredentialCache] as const;
const fileOf = (name: string) => new Uint8Array(readFileSync(new URL(name, VECTORS)));
const cacheOf = (name: string) =>
  Buffer.from(JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8')).ccache_hex, 'hex');

/** First octet: which kind of file the rest is. */
export const files: Target = {
  name: 'files',
  invariant: 'only FtpSecurityError escapes, and its offset lies within the file',
  run(input) {
    const rest = input.subarray(1);
    const read = attempt(() => READERS[(input[0] ?? 0) % READERS.length]!(rest));
    if ('error' in read) hold((read.error.offset ?? 0) <= rest.length, 'an offset behind the end');
  },
  seeds: [
    joined([Uint8Array.of(0), fileOf('krb5/keytabs/krb5ftp-safe-aes256-sha1.keytab')]),
    joined([Uint8Array.of(1), fileOf('captures/gssftp163-krb4-private.srvtab')]),
    joined([Uint8Array.of(2), cacheOf('krb5/krb5-mit-aes256-cts-hmac-sha1-96.json')]),
    joined([Uint8Array.of(2), cacheOf('krb5/krb5-heimdal-arcfour-hmac-md5.json')]),
  ],
};
