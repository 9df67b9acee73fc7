/** AP-REQ and AP-REP (RFC 4120 §5.5, RFC 4121 §4.1), opened, changed in one place, and encrypted again. */
import { concat, fromHex } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { formatDer, type Type } from '../../../mechanisms/der.js';
import { type CipherOptions, enctypeOf } from '../../../mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/kerberos-key.js';
import { openApReq } from '../../../mechanisms/krb5/exchange/ap-exchange.js';
import type { ServiceKey } from '../../../mechanisms/krb5/index.js';
import { openData } from '../../../mechanisms/krb5/messages/encrypted-data.js';
import { formatFrame, parseContextToken } from '../../../mechanisms/krb5/messages/gss-framing.js';
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
import type { Peer } from '../../../protection/mechanism.js';
import { Choices } from '../../choices.js';
import { type ExchangeTurn, type Must, type Mutation, type Table, tableOf, UNVERIFIED } from '../../mutation.js';
import { anyBitFlipped, octets, spliced } from '../../pieces.js';
import { DER_ELEMENTS, DER_FIELDS, type ElementChange, filled, within } from './der.js';

/** Keys of an exchange under Kerberos V5. */
export type Krb5Keys = Pick<CipherOptions, keyof CipherOptions> & {
  readonly forges: 'krb5';
  /** Session keys of the client's tickets, if we are the client. */
  readonly sessionKeys: readonly EncryptionKey[];
  /** Keys of the service, if we are the server. */
  readonly keytab: readonly ServiceKey[];
};

/** A decrypted message. */
interface Opened<Message, Inside> {
  message: Message;
  /** The contents of the encrypted part. */
  inside: Inside;
  /** The session key. */
  key: EncryptionKey;
  /** The authenticator of the AP-REQ, also for an AP-REP. */
  request: Authenticator;
}

/** How one of the two messages is encoded. */
interface Form<Message, Inside> {
  to: Peer;
  /** Token id in hex (RFC 4121 §4.1). */
  id: string;
  message: Type<Message>;
  /** The field of the encrypted part, its type, and its key usage (RFC 4120 §7.5.1). */
  field: keyof Message;
  inside: Type<Inside>;
  usage: number;
  open(turn: ExchangeTurn, keys: Krb5Keys): Opened<Message, Inside> | undefined;
}

/** What differs from the valid message, from the innermost part to the outermost. */
interface Differences<Message, Inside> {
  inside?: Inside;
  /** Changes the DER of the encrypted part before it is encrypted. */
  sealed?: (der: Uint8Array) => Uint8Array;
  key?: EncryptionKey;
  usage?: number;
  fields?: (message: Message) => Message;
  /** Changes the DER of the message. */
  clear?: (der: Uint8Array) => Uint8Array;
}

/** Returns other fields, where undefined leaves a field out. */
type Change<T> = (its: T, draw: Choices) => { readonly [field in keyof T]?: T[field] | undefined } | undefined;

/** Where DER is mutated: in any required element, or among the fields of the SEQUENCE. */
interface DerPlace {
  /** The name of what contains it. */
  of: string;
  /** The path to the SEQUENCE, and those to elements that are required. */
  fields: string;
  required: readonly string[];
}

/** Makes the differences; undefined if there is nothing to change. */
type MakeOf<M, I> = (its: Opened<M, I>, draw: Choices) => Differences<M, I> | undefined;

/** Changes of one of the two messages. */
interface Editor<M, I> {
  /** Our token with differences; undefined without its keys. A fixed confounder always gives the same octets. */
  tokenOf(turn: ExchangeTurn, make?: MakeOf<M, I>, draw?: Choices): Uint8Array | undefined;
  /** Changes the element at a place of the message. */
  at(path: string, edit: ElementChange): MakeOf<M, I>;
  /** Replaces fields of the message. */
  fields(change: Change<M>): MakeOf<M, I>;
  /** Replaces fields of a field of the message. */
  part<F extends keyof M>(field: F): (change: Change<M[F]>) => MakeOf<M, I>;
  /** Changes the DER of the encrypted part before it is encrypted. */
  sealed(edit: ElementChange): MakeOf<M, I>;
  /** Changes the element at a place of the encrypted part. */
  sealedAt(path: string, edit: ElementChange): MakeOf<M, I>;
  /** Replaces fields of the encrypted part. */
  inside(change: Change<I>): MakeOf<M, I>;
  /** Changes the subkey in the encrypted part, if there is one. */
  subkey(change: Change<EncryptionKey>): MakeOf<M, I>;
  /** The mutations of a table, and those of DER in the message or, with `sealedAt`, in its encrypted part. */
  mutations(table: Table<MakeOf<M, I>>, of: DerPlace, place?: Editor<M, I>['at']): Mutation<ExchangeTurn>[];
}

const unchanged = <T>(its: T): T => its;

function editorOf<M extends object, I extends { subkey?: EncryptionKey | undefined }>(form: Form<M, I>): Editor<M, I> {
  type Make = MakeOf<M, I>;

  function tokenOf(turn: ExchangeTurn, make: Make = () => ({}), draw = new Choices([])): Uint8Array | undefined {
    if (turn.keys?.forges !== 'krb5') return undefined;
    const keys = turn.keys as Krb5Keys;
    const opened = form.open(turn, keys);
    const differences = opened && make(opened, draw);
    if (differences === undefined) return undefined;
    const { message, inside, key, usage } = { usage: form.usage, ...opened!, ...differences };
    const { sealed = unchanged, fields = unchanged, clear = unchanged } = differences;
    const sealer = kerberosKey(key.keytype, key.keyvalue, keys);
    const confounder = new Uint8Array(sealer.enctype.confounderLength).fill(0x2a);
    const cipher = sealer.encrypt(usage, sealed(formatDer(form.inside, inside)), confounder);
    const whole = { ...message, [form.field]: { etype: key.keytype, cipher } };
    return formatFrame(concat(fromHex(form.id), clear(formatDer(form.message, fields(whole)))));
  }

  const at = (path: string, edit: ElementChange): Make => {
    return (_, draw) => ({ clear: der => within(der, path, element => edit(element, draw)) });
  };
  const fields = (change: Change<M>): Make => {
    return (_, draw) => ({ fields: message => ({ ...message, ...change(message, draw) }) });
  };
  const part = <F extends keyof M>(field: F) => {
    return (change: Change<M[F]>): Make =>
      fields((its, draw) => ({ [field]: { ...its[field], ...change(its[field], draw) } }) as Partial<M>);
  };
  const sealed = (edit: ElementChange): Make => {
    return (_, draw) => ({ sealed: der => edit(der, draw) });
  };
  const sealedAt = (path: string, edit: ElementChange): Make =>
    sealed((der, draw) => within(der, path, element => edit(element, draw)));
  const inside = (change: Change<I>): Make => {
    return (its, draw) => {
      const changed = change(its.inside, draw);
      return changed && { inside: { ...its.inside, ...changed } };
    };
  };
  const subkey = (change: Change<EncryptionKey>): Make =>
    inside((its, draw) => its.subkey && ({ subkey: { ...its.subkey, ...change(its.subkey, draw) } } as Partial<I>));

  function mutations(table: Table<Make>, of: DerPlace, place = at): Mutation<ExchangeTurn>[] {
    const rows = <T>(prefix: string, makeOf: (its: T) => Make) =>
      tableOf<T, ExchangeTurn>({ layer: 'exchange', at: 'tokens', to: form.to, forges: 'krb5', prefix }, its => {
        const make = makeOf(its);
        return (_token, draw, turn) => {
          const made = tokenOf(turn, make, draw);
          return made && [made];
        };
      });
    const anyRequired = (change: ElementChange): Make => {
      return (its, draw) => place(draw.of(of.required), change)(its, draw);
    };
    return [
      ...rows('', unchanged<Make>)(table),
      ...rows(`${of.of}: `, anyRequired)(DER_ELEMENTS),
      ...rows(`${of.of}: `, (change: ElementChange) => place(of.fields, change))(DER_FIELDS),
    ];
  }

  return { tokenOf, at, fields, part, sealed, sealedAt, inside, subkey, mutations };
}

const REQUEST: Form<ApReq, Authenticator> = {
  to: 'server',
  id: '0100',
  message: apReq,
  field: 'authenticator',
  inside: authenticatorSchema,
  usage: USAGE.authenticator,
  open: ({ token }, keys) => openRequest(token, keys),
};

const ANSWER: Form<ApRep, EncApRepPart> = {
  to: 'client',
  id: '0200',
  message: apRep,
  field: 'encPart',
  inside: encApRepPart,
  usage: USAGE.apRep,
  open({ token, received }, keys) {
    const read = token && orUndefined(() => parseContextToken(token));
    const asked = openRequest(received, keys);
    if (read?.kind !== 'AP-REP' || asked === undefined) return undefined;
    const { key, request } = asked;
    return { message: read.message, key, inside: openedPart(ANSWER, read.message, key, keys), request };
  },
};

/** The AP-REQ, opened with one of the known session keys, or with that of a ticket which the keytab opens. */
function openRequest(token: Uint8Array | undefined, keys: Krb5Keys) {
  const read = token && orUndefined(() => parseContextToken(token));
  if (read?.kind !== 'AP-REQ') return undefined;
  const { message } = read;
  for (const key of keys.sessionKeys) {
    const inside = orUndefined(() => openedPart(REQUEST, message, key, keys));
    if (inside !== undefined) return { message, key, inside, request: inside };
  }
  const opened = orUndefined(() => openApReq(message, keys.keytab, keys));
  return opened && { message, key: opened.ticket.key, inside: opened.authenticator, request: opened.authenticator };
}

function openedPart<M, I>({ inside, usage, field }: Form<M, I>, message: M, key: EncryptionKey, keys: Krb5Keys): I {
  return openData(inside, usage, key, message[field] as EncryptedData, keys);
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FtpSecurityError) return undefined;
    throw error;
  }
}

export const AP_REQ: Editor<ApReq, Authenticator> = editorOf(REQUEST);
export const AP_REP: Editor<ApRep, EncApRepPart> = editorOf(ANSWER);

/** Our token with the same contents, encrypted with a fixed confounder; without its keys as it is. */
export function fixedToken(turn: ExchangeTurn): Uint8Array | undefined {
  return (turn.to === 'server' ? AP_REQ : AP_REP).tokenOf(turn) ?? turn.token;
}

/** A key that neither side has. */
export function otherKey({ keytype }: EncryptionKey): EncryptionKey {
  return { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)!.keyLength).fill(0x45) };
}

/** Another key usage, if the enctype derives a key for each: DES does not (RFC 3961 §6.2). */
export function otherUsage({ keytype }: EncryptionKey, usage: number): { usage: number } | undefined {
  return keytype === 1 || keytype === 3 ? undefined : { usage };
}

export const UNKNOWN_NUMBER = 4711;
const [AES128, AES256] = [17, 18];
/** Contents of an INTEGER that is too large for any machine type. */
export const TWENTY_OCTETS = filled('\x7f'.repeat(20));
/** For a KerberosTime, `YYYYMMDDHHMMSSZ`. */
export const MONTH_13 = filled(right => spliced(right, 4, 2, octets('13')));

/** Rows of one EncryptedData; `ofEtype` is what a peer must do with an enctype other than the right one. */
export function encryptedRows<M>(what: string, ofEtype: Must, change: (change: Change<EncryptedData>) => M) {
  const cipher = (edit: ElementChange) => change((its, draw) => ({ cipher: edit(its.cipher, draw) }));
  return {
    [`${what} of an unknown enctype`]: [ofEtype, change(() => ({ etype: UNKNOWN_NUMBER }))],
    [`${what} of another enctype`]: [ofEtype, change(({ etype }) => ({ etype: etype === AES256 ? AES128 : AES256 }))],
    [`${what} that is cut`]: [
      UNVERIFIED,
      cipher((it, draw) => it.subarray(0, draw.of([it.length - 1, 0, 1, 16, it.length >> 1]))),
    ],
    [`${what} with a bit flipped`]: [UNVERIFIED, cipher(anyBitFlipped)],
  } as const;
}

export const unknownKeytype = () => ({ keytype: UNKNOWN_NUMBER });
export const otherLength = (_: EncryptionKey, draw: Choices): Pick<EncryptionKey, 'keyvalue'> => ({
  keyvalue: draw.octets(draw.of([0, 1, 15, 33, 4096])),
});
