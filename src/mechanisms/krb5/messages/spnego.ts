/**
 * The negotiation tokens of SPNEGO around those of Kerberos (RFC 4178 §4.2): the initiator's first in a frame, all others
 * bare.
 */
import { fromHex, toHex } from '../../../bytes.js';
import { badToken, refusalFrom } from '../../../errors.js';
import {
  application,
  field,
  formatDer,
  generalString,
  integer,
  type Of,
  octetString,
  optional,
  parseDer,
  sequence,
  sequenceOf,
  type Type,
} from '../../der.js';
import { destroyOnError } from '../../exchange-generator.js';
import { formatFrame, frameOf, openFrame } from './gss-framing.js';

export interface NegotiationToken {
  kind: 'NegTokenInit' | 'NegTokenResp';
  /** What the initiator offers, its favourite first, each as the contents of its object identifier. */
  offered?: Uint8Array[];
  /** What the acceptor says of the negotiation. */
  state?: NegotiationState;
  /** The mechanism that the acceptor chose. */
  chosen?: Uint8Array;
  /** The mechanism's own token: `mechToken` or `responseToken`. */
  inside?: Uint8Array;
  /** `mechListMIC`: a token of GetMIC over {@link mechanismList}. */
  mic?: Uint8Array;
}

/** 1.2.840.113554.1.2.2, and 1.2.840.48018.1.2.2, which Windows once made of it (appendix C). */
export const KERBEROS: Uint8Array = fromHex('2a864886f712010202');
const WINDOWS_KERBEROS = fromHex('2a864882f712010202');

/** negState (§4.2.2). */
const STATES = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic'] as const;
export type NegotiationState = (typeof STATES)[number];

const state: Type<number> = { ...integer(0, STATES.length - 1, 'negState'), tag: 0x0a };
const mechType: Type<Uint8Array> = { ...octetString, name: 'OBJECT IDENTIFIER', tag: 0x06 };
const mechTypeList = sequenceOf(mechType);
const contextFlags: Type<Uint8Array> = { ...octetString, name: 'ContextFlags', tag: 0x03 };

const negTokenInit = negotiation(
  0,
  'SPNEGO NegTokenInit',
  sequence({
    mechTypes: field(0, mechTypeList),
    reqFlags: optional(1, contextFlags),
    mechToken: optional(2, octetString),
    mechListMIC: optional(3, octetString),
  }),
);

/** What a server of Windows says first ([MS-SPNG] §2.2.1): hints have taken the number of `mechListMIC`. */
const negTokenInit2 = negotiation(
  0,
  'SPNEGO NegTokenInit2',
  sequence({
    mechTypes: optional(0, mechTypeList),
    reqFlags: optional(1, contextFlags),
    mechToken: optional(2, octetString),
    negHints: field(3, sequence({ hintName: optional(0, generalString), hintAddress: optional(1, octetString) })),
    mechListMIC: optional(4, octetString),
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
 * Undefined when a token is not one of SPNEGO.
 * @throws FtpSecurityError `security/bad-token`, with the offset in `token`
 */
export function parseNegotiation(token: Uint8Array): NegotiationToken | undefined {
  if (token[0] === negTokenResp.tag) return fromAnswer(parseDer(negTokenResp, token));
  if (frameOf(token)?.mechanism !== 'spnego') return undefined;
  const { mechTypes, mechToken, mechListMIC } = parseDer(negTokenInit, token, openFrame(token, 'spnego'));
  return {
    kind: 'NegTokenInit',
    offered: mechTypes,
    ...(mechToken !== undefined && { inside: mechToken }),
    ...(mechListMIC !== undefined && { mic: mechListMIC }),
  };
}

/** A server's offer: the contents of the object identifiers, and a hint that means nothing. */
export interface NegotiationOffer {
  offered: Uint8Array[];
  hint?: string;
}

/** Undefined when a token is no NegTokenInit2 of a server. Nobody answers one here: in FTP the client speaks first. */
export function parseNegotiationOffer(token: Uint8Array): NegotiationOffer | undefined {
  if (frameOf(token)?.mechanism !== 'spnego') return undefined;
  try {
    const { mechTypes = [], negHints } = parseDer(negTokenInit2, token, openFrame(token, 'spnego'));
    return { offered: mechTypes, ...(negHints.hintName !== undefined && { hint: negHints.hintName }) };
  } catch (error) {
    refusalFrom(error);
    return undefined;
  }
}

export function formatNegotiation({ kind, offered = [], state, chosen, inside, mic }: NegotiationToken): Uint8Array {
  const rest = mic !== undefined && { mechListMIC: mic };
  if (kind === 'NegTokenInit') {
    const init = { mechTypes: offered, ...(inside !== undefined && { mechToken: inside }), ...rest };
    return formatFrame(formatDer(negTokenInit, init), 'spnego');
  }
  return formatDer(negTokenResp, {
    ...(state !== undefined && { negState: STATES.indexOf(state) }),
    ...(chosen !== undefined && { supportedMech: chosen }),
    ...(inside !== undefined && { responseToken: inside }),
    ...rest,
  });
}

/** What a `mechListMIC` vouches for (§5). */
export function mechanismList(offered: Uint8Array[]): Uint8Array {
  return formatDer(mechTypeList, offered);
}

/** A context that verifies MICs. */
interface MicVerifier {
  verifyMic(text: Uint8Array, token: Uint8Array): unknown;
  destroy(): void;
}

/** @throws FtpSecurityError `security/bad-token` when there is no MIC, or as `verifyMic` does; the context is destroyed */
export function verifyMechanisms(context: MicVerifier, list: Uint8Array, mic: Uint8Array | undefined): void {
  destroyOnError(context, () => {
    if (mic === undefined) throw badToken('SPNEGO: the mechListMIC is missing');
    context.verifyMic(list, mic);
  });
}

export function isKerberos(mechanism: Uint8Array): boolean {
  return [KERBEROS, WINDOWS_KERBEROS].some(known => toHex(known) === toHex(mechanism));
}

function fromAnswer({
  negState,
  supportedMech,
  responseToken,
  mechListMIC,
}: Of<typeof negTokenResp>): NegotiationToken {
  const said = negState === undefined ? undefined : STATES[negState];
  return {
    kind: 'NegTokenResp',
    ...(said !== undefined && { state: said }),
    ...(supportedMech !== undefined && { chosen: supportedMech }),
    ...(responseToken !== undefined && { inside: responseToken }),
    ...(mechListMIC !== undefined && { mic: mechListMIC }),
  };
}

/** Whether the token inside is one of Kerberos: with an offer comes one of its first mechanism (§4.2.1). */
export function isOfKerberos(offered: Uint8Array[] = [KERBEROS]): boolean {
  return offered[0] !== undefined && isKerberos(offered[0]);
}

/** One choice of NegotiationToken: `[number]`, explicit. */
function negotiation<T>(number: number, name: string, type: Type<T>): Type<T> {
  return { ...application(number, name, type), tag: 0xa0 | number };
}
