/** The tokens of Kerberos V5 opened with the session key, and sealed again with other contents (RFC 4120 §5.5, RFC 4121 §4.1). */
import { concat, fromHex } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { openApReq } from '../../mechanisms/krb5/ap-exchange.js';
import { formatDer, parseDer, type Type } from '../../mechanisms/krb5/der.js';
import { type CipherOptions, enctypeOf, kerberosKey } from '../../mechanisms/krb5/enctypes.js';
import { type ContextToken, formatFrame, parseContextToken } from '../../mechanisms/krb5/gss-token.js';
import {
  type ApRep,
  type ApReq,
  type Authenticator,
  apRep,
  apReq,
  authenticator,
  type EncApRepPart,
  type EncryptedData,
  type EncryptionKey,
  encApRepPart,
  USAGE,
} from '../../mechanisms/krb5/messages.js';
import type { ExchangeTurn, Krb5Keys } from './mutation.js';

/** A token of an exchange, open. */
interface Parts<Message, Inside> {
  message: Message;
  /** What is sealed in it. */
  inside: Inside;
  /** Seals octets in its place. Default: with the session key, as RFC 4120 §7.5.1 says. */
  sealed(inside: Uint8Array, how?: { key?: EncryptionKey; usage?: number }): EncryptedData;
}

export type ApReqParts = Parts<ApReq, Authenticator>;
export type ApRepParts = Parts<ApRep, EncApRepPart> & { request: Authenticator };

const TOKEN_ID = { 'AP-REQ': '0100', 'AP-REP': '0200' } as const;

/** The octets of a message as a token. */
export function tokenOf(kind: keyof typeof TOKEN_ID, message: Uint8Array): Uint8Array {
  return formatFrame(concat(fromHex(TOKEN_ID[kind]), message));
}

/** What our AP-REQ has in it; undefined for a token that is none, or whose key is not here. */
export function requestParts(token: Uint8Array, keys: Krb5Keys): ApReqParts | undefined {
  const message = requestIn(token);
  const opened = message && openedRequest(message, keys);
  if (message === undefined || opened === undefined) return undefined;
  const { key, inside } = opened;
  return { message, inside, sealed: sealing(key, USAGE.authenticator, keys) };
}

/** What our AP-REP has in it. */
export function answerParts({ token, received, keys }: ExchangeTurn): ApRepParts | undefined {
  if (keys?.forges !== 'krb5' || token === undefined || received === undefined) return undefined;
  const message = answerIn(token);
  const request = requestIn(received);
  const opened = request && openedRequest(request, keys);
  if (message === undefined || opened === undefined) return undefined;
  const { key, inside: its } = opened;
  const inside = insideOf(encApRepPart, USAGE.apRep, key, message.encPart, keys);
  return { message, inside, request: its, sealed: sealing(key, USAGE.apRep, keys) };
}

const contextTokenIn = (token: Uint8Array): ContextToken | undefined => orUndefined(() => parseContextToken(token));

function requestIn(token: Uint8Array): ApReq | undefined {
  const seen = contextTokenIn(token);
  return seen?.kind === 'AP-REQ' ? seen.message : undefined;
}

function answerIn(token: Uint8Array): ApRep | undefined {
  const seen = contextTokenIn(token);
  return seen?.kind === 'AP-REP' ? seen.message : undefined;
}

function openedRequest(message: ApReq, keys: Krb5Keys): { key: EncryptionKey; inside: Authenticator } | undefined {
  for (const key of keys.sessionKeys) {
    const inside = orUndefined(() => insideOf(authenticator, USAGE.authenticator, key, message.authenticator, keys));
    if (inside !== undefined) return { key, inside };
  }
  const opened = orUndefined(() => openApReq(message, keys.keytab, keys));
  return opened && { key: opened.ticket.key, inside: opened.authenticator };
}

function insideOf<T>(
  type: Type<T>,
  usage: number,
  key: EncryptionKey,
  sealed: EncryptedData,
  options: CipherOptions,
): T {
  const opener = kerberosKey(key.keytype, key.keyvalue, options);
  return parseDer(type, opener.decrypt(usage, sealed.cipher), 0, opener.enctype.messageBlock - 1);
}

/** With a confounder that is always the same, so that a case comes to the same octets again. */
function sealing(own: EncryptionKey, ownUsage: number, options: CipherOptions): ApReqParts['sealed'] {
  return (inside, { key = own, usage = ownUsage } = {}) => {
    const sealer = kerberosKey(key.keytype, key.keyvalue, options);
    const confounder = new Uint8Array(sealer.enctype.confounderLength).fill(0x2a);
    return { etype: key.keytype, cipher: sealer.encrypt(usage, inside, confounder) };
  };
}

/** A key that nobody has. */
export function otherKey(keytype: number): EncryptionKey {
  return { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)!.keyLength).fill(0x45) };
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FtpSecurityError) return undefined;
    throw error;
  }
}

/** Whether the enctype takes another key for each usage: DES does not (RFC 3961 §6.2). */
export function tellsUsages({ etype }: EncryptedData): boolean {
  return etype !== 1 && etype !== 3;
}

/** Our token with everything in it as it was, sealed with the confounder of this room. */
export function soundRequest({ token, keys }: ExchangeTurn): Uint8Array | undefined {
  const parts = token && keys?.forges === 'krb5' ? requestParts(token, keys) : undefined;
  if (parts === undefined) return token;
  const sealed = parts.sealed(formatDer(authenticator, parts.inside));
  return tokenOf('AP-REQ', formatDer(apReq, { ...parts.message, authenticator: sealed }));
}

export function soundAnswer(turn: ExchangeTurn): Uint8Array | undefined {
  const parts = answerParts(turn);
  if (parts === undefined) return turn.token;
  return tokenOf(
    'AP-REP',
    formatDer(apRep, { ...parts.message, encPart: parts.sealed(formatDer(encApRepPart, parts.inside)) }),
  );
}
