/** Decrypts the tokens of Kerberos V5, and encrypts them again with other contents (RFC 4120 §5.5, RFC 4121 §4.1). */
import { concat, fromHex } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { formatDer, parseDer, type Type } from '../../../mechanisms/der.js';
import { type CipherOptions, enctypeOf, kerberosKey } from '../../../mechanisms/krb5/crypto/enctypes.js';
import { openApReq } from '../../../mechanisms/krb5/exchange/ap-exchange.js';
import type { ServiceKey } from '../../../mechanisms/krb5/index.js';
import { type ContextToken, formatFrame, parseContextToken } from '../../../mechanisms/krb5/messages/gss-framing.js';
import {
  type ApRep,
  type ApReq,
  type Authenticator,
  apRep,
  apReq,
  authenticatorSchema,
  type EncApRepPart,
  type EncryptedData,
  type EncryptionKey,
  encApRepPart,
  USAGE,
} from '../../../mechanisms/krb5/messages/kerberos.js';
import type { ExchangeTurn } from '../../mutation.js';

/** Keys of an exchange under Kerberos V5. */
export type Krb5Keys = Pick<CipherOptions, keyof CipherOptions> & {
  readonly forges: 'krb5';
  /** Session keys of the client's tickets, if we are the client. */
  readonly sessionKeys: readonly EncryptionKey[];
  /** Keys of the service, if we are the server. */
  readonly keytab: readonly ServiceKey[];
};

const keysOf = ({ keys }: ExchangeTurn) => (keys?.forges === 'krb5' ? (keys as Krb5Keys) : undefined);

/** How one of the two messages is encoded. */
interface Form<Message, Inside> {
  /** Token id in hex (RFC 4121 §4.1). */
  id: string;
  message: Type<Message>;
  /** Type of the encrypted part; `usage` is its key usage (RFC 4120 §7.5.1). */
  inside: Type<Inside>;
  usage: number;
  encrypted(message: Message): EncryptedData;
  withEncrypted(message: Message, encrypted: EncryptedData): Message;
}

const REQUEST: Form<ApReq, Authenticator> = {
  id: '0100',
  message: apReq,
  inside: authenticatorSchema,
  usage: USAGE.authenticator,
  encrypted: message => message.authenticator,
  withEncrypted: (message, encrypted) => ({ ...message, authenticator: encrypted }),
};

const ANSWER: Form<ApRep, EncApRepPart> = {
  id: '0200',
  message: apRep,
  inside: encApRepPart,
  usage: USAGE.apRep,
  encrypted: message => message.encPart,
  withEncrypted: (message, encrypted) => ({ ...message, encPart: encrypted }),
};

/** A key, or key usage, that differs from that of a valid message. */
export interface Sealing {
  key?: EncryptionKey;
  usage?: number;
}

/** A decrypted token of an exchange. */
export interface Parts<Message, Inside> {
  form: Form<Message, Inside>;
  message: Message;
  /** The contents of the encrypted part. */
  inside: Inside;
  /** Encrypts; by default with the session key and the usage of the message. */
  encrypt(octets: Uint8Array, how?: Sealing): EncryptedData;
}

/** An AP-REQ, and an AP-REP with the authenticator that it answers. */
export type ApReqParts = Parts<ApReq, Authenticator>;
export type ApRepParts = Parts<ApRep, EncApRepPart> & { request: Authenticator };

/** The contents of our AP-REQ; undefined if the token is not an AP-REQ, or its key is not known. */
export function requestParts(turn: ExchangeTurn): ApReqParts | undefined {
  const { token } = turn;
  const keys = keysOf(turn);
  if (keys === undefined || token === undefined) return undefined;
  const opened = openedRequest(token, keys);
  if (opened === undefined) return undefined;
  const { key, ...parts } = opened;
  return { form: REQUEST, ...parts, encrypt: encrypting(key, REQUEST.usage, keys) };
}

/** The contents of our AP-REP, and the authenticator that it answers; undefined as for an AP-REQ. */
export function answerParts(turn: ExchangeTurn): ApRepParts | undefined {
  const { token, received } = turn;
  const keys = keysOf(turn);
  if (keys === undefined || token === undefined || received === undefined) return undefined;
  const seen = contextTokenIn(token);
  const opened = openedRequest(received, keys);
  if (seen?.kind !== 'AP-REP' || opened === undefined) return undefined;
  const { key, inside: request } = opened;
  const { message } = seen;
  const inside = insideOf(ANSWER, message, key, keys);
  return { form: ANSWER, message, inside, request, encrypt: encrypting(key, ANSWER.usage, keys) };
}

/** Our token with the same contents, encrypted with the fixed confounder of this file. */
export function fixedToken(turn: ExchangeTurn): Uint8Array | undefined {
  const parts = turn.to === 'server' ? requestParts(turn) : answerParts(turn);
  return parts === undefined ? turn.token : sealedToken<unknown, unknown>(parts as Parts<unknown, unknown>);
}

/** A key that neither side has. */
export function otherKey(keytype: number): EncryptionKey {
  return { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)!.keyLength).fill(0x45) };
}

/** Whether the enctype derives a key for each usage: DES does not (RFC 3961 §6.2). */
export function tellsUsages({ etype }: EncryptedData): boolean {
  return etype !== 1 && etype !== 3;
}

/** The token of a message, which is given as fields or as DER. */
export function tokenOf<M, I>({ form }: Parts<M, I>, message: M | Uint8Array): Uint8Array {
  return formatFrame(
    concat(fromHex(form.id), message instanceof Uint8Array ? message : formatDer(form.message, message)),
  );
}

/** The token of our message with another encrypted part, which is given as fields or as DER. */
export function sealedToken<M, I>(
  parts: Parts<M, I>,
  inside: I | Uint8Array = parts.inside,
  how?: Sealing,
): Uint8Array {
  const { form, message } = parts;
  const octets = inside instanceof Uint8Array ? inside : formatDer(form.inside, inside);
  return tokenOf(parts, form.withEncrypted(message, parts.encrypt(octets, how)));
}

/** Encrypts with a fixed confounder, so that a case always gives the same octets. */
function encrypting(
  ownKey: EncryptionKey,
  ownUsage: number,
  options: CipherOptions,
): Parts<unknown, unknown>['encrypt'] {
  return (octets, { key = ownKey, usage = ownUsage } = {}) => {
    const sealer = kerberosKey(key.keytype, key.keyvalue, options);
    const confounder = new Uint8Array(sealer.enctype.confounderLength).fill(0x2a);
    return { etype: key.keytype, cipher: sealer.encrypt(usage, octets, confounder) };
  };
}

const contextTokenIn = (token: Uint8Array): ContextToken | undefined => orUndefined(() => parseContextToken(token));

/** The AP-REQ, opened with one of the known session keys, or with that of a ticket which the keytab opens. */
function openedRequest(
  token: Uint8Array,
  keys: Krb5Keys,
): { message: ApReq; key: EncryptionKey; inside: Authenticator } | undefined {
  const seen = contextTokenIn(token);
  if (seen?.kind !== 'AP-REQ') return undefined;
  const { message } = seen;
  for (const key of keys.sessionKeys) {
    const inside = orUndefined(() => insideOf(REQUEST, message, key, keys));
    if (inside !== undefined) return { message, key, inside };
  }
  const opened = orUndefined(() => openApReq(message, keys.keytab, keys));
  return opened && { message, key: opened.ticket.key, inside: opened.authenticator };
}

function insideOf<M, I>(form: Form<M, I>, message: M, key: EncryptionKey, options: CipherOptions): I {
  const opener = kerberosKey(key.keytype, key.keyvalue, options);
  const octets = opener.decrypt(form.usage, form.encrypted(message).cipher);
  return parseDer(form.inside, octets, 0, opener.enctype.messageBlock - 1);
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FtpSecurityError) return undefined;
    throw error;
  }
}
