/**
 * `rfc2228/krb4`: KERBEROS_V4 (RFC 2228 appendix II). It is weak: for what was recorded with it, and for peers that have
 * nothing else. Its messages have a time and no number, so one that comes again while the clocks agree is taken again.
 */
import type { Mechanism } from '../../secure/security-context.js';
import type { BlockCiphers } from '../block-cipher.js';
import { isApReq } from './ap-req.js';
import { type Krb4AcceptorOptions, type Krb4InitiatorOptions, krb4Acceptor, krb4Initiator } from './exchange.js';
import type { SrvtabEntry } from './files.js';
import { krb4Witness } from './witness.js';

export type { BlockCipher, BlockCiphers, NewBlockCipher } from '../block-cipher.js';
export { ReplayCache, type ReplayStore } from '../replay-cache.js';
export type { Krb4Endpoint } from './context.js';
export { type Krb4AssociationOptions, type Krb4ContextOptions, krb4Context } from './context.js';
export type { Krb4Facts } from './describe.js';
export { describeKrb4Token, type Krb4TokenDescription } from './describe.js';
export { type Krb4AcceptorOptions, type Krb4InitiatorOptions, krb4Acceptor, krb4Initiator } from './exchange.js';
export { type Krb4Credential, type Krb4TicketFile, parseSrvtab, parseTicketFile, type SrvtabEntry } from './files.js';
export type { Krb4Principal } from './principal.js';
export { krb4Witness } from './witness.js';

/** What an observer has to know: `ciphers` is `nodeCiphers` with Node (`rfc2228/node`). */
export interface Krb4ObserverOptions {
  keys: readonly SrvtabEntry[];
  ciphers: BlockCiphers;
}

export const krb4 = {
  name: 'KERBEROS_V4',
  variant: 'krb4',
  initiator: krb4Initiator,
  acceptor: krb4Acceptor,
  observer: ({ keys, ciphers }) => krb4Witness(keys, ciphers),
  recognises: isApReq,
} as const satisfies Mechanism<Krb4InitiatorOptions, Krb4AcceptorOptions, Krb4ObserverOptions>;
