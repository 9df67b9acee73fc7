/** Messages of Kerberos and SPNEGO are refused by FtpSecurityError, or there is no other encoding of what was read. */
import { formatDer, parseDer, type Type } from '../../../src/mechanisms/der.js';
import { parseGssChecksum } from '../../../src/mechanisms/krb5/messages/gss-checksum.js';
import { formatContextToken, parseContextToken } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import {
  apRep,
  apReq,
  authenticatorSchema,
  encApRepPart,
  encTicketPart,
  krbError,
  ticket,
} from '../../../src/mechanisms/krb5/messages/kerberos.js';
import { parseNegotiation } from '../../../src/mechanisms/krb5/messages/spnego.js';
import { exchanges } from '../../mechanisms/krb5/exchange-vectors.js';
import { attempt, hold, joined, refusable, type Target } from './target.js';

const TYPES = [
  apReq,
  apRep,
  krbError,
  authenticatorSchema,
  encApRepPart,
  encTicketPart,
  ticket,
] as readonly Type<unknown>[];
const some = exchanges.filter((_, i) => i % 6 === 0);

/** First octet: the type that the rest is read as; beyond, a whole token. */
export const der: Target = {
  name: 'der',
  invariant: 'what is read writes to something that reads as the same; only FtpSecurityError escapes',
  run(input) {
    const type = TYPES[(input[0] ?? 0) % (TYPES.length + 1)];
    const rest = input.subarray(1);
    if (type === undefined) {
      const token = attempt(() => parseContextToken(rest));
      if ('value' in token)
        hold(reads(parseContextToken(formatContextToken(token.value)), token.value), 'another token');
      refusable(() => parseNegotiation(rest));
      refusable(() => parseGssChecksum(rest));
      return;
    }
    const message = attempt(() => parseDer(type, rest));
    if ('error' in message) return;
    hold(reads(parseDer(type, formatDer(type, message.value)), message.value), 'another message');
  },
  seeds: some.flatMap(({ apReq: request, apRep: answer }) => [
    joined([Uint8Array.of(TYPES.length), request]),
    joined([Uint8Array.of(0), request.subarray(request.indexOf(0x6e))]),
    ...(answer === undefined ? [] : [joined([Uint8Array.of(1), answer.subarray(answer.indexOf(0x6f))])]),
  ]),
};

function reads(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, plain) === JSON.stringify(b, plain);
}

function plain(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}
