/** A recording as the caller has it: whole, or in chunks that can be iterated any number of times. */
import { assertBytes, concatAll } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type Compression, compressionOf, isCapture } from './capture-file.js';
import { isText } from './text-transcript.js';

/** A capture or a text transcript: its octets, whole or as chunks that can be iterated several times. */
export type Recording = Uint8Array | Iterable<Uint8Array>;

/** How many first octets decide what a recording is. A text transcript may begin with comments, but not with longer ones. */
const BEGINNING = 65_536;

/** The longest text transcript, in octets, because it is read as a whole. Captures have no such limit. */
const MAX_TEXT = 2 ** 28;

/** @throws TypeError if `recording` can't be iterated, or can be iterated only once, as a generator */
export function chunksOf(recording: Recording): Iterable<Uint8Array> {
  if (recording instanceof Uint8Array) return [recording];
  const iterable = typeof recording === 'object' && typeof recording?.[Symbol.iterator] === 'function';
  if (!iterable || recording[Symbol.iterator]() === (recording as unknown)) {
    throw new TypeError('recording must be a Uint8Array, or chunks that can be gone through again');
  }
  return recording;
}

/** The first chunks of a recording: at least 64 KiB, or all of it if it is shorter. */
export function beginningOf(chunks: Iterable<Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const chunk of chunks) {
    assertBytes(chunk, 'chunk of a recording');
    parts.push(chunk);
    length += chunk.length;
    if (length >= BEGINNING) break;
  }
  return parts.length === 1 ? parts[0]! : concatAll(parts);
}

/** @throws FtpSecurityError `syntax/limit-exceeded` for more than 256 MiB */
export function wholeOf(chunks: Iterable<Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length > MAX_TEXT) {
      throw new FtpSecurityError('syntax/limit-exceeded', `text transcript of more than ${MAX_TEXT} octets`);
    }
  }
  return parts.length === 1 ? parts[0]! : concatAll(parts);
}

/** The format of a recording; text may be a transcript, or a dump of packets in hex. A compressed recording must be decompressed before it is verified. */
export type RecordingFormat = 'capture' | 'text' | Compression;

/**
 * Recognises a recording by its first octets.
 * @param start  its first 64 KiB, or all of it if it is shorter
 * @returns undefined if it is not a recording
 */
export function recordingFormat(start: Uint8Array): RecordingFormat | undefined {
  assertBytes(start, 'start');
  if (isCapture(start)) return 'capture';
  return compressionOf(start) ?? (isText(start) ? 'text' : undefined);
}
