/** Helpers for the tables of AP-REQ and AP-REP (RFC 4120 §5.5): rows, and functions that mutate a part of a message. */
import { formatDer } from '../../../mechanisms/der.js';
import type { EncryptedData, EncryptionKey } from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Peer } from '../../../protection/mechanism.js';
import type { Choices } from '../../choices.js';
import { type ExchangeMutation, type ExchangeTurn, refuse, type Table, tableOf } from '../../mutation.js';
import { flipped, octets, spliced } from '../../pieces.js';
import { DER_ELEMENTS, DER_FIELDS, type ElementChange, filled, type Path, prefixed, within } from './der.js';
import {
  type ApRepParts,
  type ApReqParts,
  answerParts,
  type Parts,
  requestParts,
  type Sealing,
  sealedToken,
  tokenOf,
} from './parts.js';

/** A token made from the parts of ours; undefined if there is nothing to change. */
export type Make<P> = (parts: P, draw: Choices) => Uint8Array | undefined;

/** Where DER is mutated: in any required element, or among the fields of the SEQUENCE. */
export interface DerPlace<P> {
  of: string;
  mutated(path: Path, edit: ElementChange): Make<P>;
  fields: Path;
  required: readonly Path[];
}

/** Other fields; a field that is undefined is left out. */
type Changes<T> = { readonly [field in keyof T]?: T[field] | undefined };
/** Returns undefined if there is nothing to change. */
type Change<T> = (its: T, draw: Choices) => Changes<T> | undefined;

export const BAD_TOKEN = refuse('security/bad-token');
export const DAMAGED = refuse('security/bad-checksum', 'security/bad-token');
export const UNKNOWN_NUMBER = 4711;
/** Contents of an INTEGER that is too large for any machine type. */
export const TWENTY_OCTETS = '\x7f'.repeat(20);

/** Mutations of what a server receives. */
export function requestRows(table: Table<Make<ApReqParts>>, place: DerPlace<ApReqParts>): ExchangeMutation[] {
  return rowsTo('server', requestParts, table, place);
}

/** Mutations of what a client receives. */
export function answerRows(table: Table<Make<ApRepParts>>, place: DerPlace<ApRepParts>): ExchangeMutation[] {
  return rowsTo('client', answerParts, table, place);
}

function rowsTo<P>(
  to: Peer,
  partsOf: (turn: ExchangeTurn) => P | undefined,
  table: Table<Make<P>>,
  { of, mutated, fields, required }: DerPlace<P>,
): ExchangeMutation[] {
  const mutations = tableOf<Make<P>, ExchangeTurn>(
    { layer: 'exchange', at: 'tokens', to, forges: 'krb5' },
    make => (_token, draw, turn) => {
      const parts = partsOf(turn);
      const made = parts && make(parts, draw);
      return made && [made];
    },
  );
  const anywhere = (change: ElementChange): Make<P> => {
    return (parts, draw) => mutated(draw.of(required), change)(parts, draw);
  };
  return [
    table,
    prefixed(`${of}: `, DER_ELEMENTS, anywhere),
    prefixed(`${of}: `, DER_FIELDS, change => mutated(fields, change)),
  ].flatMap(mutations);
}

/** Changes the element at a place of the message. */
export const at =
  <M, I>(path: Path, edit: ElementChange): Make<Parts<M, I>> =>
  (parts, draw) => {
    const octets = formatDer(parts.form.message, parts.message);
    return tokenOf(
      parts,
      within(octets, path, element => edit(element, draw)),
    );
  };

/** Replaces fields of the message. */
export const withFields =
  <M, I>(change: Change<NoInfer<M>>): Make<Parts<M, I>> =>
  (parts, draw) =>
    tokenOf(parts, changed(parts.message, change(parts.message, draw)));

/** Changes the EncryptedData of the message. */
export const encrypted =
  <M, I>(change: Change<EncryptedData>): Make<Parts<M, I>> =>
  (parts, draw) => {
    const { form, message } = parts;
    const its = form.encrypted(message);
    return tokenOf(parts, form.withEncrypted(message, changed(its, change(its, draw))));
  };

/** Encrypts with another key or usage; undefined if that would be no change. */
export const sealedWith =
  <P extends Parts<P['message'], P['inside']>>(how: (parts: NoInfer<P>) => Sealing | undefined): Make<P> =>
  parts => {
    const sealing = how(parts);
    return sealing && sealedToken(parts, parts.inside, sealing);
  };

/** Changes the DER of the encrypted part before it is encrypted. */
export const sealed =
  <M, I>(edit: ElementChange): Make<Parts<M, I>> =>
  (parts, draw) =>
    sealedToken(parts, edit(formatDer(parts.form.inside, parts.inside), draw));

/** Changes the element at a place of the encrypted part. */
export const sealedAt = <M, I>(path: Path, edit: ElementChange): Make<Parts<M, I>> =>
  sealed((octets, draw) => within(octets, path, element => edit(element, draw)));

/** Replaces fields of the encrypted part. */
export const inside =
  <M, I>(change: Change<NoInfer<I>>): Make<Parts<M, I>> =>
  (parts, draw) => {
    const fields = change(parts.inside, draw);
    return fields && sealedToken(parts, changed(parts.inside, fields));
  };

/** Changes the subkey in the encrypted part, if there is one. */
export const subkey = <M, I extends { subkey?: EncryptionKey }>(change: Change<EncryptionKey>): Make<Parts<M, I>> =>
  inside(({ subkey: its }, draw) => its && ({ subkey: changed(its, change(its, draw)) } as Changes<I>));

export const unknownEtype = () => ({ etype: UNKNOWN_NUMBER });
export const otherEtype = ({ etype }: EncryptedData) => ({ etype: etype === 18 ? 17 : 18 });
export const cut = ({ cipher }: EncryptedData, draw: Choices) => ({
  cipher: cipher.subarray(0, draw.of([cipher.length - 1, 0, 1, 16, cipher.length >> 1])),
});
export const altered = ({ cipher }: EncryptedData, draw: Choices) => ({
  cipher: flipped(cipher, draw.below(cipher.length), draw.below(8)),
});

export const unknownKeytype = () => ({ keytype: UNKNOWN_NUMBER });
export const otherLength = (_: EncryptionKey, draw: Choices) => ({
  keyvalue: draw.octets(draw.of([0, 1, 15, 33, 4096])),
});

/** For a KerberosTime, `YYYYMMDDHHMMSSZ`. */
export const monthThirteen = filled(was => spliced(was, 4, 2, octets('13')));

function changed<T>(its: T, changes: Changes<T> | undefined): T {
  return { ...its, ...(changes as object) };
}
