/** Tokens of GSS_GetMIC (RFC 4121 §4.2.6.1): a header and a checksum over a text that does not stand in the token. */
import { concat, equalConstantTime, u64be } from '../../../bytes.js';
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { KerberosKey } from '../crypto/enctypes.js';
import { assertSender, FLAG, readTokenHeader, type Sender } from './rfc4121.js';

/** KG-USAGE-ACCEPTOR-SIGN and KG-USAGE-INITIATOR-SIGN (§2). */
const USAGE = { acceptor: 23, initiator: 25 } as const;
const HEADER = 16;

export function buildMicToken(key: KerberosKey, sender: Sender, sequence: bigint, text: Uint8Array): Uint8Array {
  const flags = (sender.sentByAcceptor ? FLAG.sentByAcceptor : 0) | (sender.acceptorSubkey ? FLAG.acceptorSubkey : 0);
  const header = concat(Uint8Array.of(0x04, 0x04, flags, 0xff, 0xff, 0xff, 0xff, 0xff), u64be(sequence));
  return concat(header, key.checksum(usageOf(sender), concat(text, header)));
}

/**
 * Verifies a token, and gives its sequence number; whether that may come is not looked at.
 * @param sender  what its flags must say
 * @throws FtpSecurityError `security/bad-token`, `security/wrong-direction`, `security/bad-checksum`
 */
export function verifyMicToken(key: KerberosKey, sender: Sender, token: Uint8Array, text: Uint8Array): bigint {
  const header = readTokenHeader(token);
  if (header.kind !== 'mic') {
    throw badToken(`a token of kind ${header.kind} where one of GetMIC is owed`);
  }
  assertSender(header, sender);
  const computed = key.checksum(usageOf(sender), concat(text, token.subarray(0, HEADER)));
  if (!equalConstantTime(computed, token.subarray(HEADER))) {
    throw new FtpSecurityError('security/bad-checksum', 'the checksum of the token does not hold');
  }
  return header.sequence;
}

function usageOf({ sentByAcceptor }: Sender): number {
  return sentByAcceptor ? USAGE.acceptor : USAGE.initiator;
}
