/** The negotiation tokens of SPNEGO (RFC 4178 §4.2). The initiator's first token has a GSS-API frame, all others have none. */
import { fromHex, toHex } from '../../../bytes.js';
import { badToken, refusalFrom } from '../../../errors.js';
import {
  application,
  field,
  formatDer,
  generalString,
  integer,
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
  /** `mechTypes`: the initiator's offer in order of preference; the contents of the object identifiers. */
  offered?: Uint8Array[];
  /** `negState` of the acceptor. */
  state?: NegotiationState | undefined;
  /** `supportedMech`: the mechanism that the acceptor chose. */
  chosen?: Uint8Array | undefined;
  /** `mechToken` or `responseToken`: the mechanism's own token. */
  inside?: Uint8Array | undefined;
  /** `mechListMIC`: a GetMIC token for {@link mechanismList}. */
  mic?: Uint8Array | undefined;
}

/** 1.2.840.113554.1.2.2, and 1.2.840.48018.1.2.2, which old versions of Windows use (appendix C). */
export const KERBEROS: Uint8Array = fromHex('2a864886f712010202');
const WINDOWS_KERBEROS = fromHex('2a864882f712010202');

/** negState (§4.2.2). */
const STATES = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic'] as const;
export type NegotiationState = (typeof STATES)[number];

const stateNumber = integer(0, STATES.length - 1, 'negState');
const negotiationState: Type<NegotiationState> = {
  ...stateNumber,
  tag: 0x0a,
  read: contents => STATES[stateNumber.read(contents)]!,
  write: state => stateNumber.write(STATES.indexOf(state)),
};
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

/** The offer of a Windows server that speaks first ([MS-SPNG] §2.2.1). It has hints in place of `mechListMIC`. */
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
    negState: optional(0, negotiationState),
    supportedMech: optional(1, mechType),
    responseToken: optional(2, octetString),
    mechListMIC: optional(3, octetString),
  }),
);

/**
 * Parses a NegTokenInit or NegTokenResp; undefined if the token is not one of SPNEGO.
 * @throws FtpSecurityError `security/bad-token`, with the offset in `token`
 */
export function parseNegotiation(token: Uint8Array): NegotiationToken | undefined {
  if (token[0] === negTokenResp.tag) {
    const { negState, supportedMech, responseToken, mechListMIC } = parseDer(negTokenResp, token);
    return { kind: 'NegTokenResp', state: negState, chosen: supportedMech, inside: responseToken, mic: mechListMIC };
  }
  if (frameOf(token)?.mechanism !== 'spnego') return undefined;
  const { mechTypes, mechToken, mechListMIC } = parseDer(negTokenInit, token, openFrame(token, 'spnego'));
  return { kind: 'NegTokenInit', offered: mechTypes, inside: mechToken, mic: mechListMIC };
}

/** A server's offer: the contents of the object identifiers, and a hint, which has no meaning. */
export interface NegotiationOffer {
  offered: Uint8Array[];
  hint: string | undefined;
}

/** Parses a server's NegTokenInit2, for describing it only, as in FTP the client speaks first; undefined for other tokens. */
export function parseNegotiationOffer(token: Uint8Array): NegotiationOffer | undefined {
  try {
    const { mechTypes = [], negHints } = parseDer(negTokenInit2, token, openFrame(token, 'spnego'));
    return { offered: mechTypes, hint: negHints.hintName };
  } catch (error) {
    refusalFrom(error);
    return undefined;
  }
}

/** Formats a NegTokenInit: the initiator's offer, with a token for the first mechanism if there is one. */
export function formatOffer(offered: Uint8Array[], inside?: Uint8Array): Uint8Array {
  return formatFrame(formatDer(negTokenInit, { mechTypes: offered, mechToken: inside }), 'spnego');
}

/** Formats a NegTokenResp. */
export function formatAnswer({ state, chosen, inside, mic }: Omit<NegotiationToken, 'kind' | 'offered'>): Uint8Array {
  const answer = { negState: state, supportedMech: chosen, responseToken: inside, mechListMIC: mic };
  return formatDer(negTokenResp, answer);
}

/** The list of mechanisms in DER, which `mechListMIC` authenticates (§5). */
export function mechanismList(offered: Uint8Array[]): Uint8Array {
  return formatDer(mechTypeList, offered);
}

/** A context that verifies MICs. */
interface MicVerifier {
  verifyMic(text: Uint8Array, token: Uint8Array): unknown;
  destroy(): void;
}

/**
 * Verifies a `mechListMIC`. If that fails, the context is destroyed.
 * @throws FtpSecurityError `security/bad-token` if there is no MIC, and the errors of `verifyMic`
 */
export function verifyMechanisms(context: MicVerifier, list: Uint8Array, mic: Uint8Array | undefined): void {
  destroyOnError(context, () => {
    if (mic === undefined) throw badToken('SPNEGO: the mechListMIC is missing');
    context.verifyMic(list, mic);
  });
}

export function isKerberos(mechanism: Uint8Array): boolean {
  return [KERBEROS, WINDOWS_KERBEROS].some(known => toHex(known) === toHex(mechanism));
}

/** Whether the token inside is one of Kerberos: in a NegTokenInit, it belongs to the first mechanism (§4.2.1). */
export function isOfKerberos(offered: Uint8Array[] = [KERBEROS]): boolean {
  return offered[0] !== undefined && isKerberos(offered[0]);
}

/** One choice of NegotiationToken: an explicit tag `[number]`. */
function negotiation<T>(number: number, name: string, type: Type<T>): Type<T> {
  return { ...application(number, name, type), tag: 0xa0 | number };
}
