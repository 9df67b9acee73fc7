/**
 * `rfc2228/krb4`: KERBEROS_V4 (RFC 2228 appendix II). It is weak: for what was recorded with it, and for peers that have
 * nothing else. Its messages have a time and no number, so one that comes again while the clocks agree is taken again.
 */
import type { Mechanism } from '../../protection/mechanism.js';
import { isApReq } from './ap-req.js';
import { describeKrb4Token } from './describe.js';
import { type Krb4AcceptorOptions, type Krb4InitiatorOptions, krb4Acceptor, krb4Initiator } from './exchange.js';
import { type Krb4ObserverOptions, krb4Observer } from './observer.js';

export type { BlockCipher, BlockCiphers, NewBlockCipher } from '../block-cipher.js';
export { ReplayCache, type ReplayStore } from '../replay-cache.js';
export type { Krb4Endpoint } from './context.js';
export { type Krb4AssociationOptions, type Krb4ContextOptions, krb4Context } from './context.js';
export type { Krb4Facts } from './describe.js';
export { describeKrb4Token, type Krb4TokenDescription } from './describe.js';
export { type Krb4AcceptorOptions, type Krb4InitiatorOptions, krb4Acceptor, krb4Initiator } from './exchange.js';
export { type Krb4Credential, type Krb4TicketFile, parseSrvtab, parseTicketFile, type SrvtabEntry } from './files.js';
export { type Krb4ObserverOptions, krb4Observer } from './observer.js';
export type { Krb4Principal } from './principal.js';

/** What each side needs; a side without options is not offered. */
export interface Krb4Sides {
  initiator?: Krb4InitiatorOptions;
  acceptor?: Krb4AcceptorOptions;
  observer?: Krb4ObserverOptions;
}

/** Kerberos V4 as sessions and observers take it. Its exchanges know their ends, so each connection has one of its own. */
export function krb4({ initiator, acceptor, observer }: Krb4Sides = {}): Mechanism {
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
