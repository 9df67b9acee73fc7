/** DER bent at one place (X.690 §8 and §10, RFC 4120 §5.1): the lengths around it follow, so that nothing else is wrong. */
import { concat, concatAll, u32be } from '../../bytes.js';
import { formatElement, readElement } from '../../mechanisms/krb5/der.js';
import type { Draw } from '../draw.js';
import { ACCEPT, EITHER, type Expectation, refuse } from '../mutation.js';
import { octets } from '../pieces.js';

/** Identifier octets, from the outermost to that of the element that is meant. */
export type Path = readonly number[];

interface DerMutation {
  name: string;
  source: string;
  expected: Expectation;
  large?: true;
  /** Where it is to be: any element that is owed, or the SEQUENCE of all fields. */
  in: 'element' | 'fields';
  /** Gives an element in the place of one. */
  change(element: Uint8Array, draw: Draw): Uint8Array;
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

/** Of elements and fields, wherever they are: up to seven octets of padding may stand behind what is sealed. */
export const DER: readonly DerMutation[] = [
  {
    name: 'a length beyond the end',
    source: FORM,
    expected: UNREADABLE,
    in: 'element',
    change: (element, draw) => measured(element, inFour(contentsOf(element).length + draw.of([8, 100, 0x10000]))),
  },
  {
    name: 'a length of 2^31 or so',
    source: FORM,
    expected: UNREADABLE,
    in: 'element',
    change: (element, draw) => measured(element, inFour(draw.of([0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0]))),
  },
  {
    name: 'a length of nine octets',
    source: FORM,
    expected: UNREADABLE,
    in: 'element',
    change: (element, draw) => measured(element, [0x88, draw.of([0, 1, 0xff]), ...new Array<number>(7).fill(0xff)]),
  },
  {
    name: 'a length of 127 octets that are not there',
    source: FORM,
    expected: UNREADABLE,
    in: 'element',
    change: element => measured(element, [0xff]),
  },
  {
    name: 'a length one too small',
    source: FORM,
    expected: UNREADABLE,
    in: 'element',
    change: element => {
      const shorter = formatElement(element[0]!, contentsOf(element).subarray(0, -1));
      return concat(shorter, element.subarray(-1));
    },
  },
  {
    name: 'a length not in its shortest form',
    source: LENIENT,
    expected: EITHER,
    in: 'element',
    change: element => measured(element, inFour(contentsOf(element).length)),
  },
  {
    name: 'a length that has no end',
    source: LENIENT,
    expected: EITHER,
    in: 'element',
    change: element => concat(measured(element, [0x80]), octets('\0\0')),
  },
  {
    name: 'a length that has no end, and no end either',
    source: LENIENT,
    expected: UNREADABLE,
    in: 'element',
    change: element => measured(element, [0x80]),
  },
  {
    name: 'another tag',
    source: FORM,
    expected: UNREADABLE,
    in: 'element',
    change: element => concat(Uint8Array.of(element[0]! ^ 1), element.subarray(1)),
  },
  {
    name: 'a tag number over 30',
    source: 'RFC 4120 §5.1.5',
    expected: UNREADABLE,
    in: 'element',
    change: element => concat(Uint8Array.of(element[0]! | 0x1f, 0xff, 0x7f), element.subarray(1)),
  },
  {
    name: 'no contents',
    source: FORM,
    expected: UNREADABLE,
    in: 'element',
    change: element => formatElement(element[0]!, octets('')),
  },
  {
    name: 'an element 2000 deep',
    source: FORM,
    expected: UNREADABLE,
    large: true,
    in: 'element',
    change: (element, draw) => formatElement(element[0]!, nested(draw.of([0x30, 0xa0, 0x24]))),
  },
  {
    name: 'an element 2000 deep that has no end',
    source: FORM,
    expected: UNREADABLE,
    large: true,
    in: 'element',
    change: element =>
      formatElement(
        element[0]!,
        Uint8Array.from({ length: 2 * DEEP }, (_, i) => (i % 2 ? 0x80 : 0x30)),
      ),
  },
  {
    name: 'a field that is owed is missing',
    source: FORM,
    expected: UNREADABLE,
    in: 'fields',
    change: withFields((fields, draw, owed) => without(fields, owed[draw.below(owed.length)]!)),
  },
  {
    name: 'the first field comes last',
    source: FORM,
    expected: UNREADABLE,
    in: 'fields',
    change: withFields(([first, ...rest]) => [...rest, first!]),
  },
  {
    name: 'no field at all',
    source: FORM,
    expected: UNREADABLE,
    in: 'fields',
    change: withFields(() => []),
  },
  {
    name: 'a field comes twice',
    source: 'RFC 4120 §1.5.1',
    expected: EITHER,
    in: 'fields',
    change: withFields((fields, draw, owed) => {
      const twice = owed[draw.below(owed.length)]!;
      return fields.flatMap(field => (field === twice ? [field, field] : [field]));
    }),
  },
  {
    name: 'a field that nobody knows',
    source: 'RFC 4120 §1.5.1',
    expected: ACCEPT,
    in: 'fields',
    change: withFields(fields => [...fields, formatElement(UNKNOWN_FIELD, octets('\x02\x01\x00'))]),
  },
];

type Fields = readonly Uint8Array[];

/** The first two are owed in all of AP-REQ, AP-REP, and what is sealed in either. */
function withFields(change: (fields: Fields, draw: Draw, owed: Fields) => Fields): DerMutation['change'] {
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
