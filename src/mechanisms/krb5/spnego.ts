/**
 * The negotiation tokens of SPNEGO around those of Kerberos (RFC 4178 §4.2): the initiator's first in a frame, all others
 * bare. What is negotiated is left alone: a token of Kerberos inside says enough.
 */
import {
  application,
  field,
  integer,
  type Of,
  octetString,
  optional,
  parseDer,
  sequence,
  sequenceOf,
  type Type,
} from './der.js';
import { frameOf, openFrame } from './gss-token.js';

export interface NegotiationToken {
  kind: 'NegTokenInit' | 'NegTokenResp';
  /** What the acceptor says of the negotiation. */
  state?: NegotiationState;
  /** The mechanism's own token: `mechToken` or `responseToken`. */
  inside?: Uint8Array;
}

/** negState (§4.2.2). */
const STATES = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic'] as const;
export type NegotiationState = (typeof STATES)[number];

const state: Type<number> = { ...integer(0, STATES.length - 1, 'negState'), tag: 0x0a };
const mechType: Type<Uint8Array> = { ...octetString, name: 'OBJECT IDENTIFIER', tag: 0x06 };
const contextFlags: Type<Uint8Array> = { ...octetString, name: 'ContextFlags', tag: 0x03 };

const negTokenInit = negotiation(
  0,
  'SPNEGO NegTokenInit',
  sequence({
    mechTypes: field(0, sequenceOf(mechType)),
    reqFlags: optional(1, contextFlags),
    mechToken: optional(2, octetString),
    mechListMIC: optional(3, octetString),
  }),
);

const negTokenResp = negotiation(
  1,
  'SPNEGO NegTokenResp',
  sequence({
    negState: optional(0, state),
    supportedMech: optional(1, mechType),
    responseToken: optional(2, octetString),
    mechListMIC: optional(3, octetString),
  }),
);

/**
 * Undefined when a token is none of SPNEGO.
 * @throws FtpSecurityError `security/bad-token`, with the offset in `token`
 */
export function parseNegotiation(token: Uint8Array): NegotiationToken | undefined {
  if (token[0] === negTokenResp.tag) return fromAnswer(parseDer(negTokenResp, token));
  if (frameOf(token)?.mechanism !== 'spnego') return undefined;
  const { mechToken } = parseDer(negTokenInit, token, openFrame(token, 'spnego'));
  return { kind: 'NegTokenInit', ...(mechToken !== undefined && { inside: mechToken }) };
}

function fromAnswer({ negState, responseToken }: Of<typeof negTokenResp>): NegotiationToken {
  const said = negState === undefined ? undefined : STATES[negState];
  return {
    kind: 'NegTokenResp',
    ...(said !== undefined && { state: said }),
    ...(responseToken !== undefined && { inside: responseToken }),
  };
}

/** One choice of NegotiationToken: `[number]`, explicit. */
function negotiation<T>(number: number, name: string, type: Type<T>): Type<T> {
  return { ...application(number, name, type), tag: 0xa0 | number };
}
