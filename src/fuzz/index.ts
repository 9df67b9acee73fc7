/**
 * `rfc2228/fuzz`: mutates messages inside the protection, to test clients and servers of the security extensions. Cases
 * are plain data: the rule that each breaks, and what a conforming peer must do. The driver plays cases to a peer over
 * any connection. The generators for fast-check have an entry of their own, `rfc2228/fuzz/arbitraries`, so this one
 * does not need fast-check.
 * @module rfc2228/fuzz
 */
export type { CaseOptions, FuzzCase, MessageCase, TransferCase } from './cases.js';
export { fuzzCases, MESSAGE_LAYERS, TEXTS } from './cases.js';
export { Choices, choicesFrom, octetsFrom } from './choices.js';
export { type CorpusFile, type CorpusOptions, corpusFiles } from './corpus.js';
export type { CampaignOptions, CaseRecord, FindingRecord, PlanOptions, SummaryRecord } from './driver/campaign.js';
export { campaign, plan } from './driver/campaign.js';
export type { ServerTarget } from './driver/client-side.js';
export * from './driver/client-trace.js';
export * from './driver/connection.js';
export type { Plain } from './driver/mutators.js';
export type { Finding, Outcome, OutcomeKind, ProcessExit, Reproducer, Severity } from './driver/outcome.js';
export { crashed, FINDINGS, fileNameOf, parseReproducers, sanitizerReport, withExit } from './driver/outcome.js';
export { type ClientTarget, playToClient } from './driver/server-side.js';
export { playToServer, probeServer, unready } from './driver/to-server.js';
export { krb4FuzzSession } from './mechanisms/krb4.js';
export { type Krb5FuzzOptions, krb5FuzzSession } from './mechanisms/krb5/index.js';
export type { Krb5Keys } from './mechanisms/krb5/messages.js';
export type { Reference, SampleExchange } from './mechanisms/mechanism.js';
export { pskFuzzSession } from './mechanisms/psk.js';
export * from './mutation.js';
export { DATA_MARKER, FILE } from './mutations/data.js';
export { scriptOctets } from './mutations/phases.js';
export { perform, performExchange, type Rendered, referenceChunks, references, validMessage } from './perform.js';
