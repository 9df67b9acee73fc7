/** Byte helpers with no dependencies: joining, comparing, numbers in network byte order, hex and UTF-8. */

// The two globals that every runtime has and no ECMAScript lib declares.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal?: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export const CR = 0x0d;
export const LF = 0x0a;
export const NUL = 0x00;
export const SPACE = 0x20;
export const HYPHEN = 0x2d;
export const CRLF: Uint8Array = Uint8Array.of(CR, LF);

/** @throws TypeError if `value` is not a Uint8Array: misuse by the caller, not bad input */
export function assertBytes(value: unknown, name: string): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`);
}

/**
 * @param parser  the function that makes such a list from the octets of a file
 * @throws TypeError if `value` is not a list of objects, e.g. those octets themselves
 */
export function assertParsed(value: unknown, name: string, parser: string): void {
  if (Array.isArray(value) && value.every(isParsed)) return;
  throw new TypeError(`${name} must be a list, as ${parser} returns it for the octets of a file`);
}

/** @throws TypeError if `value` is not a list as {@link assertParsed} expects it, or an empty one, with which nothing can be done */
export function assertSomeParsed(value: unknown, name: string, parser: string): void {
  assertParsed(value, name, parser);
  if ((value as unknown[]).length === 0) throw new TypeError(`${name} must not be empty: ${parser} has found nothing`);
}

function isParsed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value);
}

/** Whether octets end in CR LF. */
export function endsInCrlf(bytes: Uint8Array): boolean {
  const { length } = bytes;
  return bytes[length - 1] === LF && bytes[length - 2] === CR;
}

/** The parts, joined in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return concatAll(parts);
}

/** As {@link concat}, for any number of parts: as many arguments as a peer can send lines would overflow the stack. */
export function concatAll(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * A copy that is always a plain Uint8Array: the `slice` method of a Buffer gives a Buffer that shares its memory. Of a plain one,
 * `slice` takes the least time.
 */
export function copy(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes.slice(start, end) : new Uint8Array(bytes.subarray(start, end));
}

/**
 * Octets that the caller may keep: a plaintext is its recipient's already, but not a part of one. Short ones are copied, since a
 * look at their buffer makes V8 allocate one.
 */
export function owned(bytes: Uint8Array): Uint8Array {
  const isWhole = bytes.length > 64 && bytes.length === bytes.buffer.byteLength;
  return isWhole && bytes.constructor === Uint8Array ? bytes : copy(bytes);
}

/** Compares in a time that depends only on the lengths. Use it for every checksum. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Compares public octets; the time that it takes reveals where they differ. */
export function startsWith(bytes: Uint8Array, prefix: ArrayLike<number>): boolean {
  if (bytes.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

/** The two octets of an unsigned number, most significant first. */
export function u16be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

/** The four octets of an unsigned number, most significant first. */
export function u32be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The eight octets of an unsigned number, most significant first. */
export function u64be(value: bigint): Uint8Array {
  const octets = new Uint8Array(8);
  setU64be(octets, 0, value);
  return octets;
}

/** Numbers of 64 bits go through it: shifts of bigints make new ones. */
const eight = new DataView(new ArrayBuffer(8));

/** Writes the 8 octets of a number below 2^64. */
export function setU64be(octets: Uint8Array, at: number, value: bigint): void {
  eight.setBigUint64(0, value);
  for (let i = 0; i < 8; i++) octets[at + i] = eight.getUint8(i);
}

/** The number of two octets; -1 where they are not all there. A view would cost more than the reading. */
export function u16beAt(octets: Uint8Array, at: number): number {
  return at + 2 > octets.length ? -1 : (octets[at]! << 8) | octets[at + 1]!;
}

/** The number of eight octets, which must be there. */
export function u64beAt(octets: Uint8Array, at: number): bigint {
  for (let i = 0; i < 8; i++) eight.setUint8(i, octets[at + i]!);
  return eight.getBigUint64(0);
}

/** A view for reading numbers; it shares memory with `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** Two lower-case hex digits for each octet. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]!];
  return text;
}

/** @throws RangeError unless `text` is an even number of hex digits */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text))
    throw new RangeError('expected an even number of hex digits');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The UTF-8 octets of a text (RFC 2640 §2). */
export function toUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 octets. Invalid ones become U+FFFD, so keep the octets if they matter. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The text in octets of UTF-16, without a byte order mark. Octets that are not a character become U+FFFD. */
export function fromUtf16(bytes: Uint8Array, littleEndian: boolean): string {
  return new TextDecoder(littleEndian ? 'utf-16le' : 'utf-16be', { ignoreBOM: true }).decode(bytes);
}
