/**
 * The names of certificates of every kind (GeneralName, RFC 5280 §4.2.1.6), and subtrees of names (§4.2.1.10), in a form that can be
 * compared: the parts of a name from its root on, such as `org`, `example`, `www`.
 */
import { isUtf8 } from 'node:buffer';
import { fromUtf8, toHex } from '../../bytes.js';
import { badToken } from '../../errors.js';
import { attributesOf } from '../../mechanisms/gsi/certificates.js';
import { contentsOf, type Element, elementsOf, oidOf, SEQUENCE } from '../../mechanisms/gsi/elements.js';

/** From the root on. Those of an address are the characters of a text. */
export type Parts = string | readonly string[];

/** A name, or the subject of a certificate. */
export interface Name {
  kind: NameKind;
  /** Undefined if it is not of the form of its kind, or its kind has none. */
  parts: Parts | undefined;
}

/** The names that begin with some parts. */
export interface Subtree {
  root: Parts;
  /** How many parts follow the root, at least and at most. */
  least: number;
  most: number;
}

export interface NameKind {
  /** With an article, for errors. */
  title: string;
  partsOf(name: Uint8Array): Parts | undefined;
  subtreeOf(base: Uint8Array): Subtree | undefined;
}

const unreadable = (title: string): NameKind => ({ title, partsOf: () => undefined, subtreeOf: () => undefined });

export const MAILBOX: NameKind = { title: 'an e-mail address', partsOf: mailboxParts, subtreeOf: mailboxSubtree };
export const DNS_NAME: NameKind = { title: 'a DNS name', partsOf: dnsParts, subtreeOf: dnsSubtree };
export const DIRECTORY_NAME: NameKind = {
  title: 'a directory name',
  partsOf: directoryParts,
  subtreeOf: octets => from(directoryParts(octets)),
};
const OTHER_NAME = unreadable('a name of another kind');

/** By their tags. Nothing has X.400 addresses and names of EDI parties any more. */
const KINDS: ReadonlyMap<number, NameKind> = new Map([
  [0xa0, OTHER_NAME],
  [0x81, MAILBOX],
  [0x82, DNS_NAME],
  [0xa4, DIRECTORY_NAME],
  [0x86, { title: 'a URI', partsOf: uriParts, subtreeOf: octets => hostSubtree(textOf(octets), 0) }],
  [0x87, { title: 'an IP address', partsOf: addressParts, subtreeOf: addressSubtree }],
  [0x88, unreadable('a registered identifier')],
]);

/**
 * The kind of a name.
 * @throws FtpSecurityError `security/bad-token`
 */
export function kindOf(element: Element | undefined): NameKind {
  if (element === undefined) throw badToken('a general name is missing');
  const kind = KINDS.get(element.tag);
  // Among them are those in pieces, as BER permits: OpenSSL reads them.
  if (kind === undefined) throw badToken('a general name of an unknown kind');
  // It is an e-mail address too, of a form that is not read here (RFC 9598 §6).
  return kind === OTHER_NAME && typeOfOther(element) === UTF8_MAILBOX ? MAILBOX : kind;
}

/** SmtpUTF8Mailbox, 1.3.6.1.5.5.7.8.9. */
const UTF8_MAILBOX = '2b06010505070809';

function readName(element: Element): Name {
  const kind = kindOf(element);
  return { kind, parts: kind.partsOf(element.octets) };
}

/**
 * The names in the extension SubjectAltName.
 * @param extension  in DER
 * @throws FtpSecurityError `security/bad-token`
 */
export function alternativeNamesIn(extension: Uint8Array): Name[] {
  const [list, ...others] = elementsOf(extension);
  if (others.length > 0) throw badToken('octets after alternative names');
  return elementsOf(contentsOf(list, SEQUENCE)).map(readName);
}

function typeOfOther({ octets }: Element): string {
  const [type, value, ...others] = elementsOf(octets);
  if (value?.tag !== 0xa0 || others.length > 0) throw badToken('a general name that can not be read');
  return oidOf(type);
}

/**
 * The subject of a certificate, and the e-mail addresses in it.
 * @param subject  a name in DER
 */
export function namesInSubject(subject: Uint8Array): Name[] {
  const attributes = attributesOf(elementsOf(subject)[0]);
  // An empty subject does not name the owner; the alternative names do.
  if (attributes.length === 0) return [];
  const addresses = attributes.flat().filter(({ type }) => type === 'emailAddress');
  return [
    { kind: DIRECTORY_NAME, parts: directoryParts(subject) },
    ...addresses.map(({ text }) => ({ kind: MAILBOX, parts: partsOfMailbox(text) })),
  ];
}

function from(root: Parts | undefined, least = 0, most = Number.POSITIVE_INFINITY): Subtree | undefined {
  return root === undefined ? undefined : { root, least, most };
}

const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;
/** PrintableString, TeletexString, IA5String, VisibleString. */
const ASCII_STRINGS: ReadonlySet<number> = new Set([0x13, 0x14, 0x16, 0x1a]);
/** A blank, or one of the characters from tab to CR, which are written as escapes; OpenSSL takes them for the same. */
const BLANKS = /(?: |\\x0[9A-D])+/g;

/**
 * Attributes are equal whatever the case and the blanks at the ends, and so is the order of those in one part (RFC 5280 §7.1). The
 * type of string does not count, as in Globus's form of the name. Other values are not compared.
 */
function directoryParts(octets: Uint8Array): string[] | undefined {
  const [name, ...others] = elementsOf(octets);
  const attributes = attributesOf(name);
  if (others.length > 0 || !attributes.flat().every(({ value }) => isString(value))) return undefined;
  return attributes.map(set =>
    set
      .map(({ type, text }) => `${type}=${text.replace(BLANKS, ' ').replace(/^ | $/g, '').toLowerCase()}`)
      .sort()
      .join('+'),
  );
}

/**
 * What two names have in common if they are the same but for the case, blanks and types of strings (RFC 5280 §7.1).
 * @param name  in DER
 * @throws FtpSecurityError `security/bad-token`
 */
export function nameKey(name: Uint8Array): string {
  const parts = directoryParts(name);
  return parts === undefined ? toHex(name) : JSON.stringify(parts);
}

/** Whether it is a string whose characters are certain: beyond ASCII, some write Latin-1 in a TeletexString, and others UTF-8. */
function isString({ tag, octets }: Element): boolean {
  if (tag === UTF8_STRING) return isUtf8(octets);
  // Characters of 16 bits, without halves of longer ones.
  if (tag === BMP_STRING)
    return octets.length % 2 === 0 && octets.every((octet, i) => i % 2 === 1 || octet >> 3 !== 27);
  return ASCII_STRINGS.has(tag) && octets.every(octet => octet < 0x80);
}

/** Text of ASCII without blanks; else the empty text, which is not a name. */
function textOf(octets: Uint8Array): string {
  return octets.every(octet => octet > 0x20 && octet < 0x7f) ? fromUtf8(octets) : '';
}

/** RFC 1035 §3.1 has 255 octets, of which the text lacks two. */
const MAX_HOST = 253;
const HOST = /^[\w-]+(?:\.[\w-]+)*$/;
const ENDS_IN_NUMBER = /(?:^|\.)\d+$/;

/** The labels of a host, the highest first; undefined if it is not a host, such as an address. */
function hostParts(text: string): string[] | undefined {
  if (text.length > MAX_HOST || !HOST.test(text) || ENDS_IN_NUMBER.test(text)) return undefined;
  return text.toLowerCase().split('.').reverse();
}

/**
 * The subtree of a host, or of all that are below a domain, which has a dot before it.
 * @param behind  how many parts follow the host
 */
function hostSubtree(text: string, behind: number, most = behind): Subtree | undefined {
  return text.startsWith('.') ? from(hostParts(text.slice(1)), behind + 1) : from(hostParts(text), behind, most);
}

/** A wildcard is the whole lowest label. */
function dnsParts(octets: Uint8Array): string[] | undefined {
  const text = textOf(octets);
  if (!text.startsWith('*.')) return hostParts(text);
  const domain = hostParts(text.slice(2));
  return domain && [...domain, '*'];
}

function dnsSubtree(octets: Uint8Array): Subtree | undefined {
  if (octets.length === 0) return from([]);
  return hostSubtree(textOf(octets), 0, Number.POSITIVE_INFINITY);
}

/** Without quotes, with which one mailbox can be written in many ways (RFC 5321 §4.1.2). */
const MAILBOX_PARTS = /^([^@"\\]+)@([^@]*)$/;

function mailboxParts(octets: Uint8Array): string[] | undefined {
  return partsOfMailbox(textOf(octets));
}

function partsOfMailbox(text: string): string[] | undefined {
  const [, local, host = ''] = MAILBOX_PARTS.exec(text) ?? [];
  const parts = hostParts(host);
  return parts && [...parts, `@${local}`];
}

/** One mailbox, or all of a host, or of all hosts below a domain. */
function mailboxSubtree(octets: Uint8Array): Subtree | undefined {
  const text = textOf(octets);
  return text.includes('@') ? from(partsOfMailbox(text), 0, 0) : hostSubtree(text, 1);
}

const URI_HOST = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#@:]*)(?::\d*)?(?:[/?#]|$)/i;

/** Only the host of a URI counts. */
function uriParts(octets: Uint8Array): string[] | undefined {
  return hostParts(URI_HOST.exec(textOf(octets))?.[1] ?? '');
}

/** A character for the kind of address, and one for each bit. */
function addressParts(octets: Uint8Array): string | undefined {
  if (octets.length !== 4 && octets.length !== 16) return undefined;
  return (octets.length === 4 ? '4' : '6') + bitsOf(octets);
}

/** An address and a mask, which is as many ones as the prefix has bits (RFC 4632 §3.1). */
function addressSubtree(octets: Uint8Array): Subtree | undefined {
  const half = octets.length / 2;
  const parts = addressParts(octets.subarray(0, half));
  if (parts === undefined) return undefined;
  const mask = bitsOf(octets.subarray(half));
  return /^1*0*$/.test(mask) ? from(parts.slice(0, 1 + mask.lastIndexOf('1') + 1)) : undefined;
}

/** Bits of octets. Certificates of anyone are read, and may contain very many addresses. */
const BITS = Array.from({ length: 256 }, (_, octet) => octet.toString(2).padStart(8, '0'));

function bitsOf(octets: Uint8Array): string {
  let bits = '';
  for (const octet of octets) bits += BITS[octet];
  return bits;
}
