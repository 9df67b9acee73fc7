/** SPNEGO around the exchange, the client's side (RFC 4178 §4.2 and §5). It offers Kerberos alone. */
import { badToken, type FtpSecurityError } from '../../../errors.js';
import type { ExchangeFacts, Step } from '../../../protection/mechanism.js';
import type { ExchangeGenerator, Token } from '../../exchange-generator.js';
import { parseContextToken } from '../messages/gss-framing.js';
import {
  formatNegotiation,
  isKerberos,
  KERBEROS,
  mechanismList,
  type NegotiationToken,
  parseNegotiation,
  verifyMechanisms,
} from '../messages/spnego.js';
import type { Krb5Context } from '../tokens/context.js';
import { errorOf } from './krb-error.js';

/** Kerberos inside: its token, and how it goes on. */
interface Begun {
  token: Uint8Array;
  facts: ExchangeFacts;
  finish(answer: Token): Step & { context: Krb5Context };
}

/** A choice of one can't be forged, so MICs are exchanged only where the acceptor asks for it. */
export function* negotiate({ token, facts, finish }: Begun): ExchangeGenerator {
  const offered = [KERBEROS];
  const list = mechanismList(offered);
  const said = readAnswer(yield { token: formatNegotiation({ kind: 'NegTokenInit', offered, inside: token }), facts });
  const finished = finish(said.inside);
  const done = { context: finished.context, facts: { ...finished.facts, spnego: true } };
  const isOver = said.state === 'accept-completed';
  if (!isOver || said.mic !== undefined) verifyMechanisms(done.context, list, said.mic);
  if (isOver) return done;
  const mic = done.context.getMic(list);
  return { token: formatNegotiation({ kind: 'NegTokenResp', state: 'accept-completed', mic }), ...done };
}

function readAnswer(token: Token): NegotiationToken {
  const read = token && parseNegotiation(token);
  if (read?.kind !== 'NegTokenResp') throw badToken('expected a NegTokenResp of SPNEGO');
  if (read.state === 'reject') throw rejection(read);
  if (read.chosen !== undefined && !isKerberos(read.chosen)) throw badToken('the acceptor chose what was not offered');
  return read;
}

function rejection({ inside }: NegotiationToken): FtpSecurityError {
  const seen = inside && parseContextToken(inside);
  if (seen?.kind === 'KRB-ERROR') return errorOf(seen.message);
  return badToken('the acceptor ends the negotiation');
}
