/** SPNEGO around the exchange, the server's side (RFC 4178 §4.2 and §5). Kerberos is all that it has to choose. */
import { badToken, FtpSecurityError } from '../../../errors.js';
import type { Step } from '../../../protection/mechanism.js';
import type { ExchangeGenerator, Token } from '../../exchange-generator.js';
import {
  formatNegotiation,
  isKerberos,
  mechanismList,
  type NegotiationToken,
  parseNegotiation,
  verifyMechanisms,
} from '../messages/spnego.js';
import type { Krb5Context } from '../tokens/context.js';

/** Kerberos inside: it takes one token, and has its context at once. */
type Accept = (token: Token) => Step & { context: Krb5Context };

/**
 * Without the exchange of MICs where Kerberos is the initiator's first choice, as libraries do it and older ones need it
 * (appendix C); with it where something else is, since that choice could have been forged.
 * @param first  the initiator's NegTokenInit
 */
export function* acceptNegotiated(first: NegotiationToken, accept: Accept): ExchangeGenerator {
  const { offered = [] } = first;
  const chosen = offered.find(isKerberos);
  if (chosen === undefined) throw rejected(badToken('no mechanism that is offered is Kerberos'));
  const mustSign = chosen !== offered[0];
  // A token for another mechanism is of no use, and is left alone (§4.2.1).
  const isOptimistic = !mustSign && first.inside !== undefined;
  const state = mustSign ? 'request-mic' : 'accept-incomplete';
  const request = isOptimistic ? first : readAnswer(yield { token: answer({ state, chosen }) });
  const named = isOptimistic ? { chosen } : {};
  const list = mechanismList(offered);
  const { token: inside, context, facts: found } = attempt(() => accept(request.inside));
  const facts = { ...found, spnego: true };

  const verify = ({ mic }: NegotiationToken): void => attempt(() => verifyMechanisms(context, list, mic));
  if (inside !== undefined && mustSign) {
    let isVerified = false;
    try {
      const mic = context.getMic(list);
      verify(readAnswer(yield { token: answer({ state: 'accept-incomplete', inside, mic }), facts }));
      isVerified = true;
      return { context, facts };
    } finally {
      if (!isVerified) context.destroy();
    }
  }
  const isSigned = mustSign || request.mic !== undefined;
  if (isSigned) verify(request);
  const signed = isSigned ? { mic: context.getMic(list) } : {};
  const said = inside === undefined ? {} : { inside };
  return { token: answer({ state: 'accept-completed', ...named, ...said, ...signed }), context, facts };
}

function readAnswer(token: Token): NegotiationToken {
  const read = token && parseNegotiation(token);
  if (read?.kind !== 'NegTokenResp') throw badToken('expected a NegTokenResp of SPNEGO');
  if (read.state === 'reject') throw badToken('the initiator ends the negotiation');
  return read;
}

function answer(parts: Omit<NegotiationToken, 'kind'>): Uint8Array {
  return formatNegotiation({ kind: 'NegTokenResp', ...parts });
}

function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof FtpSecurityError ? rejected(error) : error;
  }
}

/** The same error, its answer a NegTokenResp that rejects, around the KRB-ERROR if there is one. */
function rejected({ code, message, side, offset, token }: FtpSecurityError): FtpSecurityError {
  const inside = token === undefined ? {} : { inside: token };
  return new FtpSecurityError(code, message, { side, offset, token: answer({ state: 'reject', ...inside }) });
}
