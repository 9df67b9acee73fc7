/**
 * `rfc2228/krb5`: the mechanism GSSAPI with Kerberos V5 (RFC 2228 appendix I, RFC 4121, RFC 1964, RFC 4757).
 * @module rfc2228/krb5
 */
import type { Mechanism } from '../../protection/mechanism.js';
import { describeKrb5Token } from './describe.js';
import { type Krb5AcceptorOptions, krb5Acceptor } from './exchange/acceptor.js';
import { type Krb5InitiatorOptions, krb5Initiator } from './exchange/initiator.js';
import { type Krb5ObserverOptions, krb5Observer } from './exchange/observer.js';
import { mechanismOf } from './messages/gss-framing.js';

export type { BlockCipher, BlockCiphers, ExternalHmac, NewBlockCipher, NewHmac } from '../../block-cipher.js';
export { ReplayCache, type ReplayStore } from '../replay-cache.js';
export { enctypeNumber } from './crypto/enctype-names.js';
export { type CipherOptions, type Enctype, enctypeOf } from './crypto/enctypes.js';
export type { Sizes } from './crypto/profiles.js';
export { describeKrb5Token, type Krb5TokenDescription } from './describe.js';
export { type Krb5AcceptorOptions, krb5Acceptor } from './exchange/acceptor.js';
export { type Channel, channelBindings } from './exchange/channel-bindings.js';
export type { Krb5Facts, OpenedBy } from './exchange/facts.js';
export { type Krb5InitiatorOptions, krb5Initiator } from './exchange/initiator.js';
export { type Krb5ObserverOptions, krb5Observer } from './exchange/observer.js';
export { type PasswordKeysOptions, passwordKeys } from './exchange/password-keys.js';
export type { ServiceKey } from './exchange/ticket-keys.js';
export { type Credential, type CredentialCache, parseCredentialCache } from './files/credential-cache.js';
export { type Keytab, type KeytabEntry, parseKeytab, parseKeytabFile } from './files/keytab.js';
export type { EncryptionKey } from './messages/kerberos.js';
export { type Principal, parsePrincipal, principalText } from './messages/principal.js';
export { type Krb5Context, type Krb5ContextOptions, krb5Context } from './tokens/context.js';
export {
  type MicHeader,
  type Rfc1964Header,
  readTokenHeader,
  type Sender,
  type TokenHeader,
  type WrapHeader,
} from './tokens/token-header.js';

/** Options of {@link krb5}, for each side. A side without options is not offered. */
export interface Krb5Sides {
  /** Options of the client's side. */
  initiator?: Krb5InitiatorOptions;
  /** Options of the server's side. */
  acceptor?: Krb5AcceptorOptions;
  /** Options of the passive side. */
  observer?: Krb5ObserverOptions;
}

/**
 * Kerberos V5 under the AUTH name GSSAPI, bare or in SPNEGO, as a `Mechanism` for sessions, observers and the verification of
 * captures (RFC 2228 appendix I).
 * @throws TypeError, RangeError if an option is invalid
 * @example
 * ```ts
 * const keytab = parseKeytab(await readFile('/etc/krb5.keytab'));
 * const server = new ServerControl(socket, { mechanisms: [krb5({ acceptor: { keytab } })] });
 * ```
 */
export function krb5({ initiator, acceptor, observer }: Krb5Sides = {}): Mechanism {
  // A wrong option is an error here, where it is written, and not one of each connection.
  if (initiator) krb5Initiator(initiator);
  if (acceptor) krb5Acceptor(acceptor);
  if (observer) krb5Observer(observer);
  return {
    name: 'GSSAPI',
    variant: 'krb5',
    recognises: firstToken => mechanismOf(firstToken) !== undefined,
    describe: describeKrb5Token,
    ...(initiator && { initiator: () => krb5Initiator(initiator) }),
    ...(acceptor && { acceptor: () => krb5Acceptor(acceptor) }),
    ...(observer && { observer: () => krb5Observer(observer) }),
  };
}
