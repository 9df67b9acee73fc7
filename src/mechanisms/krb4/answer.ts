/**
 * The server's answer to an AP_REQ (RFC 2228 appendix II): the checksum of its authenticator plus one, 4 octets in network
 * order, in a safe message. It shows that the server could open the ticket.
 */
import { equalConstantTime, u32be } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import type { Unwrapped } from '../../secure/security-context.js';

export function answerTo(checksum: number): Uint8Array {
  return u32be(checksum + 1);
}

/** @throws FtpSecurityError `security/bad-token`, `bad-checksum` */
export function assertAnswers(checksum: number, { plaintext, level }: Omit<Unwrapped, 'sequence'>): void {
  if (level !== 'safe') throw new FtpSecurityError('security/bad-token', 'a private message where a safe one is due');
  if (!equalConstantTime(plaintext, answerTo(checksum))) {
    throw new FtpSecurityError('security/bad-checksum', "the server's answer is not for this authenticator");
  }
}
