/** Kerberos keys, contexts and Wrap tokens for the tests of this folder. */
import { concat, copy, u64be } from '../../../src/bytes.js';
import { ENCTYPES, type Enctype, enctypeOf } from '../../../src/mechanisms/krb5/crypto/enctypes.js';
import { type KerberosKey, kerberosKey } from '../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { type Krb5Context, type Krb5ContextOptions, krb5Context } from '../../../src/mechanisms/krb5/tokens/context.js';
import { nodeCiphers } from '../../../src/node/index.js';

/** The numbers of all enctypes, of those with tokens of RFC 4121, and of those with tokens of RFC 1964. */
export const ENCTYPE_NUMBERS = ENCTYPES.map(({ number }) => number);
export const RFC4121_NUMBERS = numbersWith('rfc4121');
export const RFC1964_NUMBERS = numbersWith('rfc1964');

function numbersWith(tokens: Enctype['tokens']): number[] {
  return ENCTYPES.filter(enctype => enctype.tokens === tokens).map(({ number }) => number);
}

/** A fixed key for each enctype. */
export function keyOctets(enctype: number): Uint8Array {
  return Uint8Array.from({ length: enctypeOf(enctype)!.keyLength }, (_, i) => 7 * i + enctype);
}

/** A new object with the fixed key of an enctype. */
export function keyOf(enctype: number): KerberosKey {
  return kerberosKey(enctype, keyOctets(enctype), { ciphers: nodeCiphers });
}

/** Both sides of one security context; the initiator's sequence numbers start at 1000, the acceptor's at 5000. */
export function contextPair(
  enctype: number,
  options: Partial<Krb5ContextOptions> = {},
): { initiator: Krb5Context; acceptor: Krb5Context } {
  const passed = { ciphers: nodeCiphers, allowWeak: true };
  const common = { enctype, key: keyOctets(enctype), acceptorSubkey: true, ...passed, ...options };
  return {
    initiator: krb5Context({ ...common, role: 'initiator', sendSequence: 1000, receiveSequence: 5000 }),
    acceptor: krb5Context({ ...common, role: 'acceptor', sendSequence: 5000n, receiveSequence: 1000n }),
  };
}

export interface TokenParts {
  flags: number;
  /** In an encrypted token, the octets between plaintext and header; their number is EC. */
  filler: Uint8Array;
  rrc: number;
  sequence: bigint;
}

/** A Wrap token of RFC 4121 §4.2 with any flags, filler and rotation, made without the code under test. */
export function forge(
  key: KerberosKey,
  { flags, filler, rrc, sequence }: TokenParts,
  plaintext: Uint8Array,
): Uint8Array {
  const usage = (flags & 1) !== 0 ? 22 : 24;
  const sealed = (flags & 2) !== 0;
  const header = (ec: number, count: number) =>
    concat(Uint8Array.of(5, 4, flags, 0xff, ec >> 8, ec, count >> 8, count), u64be(sequence));
  const body = sealed
    ? key.encrypt(usage, concat(plaintext, filler, header(filler.length, 0)))
    : concat(plaintext, key.checksum(usage, concat(plaintext, header(0, 0))));
  const ec = sealed ? filler.length : key.enctype.checksumLength;
  return concat(header(ec, rrc), rotateRight(body, rrc));
}

/** Octet by octet, as RFC 4121 §4.2.5 describes it. */
function rotateRight(body: Uint8Array, count: number): Uint8Array {
  const rotated = copy(body);
  for (let i = 0; i < body.length; i++) rotated[(i + count) % body.length] = body[i]!;
  return rotated;
}
