/** What a token is and says without any key, as plain values that JSON can hold. Nothing of it is verified. */
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

export interface Krb5TokenDescription {
  /** `AP-REQ`, `AP-REP`, `KRB-ERROR`, one of SPNEGO's, or what readTokenHeader calls a per-message token. */
  kind: string;
  [part: string]: unknown;
}

/**
 * Takes any token of Kerberos V5: one that establishes a context (RFC 4121 §4.1), bare or in SPNEGO, or a per-message token
 * (§4.2).
 * @throws FtpSecurityError `security/bad-token` when it can't be read
 */
export function describeKrb5Token(token: Uint8Array): Krb5TokenDescription {
  const offer = parseNegotiationOffer(token);
  if (offer !== undefined) return describeOffer(offer);
  const negotiation = parseNegotiation(token);
  if (negotiation !== undefined) return describeNegotiation(negotiation);
  if (token[0] === 0x60 && !isFramedMessage(token)) return describeContextToken(parseContextToken(token));
  const header = readTokenHeader(token);
  return 'sequence' in header ? { ...header, sequence: String(header.sequence) } : { ...header };
}

function describeOffer({ offered, hint }: NegotiationOffer): Krb5TokenDescription {
  return { kind: 'NegTokenInit2', offered: offered.map(oidText), ...(hint !== undefined && { hint }) };
}

/** The contents of an object identifier as numbers with dots (X.690 §8.19); in hex what is longer than any that is in use. */
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

/** The token ids of contexts end in 00, those of RFC 1964's per-message tokens do not. */
function isFramedMessage(token: Uint8Array): boolean {
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
