/**
 * DER, restricted to what Kerberos and SPNEGO use: ASN.1 types as values that both read and write (X.690 §8 and §10,
 * RFC 4120 §5.1). It is strict: definite and minimal lengths, minimal integers, no octets after the end. The reader
 * goes only as deep as the given type, and no type contains itself, so the depth is limited. A length is checked
 * against the enclosing element before any octet is read. The number of elements in a list is limited by MAX_ITEMS.
 */
import { concatAll, copy, fromUtf8, toUtf8 } from '../bytes.js';
import { badToken, type FtpSecurityError } from '../errors.js';
import { nameOctets, nameText } from './name-text.js';

/** A part of the octets that are read; offsets in errors count from the start of all octets. */
export interface Range {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** One ASN.1 type: its identifier octet, and how its contents are read and written. */
export interface Type<T> {
  /** The ASN.1 name of the type, for errors. */
  readonly name: string;
  readonly tag: number;
  /** @throws FtpSecurityError `security/bad-token` */
  read(contents: Range): T;
  /**
   * Returns the contents in pieces. They are joined only once, so that no copies of a key remain.
   * @throws RangeError for a value that the type can't hold: misuse by the caller.
   */
  write(value: T): readonly Uint8Array[];
}

/** Elements of a SEQUENCE OF. Real lists of names, addresses, authorization data or mechanisms have a few dozen. */
const MAX_ITEMS = 1000;

export const APPLICATION = 0x60;
const CONTEXT = 0xa0;

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const YEAR_0 = Date.parse('0000-01-01T00:00:00Z') / 1000;
const YEAR_10000 = Date.parse('9999-12-31T23:59:59Z') / 1000 + 1;

/**
 * Reads a value that takes up all of `bytes` from `start` on.
 * @param padding  how many octets, of any value, may follow it; decryption may leave some (RFC 3961 §3)
 * @throws FtpSecurityError `security/bad-token`, with the offset in `bytes`
 */
export function parseDer<T>(type: Type<T>, bytes: Uint8Array, start = 0, padding = 0): T {
  const end = padding === 0 || start >= bytes.length ? bytes.length : readElement(bytes, start, bytes.length).end;
  if (bytes.length - end > padding) throw expected(`the end after ${type.name}`, end);
  return readWhole(type, { bytes, start, end });
}

export function formatDer<T>(type: Type<T>, value: T): Uint8Array {
  return concatAll(elementOf(type, value));
}

/** INTEGER of a range that lies within -2^47 to 2^47-1. */
export function integer(least: number, most: number, name = 'INTEGER'): Type<number> {
  return {
    name,
    tag: 0x02,
    read(contents) {
      const value = readInteger(contents);
      if (value < least || value > most) throw expected(`${name} from ${least} to ${most}`, contents.start);
      return value;
    },
    write(value) {
      if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`not ${name}: ${value}`);
      return [writeInteger(value)];
    },
  };
}

/** INTEGER that can only have one value, like `pvno`. */
export function constant<N extends number>(only: N): Type<N> {
  const type = integer(only, only);
  return {
    ...type,
    read(contents) {
      type.read(contents);
      return only;
    },
  };
}

/** Int32 (RFC 4120 §5.2.4). */
export const int32 = integer(-(2 ** 31), 2 ** 31 - 1, 'Int32');

const int32OrUInt32 = integer(-(2 ** 31), 2 ** 32 - 1, 'UInt32');
/**
 * UInt32 (RFC 4120 §5.2.4). Some peers write the upper half as negative numbers: in sequence numbers (§5.5.1 allows a
 * reader to accept them), and in the key versions of read-only domain controllers.
 */
export const uint32: Type<number> = {
  ...integer(0, 2 ** 32 - 1, 'UInt32'),
  read: contents => int32OrUInt32.read(contents) >>> 0,
};

export const octetString: Type<Uint8Array> = {
  name: 'OCTET STRING',
  tag: 0x04,
  read: ({ bytes, start, end }) => copy(bytes, start, end),
  write: value => [value],
};

/** KerberosString (RFC 4120 §5.2.1). */
export const generalString: Type<string> = {
  name: 'GeneralString',
  tag: 0x1b,
  read: ({ bytes, start, end }) => nameText(copy(bytes, start, end)),
  write: text => [nameOctets(text)],
};

/** KerberosTime (RFC 4120 §5.2.3) as seconds since 1970, UTC. */
export const kerberosTime: Type<number> = {
  name: 'KerberosTime',
  tag: 0x18,
  read({ bytes, start, end }) {
    const text = fromUtf8(bytes.subarray(start, end));
    const seconds = TIME.test(text) ? Date.parse(text.replace(TIME, '$1-$2-$3T$4:$5:$6Z')) / 1000 : Number.NaN;
    // Date changes the 31st of June to the 1st of July, so the result is compared with the text.
    if (Number.isNaN(seconds) || timeText(seconds) !== text) throw expected('a time YYYYMMDDhhmmssZ', start);
    return seconds;
  },
  write(seconds) {
    if (!Number.isInteger(seconds) || !(seconds >= YEAR_0 && seconds < YEAR_10000)) {
      throw new RangeError(`no time in the years 0 to 9999: ${seconds}`);
    }
    return [toUtf8(timeText(seconds))];
  },
};

/**
 * KerberosFlags (RFC 4120 §5.2.8) as a number of 32 bits; bit 0 of the RFC is its highest, see `flag`. Missing bits are
 * zero, as the section allows, and those from 32 on have no meaning yet and are dropped.
 */
export const kerberosFlags: Type<number> = {
  name: 'KerberosFlags',
  tag: 0x03,
  read({ bytes, start, end }) {
    const size = end - start - 1;
    const unused = size < 0 ? 8 : bytes[start]!;
    // Of the last octet; if that is the count itself, only 0 gives 0.
    const padding = bytes[end - 1]! & ((1 << unused) - 1);
    if (unused > 7 || padding !== 0) throw expected('a BIT STRING whose unused bits are zero', start);
    let flags = 0;
    for (let i = 1; i <= 4; i++) flags = flags * 256 + (i <= size ? bytes[start + i]! : 0);
    return flags;
  },
  write(flags) {
    if (!Number.isInteger(flags) || flags < 0 || flags >= 2 ** 32) throw new RangeError(`no 32 flags: ${flags}`);
    return [Uint8Array.of(0, flags >>> 24, flags >>> 16, flags >>> 8, flags)];
  },
};

/** The number with only flag `bit` set, counted as in RFC 4120 §5.2.8. */
export function flag(bit: number): number {
  return 2 ** (31 - bit);
}

/** SEQUENCE OF with at most MAX_ITEMS elements. */
export function sequenceOf<T>(item: Type<T>): Type<T[]> {
  return {
    name: `SEQUENCE OF ${item.name}`,
    tag: 0x30,
    read({ bytes, start, end }) {
      const items: T[] = [];
      for (let at = start; at < end; ) {
        if (items.length === MAX_ITEMS) throw expected(`the end after ${MAX_ITEMS} elements of a list`, at);
        const element = readElement(bytes, at, end);
        items.push(readWhole(item, { bytes, start: at, end: element.end }));
        at = element.end;
      }
      return items;
    },
    write: items => items.flatMap(value => elementOf(item, value)),
  };
}

/** `[APPLICATION number] type`, explicit as in all of RFC 4120. */
export function application<T>(number: number, name: string, type: Type<T>): Type<T> {
  return {
    name,
    tag: APPLICATION | number,
    read: contents => readWhole(type, contents),
    write: value => elementOf(type, value),
  };
}

/** `[number] type` inside a SEQUENCE. */
export interface Field<T, Optional extends boolean> {
  number: number;
  type: Type<T>;
  optional: Optional;
}

export function field<T>(number: number, type: Type<T>): Field<T, false> {
  return { number, type, optional: false };
}

export function optional<T>(number: number, type: Type<T>): Field<T, true> {
  return { number, type, optional: true };
}

type Fields = Record<string, Field<unknown, boolean>>;
type FieldValue<F> = F extends Field<infer T, boolean> ? T : never;

/** The record of a SEQUENCE: a property for each field. */
export type RecordOf<F extends Fields> = {
  [Name in keyof F as F[Name]['optional'] extends true ? never : Name]: FieldValue<F[Name]>;
} & {
  [Name in keyof F as F[Name]['optional'] extends true ? Name : never]?: FieldValue<F[Name]> | undefined;
} & {
  /** The unknown fields at the end, as received (RFC 4120 §1.5.1: kept, and otherwise ignored). */
  extensions?: Uint8Array;
};

/** The values of an ASN.1 type. */
export type ValueOf<T> = T extends Type<infer Value> ? Value : never;

/** SEQUENCE of fields with ascending numbers. */
export function sequence<F extends Fields>(fields: F): Type<RecordOf<F>> {
  const entries = Object.entries(fields);
  return {
    name: 'SEQUENCE',
    tag: 0x30,
    read(contents) {
      const record: Record<string, unknown> = {};
      try {
        readFields(entries, contents, record);
      } catch (error) {
        // It may have a key in it.
        erase(record);
        throw error;
      }
      // readFields has filled in all properties of RecordOf; TypeScript can't check that, since the names are known
      // only at run time.
      return record as RecordOf<F>;
    },
    write(value) {
      const values: Record<string, unknown> = value;
      const present = entries.filter(([name]) => values[name] !== undefined);
      const written = present.flatMap(([name, { number, type }]) =>
        inElement(CONTEXT | number, elementOf(type, values[name])),
      );
      return value.extensions === undefined ? written : [...written, value.extensions];
    },
  };
}

/** Reads the fields of a SEQUENCE into `record`. */
function readFields(
  entries: readonly [name: string, field: Field<unknown, boolean>][],
  { bytes, start, end }: Range,
  record: Record<string, unknown>,
): void {
  let at = start;
  for (const [name, { number, type, optional }] of entries) {
    if (at < end && bytes[at] === (CONTEXT | number)) {
      const element = readElement(bytes, at, end);
      record[name] = readWhole(type, { bytes, start: element.start, end: element.end });
      at = element.end;
    } else if (!optional) throw expected(`${name} [${number}]`, at);
  }
  if (at === end) return;
  checkExtensions({ bytes, start: at, end }, entries.at(-1)![1].number);
  record['extensions'] = copy(bytes, at, end);
}

/** Overwrites all octets in what was read; they are copies. */
function erase(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0);
  else if (typeof value === 'object' && value !== null) Object.values(value).forEach(erase);
}

interface Element extends Range {
  tag: number;
}

/**
 * The header of the element at `at`: its tag, and where its contents start and end, which is not after `end`.
 * @throws FtpSecurityError `security/bad-token`
 */
export function readElement(bytes: Uint8Array, at: number, end: number): Element {
  const tag = bytes[at]!;
  if ((tag & 0x1f) === 0x1f) throw expected('a tag number up to 30', at);
  let length = bytes[at + 1]!;
  const start = at + 2 + (length > 0x80 ? length & 0x7f : 0);
  if (length === 0x80 || start > end) throw expected('a definite length', at + 1);
  if (length >= 0x80) {
    length = 0;
    for (let i = at + 2; i < start; i++) length = length * 256 + bytes[i]!;
    if (length < 0x80 || bytes[at + 2] === 0) throw expected('a length in its shortest form', at + 1);
  }
  if (length > end - start) throw expected(`${length} octets, of which ${end - start} are there`, start);
  return { tag, bytes, start, end: start + length };
}

export function formatElement(tag: number, contents: Uint8Array): Uint8Array {
  return concatAll(inElement(tag, [contents]));
}

function elementOf<T>(type: Type<T>, value: T): Uint8Array[] {
  return inElement(type.tag, type.write(value));
}

/** The pieces of an element, its header first. */
function inElement(tag: number, contents: readonly Uint8Array[]): Uint8Array[] {
  let length = 0;
  for (const piece of contents) length += piece.length;
  if (length < 0x80) return [Uint8Array.of(tag, length), ...contents];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [Uint8Array.from([tag, 0x80 | octets.length, ...octets]), ...contents];
}

function expected(what: string, offset: number): FtpSecurityError {
  return badToken(`DER: expected ${what}`, { offset });
}

/** Reads a value that takes up the whole range. */
function readWhole<T>(type: Type<T>, { bytes, start, end }: Range): T {
  if (bytes[start] !== type.tag) throw expected(type.name, start);
  const element = readElement(bytes, start, end);
  if (element.end !== end) throw expected(`the end after ${type.name}`, element.end);
  return type.read(element);
}

/** A message must not be refused because fields were added to it (RFC 4120 §1.5.1). */
function checkExtensions({ bytes, start, end }: Range, last: number): void {
  let tag = CONTEXT | last;
  for (let at = start; at < end; ) {
    const element = readElement(bytes, at, end);
    if (element.tag <= tag || element.tag > (CONTEXT | 0x1f)) throw expected('the end of the SEQUENCE', at);
    tag = element.tag;
    at = element.end;
  }
}

function readInteger({ bytes, start, end }: Range): number {
  const length = end - start;
  if (length < 1) throw expected('an INTEGER of 1 octet or more', start);
  const first = bytes[start]!;
  const sign = first >= 0x80 ? 0xff : 0x00;
  if (length > 1 && first === sign && (bytes[start + 1]! & 0x80) === (sign & 0x80)) {
    throw expected('an INTEGER in its shortest form', start);
  }
  let value = first - (sign === 0 ? 0 : 256);
  for (let i = start + 1; i < end; i++) value = value * 256 + bytes[i]!;
  return value;
}

function writeInteger(value: number): Uint8Array {
  const octets: number[] = [];
  let rest = value;
  do {
    octets.unshift(((rest % 256) + 256) % 256);
    rest = Math.floor(rest / 256);
  } while (rest !== (octets[0]! >= 0x80 ? -1 : 0));
  return Uint8Array.from(octets);
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/[-:T]|\.000/g, '');
}
