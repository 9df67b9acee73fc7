/** Several transcripts as one: connections in one series of numbers, and the sum of all totals. */
import type { BeginRecord, FileRecord, SummaryRecord, TranscriptRecord } from './records.js';

/**
 * A record in a transcript of several recordings.
 * @param before  number of connections in the recordings before
 * @param file  the recording, for its connections
 */
export function renumbered(
  record: Exclude<TranscriptRecord, SummaryRecord | BeginRecord | FileRecord>,
  before: number,
  file: string,
): TranscriptRecord {
  const connection = record.connection + before;
  if (record.type !== 'connection') return before === 0 ? record : { ...record, connection };
  // People look for the file next to the number.
  const { type, connection: _, ...rest } = record;
  return { type, connection, file, ...rest };
}

/** Totals of nothing. */
export function emptySummary(): SummaryRecord {
  return {
    type: 'summary',
    connections: 0,
    messages: 0,
    protected: 0,
    verified: 0,
    decrypted: 0,
    failed: 0,
    unkeyed: 0,
    unprotected_after_security: 0,
    data_connections: 0,
    lost_segments: 0,
    unread: {},
  };
}

/** What `unread` of a summary counts under a reason: packets, lines of a text transcript, or octets outside of a capture. */
export function unreadUnit(reason: string): 'packet' | 'line' | 'octet' {
  return (['line', 'octet'] as const).find(unit => reason.startsWith(`${unit} `)) ?? 'packet';
}

/** Adds the totals of a recording to those of all. */
export function addSummary(total: SummaryRecord, { type, unread, ...counts }: SummaryRecord): void {
  for (const [name, count] of Object.entries(counts)) total[name as keyof typeof counts] += count;
  for (const [reason, packets] of Object.entries(unread)) total.unread[reason] = (total.unread[reason] ?? 0) + packets;
}
