/** `rfc2228/krb4`: KERBEROS_V4 (RFC 2228 appendix II). It is weak; it is here to read what was recorded with it. */
export { type Krb4ContextOptions, krb4Context } from './context.js';
export type { Krb4Endpoint } from './direction.js';
export type { BlockCipher, Krb4Ciphers } from './pcbc.js';
