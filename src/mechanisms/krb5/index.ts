/** `rfc2228/krb5`: GSSAPI with Kerberos V5 (RFC 2228 appendix I, RFC 4121, RFC 1964, RFC 4757). */
import type { Mechanism } from '../../secure/security-context.js';
import { type Krb5AcceptorOptions, krb5Acceptor } from './exchange/acceptor.js';
import { type Krb5InitiatorOptions, krb5Initiator } from './exchange/initiator.js';
import { krb5Witness } from './exchange/observer.js';
import type { ServiceKey } from './exchange/ticket-keys.js';
import { mechanismOf } from './messages/gss-framing.js';

export type { BlockCipher, BlockCiphers, NewBlockCipher } from '../block-cipher.js';
export { ReplayCache, type ReplayStore } from '../replay-cache.js';
export { type CipherOptions, type Enctype, enctypeOf } from './crypto/enctypes.js';
export { describeKrb5Token, type Krb5TokenDescription } from './describe.js';
export { type Krb5AcceptorOptions, krb5Acceptor } from './exchange/acceptor.js';
export { type Channel, channelBindings } from './exchange/channel-bindings.js';
export type { Krb5Facts } from './exchange/facts.js';
export { type Krb5InitiatorOptions, krb5Initiator } from './exchange/initiator.js';
export { krb5Witness } from './exchange/observer.js';
export type { ServiceKey } from './exchange/ticket-keys.js';
export { type Credential, type CredentialCache, parseCredentialCache } from './files/credential-cache.js';
export { type Keytab, type KeytabEntry, parseKeytab, parseKeytabFile } from './files/keytab.js';
export { type Principal, principalText } from './messages/principal.js';
export { type Krb5Context, type Krb5ContextOptions, krb5Context } from './tokens/context.js';
export {
  type FramedHeader,
  type MicHeader,
  readTokenHeader,
  type TokenHeader,
  type WrapHeader,
} from './tokens/token-header.js';

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
