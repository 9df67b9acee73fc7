/**
 * `rfc2228/fuzz`: what bends messages behind the cryptography, for people who test clients and servers with security
 * extensions. Cases are plain data with the rule that they break and what a sound peer must do; generators are fast-check
 * arbitraries, which the caller has to have installed. The driver puts cases to a peer over any connection.
 */
export {
  adatExchanges,
  base64Texts,
  chunkings,
  commands,
  dataTransfers,
  type ExchangeLine,
  exchangeCaseArbitrary,
  lineTexts,
  messageCaseArbitrary,
  type ProtectedText,
  protectedCommands,
  protectedReplies,
  replies,
  scriptArbitrary,
  tokens,
  transferCaseArbitrary,
} from './arbitraries.js';
export {
  type CaseOptions,
  caseOf,
  type MessageCase,
  MUTATIONS,
  messageCases,
  type Performance,
  peersOf,
  perform,
  TEXTS,
} from './cases.js';
export { type CorpusFile, type CorpusOptions, corpusFiles } from './corpus.js';
export { choicesFrom, Draw, octetsFrom } from './draw.js';
export {
  type CampaignOptions,
  type CaseRecord,
  type ClientTarget,
  type Conduct,
  campaign,
  type DataConnections,
  type DataDoor,
  type DrivenCase,
  type Ends,
  FINDINGS,
  type Finding,
  type FindingRecord,
  type FuzzSide,
  fileNameOf,
  judgeClient,
  judgeTransfer,
  type Known,
  type KnownTransfers,
  MARKER,
  NoTarget,
  type Outcome,
  type OutcomeKind,
  type Plain,
  type PlanOptions,
  type ProcessExit,
  parseReproducers,
  plan,
  playToClient,
  playToServer,
  type Quiet,
  type Reproducer,
  type Seen,
  type ServerTarget,
  type SummaryRecord,
  sanitizerReport,
  Unready,
  type Wire,
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
export { soundMessage } from './message.js';
export {
  type Carrier,
  type Expectation,
  type FuzzSession,
  LAYERS,
  type Layer,
  type Mutation,
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
export {
  DATA_MARKER,
  FILE,
  performTransfer,
  type TransferCase,
  type TransferOptions,
  transferCaseOf,
  transferCases,
} from './transfers.js';
