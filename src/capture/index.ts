/** `rfc2228/capture`: recordings verified. Takes octets, not files. */
export type { ObservedMechanism } from '../session/exchange-watch.js';
export type { ObservedExchange, ObservedMessage, ObservedReply, Verdict } from '../session/observation.js';
export type {
  ConnectionRecord,
  MessageRecord,
  RecordedError,
  RecordedFault,
  ReplyRecord,
  SummaryRecord,
  TranscriptRecord,
} from './records.js';
export { type Fault, type Transcript, type VerifyOptions, verifyRecording } from './transcript.js';
