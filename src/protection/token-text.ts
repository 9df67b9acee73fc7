/** The argument of MIC, CONF, ENC, ADAT and 63z: one token in base 64 (RFC 2228 §8.1), and what peers put around it. */
import { decodeBase64 } from '../base64.js';
import { CR, LF } from '../bytes.js';
import { type ErrorCode, FtpSecurityError } from '../errors.js';
import type { Deviations } from './deviations.js';

export const SPACE = 0x20;

/** The octets of a line without the CRLF or bare LF that ends it. */
export function withoutEndOfLine(line: Uint8Array, deviations: Deviations, code: ErrorCode): Uint8Array {
  const { length } = line;
  if (line[length - 1] !== LF) return line;
  if (line[length - 2] === CR) return line.subarray(0, length - 2);
  deviations.accept('bare-lf', code);
  return line.subarray(0, -1);
}

/**
 * Decodes the token of a line.
 * @param line  octets of the line, without its line end
 * @param start  where the base 64 begins
 * @param code  error code for a missing token, and for a deviation that is not tolerated
 * @param base  added to offsets in errors
 * @throws FtpSecurityError `code`, or `syntax/bad-base64`
 */
export function decodeToken(
  line: Uint8Array,
  start: number,
  code: ErrorCode,
  deviations: Deviations,
  base = 0,
): Uint8Array {
  let begin = start;
  while (line[begin] === SPACE) begin++;
  if (begin >= line.length) throw new FtpSecurityError(code, 'the token is missing', { offset: base + start });
  let end = begin;
  while (end < line.length && line[end] !== SPACE) end++;
  const token = decodeBase64(line.subarray(begin, end), base + begin);
  if (begin > start) deviations.accept('blank-around-base64', code);
  if (end < line.length) {
    const onlySpaces = line.subarray(end).every(octet => octet === SPACE);
    deviations.accept(onlySpaces ? 'blank-around-base64' : 'text-after-base64', code);
  }
  return token;
}

/** Whether any line ends in LF alone. */
export function hasBareLf(lines: Uint8Array): boolean {
  return lines.some((octet, at) => octet === LF && lines[at - 1] !== CR);
}
