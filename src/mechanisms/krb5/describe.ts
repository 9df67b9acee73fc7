/** Describes tokens without keys, as values that can be written as JSON. Nothing in a description is verified. */
import { toHex } from '../../bytes.js';
import { errorFacts, iso, requestFacts } from './exchange/facts.js';
import { type ContextToken, frameOf, parseContextToken } from './messages/gss-framing.js';
import { AP_OPTIONS } from './messages/kerberos.js';
import { principalOf, principalText } from './messages/principal.js';
import {
  isOfKerberos,
  type NegotiationOffer,
  type NegotiationToken,
  parseNegotiation,
  parseNegotiationOffer,
} from './messages/spnego.js';
import { readTokenHeader } from './tokens/token-header.js';

/** What can be read of a token without keys. All values can be written as JSON. */
export interface Krb5TokenDescription {
  /**
   * `AP-REQ`, `AP-REP` or `KRB-ERROR`; `NegTokenInit`, `NegTokenInit2` or `NegTokenResp` of SPNEGO; or the kind of a per-message
   * token, e.g. `wrap` (see {@link TokenHeader}).
   */
  kind: string;
  /** Depends on `kind`: the facts of the message, or the fields of the header. */
  [part: string]: unknown;
}

/**
 * Describes a token of Kerberos V5: one that establishes a context, bare or in SPNEGO (RFC 4121 §4.1, RFC 4178 §4.2), or a
 * per-message token (RFC 4121 §4.2, RFC 1964 §1.2). Nothing in it has been verified.
 * @throws FtpSecurityError `security/bad-token` if it is malformed or not a token of Kerberos V5
 */
export function describeKrb5Token(token: Uint8Array): Krb5TokenDescription {
  const offer = parseNegotiationOffer(token);
  if (offer !== undefined) return describeOffer(offer);
  const negotiation = parseNegotiation(token);
  if (negotiation !== undefined) return describeNegotiation(negotiation);
  if (token[0] === 0x60 && !isRfc1964Message(token)) return describeContextToken(parseContextToken(token));
  const header = readTokenHeader(token);
  return 'sequence' in header ? { ...header, sequence: String(header.sequence) } : { ...header };
}

function describeOffer({ offered, hint }: NegotiationOffer): Krb5TokenDescription {
  return { kind: 'NegTokenInit2', offered: offered.map(oidText), ...(hint !== undefined && { hint }) };
}

/** Formats an object identifier as numbers with dots (X.690 §8.19), or in hex if it is longer than any in use. */
function oidText(contents: Uint8Array): string {
  if (contents.length > 64) return toHex(contents);
  const numbers: bigint[] = [];
  let number = 0n;
  for (const octet of contents) {
    number = number * 128n + BigInt(octet & 0x7f);
    if (octet >= 0x80) continue;
    const root = numbers.length > 0 ? undefined : number < 80n ? number / 40n : 2n;
    if (root !== undefined) numbers.push(root, number - 40n * root);
    else numbers.push(number);
    number = 0n;
  }
  return numbers.join('.');
}

function describeNegotiation({ kind, offered, state, inside }: NegotiationToken): Krb5TokenDescription {
  return {
    kind,
    ...(state !== undefined && { state }),
    ...(inside !== undefined && isOfKerberos(offered) && { inside: describeContextToken(parseContextToken(inside)) }),
  };
}

/** The second octet of TOK_ID is zero in context tokens, but not in the per-message tokens of RFC 1964. */
function isRfc1964Message(token: Uint8Array): boolean {
  const frame = frameOf(token);
  return frame?.mechanism === 'kerberos' && token[frame.start + 1] !== 0;
}

function describeContextToken(token: ContextToken): Krb5TokenDescription {
  const { kind } = token;
  switch (token.kind) {
    case 'AP-REQ': {
      const { apOptions, authenticator } = token.message;
      const options = [
        ...((apOptions & AP_OPTIONS.useSessionKey) !== 0 ? ['use-session-key'] : []),
        ...((apOptions & AP_OPTIONS.mutualRequired) !== 0 ? ['mutual-required'] : []),
      ];
      return { kind, ...requestFacts(token.message), apOptions: options, authenticatorEnctype: authenticator.etype };
    }
    case 'AP-REP':
      return { kind, enctype: token.message.encPart.etype };
    case 'KRB-ERROR': {
      const { realm, sname, stime, susec } = token.message;
      const serverName = principalText(principalOf(realm, sname));
      return { kind, ...errorFacts(token.message), serverName, serverTime: iso(stime, susec) };
    }
  }
}
