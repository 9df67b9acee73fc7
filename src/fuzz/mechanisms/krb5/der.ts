/**
 * Mutations of DER at one place (X.690 §8 and §10, RFC 4120 §5.1). The lengths around the place are adjusted, so
 * nothing else is wrong.
 */
import { concat, concatAll, u32be } from '../../../bytes.js';
import { formatElement, readElement } from '../../../mechanisms/der.js';
import type { Choices } from '../../choices.js';
import { ACCEPT, EITHER, type Row, refuse, type Table } from '../../mutation.js';
import { octets } from '../../pieces.js';

/** Identifier octets, from the outermost element to the one that is changed. */
export type Path = readonly number[];

type Fields = readonly Uint8Array[];
/** Changes the fields. The first two of `required` are required in AP-REQ, AP-REP, and the encrypted parts of both. */
type FieldsChange = (fields: Fields, draw: Choices, required: Fields) => Fields;

/** Returns an element to replace the given one. */
export type ElementChange = (element: Uint8Array, draw: Choices) => Uint8Array;

const UNREADABLE = refuse('security/bad-token', 'security/bad-checksum', 'security/wrong-name', 'security/no-key');
const DEEP = 2000;
/** The first tag number after all that are in use. */
const UNKNOWN_FIELD = 0xbe;

const contentsOf = (element: Uint8Array) => {
  const { start, end } = readElement(element, 0, element.length);
  return element.subarray(start, end);
};
/** The same element with other length octets. */
const measured = (element: Uint8Array, length: readonly number[]) =>
  concat(element.subarray(0, 1), Uint8Array.from(length), contentsOf(element));
const inFour = (length: number) => [0x84, ...u32be(length)];

const withLength = (length: (contents: Uint8Array, draw: Choices) => readonly number[]): ElementChange => {
  return (element, draw) => measured(element, length(contentsOf(element), draw));
};
const otherTag = (tag: (tag: number) => readonly number[]): ElementChange => {
  return element => concat(Uint8Array.from(tag(element[0]!)), element.subarray(1));
};

const LARGE = { large: true } as const;
const OVER_2_GIB = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0];

/** Changes of any required element. */
export const DER_ELEMENTS: Table<ElementChange> = {
  'RFC 4120 §5': {
    'a length beyond the end': [
      UNREADABLE,
      withLength(({ length }, draw) => inFour(length + draw.of([8, 100, 0x10000]))),
    ],
    'a length of 2^31 or so': [UNREADABLE, withLength((_, draw) => inFour(draw.of(OVER_2_GIB)))],
    'a length of nine octets': [
      UNREADABLE,
      withLength((_, draw) => [0x88, draw.of([0, 1, 0xff]), ...new Array<number>(7).fill(0xff)]),
    ],
    'a length of 127 octets that are not there': [UNREADABLE, withLength(() => [0xff])],
    'a length one too small': [
      UNREADABLE,
      element => concat(filled(was => was.subarray(0, -1))(element), element.subarray(-1)),
    ],
    'another tag': [UNREADABLE, otherTag(tag => [tag ^ 1])],
    'no contents': [UNREADABLE, filled('')],
    'an element 2000 deep': [
      UNREADABLE,
      (element, draw) => formatElement(element[0]!, nested(draw.of([0x30, 0xa0, 0x24]))),
      LARGE,
    ],
    'an element 2000 deep that has no end': [UNREADABLE, filled('\x30\x80'.repeat(DEEP)), LARGE],
  },
  'RFC 4120 §5.1.1': {
    'a length not in its shortest form': [EITHER, withLength(({ length }) => inFour(length))],
    'a length that has no end': [EITHER, element => concat(measured(element, [0x80]), octets('\0\0'))],
    'a length that has no end, and no end either': [UNREADABLE, withLength(() => [0x80])],
  },
  'RFC 4120 §5.1.5': { 'a tag number over 30': [UNREADABLE, otherTag(tag => [tag | 0x1f, 0xff, 0x7f])] },
};

const FIELDS: Table<FieldsChange> = {
  'RFC 4120 §5': {
    'a field that is required is missing': [UNREADABLE, (fields, draw, required) => without(fields, draw.of(required))],
    'the first field comes last': [UNREADABLE, ([first, ...rest]) => [...rest, first!]],
    'no field at all': [UNREADABLE, () => []],
  },
  'RFC 4120 §1.5.1': {
    'a field comes twice': [
      EITHER,
      (fields, draw, required) => {
        const twice = draw.of(required);
        return fields.flatMap(field => (field === twice ? [field, field] : [field]));
      },
    ],
    'an unknown field': [ACCEPT, fields => [...fields, formatElement(UNKNOWN_FIELD, octets('\x02\x01\x00'))]],
  },
};

/** Changes of the SEQUENCE of all fields. */
export const DER_FIELDS: Table<ElementChange> = prefixed('', FIELDS, withFields);

/** The rows of a table with a prefix before their names, and with their changes converted. */
export function prefixed<M, N>(prefix: string, table: Table<M>, make: (its: M) => N): Table<N> {
  const row = ([name, [expected, its, also]]: [string, Row<M>]) => [prefix + name, [expected, make(its), also]];
  const rows = Object.entries(table).map(([source, its]) => {
    return [source, Object.fromEntries(Object.entries(its).map(row))] as const;
  });
  return Object.fromEntries(rows);
}

function withFields(change: FieldsChange): ElementChange {
  return (element, draw) => {
    const fields = elementsOf(contentsOf(element));
    return formatElement(element[0]!, concatAll(change(fields, draw, fields.slice(0, 2))));
  };
}

const without = (fields: Fields, one: Uint8Array) => fields.filter(field => field !== one);

function nested(tag: number): Uint8Array {
  let inner = octets('');
  for (let depth = 0; depth < DEEP; depth++) inner = formatElement(tag, inner);
  return inner;
}

/** The elements of a sequence of encodings. */
export function elementsOf(bytes: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0, end: number; at < bytes.length; at = end) {
    ({ end } = readElement(bytes, at, bytes.length));
    elements.push(bytes.subarray(at, end));
  }
  return elements;
}

/**
 * Replaces the first element to which a path leads.
 * @throws RangeError if there is none
 */
export function within(bytes: Uint8Array, path: Path, change: (element: Uint8Array) => Uint8Array): Uint8Array {
  const [tag, ...rest] = path;
  const elements = elementsOf(bytes);
  const at = elements.findIndex(element => element[0] === tag);
  if (at < 0) throw new RangeError(`no element ${tag?.toString(16)}`);
  const found = elements[at]!;
  elements[at] = rest.length === 0 ? change(found) : formatElement(tag!, within(contentsOf(found), rest, change));
  return concatAll(elements);
}

/** An element with other contents; a text gives one octet per character. */
export function filled(contents: string | ((was: Uint8Array) => Uint8Array)): (element: Uint8Array) => Uint8Array {
  return element =>
    formatElement(element[0]!, typeof contents === 'string' ? octets(contents) : contents(contentsOf(element)));
}
