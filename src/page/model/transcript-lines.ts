/** Reads the lines of `rfc2228 verify --json`. They may come from anybody, so every field is checked before it is used. */
import type { TranscriptRecord } from '../../capture/index.js';

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

const text: Check = value => typeof value === 'string';
const number: Check = value => typeof value === 'number';
const flag: Check = value => typeof value === 'boolean';
const object: Check = value => typeof value === 'object' && value !== null && !Array.isArray(value);
const orNull =
  (check: Check): Check =>
  value =>
    value === null || check(value);
const listOf =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.every(check);
const oneOf =
  (...values: readonly unknown[]): Check =>
  value =>
    values.includes(value);
const optional =
  (check: Check): Check =>
  value =>
    value === undefined || check(value);
const like = (shape: Shape): Check => {
  const checks = Object.entries(shape);
  return value => object(value) && checks.every(([name, check]) => check((value as Record<string, unknown>)[name]));
};

const peer = oneOf('client', 'server');
const level = oneOf('clear', 'safe', 'confidential', 'private');
const error = orNull(like({ code: text, message: text }));

const COUNTS: Shape = {
  connections: number,
  messages: number,
  protected: number,
  verified: number,
  decrypted: number,
  failed: number,
  unkeyed: number,
  unprotected_after_security: number,
  lost_segments: number,
  unread: object,
};

/** The fields of each type of record, as in transcript.schema.json. */
const RECORDS: Readonly<Record<Exclude<TranscriptRecord['type'], 'reply'>, Check>> = {
  connection: like({
    connection: number,
    file: optional(text),
    client: orNull(text),
    server: orNull(text),
    mechanism: orNull(text),
    variant: orNull(text),
    client_name: orNull(text),
    server_name: orNull(text),
    enctype: orNull(number),
    keyed: flag,
    problem: error,
    facts: object,
  }),
  message: like({
    connection: number,
    index: number,
    time: orNull(text),
    from: peer,
    wire: text,
    level,
    applied: orNull(level),
    verdict: oneOf('verified', 'decrypted', 'failed', 'unkeyed', 'clear'),
    // Transcripts of older versions have no tokens.
    token: optional(orNull(text)),
    text: orNull(text),
    sequence: orNull(text),
    tolerated: listOf(text),
    weak: flag,
    error,
  }),
  data: like({
    connection: number,
    client: orNull(text),
    server: orNull(text),
    time: orNull(text),
    from: peer,
    command: orNull(text),
    name: orNull(text),
    user: orNull(text),
    level,
    applied: orNull(level),
    blocks: number,
    bytes: orNull(number),
    sha256: orNull(text),
    verdict: oneOf('verified', 'decrypted', 'failed', 'unkeyed'),
    weak: flag,
    error,
    lost: number,
  }),
  finding: like({
    connection: number,
    rule: text,
    severity: oneOf('high', 'medium', 'low'),
    messages: listOf(number),
    text,
  }),
  summary: like(COUNTS),
  begin: like({ file: text }),
  file: like({ ...COUNTS, file: text, status: number, error }),
};

/** How `rfc2228` begins a reply. The page shows the lines of replies, so that it need not read these, which is faster. */
const REPLY = '{"type":"reply",';

/** What could be read of a transcript. */
export interface ReadTranscript {
  /** All but replies. */
  records: TranscriptRecord[];
  /** Number of lines that are not records. */
  unreadable: number;
}

/** @param ndjson  JSON lines; empty ones are skipped */
export function readTranscript(ndjson: string): ReadTranscript {
  const records: TranscriptRecord[] = [];
  let unreadable = 0;
  for (const line of ndjson.split('\n')) {
    if (line === '' || line.startsWith(REPLY) || line.trim() === '') continue;
    const record = readRecord(line);
    if (record === undefined) unreadable++;
    else records.push(record);
  }
  return { records, unreadable };
}

function readRecord(line: string): TranscriptRecord | undefined {
  try {
    const value = JSON.parse(line);
    const type = object(value) ? value.type : undefined;
    return Object.hasOwn(RECORDS, type) && RECORDS[type as keyof typeof RECORDS](value) ? value : undefined;
  } catch {
    return undefined;
  }
}
