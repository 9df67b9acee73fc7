/**
 * `rfc2228/capture`: verifies recordings. Takes octets, not files.
 * @module rfc2228/capture
 */
export type { ObservedCommand, ObservedExchange, ObservedMessage, ObservedReply, Verdict } from '../session/events.js';
export type { Compression } from './capture-file.js';
export type { PortOptions } from './control-connections.js';
export type { Sha256 } from './data-blocks.js';
export type { DataOptions, Extract, Transfer, TransferSink } from './data-recording.js';
export { FINDING_RULES, type FindingRule, RULES, type Severity } from './findings.js';
export { type Recording, type RecordingFormat, recordingFormat } from './recording.js';
export type {
  BeginRecord,
  ConnectionRecord,
  DataRecord,
  Endpoints,
  FileRecord,
  FindingRecord,
  MessageRecord,
  RecordedError,
  RecordedFault,
  ReplyRecord,
  SummaryRecord,
  TranscriptRecord,
} from './records.js';
export { type VerifyOptions, verifyRecording, verifyRotated, verifySteps } from './transcript.js';
export type { Fault, OnRecord, Transcript } from './transcript-writer.js';
