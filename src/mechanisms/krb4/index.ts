/**
 * `rfc2228/krb4`: the mechanism KERBEROS_V4 (RFC 2228 appendix II). It is weak: use it for recordings, and for peers that support
 * nothing else. Its messages have a time but no sequence number, so a replay within the clock skew is not detected.
 * @module rfc2228/krb4
 */
import { assertParsed, assertSomeParsed } from '../../bytes.js';
import type { Mechanism } from '../../protection/mechanism.js';
import { isApReq } from './ap-req.js';
import { describeKrb4Token } from './describe.js';
import { type Krb4AcceptorOptions, type Krb4InitiatorOptions, krb4Acceptor, krb4Initiator } from './exchange.js';
import { type Krb4ObserverOptions, krb4Observer } from './observer.js';

export type { BlockCipher, BlockCiphers, ExternalHmac, NewBlockCipher, NewHmac } from '../../block-cipher.js';
export { ReplayCache, type ReplayStore } from '../replay-cache.js';
export type { Krb4Endpoint } from './context.js';
export { type Krb4AssociationOptions, type Krb4ContextOptions, krb4Context } from './context.js';
export type { Krb4Facts } from './describe.js';
export { describeKrb4Token, type Krb4TokenDescription } from './describe.js';
export { type Krb4AcceptorOptions, type Krb4InitiatorOptions, krb4Acceptor, krb4Initiator } from './exchange.js';
export { type Krb4Credential, type Krb4TicketFile, parseSrvtab, parseTicketFile, type SrvtabEntry } from './files.js';
export { type Krb4ObserverOptions, krb4Observer } from './observer.js';
export type { Krb4Principal } from './principal.js';

/** Options of {@link krb4}, for each side. A side without options is not offered. */
export interface Krb4Sides {
  /** Options of the client's side. */
  initiator?: Krb4InitiatorOptions;
  /** Options of the server's side. */
  acceptor?: Krb4AcceptorOptions;
  /** Options of the passive side. */
  observer?: Krb4ObserverOptions;
}

/**
 * Kerberos V4 as a `Mechanism` for sessions, observers and the verification of captures (RFC 2228 appendix II). The options of
 * initiator and acceptor contain the addresses of a connection, so each connection needs its own.
 * @throws TypeError if keys or tickets are not what was read from a file
 */
export function krb4({ initiator, acceptor, observer }: Krb4Sides = {}): Mechanism {
  // A wrong option is an error here, where it is written, and not one of each connection.
  if (initiator) assertParsed(initiator.tickets?.credentials, 'tickets.credentials', 'parseTicketFile');
  if (acceptor) assertSomeParsed(acceptor.srvtab, 'srvtab', 'parseSrvtab');
  if (observer) assertParsed(observer.keys, 'keys', 'parseSrvtab');
  return {
    name: 'KERBEROS_V4',
    variant: 'krb4',
    recognises: isApReq,
    describe: describeKrb4Token,
    ...(initiator && { initiator: () => krb4Initiator(initiator) }),
    ...(acceptor && { acceptor: () => krb4Acceptor(acceptor) }),
    ...(observer && { observer: () => krb4Observer(observer) }),
  };
}
