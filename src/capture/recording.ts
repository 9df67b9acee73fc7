/** A recording as the caller has it: whole, or in chunks that can be gone through any number of times. */
import { assertBytes, concatAll } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import { type Compression, compressionOf, isCapture } from './capture-file.js';
import { isTextTranscript } from './text-transcript.js';

/** A capture or a text transcript: its octets, whole or as chunks that can be iterated several times. */
export type Recording = Uint8Array | Iterable<Uint8Array>;

/** Octets that tell what a recording is: a text transcript may begin with remarks, but not with a book. */
const BEGINNING = 65_536;

/** A text transcript is read whole, and is limited to this; captures have no such limit. */
const MAX_TEXT = 2 ** 28;

/** @throws TypeError for what can be gone through only once, as a generator, or not at all */
export function chunksOf(recording: Recording): Iterable<Uint8Array> {
  if (recording instanceof Uint8Array) return [recording];
  const iterable = typeof recording === 'object' && typeof recording?.[Symbol.iterator] === 'function';
  if (!iterable || recording[Symbol.iterator]() === (recording as unknown)) {
    throw new TypeError('recording must be a Uint8Array, or chunks that can be gone through again');
  }
  return recording;
}

/** The first octets of a recording, some 64 KiB if it has as many. */
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

/** @throws FtpSecurityError `syntax/limit-exceeded` when it has more than 256 MiB */
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

/** What a recording is; a compressed one is to be decompressed before it is verified. */
export type RecordingFormat = 'capture' | 'text' | Compression;

/**
 * Tells a recording by how it begins.
 * @param start  its first 64 KiB, or all of it
 * @returns undefined when it is none
 */
export function recordingFormat(start: Uint8Array): RecordingFormat | undefined {
  assertBytes(start, 'start');
  if (isCapture(start)) return 'capture';
  return compressionOf(start) ?? (isTextTranscript(start) ? 'text' : undefined);
}
