/** Names in messages and files, whose octets are not always UTF-8, as text. */
import { fromUtf8, startsWith, toUtf8 } from '../bytes.js';

/**
 * The text of a name's octets, which are nearly always ASCII or UTF-8 (RFC 4120 §5.2.1). Any other octet becomes one
 * lone surrogate, U+DC80 to U+DCFF, which UTF-8 never gives. So two names are equal only if their octets are equal.
 */
export function nameText(octets: Uint8Array): string {
  const text = fromUtf8(octets);
  // Not shorter, since U+FFFD takes the place of one to three octets.
  if (startsWith(octets, toUtf8(text))) return text;
  return Array.from(octets, octet => String.fromCharCode(octet < 0x80 ? octet : 0xdc00 | octet)).join('');
}

export function nameOctets(text: string): Uint8Array {
  if (/[^\0-\x7f\udc80-\udcff]/.test(text)) return toUtf8(text);
  return Uint8Array.from(text, char => char.charCodeAt(0) & 0xff);
}
