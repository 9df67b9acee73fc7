/** Mutations of DER at one place (X.690 §8 and §10, RFC 4120 §5.1). The lengths around it are adjusted. */
import { concat, concatAll, u32be } from '../../../bytes.js';
import { formatElement, readElement } from '../../../mechanisms/der.js';
import type { Choices } from '../../choices.js';
import type { Table } from '../../mutation.js';
import { octets, times } from '../../pieces.js';

/** Returns an element to replace the given one. */
export type ElementChange = (element: Uint8Array, draw: Choices) => Uint8Array;

/** The reasons to refuse DER that can't be parsed; an element may also be read as another value. */
const UNREADABLE = ['security/bad-token', 'security/bad-checksum', 'security/wrong-name', 'security/no-key'] as const;
const DEEP = 2000;
/** The first tag number after all that are in use. */
const UNKNOWN_FIELD = 0xbe;
/** Lengths that do not fit into a signed number of 32 bits, or almost not. */
export const HUGE_LENGTHS = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0];

function contentsOf(element: Uint8Array): Uint8Array {
  const { start, end } = readElement(element, 0, element.length);
  return element.subarray(start, end);
}

/** A length in the form of five octets. */
export const inFive = (length: number) => [0x84, ...u32be(length)];

/** The greatest length in the form of nine octets, but for the first. */
export const inNine = (first = 0xff) => [0x88, first, ...new Array<number>(7).fill(0xff)];

/** The element with other length octets. */
export const withLength =
  (length: (right: number, draw: Choices) => readonly number[]): ElementChange =>
  (element, draw) => {
    const contents = contentsOf(element);
    return concat(element.subarray(0, 1), Uint8Array.from(length(contents.length, draw)), contents);
  };
/** The element in the indefinite form of BER, with its end (X.690 §8.1.3.6). */
export const indefinite: ElementChange = (element, draw) =>
  concat(withLength(() => [0x80])(element, draw), octets('\0\0'));

const withTag =
  (tag: (right: number) => readonly number[]): ElementChange =>
  element =>
    concat(Uint8Array.from(tag(element[0]!)), element.subarray(1));

/** The element with other contents; a text gives one octet per character. */
export function filled(contents: string | ((right: Uint8Array) => Uint8Array)): (element: Uint8Array) => Uint8Array {
  return element =>
    formatElement(element[0]!, typeof contents === 'string' ? octets(contents) : contents(contentsOf(element)));
}

/** The element without its last octet. */
export const shorter = filled(right => right.subarray(0, -1));

const deep: ElementChange = (element, draw) => {
  let inner = octets('');
  for (let tag = draw.of([0x30, 0xa0, 0x24]), depth = 0; depth < DEEP; depth++) inner = formatElement(tag, inner);
  return formatElement(element[0]!, inner);
};
const LARGE = { large: true } as const;

/** Changes of any required element. */
export const DER_ELEMENTS: Table<ElementChange> = {
  'RFC 4120 §5': {
    'a length beyond the end': [UNREADABLE, withLength((right, draw) => inFive(right + draw.of([8, 100, 0x10000])))],
    'a length of 2^31 or so': [UNREADABLE, withLength((_, draw) => inFive(draw.of(HUGE_LENGTHS)))],
    'a length of nine octets': [UNREADABLE, withLength((_, draw) => inNine(draw.of([0, 1, 0xff])))],
    'a length of 127 octets that are not there': [UNREADABLE, withLength(() => [0xff])],
    'a length one too small': [UNREADABLE, element => concat(shorter(element), element.subarray(-1))],
    'another tag': [UNREADABLE, withTag(right => [right ^ 1])],
    'no contents': [UNREADABLE, filled('')],
    'an element 2000 deep': [UNREADABLE, deep, LARGE],
    'an element 2000 deep that has no end': [UNREADABLE, filled('\x30\x80'.repeat(DEEP)), LARGE],
  },
  'RFC 4120 §5.1.1': {
    'a length not in its shortest form': ['either', withLength(right => inFive(right))],
    'a length that has no end': ['either', indefinite],
    'a length that has no end, and no end either': [UNREADABLE, withLength(() => [0x80])],
  },
  'RFC 4120 §5.1.5': { 'a tag number over 30': [UNREADABLE, withTag(right => [right | 0x1f, 0xff, 0x7f])] },
};

/** Changes the fields of a SEQUENCE. The first two are required in all messages: the number of one of them is chosen. */
const fields =
  (change: (fields: Uint8Array[], required: () => number) => readonly Uint8Array[]): ElementChange =>
  (element, draw) => {
    const its = elementsOf(contentsOf(element));
    return formatElement(element[0]!, concatAll(change(its, () => draw.below(2))));
  };

/** Changes of the SEQUENCE of all fields. */
export const DER_FIELDS: Table<ElementChange> = {
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

function elementsOf(bytes: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0, end: number; at < bytes.length; at = end) {
    ({ end } = readElement(bytes, at, bytes.length));
    elements.push(bytes.subarray(at, end));
  }
  return elements;
}

/** Replaces the first element to which a path leads: identifier octets in hex, from the outermost one on. */
export function within(bytes: Uint8Array, path: string, change: (element: Uint8Array) => Uint8Array): Uint8Array {
  const [tag, rest] = [Number.parseInt(path.slice(0, 2), 16), path.slice(2)];
  const elements = elementsOf(bytes);
  const at = elements.findIndex(element => element[0] === tag);
  if (at < 0) throw new RangeError(`no element ${path}`);
  const edit = rest === '' ? change : filled(contents => within(contents, rest, change));
  elements[at] = edit(elements[at]!);
  return concatAll(elements);
}
