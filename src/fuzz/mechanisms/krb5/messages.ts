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
import type { Choices } from '../../choices.js';
import { type ExchangeTurn, type Must, type Mutation, type Table, tableOf, UNVERIFIED } from '../../mutation.js';
import { anyBitFlipped, octets, spliced } from '../../pieces.js';
import { DER_ELEMENTS, DER_FIELDS, type ElementChange, filled, type Path, within } from './der.js';

/** Keys of an exchange under Kerberos V5. */
export type Krb5Keys = Pick<CipherOptions, keyof CipherOptions> & {
  readonly forges: 'krb5';
  /** Session keys of the client's tickets, if we are the client. */
  readonly sessionKeys: readonly EncryptionKey[];
  /** Keys of the service, if we are the server. */
  readonly keytab: readonly ServiceKey[];
};

/** How one of the two messages is encoded. */
interface Form<Message, Inside> {
  /** Its reader. */
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

type Parts<Message, Inside> = Opened<Message, Inside> & { keys: Krb5Keys };

/** A token made from ours; undefined if there is nothing to change. */
type Make<Message, Inside> = (parts: Parts<Message, Inside>, draw: Choices) => Uint8Array | undefined;

/** Returns other fields, where undefined leaves a field out; or undefined if there is nothing to change. */
type Change<T> = (its: T, draw: Choices) => { readonly [field in keyof T]?: T[field] | undefined } | undefined;

/** A key, or key usage, that differs from that of a valid message. */
interface Sealing {
  key?: EncryptionKey;
  usage?: number;
}

/** Where DER is mutated: in any required element, or among the fields of the SEQUENCE. */
interface DerPlace {
  /** The name of what contains it. */
  of: string;
  fields: Path;
  required: readonly Path[];
}

/** Changes of one of the two messages. Its members are functions, so that a table can use them alone. */
class Editor<M extends object, I extends { subkey?: EncryptionKey | undefined }> {
  readonly #form: Form<M, I>;

  constructor(form: Form<M, I>) {
    this.#form = form;
  }

  /** Our token with the same contents, encrypted with a fixed confounder. */
  readonly same = (parts: Parts<M, I>): Uint8Array => this.#encrypted(parts, this.#der(parts));

  /** Changes the element at a place of the message. */
  readonly at =
    (path: Path, edit: ElementChange): Make<M, I> =>
    ({ message }, draw) =>
      this.#token(within(formatDer(this.#form.message, message), path, element => edit(element, draw)));

  /** Replaces fields of the message. */
  readonly fields =
    (change: Change<M>): Make<M, I> =>
    ({ message }, draw) =>
      this.#tokenOf(changed(message, change(message, draw)));

  /** Changes the EncryptedData of the message. */
  readonly encrypted =
    (change: Change<EncryptedData>): Make<M, I> =>
    ({ message }, draw) => {
      const its = message[this.#form.field] as EncryptedData;
      return this.#tokenOf({ ...message, [this.#form.field]: changed(its, change(its, draw)) });
    };

  /** Encrypts with another key or usage. */
  readonly sealedWith =
    (how: (parts: Parts<M, I>) => Sealing | undefined): Make<M, I> =>
    parts => {
      const other = how(parts);
      return other && this.#encrypted(parts, this.#der(parts), other);
    };

  /** Changes the DER of the encrypted part before it is encrypted. */
  readonly sealed =
    (edit: ElementChange): Make<M, I> =>
    (parts, draw) =>
      this.#encrypted(parts, edit(this.#der(parts), draw));

  /** Changes the element at a place of the encrypted part. */
  readonly sealedAt = (path: Path, edit: ElementChange): Make<M, I> =>
    this.sealed((inside, draw) => within(inside, path, element => edit(element, draw)));

  /** Replaces fields of the encrypted part. */
  readonly inside =
    (change: Change<I>): Make<M, I> =>
    (parts, draw) => {
      const fields = change(parts.inside, draw);
      return fields && this.#encrypted(parts, formatDer(this.#form.inside, changed(parts.inside, fields)));
    };

  /** Changes the subkey in the encrypted part, if there is one. */
  readonly subkey = (change: Change<EncryptionKey>): Make<M, I> =>
    this.inside(
      ({ subkey }, draw) => subkey && ({ subkey: changed(subkey, change(subkey, draw)) } as ReturnType<Change<I>>),
    );

  /** The mutations of a table, and those of DER in the message or, with `sealedAt`, in its encrypted part. */
  mutations(table: Table<Make<M, I>>, { of, fields, required }: DerPlace, at = this.at): Mutation<ExchangeTurn>[] {
    const form = this.#form;
    const rows = <T>(prefix: string, makeOf: (its: T) => Make<M, I>) =>
      tableOf<T, ExchangeTurn>({ layer: 'exchange', at: 'tokens', to: form.to, forges: 'krb5', prefix }, its => {
        const make = makeOf(its);
        return (_token, draw, turn) => {
          const parts = partsOf(form, turn);
          const made = parts && make(parts, draw);
          return made && [made];
        };
      });
    const anyRequired = (change: ElementChange): Make<M, I> => {
      return (parts, draw) => at(draw.of(required), change)(parts, draw);
    };
    return [
      ...rows('', (make: Make<M, I>) => make)(table),
      ...rows(`${of}: `, anyRequired)(DER_ELEMENTS),
      ...rows(`${of}: `, (change: ElementChange) => at(fields, change))(DER_FIELDS),
    ];
  }

  #der({ inside }: Parts<M, I>): Uint8Array {
    return formatDer(this.#form.inside, inside);
  }

  #token(message: Uint8Array): Uint8Array {
    return formatFrame(concat(fromHex(this.#form.id), message));
  }

  #tokenOf(message: M): Uint8Array {
    return this.#token(formatDer(this.#form.message, message));
  }

  /** Encrypts with a fixed confounder, so that a case always gives the same octets. */
  #encrypted({ message, key: ownKey, keys }: Parts<M, I>, inside: Uint8Array, other: Sealing = {}): Uint8Array {
    const { key = ownKey, usage = this.#form.usage } = other;
    const sealer = kerberosKey(key.keytype, key.keyvalue, keys);
    const confounder = new Uint8Array(sealer.enctype.confounderLength).fill(0x2a);
    const encrypted: EncryptedData = { etype: key.keytype, cipher: sealer.encrypt(usage, inside, confounder) };
    return this.#tokenOf({ ...message, [this.#form.field]: encrypted });
  }
}

function partsOf<M, I>(form: Form<M, I>, turn: ExchangeTurn): Parts<M, I> | undefined {
  if (turn.keys?.forges !== 'krb5') return undefined;
  const keys = turn.keys as Krb5Keys;
  const opened = form.open(turn, keys);
  return opened && { ...opened, keys };
}

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

function openAnswer(token: Uint8Array | undefined, received: Uint8Array | undefined, keys: Krb5Keys) {
  const read = token && orUndefined(() => parseContextToken(token));
  const request = openRequest(received, keys);
  if (read?.kind !== 'AP-REP' || request === undefined) return undefined;
  const { message } = read;
  const inside = openedPart(ANSWER, message, request.key, keys);
  return { message, key: request.key, inside, request: request.inside };
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
  open: ({ token, received }, keys) => openAnswer(token, received, keys),
};

/** Changes of what a server receives. */
export const AP_REQ: Editor<ApReq, Authenticator> = new Editor(REQUEST);
/** Changes of what a client receives. */
export const AP_REP: Editor<ApRep, EncApRepPart> = new Editor(ANSWER);

/** Our token with the same contents, encrypted with a fixed confounder; without its keys as it is. */
export function fixedToken(turn: ExchangeTurn): Uint8Array | undefined {
  const [request, answer] = turn.to === 'server' ? [partsOf(REQUEST, turn)] : [undefined, partsOf(ANSWER, turn)];
  return (request && AP_REQ.same(request)) ?? (answer && AP_REP.same(answer)) ?? turn.token;
}

/** A key that neither side has. */
export function otherKey(keytype: number): EncryptionKey {
  return { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)!.keyLength).fill(0x45) };
}

/** Whether the enctype derives a key for each usage: DES does not (RFC 3961 §6.2). */
export function derivesKeys({ etype }: EncryptedData): boolean {
  return etype !== 1 && etype !== 3;
}

export const UNKNOWN_NUMBER = 4711;
const [AES128, AES256] = [17, 18];
/** Contents of an INTEGER that is too large for any machine type. */
export const TWENTY_OCTETS = filled('\x7f'.repeat(20));
/** For a KerberosTime, `YYYYMMDDHHMMSSZ`. */
export const MONTH_13 = filled(right => spliced(right, 4, 2, octets('13')));

/**
 * Rows of one EncryptedData of a message.
 * @param ofEtype  what a peer must do with another enctype: that of a session key is known before
 */
export function encryptedRows<M>(what: string, ofEtype: Must, change: (change: Change<EncryptedData>) => M) {
  return {
    [`${what} of an unknown enctype`]: [ofEtype, change(() => ({ etype: UNKNOWN_NUMBER }))],
    [`${what} of another enctype`]: [ofEtype, change(({ etype }) => ({ etype: etype === AES256 ? AES128 : AES256 }))],
    [`${what} that is cut`]: [
      UNVERIFIED,
      change(({ cipher }, draw) => ({
        cipher: cipher.subarray(0, draw.of([cipher.length - 1, 0, 1, 16, cipher.length >> 1])),
      })),
    ],
    [`${what} with a bit flipped`]: [
      UNVERIFIED,
      change(({ cipher }, draw) => ({ cipher: anyBitFlipped(cipher, draw) })),
    ],
  } as const;
}

export const unknownKeytype = () => ({ keytype: UNKNOWN_NUMBER });
export const otherLength = (_: EncryptionKey, draw: Choices): Pick<EncryptionKey, 'keyvalue'> => ({
  keyvalue: draw.octets(draw.of([0, 1, 15, 33, 4096])),
});

function changed<T>(its: T, changes: object | undefined): T {
  return { ...its, ...changes };
}
