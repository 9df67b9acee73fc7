/**
 * `rfc2228/fuzz`: mutates messages behind the cryptography, to test clients and servers that have the security extensions.
 * Cases are plain data: the rule that each breaks, and what a conforming peer must do. The driver plays cases to a peer over
 * any connection. Nothing here needs fast-check: its generators have an entry of their own, `rfc2228/fuzz/arbitraries`.
 */
export {
  type CaseOptions,
  type FuzzCase,
  fuzzCases,
  MESSAGE_LAYERS,
  type MessageCase,
  TEXTS,
  type TransferCase,
} from './cases.js';
export { Choices, choicesFrom, octetsFrom } from './choices.js';
export { type CorpusFile, type CorpusOptions, corpusFiles } from './corpus.js';
export * from './driver/index.js';
export type { ExchangeFormat, ExchangeKeys, ExchangeMutation, ExchangeTurn, Krb5Keys } from './exchange/mutation.js';
export { performExchange } from './exchange/perform.js';
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
export { perform, type Rendered } from './perform.js';
export { SCRIPTS, type Script, type ScriptLine, type ScriptStart, scriptOctets } from './phases.js';
export { type Reference, referenceChunks, references } from './reference.js';
export { DATA_MARKER, FILE, performTransfer } from './transfers.js';
