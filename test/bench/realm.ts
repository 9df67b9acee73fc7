/** Contexts and tickets that both we and MIT can use. */
import type { BlockCiphers } from '../../src/block-cipher.js';
import { enctypeOf } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import { type Credential, krb5Context, type ServiceKey } from '../../src/mechanisms/krb5/index.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import { realm } from '../mechanisms/krb5/live.js';

/** A service and a ticket for it, valid now and for ten hours. */
export function benchRealm(enctype: number): { keytab: Required<ServiceKey>[]; credential: Credential } {
  const authtime = Math.floor(Date.now() / 1000) - 60;
  const endtime = authtime + 36_000;
  const { keytab, credential } = realm(enctype, { ticket: { authtime, endtime } });
  return {
    keytab: keytab as Required<ServiceKey>[],
    credential: { ...credential, authTime: authtime, endTime: endtime },
  };
}

/** Both sides of a context. */
export function contexts(
  enctype: number,
  ciphers?: BlockCiphers,
): [initiator: SecurityContext, acceptor: SecurityContext] {
  const { keyLength } = enctypeOf(enctype)!;
  const key = Uint8Array.from({ length: keyLength }, (_, i) => 3 * i + 1);
  const both = { enctype, key, ciphers, acceptorSubkey: true, allowWeak: true, sendSequence: 0, receiveSequence: 0 };
  return [krb5Context({ ...both, role: 'initiator' }), krb5Context({ ...both, role: 'acceptor' })];
}
