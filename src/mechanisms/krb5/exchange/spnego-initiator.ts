/** The client's side of SPNEGO (RFC 4178 §4.2 and §5). It offers Kerberos only. */
import { badToken, type FtpSecurityError } from '../../../errors.js';
import type { ExchangeFacts, Step } from '../../../protection/mechanism.js';
import type { ExchangeGenerator, Token } from '../../exchange-generator.js';
import { parseContextToken } from '../messages/gss-framing.js';
import {
  formatAnswer,
  formatOffer,
  isKerberos,
  KERBEROS,
  mechanismList,
  type NegotiationToken,
  parseNegotiation,
  verifyMechanisms,
} from '../messages/spnego.js';
import type { Krb5Context } from '../tokens/context.js';
import { errorFromKrbError } from './krb-error.js';

/** The Kerberos exchange inside: its AP-REQ, and how to complete it. */
interface PendingExchange {
  token: Uint8Array;
  facts: ExchangeFacts;
  complete(answer: Token): Step & { context: Krb5Context };
}

/** An offer of one mechanism can't be downgraded, so MICs are exchanged only if the acceptor asks for them. */
export function* negotiate({ token, facts, complete }: PendingExchange): ExchangeGenerator {
  const offered = [KERBEROS];
  const list = mechanismList(offered);
  const answer = readAnswer(yield { token: formatOffer(offered, token), facts });
  const completed = complete(answer.inside);
  const result = { context: completed.context, facts: { ...completed.facts, spnego: true } };
  const isOver = answer.state === 'accept-completed';
  if (!isOver || answer.mic !== undefined) verifyMechanisms(result.context, list, answer.mic);
  if (isOver) return result;
  const mic = result.context.getMic(list);
  return { token: formatAnswer({ state: 'accept-completed', mic }), ...result };
}

function readAnswer(token: Token): NegotiationToken {
  const answer = token && parseNegotiation(token);
  if (answer?.kind !== 'NegTokenResp') throw badToken('expected a NegTokenResp of SPNEGO');
  if (answer.state === 'reject') throw rejection(answer);
  if (answer.chosen !== undefined && !isKerberos(answer.chosen)) {
    throw badToken('SPNEGO: the acceptor chose a mechanism that was not offered');
  }
  return answer;
}

function rejection({ inside }: NegotiationToken): FtpSecurityError {
  const parsed = inside && parseContextToken(inside);
  if (parsed?.kind === 'KRB-ERROR') return errorFromKrbError(parsed.message);
  return badToken('SPNEGO: the acceptor rejected the negotiation');
}
