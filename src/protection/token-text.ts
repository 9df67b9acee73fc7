/** The argument of MIC, CONF, ENC, ADAT and 63z: one token in base 64 (RFC 2228 §8.1), and what peers put around it. */
import { type Allocate, base64Length, decodeBase64Range, encodeBase64Into } from '../base64.js';
import { assertBytes, CR, LF, SPACE } from '../bytes.js';
import { type ErrorCode, FtpSecurityError } from '../errors.js';
import type { Deviations } from './deviations.js';

/** The octets of a line without the CRLF or bare LF that ends it. */
export function withoutEndOfLine(line: Uint8Array, deviations: Deviations, code: ErrorCode): Uint8Array {
  return line.subarray(0, endOfText(line, line.length, deviations, code));
}

/** Where the text of the line that ends at `end` ends: before its CRLF or bare LF, if it has one. */
export function endOfText(octets: Uint8Array, end: number, deviations: Deviations, code: ErrorCode): number {
  if (octets[end - 1] !== LF) return end;
  if (octets[end - 2] === CR) return end - 2;
  deviations.accept('bare-lf', code);
  return end - 1;
}

/**
 * Decodes the token of a line.
 * @param start  where the base 64 begins
 * @param lineEnd  where the line ends, without its line end
 * @param code  error code for a missing token, and for a deviation that is not tolerated
 * @param base  added to offsets in errors, which count from the start of `octets`
 * @param allocate  gives the memory of the token; default new memory
 * @throws FtpSecurityError `code`, or `syntax/bad-base64`
 */
export function decodeToken(
  octets: Uint8Array,
  start: number,
  lineEnd: number,
  code: ErrorCode,
  deviations: Deviations,
  base = 0,
  allocate?: Allocate,
): Uint8Array {
  let begin = start;
  while (octets[begin] === SPACE) begin++;
  if (begin >= lineEnd) throw new FtpSecurityError(code, 'the token is missing', { offset: base + start });
  let end = lineEnd;
  let token: Uint8Array;
  try {
    token = decodeBase64Range(octets, begin, end, base, allocate);
  } catch (error) {
    // A space is not a character of base 64, so it is looked for only after decoding has failed.
    end = begin;
    while (end < lineEnd && octets[end] !== SPACE) end++;
    if (end === lineEnd) throw error;
    token = decodeBase64Range(octets, begin, end, base);
  }
  if (begin > start) deviations.accept('blank-around-base64', code);
  if (end < lineEnd) {
    const onlySpaces = octets.subarray(end, lineEnd).every(octet => octet === SPACE);
    deviations.accept(onlySpaces ? 'blank-around-base64' : 'text-after-base64', code);
  }
  return token;
}

/**
 * Encodes lines with one token each.
 * @param prefixes  what comes before the base 64 of each line, in ASCII
 * @throws RangeError for an empty token
 */
export function encodeTokenLines(prefixes: readonly string[], tokens: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  tokens.forEach((token, i) => {
    assertBytes(token, 'token');
    if (token.length === 0) throw new RangeError('a token must have at least one octet');
    length += prefixes[i]!.length + base64Length(token.length) + 2;
  });
  const lines = new Uint8Array(length);
  let at = 0;
  tokens.forEach((token, i) => {
    for (let j = 0; j < prefixes[i]!.length; j++) lines[at++] = prefixes[i]!.charCodeAt(j);
    at = encodeBase64Into(lines, at, token);
    lines[at++] = CR;
    lines[at++] = LF;
  });
  return lines;
}

/** Whether any line ends in LF alone. */
export function hasBareLf(lines: Uint8Array): boolean {
  return lines.some((octet, at) => octet === LF && lines[at - 1] !== CR);
}
