/** What a token is and says without any key, as plain values that JSON can hold. Nothing of it is verified. */
import { isApReq, parseApReq } from './ap-req.js';
import { readHeader } from './messages.js';

export interface Krb4TokenDescription {
  kind: 'AP_REQ' | 'safe message' | 'private message';
  weak: true;
  [part: string]: unknown;
}

/**
 * The text of a safe message is not in it, though it stands in the clear: nobody has verified it.
 * @throws FtpSecurityError `security/bad-token` when it is no token of Kerberos V4
 */
export function describeKrb4Token(token: Uint8Array): Krb4TokenDescription {
  if (isApReq(token)) {
    const { littleEndian, kvno, realm, ticket, authenticator } = parseApReq(token);
    const lengths = { ticketLength: ticket.length, authenticatorLength: authenticator.length };
    return { kind: 'AP_REQ', weak: true, realm, ticketKvno: kvno, ...lengths, littleEndian };
  }
  const { sealed, littleEndian, length } = readHeader(token);
  return { kind: sealed ? 'private message' : 'safe message', weak: true, length, littleEndian };
}
