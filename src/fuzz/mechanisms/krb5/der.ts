/** Mutations of DER (X.690 §8 and §10, RFC 4120 §5.1) at a place. The lengths around it are adjusted. */
import { concat, concatAll, u32be } from '../../../bytes.js';
import { formatDer, formatElement, parseDer, readElement, type Type } from '../../../mechanisms/der.js';
import type { Choices } from '../../choices.js';
import { type Edit, octets, times } from '../../pieces.js';
import type { Table } from '../../rows.js';

/** The reasons to refuse DER that can't be parsed; an element may also be read as another value. */
const UNREADABLE = ['security/bad-token', 'security/bad-checksum', 'security/wrong-name', 'security/no-key'] as const;
const DEEP = 2000;
/** The first tag number after all that are in use. */
const UNKNOWN_FIELD = 0xbe;
/** Lengths that do not fit into a signed number of 32 bits, or almost not. */
const HUGE_LENGTHS = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0];

function contentsOf(element: Uint8Array): Uint8Array {
  const { start, end } = readElement(element, 0, element.length);
  return element.subarray(start, end);
}

function elementsOf(bytes: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0, end: number; at < bytes.length; at = end) {
    ({ end } = readElement(bytes, at, bytes.length));
    elements.push(bytes.subarray(at, end));
  }
  return elements;
}

/** Changes the contents of an element. */
export const filled =
  (edit: Edit): Edit =>
  (element, draw) => {
    const contents = edit(contentsOf(element), draw);
    return contents && formatElement(element[0]!, contents);
  };
/** Replaces the contents of an element by one of these texts, with an octet for each character. */
export const filledWith = (...texts: string[]): Edit => filled((_, draw) => octets(draw.of(texts)));

/** Changes the first element to which a path leads: identifier octets in hex, from the outermost one on. */
export function within(path: string, change: Edit): Edit {
  const [tag, rest] = [Number.parseInt(path.slice(0, 2), 16), path.slice(2)];
  const edit = rest === '' ? change : filled(within(rest, change));
  return (bytes, draw) => {
    const elements = elementsOf(bytes);
    const at = elements.findIndex(element => element[0] === tag);
    const edited = at < 0 ? undefined : edit(elements[at]!, draw);
    return edited && concatAll(elements.map((element, i) => (i === at ? edited : element)));
  };
}

/** Gives other fields of a value; undefined leaves a field out. */
export type FieldsChange<T> = (its: T, draw: Choices) => { [field in keyof T]?: T[field] | undefined };

/** Replaces fields of an element of a type. */
export const withFields =
  <T>(type: Type<T>, change: FieldsChange<T>): Edit =>
  (element, draw) => {
    const value = parseDer(type, element);
    return formatDer(type, { ...value, ...change(value, draw) } as T);
  };

/** A length in the form of five octets. */
const inFive = (length: number) => [0x84, ...u32be(length)];
/** The greatest length in the form of nine octets, but for the first. */
const inNine = (first: number) => [0x88, first, ...new Array<number>(7).fill(0xff)];

/** The element with other length octets. */
const withLength =
  (length: (right: number, draw: Choices) => readonly number[]): Edit =>
  (element, draw) => {
    const contents = contentsOf(element);
    return concat(element.subarray(0, 1), Uint8Array.from(length(contents.length, draw)), contents);
  };

const withTag =
  (tag: (right: number) => readonly number[]): Edit =>
  element =>
    concat(Uint8Array.from(tag(element[0]!)), element.subarray(1));

const deep: Edit = (_, draw) => {
  let inner = octets('');
  for (let tag = draw.of([0x30, 0xa0, 0x24]), depth = 0; depth < DEEP; depth++) inner = formatElement(tag, inner);
  return inner;
};
const shorter = filled(right => right.subarray(0, -1));
const LARGE = { large: true } as const;

/** Changes of any required element. */
export const DER_ELEMENTS: Table<Edit> = {
  'RFC 4120 §5': {
    'a length beyond the end': [UNREADABLE, withLength((right, draw) => inFive(right + draw.of([1, 8, 100, 0x10000])))],
    'a length of 2^31 or so': [UNREADABLE, withLength((_, draw) => inFive(draw.of(HUGE_LENGTHS)))],
    'a length of nine octets': [UNREADABLE, withLength((_, draw) => inNine(draw.of([0, 1, 0xff])))],
    'a length of 127 octets that are not there': [UNREADABLE, withLength(() => [0xff])],
    'a length one too small': [UNREADABLE, (element, draw) => concat(shorter(element, draw)!, element.subarray(-1))],
    'another tag': [UNREADABLE, withTag(right => [right ^ 1])],
    'no contents': [UNREADABLE, filledWith('')],
    'an element 2000 deep': [UNREADABLE, filled(deep), LARGE],
    'an element 2000 deep that has no end': [UNREADABLE, filledWith('\x30\x80'.repeat(DEEP)), LARGE],
  },
  'RFC 4120 §5.1.1': {
    'a length not in its shortest form': ['either', withLength(inFive)],
    'a length that has no end': ['either', (it, draw) => concat(withLength(() => [0x80])(it, draw)!, octets('\0\0'))],
    'a length that has no end, and no end either': [UNREADABLE, withLength(() => [0x80])],
  },
  'RFC 4120 §5.1.5': { 'a tag number over 30': [UNREADABLE, withTag(right => [right | 0x1f, 0xff, 0x7f])] },
};

/** Changes the fields of a SEQUENCE. The first two are required in all messages: the number of one of them is chosen. */
const fields = (change: (fields: Uint8Array[], required: () => number) => readonly Uint8Array[]): Edit =>
  filled((contents, draw) => concatAll(change(elementsOf(contents), () => draw.below(2))));

/** Changes of the SEQUENCE of all fields. */
export const DER_FIELDS: Table<Edit> = {
  'RFC 4120 §5': {
    'a field that is required is missing': [UNREADABLE, fields((its, required) => times(0, its, required()))],
    'the first field comes last': [UNREADABLE, fields(([first, ...rest]) => [...rest, first!])],
    'no field at all': [UNREADABLE, fields(() => [])],
  },
  'RFC 4120 §1.5.1': {
    'a field comes twice': ['either', fields((its, required) => times(2, its, required()))],
    'an unknown field': ['accept', fields(its => [...its, formatElement(UNKNOWN_FIELD, octets('\x02\x01\x00'))])],
  },
};

/** Changes of an INTEGER. */
export const DER_NUMBERS: Table<Edit> = {
  'RFC 4120 §5.2.4': {
    'a number of twenty octets': [UNREADABLE, filledWith('\x7f'.repeat(20))],
    'a number of 33 bits': [UNREADABLE, filledWith('\x01\0\0\0\0')],
  },
};
