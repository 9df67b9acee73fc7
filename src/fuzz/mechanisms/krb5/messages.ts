/** AP-REQ and AP-REP (RFC 4120 §5.5, RFC 4121 §4.1), opened, changed in one place, and encrypted again. */
import { concat, fromHex } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import { formatDer } from '../../../mechanisms/der.js';
import type { CipherOptions } from '../../../mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/kerberos-key.js';
import { openApReq } from '../../../mechanisms/krb5/exchange/ap-exchange.js';
import type { ServiceKey } from '../../../mechanisms/krb5/index.js';
import { openData } from '../../../mechanisms/krb5/messages/encrypted-data.js';
import { formatFrame, parseContextToken } from '../../../mechanisms/krb5/messages/gss-framing.js';
import * as kerberos from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Peer } from '../../../protection/mechanism.js';
import { Choices } from '../../choices.js';
import type { ExchangeTurn, Mutation } from '../../mutation.js';
import type { Edit } from '../../pieces.js';
import { type Table, tableOf } from '../../rows.js';
import { DER_ELEMENTS, DER_FIELDS, DER_NUMBERS, filled, within } from './der.js';

type Key = kerberos.EncryptionKey;

/** Keys of an exchange under Kerberos V5. */
export type Krb5Keys = Pick<CipherOptions, keyof CipherOptions> & {
  readonly forges: 'krb5';
  /** Session keys of the client's tickets, if we are the client. */
  readonly sessionKeys: readonly kerberos.EncryptionKey[];
  /** Keys of the service, if we are the server. */
  readonly keytab: readonly ServiceKey[];
};

/** What is encrypted in a message: its DER, the session key, and the key usage (RFC 4120 §7.5.1). */
interface Sealing {
  inside: Uint8Array;
  key: Key;
  usage: number;
}

/** A decrypted message. */
interface Opened extends Sealing {
  /** Its DER; the encrypted part is put in anew. */
  message: Uint8Array;
  /** The client's subkey. */
  subkey: Key | undefined;
}

/** What differs from a valid message: what is encrypted, or the DER of the message after that. */
type Difference = Partial<Sealing> | { clear: Edit };

/** Makes the difference; undefined if there is nothing to change. */
export type Make = (its: Opened, draw: Choices) => Difference | undefined;

/** Changes the element at a path in the DER of the message. */
export const at = (path: string, edit: Edit): Make => {
  const clear = within(path, edit);
  return () => ({ clear });
};
/** Changes the DER of the encrypted part. */
export const sealed =
  (edit: Edit): Make =>
  (its, draw) => {
    const inside = edit(its.inside, draw);
    return inside && { inside };
  };
/** Changes the element at a path in the encrypted part. */
export const sealedAt = (path: string, edit: Edit): Make => sealed(within(path, edit));

/** Token ids (RFC 4121 §4.1), and the paths to the encrypted parts. */
const FORMS = {
  server: { id: '0100', cipher: '6e30a430a204' },
  client: { id: '0200', cipher: '6f30a230a204' },
} as const;

/**
 * Our token with a difference; undefined without its keys, and if there is nothing to change. The confounder is fixed,
 * so the octets are always the same.
 */
function tokenOf(turn: ExchangeTurn, make: Make, draw: Choices): Uint8Array | undefined {
  if (turn.keys?.forges !== 'krb5') return undefined;
  const keys = turn.keys as Krb5Keys;
  const opened = orUndefined(() => (turn.to === 'server' ? openRequest(turn.token, keys) : openAnswer(turn, keys)));
  const difference = opened && make(opened, draw);
  if (difference === undefined) return undefined;
  const { message, inside, key, usage } = { ...opened!, ...difference };
  const sealer = kerberosKey(key.keytype, key.keyvalue, keys);
  const cipher = sealer.encrypt(usage, inside, new Uint8Array(sealer.enctype.confounderLength).fill(0x2a));
  const { id, cipher: path } = FORMS[turn.to];
  const whole = within(
    path,
    filled(() => cipher),
  )(message, draw)!;
  const der = 'clear' in difference ? difference.clear(whole, draw) : whole;
  return der && formatFrame(concat(fromHex(id), der));
}

/** Our token with the same contents, encrypted with a fixed confounder; without its keys as it is. */
export function fixedToken(turn: ExchangeTurn): Uint8Array | undefined {
  return tokenOf(turn, () => ({}), new Choices([])) ?? turn.token;
}

/** An AP-REQ, opened with one of the known session keys, or with that of a ticket which the keytab opens. */
function openRequest(token: Uint8Array | undefined, keys: Krb5Keys): Opened | undefined {
  const read = token && parseContextToken(token);
  if (read?.kind !== 'AP-REQ') return undefined;
  const { message } = read;
  const { authenticatorSchema, USAGE } = kerberos;
  const usage = USAGE.authenticator;
  const known = keys.sessionKeys.flatMap(key => {
    const authenticator = orUndefined(() => openData(authenticatorSchema, usage, key, message.authenticator, keys));
    return authenticator === undefined ? [] : [{ ticket: { key }, authenticator }];
  });
  const { ticket, authenticator } = known[0] ?? openApReq(message, keys.keytab, keys);
  const [whole, inside] = [formatDer(kerberos.apReq, message), formatDer(authenticatorSchema, authenticator)];
  return { message: whole, inside, key: ticket.key, usage, subkey: authenticator.subkey };
}

/** An AP-REP, opened with the session key of the AP-REQ before it. */
function openAnswer({ token, received }: ExchangeTurn, keys: Krb5Keys): Opened | undefined {
  const asked = openRequest(received, keys);
  const read = token && parseContextToken(token);
  if (asked === undefined || read?.kind !== 'AP-REP') return undefined;
  const { message } = read;
  const { encApRepPart: type, USAGE } = kerberos;
  const inside = formatDer(type, openData(type, USAGE.apRep, asked.key, message.encPart, keys));
  return { ...asked, message: formatDer(kerberos.apRep, message), inside, usage: USAGE.apRep };
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FtpSecurityError) return undefined;
    throw error;
  }
}

/** Where DER is mutated: in any required element, in any number, or among the fields of the SEQUENCE. */
interface DerPlaces {
  /** The name of what contains them. */
  of: string;
  /** The path to the SEQUENCE, and from there to elements that are required, and to numbers. */
  fields: string;
  required: readonly string[];
  numbers: readonly string[];
  /** Default `at`; `sealedAt` for the encrypted part. */
  place?: typeof at;
}

/** The mutations of a message: those of a table, and those of its DER. */
export function mutationsTo(
  to: Peer,
  table: Table<Make>,
  { of, fields, required, numbers, place = at }: DerPlaces,
): Mutation<ExchangeTurn>[] {
  const rows = <T>(prefix: string, makeOf: (its: T) => Make) =>
    tableOf<T, ExchangeTurn>({ layer: 'exchange', at: 'tokens', to, forges: 'krb5', prefix }, its => {
      const make = makeOf(its);
      return (_token, draw, turn) => {
        const made = tokenOf(turn, make, draw);
        return made && [made];
      };
    });
  const any = (paths: readonly string[]) =>
    rows<Edit>(`${of}: `, edit => (its, draw) => place(draw.of(paths), edit)(its, draw));
  const inFields = (paths: readonly string[]) => paths.map(path => fields + path);
  return [
    ...rows<Make>('', make => make)(table),
    ...any([fields.slice(0, 2), fields, ...inFields(required)])(DER_ELEMENTS),
    ...any(inFields(numbers))(DER_NUMBERS),
    ...any([fields])(DER_FIELDS),
  ];
}
