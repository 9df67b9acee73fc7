/**
 * A control connection as text: lines `C> …` and `S> …`, as sent and without CRLF; `---` begins another connection. Or as
 * clients print it: see program-log.ts.
 */
import { CR, fromUtf16, LF, startsWith, toUtf8 } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { linesOf } from '../ftp/line.js';
import type { Peer } from '../protection/mechanism.js';
import type { Capture } from './capture-file.js';
import { isFollowedStream, readFollowedStream } from './followed-stream.js';
import { isHexDump, readHexDump } from './hex-dump.js';
import { isProgramLog, readProgramLog, type SpokenLine } from './program-log.js';

const SIDES: readonly (readonly [Peer, Uint8Array])[] = [
  ['client', toUtf8('C>')],
  ['server', toUtf8('S>')],
];
const BLANK = 0x20;

/** Byte order marks, and what makes UTF-8 of the text behind each. */
const MARKS: readonly { mark: readonly number[]; decode: (text: Uint8Array) => Uint8Array }[] = [
  { mark: [0xef, 0xbb, 0xbf], decode: text => text },
  { mark: [0xff, 0xfe], decode: text => toUtf8(fromUtf16(text, true)) },
  { mark: [0xfe, 0xff], decode: text => toUtf8(fromUtf16(text, false)) },
];

/** Whether octets look like a text transcript of any form, or a dump of packets. */
export function isText(octets: Uint8Array): boolean {
  const bytes = normalized(octets);
  return isSpoken(bytes) || isHexDump(bytes);
}

/** The packets of a text that is a dump of them; undefined for a transcript. */
export function readDumpedCapture(octets: Uint8Array): Capture | undefined {
  const bytes = normalized(octets);
  return isSpoken(bytes) ? undefined : readHexDump(bytes);
}

function isSpoken(bytes: Uint8Array): boolean {
  return isTranscript(bytes) || isProgramLog(bytes) || isFollowedStream(bytes);
}

/**
 * The text without a byte order mark, in UTF-8, and with LF in its line ends: PowerShell redirects output into files of UTF-16, and
 * some editors end lines with CR alone.
 */
function normalized(octets: Uint8Array): Uint8Array {
  const found = MARKS.find(({ mark }) => startsWith(octets, mark));
  const text = found === undefined ? octets : found.decode(octets.subarray(found.mark.length));
  return text.includes(LF) || !text.includes(CR) ? text : text.map(octet => (octet === CR ? LF : octet));
}

/** Whether the first line that is neither blank nor a comment has the form `C> …` or `S> …`. */
function isTranscript(bytes: Uint8Array): boolean {
  for (const { bytes: line } of linesOf(bytes))
    if (!isSkipped(line)) return isBreak(line) || spoken(line) !== undefined;
  return false;
}

/**
 * Reads a text transcript.
 * @returns the lines of each connection; a connection without lines is omitted
 * @throws FtpSecurityError `syntax/bad-file` with the offset of a line that does not have the form of a transcript
 */
export function readTextTranscript(octets: Uint8Array): SpokenLine[][] {
  const bytes = normalized(octets);
  const log = isTranscript(bytes) ? undefined : (readProgramLog(bytes) ?? readFollowedStream(bytes));
  if (log !== undefined) return log;
  const connections: SpokenLine[][] = [[]];
  for (const { bytes: line, start: offset } of linesOf(bytes)) {
    if (isSkipped(line)) continue;
    if (isBreak(line)) {
      connections.push([]);
      continue;
    }
    const said = spoken(line);
    if (said === undefined) {
      throw new FtpSecurityError('syntax/bad-file', 'a line of a transcript begins with "C> " or "S> "', { offset });
    }
    connections.at(-1)!.push(said);
  }
  return connections.filter(lines => lines.length > 0);
}

function isSkipped(line: Uint8Array): boolean {
  return line[0] === 0x23 || line.every(octet => octet === BLANK || octet === 0x09);
}

function isBreak(line: Uint8Array): boolean {
  return line.length === 3 && line.every(octet => octet === 0x2d);
}

function spoken(line: Uint8Array): SpokenLine | undefined {
  for (const [from, mark] of SIDES) {
    if (!startsWith(line, mark)) continue;
    if (line.length === mark.length) return { from, line: line.subarray(mark.length) };
    if (line[mark.length] === BLANK) return { from, line: line.subarray(mark.length + 1) };
  }
  return undefined;
}
