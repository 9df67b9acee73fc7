/** The messages between the page and its worker. */
import type { TranscriptRecord } from '../../capture/index.js';

/** What is to be verified. */
export interface Job {
  /** Recordings and files with keys, in any order. */
  files: readonly File[];
  /** Typed keys, one a line: `ENCTYPE:HEX`, or `PSK:HEX` for X-PSK. */
  keys: string;
}

/** Messages of the worker: progress, records and notices in any number, and `done` as the last. */
export type WorkerMessage =
  | Progress
  | { type: 'records'; records: TranscriptRecord[] }
  | { type: 'notice'; text: string }
  | { type: 'done' };

/** How far a recording has been read. It is read several times. */
export interface Progress {
  type: 'progress';
  file: string;
  /** From 1. */
  pass: number;
  octets: number;
  size: number;
}
