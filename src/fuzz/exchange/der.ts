/** DER mutated at one place (X.690 §8 and §10, RFC 4120 §5.1): the lengths around it follow, so that nothing else is wrong. */
import { concat, concatAll, u32be } from '../../bytes.js';
import { formatElement, readElement } from '../../mechanisms/der.js';
import type { Choices } from '../choices.js';
import { ACCEPT, EITHER, type Expectation, refuse } from '../mutation.js';
import { octets } from '../pieces.js';

/** Identifier octets, from the outermost to that of the element that is meant. */
export type Path = readonly number[];

type Fields = readonly Uint8Array[];
/** The first two are required in all of AP-REQ, AP-REP, and what is sealed in either. */
type FieldsChange = (fields: Fields, draw: Choices, required: Fields) => Fields;

interface DerMutation {
  name: string;
  source: string;
  expected: Expectation;
  large?: true;
  /** Where it is to be: any element that is required, or the SEQUENCE of all fields. */
  in: 'element' | 'fields';
  /** Gives an element in the place of one. */
  change(element: Uint8Array, draw: Choices): Uint8Array;
}

const FORM = 'RFC 4120 §5';
const LENIENT = 'RFC 4120 §5.1.1';
const UNREADABLE = refuse('security/bad-token', 'security/bad-checksum', 'security/wrong-name', 'security/no-key');
const DEEP = 2000;
/** The first tag number behind all that are in use. */
const UNKNOWN_FIELD = 0xbe;

const contentsOf = (element: Uint8Array) => {
  const { start, end } = readElement(element, 0, element.length);
  return element.subarray(start, end);
};
/** The same with other length octets. */
const measured = (element: Uint8Array, length: readonly number[]) =>
  concat(element.subarray(0, 1), Uint8Array.from(length), contentsOf(element));
const inFour = (length: number) => [0x84, ...u32be(length)];

type Change = DerMutation['change'];
const element = (name: string, source: string, expected: Expectation, change: Change): DerMutation => {
  return { name, source, expected, in: 'element', change };
};
const large = (name: string, source: string, expected: Expectation, change: Change): DerMutation => {
  return { ...element(name, source, expected, change), large: true };
};
const fields = (name: string, source: string, expected: Expectation, change: FieldsChange): DerMutation => {
  return { name, source, expected, in: 'fields', change: withFields(change) };
};

/** Of elements and fields, wherever they are: up to seven octets of padding may stand behind what is sealed. */
export const DER: readonly DerMutation[] = [
  element('a length beyond the end', FORM, UNREADABLE, (element, draw) =>
    measured(element, inFour(contentsOf(element).length + draw.of([8, 100, 0x10000]))),
  ),
  element('a length of 2^31 or so', FORM, UNREADABLE, (element, draw) =>
    measured(element, inFour(draw.of([0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0]))),
  ),
  element('a length of nine octets', FORM, UNREADABLE, (element, draw) =>
    measured(element, [0x88, draw.of([0, 1, 0xff]), ...new Array<number>(7).fill(0xff)]),
  ),
  element('a length of 127 octets that are not there', FORM, UNREADABLE, element => measured(element, [0xff])),
  element('a length one too small', FORM, UNREADABLE, element => {
    const shorter = formatElement(element[0]!, contentsOf(element).subarray(0, -1));
    return concat(shorter, element.subarray(-1));
  }),
  element('a length not in its shortest form', LENIENT, EITHER, element =>
    measured(element, inFour(contentsOf(element).length)),
  ),
  element('a length that has no end', LENIENT, EITHER, element => concat(measured(element, [0x80]), octets('\0\0'))),
  element('a length that has no end, and no end either', LENIENT, UNREADABLE, element => measured(element, [0x80])),
  element('another tag', FORM, UNREADABLE, element => concat(Uint8Array.of(element[0]! ^ 1), element.subarray(1))),
  element('a tag number over 30', 'RFC 4120 §5.1.5', UNREADABLE, element =>
    concat(Uint8Array.of(element[0]! | 0x1f, 0xff, 0x7f), element.subarray(1)),
  ),
  element('no contents', FORM, UNREADABLE, element => formatElement(element[0]!, octets(''))),
  large('an element 2000 deep', FORM, UNREADABLE, (element, draw) =>
    formatElement(element[0]!, nested(draw.of([0x30, 0xa0, 0x24]))),
  ),
  large('an element 2000 deep that has no end', FORM, UNREADABLE, element =>
    formatElement(
      element[0]!,
      Uint8Array.from({ length: 2 * DEEP }, (_, i) => (i % 2 ? 0x80 : 0x30)),
    ),
  ),
  fields('a field that is required is missing', FORM, UNREADABLE, (fields, draw, required) =>
    without(fields, required[draw.below(required.length)]!),
  ),
  fields('the first field comes last', FORM, UNREADABLE, ([first, ...rest]) => [...rest, first!]),
  fields('no field at all', FORM, UNREADABLE, () => []),
  fields('a field comes twice', 'RFC 4120 §1.5.1', EITHER, (fields, draw, required) => {
    const twice = required[draw.below(required.length)]!;
    return fields.flatMap(field => (field === twice ? [field, field] : [field]));
  }),
  fields('an unknown field', 'RFC 4120 §1.5.1', ACCEPT, fields => [
    ...fields,
    formatElement(UNKNOWN_FIELD, octets('\x02\x01\x00')),
  ]),
];

function withFields(change: FieldsChange): DerMutation['change'] {
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

/** The elements that stand one behind the other. */
export function elementsOf(bytes: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0, end: number; at < bytes.length; at = end) {
    ({ end } = readElement(bytes, at, bytes.length));
    elements.push(bytes.subarray(at, end));
  }
  return elements;
}

/** Puts another element in the place of the first that a path leads to. @throws RangeError where there is none */
export function within(bytes: Uint8Array, path: Path, change: (element: Uint8Array) => Uint8Array): Uint8Array {
  const [tag, ...rest] = path;
  const elements = elementsOf(bytes);
  const at = elements.findIndex(element => element[0] === tag);
  if (at < 0) throw new RangeError(`no element ${tag?.toString(16)}`);
  const found = elements[at]!;
  elements[at] = rest.length === 0 ? change(found) : formatElement(tag!, within(contentsOf(found), rest, change));
  return concatAll(elements);
}

/** An element of other contents; a text is taken as octets. */
export function filled(contents: string | ((was: Uint8Array) => Uint8Array)): (element: Uint8Array) => Uint8Array {
  return element =>
    formatElement(element[0]!, typeof contents === 'string' ? octets(contents) : contents(contentsOf(element)));
}
