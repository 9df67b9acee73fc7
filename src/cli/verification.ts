/** Verifies one recording of `rfc2228 verify`. The result is plain data, so that a worker can send it. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import {
  type FileRecord,
  recordingFormat,
  type Transcript,
  type TranscriptRecord,
  type VerifyOptions,
  verifySteps,
} from '../capture/index.js';
import { FtpSecurityError } from '../errors.js';
import type { Interruption } from './progress.js';
import { firstOf, type ListedFile, openRecording, type RecordingFile } from './recordings.js';
import { InputError, internalError, ruleText } from './status.js';

/** How a recording has ended. */
export interface Outcome {
  /** Why it could not be read to its end, or at all. */
  problem?: Problem;
  /** Internal errors, each with the number of its connection in the recording. */
  faults: { connection: number; text: string }[];
  unusedPorts: readonly number[];
  /** The directories of files that are not recordings and were left out, one for each file. */
  leftOut: string[];
  /** Whether nothing is left after that. */
  isEmpty: boolean;
  /** Whether its packets are not in the order of their times. */
  isDisordered?: true;
  /** Octets to which it has cut packets, if that may be why something is missing. */
  cutTo?: number;
  /** Whether it may not have been read to its end because of an interruption. */
  isInterrupted?: boolean;
}

/** An error of a recording. */
export interface Problem {
  /** For programs, in the record of the file. */
  record: NonNullable<FileRecord['error']>;
  /** For people, on standard error. */
  text: string;
  /** Whether the text names the file. */
  namesFile: boolean;
}

/** What a verification gives while it runs. */
export interface Receiver {
  record(record: TranscriptRecord): void;
  /** Octets of captures that were read. */
  read(octets: number): void;
}

/** Options of a verification. */
export interface VerificationOptions extends Omit<VerifyOptions, 'sha256' | 'onRecord'> {
  /** Whether the records have the hashes of files. */
  hashes: boolean;
}

/**
 * Verifies a recording, or the joined files of one capture.
 * @param interruption  the first one ends the recording where it is read at the moment, and what was read is still
 *   verified; the second one ends that as well
 */
export async function verifyRecordingFiles(
  files: readonly ListedFile[],
  { hashes, ...options }: VerificationOptions,
  receiver: Receiver,
  interruption: Interruption,
): Promise<Outcome> {
  const outcome: Outcome = { faults: [], unusedPorts: [], leftOut: [], isEmpty: false };
  const opened: RecordingFile[] = [];
  try {
    for (const { file, directory } of files) {
      const recording = await openRecording(file, interruption);
      if (directory === undefined || recordingFormat(firstOf(recording.chunks)) !== undefined) opened.push(recording);
      else {
        recording.close();
        outcome.leftOut.push(directory);
      }
    }
    if (opened.length === 0) return { ...outcome, isEmpty: true };
    const chunks = opened.map(file => counted(file.chunks, receiver));
    const behind = opened.reduce((sum, file) => sum + file.behind, 0);
    const onRecord = (record: TranscriptRecord) => receiver.record(behind > 0 ? withUnread(record, behind) : record);
    const steps = verifySteps(chunks, { ...options, sha256: hashes && (() => createHash('sha256')), onRecord });
    const { faults = [], unusedPorts = [], isDisordered, cutTo, error } = await runSteps(steps, interruption);
    // Compressed data that end early cut the capture as well, so their error explains both.
    const reason = opened.find(({ error }) => error !== undefined)?.error ?? error;
    return {
      ...outcome,
      ...(reason !== undefined && { problem: problemOf(reason) }),
      ...(reason === undefined && interruption.count > 0 && { isInterrupted: true }),
      faults: faults.map(({ connection, error }) => ({ connection, text: textOf(error) })),
      unusedPorts,
      ...(isDisordered && { isDisordered }),
      ...(cutTo !== undefined && { cutTo }),
    };
  } catch (error) {
    return { ...outcome, problem: problemOf(error) };
  } finally {
    for (const file of opened) file.close();
  }
}

function counted(chunks: Iterable<Uint8Array>, receiver: Receiver): Iterable<Uint8Array> {
  return {
    *[Symbol.iterator]() {
      for (const chunk of chunks) {
        receiver.read(chunk.length);
        yield chunk;
      }
    },
  };
}

/** Adds the octets behind compressed data to what was not read. */
function withUnread(record: TranscriptRecord, octets: number): TranscriptRecord {
  if (record.type !== 'summary') return record;
  return { ...record, unread: { ...record.unread, [BEHIND]: octets } };
}

const BEHIND = 'octet behind the compressed data';

async function runSteps(steps: ReturnType<typeof verifySteps>, interruption: Interruption): Promise<Transcript> {
  let interruptions = 0;
  let step = steps.next();
  while (!step.done) {
    // Signals arrive only in between.
    await setImmediate();
    const { count } = interruption;
    step = steps.next(count > interruptions);
    interruptions = count;
  }
  return step.value;
}

export function problemOf(error: unknown): Problem {
  const text = textOf(error);
  if (error instanceof InputError) return { record: { code: 'unreadable', message: text }, text, namesFile: true };
  const record =
    error instanceof FtpSecurityError
      ? { code: error.code, message: error.message }
      : { code: 'internal' as const, message: String(error) };
  return { record, text, namesFile: false };
}

/** The text of an error. An error that is not about the input is internal, and its text shows where it happened. */
function textOf(error: unknown): string {
  if (error instanceof InputError) return error.message;
  return error instanceof FtpSecurityError ? ruleText(error) : internalError(error);
}
