/**
 * `rfc2228/fuzz`: mutates messages behind the cryptography, to test clients and servers that have the security extensions.
 * Cases are plain data: the rule that each breaks, and what a conforming peer must do. The driver plays cases to a peer over
 * any connection. Nothing here needs fast-check: its generators have an entry of their own, `rfc2228/fuzz/arbitraries`.
 */
export {
  type CaseOptions,
  caseOf,
  type MessageCase,
  MUTATIONS,
  messageCases,
  peersOf,
  perform,
  type Rendered,
  TEXTS,
} from './cases.js';
export { Choices, choicesFrom, octetsFrom } from './choices.js';
export { type CorpusFile, type CorpusOptions, corpusFiles } from './corpus.js';
export {
  type Baseline,
  type CampaignOptions,
  type CaseRecord,
  type ClientTarget,
  type ClientTrace,
  type Connection,
  campaign,
  type DataConnections,
  type DataListener,
  type DrivenCase,
  type Ends,
  FINDINGS,
  type Finding,
  type FindingRecord,
  type FuzzSide,
  fileNameOf,
  judgeClient,
  judgeTransfer,
  MARKER,
  type NoReply,
  type Outcome,
  type OutcomeKind,
  type Plain,
  type PlanOptions,
  type ProcessExit,
  parseReproducers,
  plan,
  playToClient,
  playToServer,
  probeServer,
  type Reproducer,
  type Seen,
  type ServerTarget,
  SetupFailed,
  type Severity,
  type SummaryRecord,
  sanitizerReport,
  TargetUnavailable,
  type TransferBaseline,
  withExit,
} from './driver/index.js';
export {
  EXCHANGES,
  type ExchangeCase,
  type ExchangeCaseOptions,
  exchangeCases,
  performExchange,
} from './exchange/cases.js';
export type { ExchangeFormat, ExchangeKeys, ExchangeMutation, ExchangeTurn, Krb5Keys } from './exchange/mutation.js';
export type { Layered } from './mechanisms/forgery.js';
export { krb4FuzzSession } from './mechanisms/krb4.js';
export { type Krb5FuzzOptions, krb5FuzzSession } from './mechanisms/krb5.js';
export { pskFuzzSession } from './mechanisms/psk.js';
export { validMessage } from './message.js';
export {
  type Expectation,
  type FuzzSession,
  LAYERS,
  type Layer,
  type Mutation,
  type MutationContext,
  type Stage,
} from './mutation.js';
export {
  type ClientScript,
  SCRIPTS,
  type ScriptCase,
  type ScriptLine,
  type ScriptStart,
  type ServerScript,
  scriptOctets,
} from './phases.js';
export { type AnyCase, type Reference, referenceChunks, references } from './reference.js';
export {
  DATA_MARKER,
  FILE,
  performTransfer,
  type TransferCase,
  type TransferOptions,
  transferCaseOf,
  transferCases,
} from './transfers.js';
