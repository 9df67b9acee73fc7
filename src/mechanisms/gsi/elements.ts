/** DER as a tree of elements, for certificates: their structure has many optional parts (RFC 5280 §4.1). */
import { toHex } from '../../bytes.js';
import { badToken } from '../../errors.js';
import { readElement } from '../der.js';

export interface Element {
  tag: number;
  /** The contents, a subarray of what was read. */
  octets: Uint8Array;
  /** The element with its header. */
  whole: Uint8Array;
}

export const INTEGER = 0x02;
export const OID = 0x06;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** Elements of a name, or extensions of a certificate; real certificates have far fewer. */
const MAX_ELEMENTS = 1000;

/**
 * The contents of an element that must be there and have a tag.
 * @throws FtpSecurityError `security/bad-token`
 */
export function contentsOf(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw badToken(`DER: expected an element with tag ${tag.toString(16)}`);
  return element.octets;
}

/**
 * The contents of an INTEGER, in its shortest form: so two numbers are equal only if their octets are.
 * @throws FtpSecurityError `security/bad-token`
 */
export function integerOf(element: Element | undefined): Uint8Array {
  const octets = contentsOf(element, INTEGER);
  const [first = 0, second = 0x100] = octets;
  const isShort = octets.length > 0 && !(first === 0 && second < 0x80) && !(first === 0xff && second >> 7 === 1);
  if (isShort) return octets;
  throw badToken('DER: expected an INTEGER in its shortest form');
}

/**
 * An object identifier in hex.
 * @throws FtpSecurityError `security/bad-token`
 */
export function oidOf(element: Element | undefined): string {
  const octets = contentsOf(element, OID);
  // The last octet of a number is below 80.
  if ((octets.at(-1) ?? 0x80) >= 0x80) throw badToken('DER: expected an OBJECT IDENTIFIER');
  return toHex(octets);
}

/**
 * The elements that `octets` consists of.
 * @param limit  how many there may be
 * @throws FtpSecurityError `security/bad-token`
 */
export function elementsOf(octets: Uint8Array, limit = MAX_ELEMENTS): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < octets.length; ) {
    if (elements.length === limit) throw badToken(`DER: more than ${limit} elements`);
    const { tag, start, end } = readElement(octets, at, octets.length);
    elements.push({ tag, octets: octets.subarray(start, end), whole: octets.subarray(at, end) });
    at = end;
  }
  return elements;
}
