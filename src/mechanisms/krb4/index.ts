/** `rfc2228/krb4`: KERBEROS_V4 (RFC 2228 appendix II). It is weak; it is here to read what was recorded with it. */
import type { Mechanism } from '../../secure/security-context.js';
import { isApReq } from './ap-req.js';
import type { Krb4Ciphers } from './pcbc.js';
import type { SrvtabEntry } from './srvtab.js';
import { krb4Witness } from './witness.js';

export { describeKrb4Token, type Krb4Anatomy } from './anatomy.js';
export { type Krb4ContextOptions, krb4Context } from './context.js';
export type { Krb4Endpoint } from './direction.js';
export type { BlockCipher, Krb4Ciphers } from './pcbc.js';
export { parseSrvtab, type SrvtabEntry } from './srvtab.js';
export { type Krb4Facts, krb4Witness } from './witness.js';

/** What an observer has to know: `ciphers` is `{ des: desCipher }` with Node's (`rfc2228/node`). */
export interface Krb4ObserverOptions {
  keys: readonly SrvtabEntry[];
  ciphers: Krb4Ciphers;
}

export const krb4 = {
  name: 'KERBEROS_V4',
  variant: 'krb4',
  observer: ({ keys, ciphers }) => krb4Witness(keys, ciphers),
  recognises: isApReq,
} as const satisfies Mechanism<never, never, Krb4ObserverOptions>;
