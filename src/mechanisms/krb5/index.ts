/** `rfc2228/krb5`: GSSAPI with Kerberos V5 (RFC 2228 appendix I, RFC 4121, RFC 1964, RFC 4757). */
import type { Mechanism } from '../../secure/security-context.js';
import { type Krb5AcceptorOptions, krb5Acceptor } from './acceptor.js';
import { mechanismOf } from './gss-token.js';
import { type Krb5InitiatorOptions, krb5Initiator } from './initiator.js';
import type { ServiceKey } from './ticket-keys.js';
import { krb5Witness } from './witness.js';

export type { BlockCipher, BlockCiphers, NewBlockCipher } from '../block-cipher.js';
export { ReplayCache, type ReplayRecord } from '../replay-cache.js';
export { type Krb5AcceptorOptions, krb5Acceptor } from './acceptor.js';
export { describeToken, type TokenAnatomy } from './anatomy.js';
export { type Channel, channelBindings } from './channel-bindings.js';
export { type Krb5Context, type Krb5ContextOptions, krb5Context } from './context.js';
export { type Credential, type CredentialCache, parseCredentialCache } from './credential-cache.js';
export { type CipherOptions, type Enctype, enctypeOf } from './enctypes.js';
export type { Krb5Facts } from './facts.js';
export { type Krb5InitiatorOptions, krb5Initiator } from './initiator.js';
export { type Keytab, type KeytabEntry, parseKeytab, parseKeytabFile } from './keytab.js';
export { type Principal, principalText } from './principal.js';
export type { ServiceKey } from './ticket-keys.js';
export { krb5Witness } from './witness.js';
export {
  type FramedHeader,
  type MicHeader,
  readTokenHeader,
  type TokenHeader,
  type WrapHeader,
} from './wrap-token.js';

/**
 * Recognises the frame of Kerberos or SPNEGO at the start of a first token. Its `observer` works for AES and RC4;
 * `krb5Witness` itself takes ciphers for the other enctypes.
 */
export const krb5 = {
  name: 'GSSAPI',
  variant: 'krb5',
  initiator: krb5Initiator,
  acceptor: krb5Acceptor,
  observer: krb5Witness,
  recognises: (firstToken: Uint8Array) => mechanismOf(firstToken) !== undefined,
} as const satisfies Mechanism<Krb5InitiatorOptions, Krb5AcceptorOptions, readonly ServiceKey[]>;
