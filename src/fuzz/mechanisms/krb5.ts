/** Our side of a Kerberos V5 session whose key is known, with either format of tokens. */
import { randomBytes } from '@noble/hashes/utils.js';
import { kerberosKey } from '../../mechanisms/krb5/crypto/enctypes.js';
import { type Krb5ContextOptions, krb5Context } from '../../mechanisms/krb5/tokens/context.js';
import { rfc1964Key } from '../../mechanisms/krb5/tokens/rfc1964-keys.js';
import type { FuzzSession } from '../mutation.js';
import { type Counter, counterFrom, wrappingWith } from './forgery.js';
import { type FramedFields, forgeFramedToken, type Rfc1964Forger } from './rfc1964.js';
import { forgeWrapToken, type Rfc4121Forger, type WrapFields } from './rfc4121.js';

export interface Krb5FuzzOptions extends Krb5ContextOptions {
  /** Gives so many octets for a confounder. Default: random ones; for cases that must be made again, others. */
  random?: (length: number) => Uint8Array;
}

/** @throws FtpSecurityError as krb5Context does */
export function krb5FuzzSession(options: Krb5FuzzOptions): FuzzSession {
  const context =
    kerberosKey(options.enctype, options.key, options).enctype.tokens === 'rfc4121'
      ? rfc4121Forger(options)
      : rfc1964Forger(options);
  return { context, numbered: true, integrity: ['safe', 'private'] };
}

function rfc4121Forger(options: Krb5FuzzOptions): Rfc4121Forger {
  const { role, enctype, acceptorSubkey, random = randomBytes } = options;
  const key = kerberosKey(enctype, options.key, options);
  const { checksumLength, confounderLength } = key.enctype;
  const flags = (role === 'acceptor' ? 1 : 0) | (acceptorSubkey ? 4 : 0);
  const numbers = counterFrom(BigInt(options.sendSequence), 64);
  const token = (plaintext: Uint8Array, sealed: boolean, fields: WrapFields = {}) =>
    forgeWrapToken(
      key,
      plaintext,
      sealed,
      { flags: flags | (sealed ? 2 : 0), sequence: numbers.next, ...fields },
      random(confounderLength),
    );
  return forger(options, numbers, { forges: 'rfc4121', flags, checksumLength, token });
}

function rfc1964Forger(options: Krb5FuzzOptions): Rfc1964Forger {
  const { role, enctype, random = randomBytes } = options;
  const key = rfc1964Key(kerberosKey(enctype, options.key, options), options.key, options);
  const acceptor = role === 'acceptor';
  const numbers = counterFrom(BigInt(options.sendSequence), 32);
  const direction = new Array<number>(4).fill(acceptor ? 0xff : 0);
  const token = (plaintext: Uint8Array, sealed: boolean, fields: FramedFields = {}) =>
    forgeFramedToken(key, plaintext, sealed, { number: numbers.next, direction, ...fields }, random(8));
  return forger(options, numbers, { forges: 'rfc1964', key, acceptor, token });
}

/** What both formats have: valid tokens are made by the same function as forged ones, and share their numbers. */
function forger<T extends { token(plaintext: Uint8Array, sealed: boolean): Uint8Array }>(
  options: Krb5ContextOptions,
  numbers: Counter,
  format: T,
) {
  const valid = wrappingWith(krb5Context(options), (plaintext, level) => {
    const token = format.token(plaintext, level === 'private');
    numbers.skip();
    return { token, level };
  });
  return Object.assign(valid, format, { numbers });
}
