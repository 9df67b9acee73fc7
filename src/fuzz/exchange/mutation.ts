/** What a mutation of a security data exchange is (RFC 2228 §3, ADAT): one of our tokens mutated, or the line around it. */
import { encodeBase64 } from '../../base64.js';
import { CRLF, concat, toUtf8 } from '../../bytes.js';
import type { CipherOptions } from '../../mechanisms/krb5/crypto/enctypes.js';
import type { ServiceKey } from '../../mechanisms/krb5/index.js';
import type { EncryptionKey } from '../../mechanisms/krb5/messages/kerberos.js';
import type { Peer } from '../../protection/mechanism.js';
import type { Choices } from '../choices.js';
import type { Rule } from '../mutation.js';

export interface Krb5Keys extends CipherOptions {
  forges: 'krb5';
  /** Of the client's tickets, where we are the client. */
  sessionKeys: readonly EncryptionKey[];
  /** Of the service, where we are the server. */
  keytab: readonly ServiceKey[];
}

/** What opens and seals the tokens of an exchange again, by the mechanism that they are of. */
export type ExchangeKeys = Krb5Keys | { forges: 'psk'; key: Uint8Array } | { forges: 'krb4' };
export type ExchangeFormat = ExchangeKeys['forges'];

/** A valid line of ours that is due in an exchange. */
export interface ExchangeTurn {
  /** Who reads it: a server reads ADAT, a client 335 and 235. */
  to: Peer;
  /** Which of our lines behind AUTH, counted from 0. */
  number: number;
  /** Undefined where a reply has none. */
  token: Uint8Array | undefined;
  /** Of the reply. */
  code?: 235 | 335;
  /** The peer's last token. */
  received: Uint8Array | undefined;
  keys: ExchangeKeys | undefined;
}

export interface ExchangeMutation extends Rule {
  /** The mechanism whose tokens it mutates; default any. */
  forges?: ExchangeFormat;
  /** Which of our lines; default one that is drawn. */
  line?: number;
  /** What was sent, and taken, comes once more: on a new connection, in the same place. */
  again?: true;
  at: 'token' | 'base64' | 'line';
  /** Gives the octets as they go on; undefined where there is nothing to change. */
  change(octets: Uint8Array, draw: Choices, turn: ExchangeTurn): Uint8Array | undefined;
}

/** How many lines with security data we send in a valid exchange. */
const LINES: Record<ExchangeFormat, Record<Peer, number>> = {
  krb5: { server: 1, client: 1 },
  krb4: { server: 1, client: 1 },
  psk: { server: 2, client: 1 },
};

export function linesOf({ keys, to }: Pick<ExchangeTurn, 'keys' | 'to'>): number {
  return keys === undefined ? 1 : LINES[keys.forges][to];
}

/** The octets of the line of a turn, with other base 64 in it or that of its token. */
export function lineOf({ code, token }: ExchangeTurn, text = token && encodeBase64(token)): Uint8Array {
  if (code === undefined) return concat(toUtf8('ADAT '), text!, CRLF);
  if (text === undefined) return toUtf8(`${code} Security data exchange complete\r\n`);
  return concat(toUtf8(`${code} ADAT=`), text, CRLF);
}

/** The octets of a mutated line; undefined where the mutation finds nothing to change. */
export function mutatedLine(
  { at, change }: ExchangeMutation,
  turn: ExchangeTurn,
  draw: Choices,
): Uint8Array | undefined {
  const { token } = turn;
  if (at === 'line') return change(lineOf(turn), draw, turn);
  if (token === undefined) return undefined;
  const mutated = change(at === 'token' ? token : encodeBase64(token), draw, turn);
  return mutated && lineOf(turn, at === 'token' ? encodeBase64(mutated) : mutated);
}
