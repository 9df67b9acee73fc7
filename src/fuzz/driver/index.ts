/** The driver: cases put to a client or a server, and what they make of them. It does no I/O; `rfc2228 fuzz` does. */
export { probeServer, TargetUnavailable } from './baseline.js';
export {
  type CampaignOptions,
  type CaseRecord,
  campaign,
  type FindingRecord,
  type SummaryRecord,
} from './campaign.js';
export type { ServerTarget } from './client-side.js';
export { type Conduct, judgeClient, type Known } from './conduct.js';
export { judgeTransfer, type KnownTransfers, type Seen } from './data-conduct.js';
export {
  crashed,
  type DrivenCase,
  FINDINGS,
  type Finding,
  type Outcome,
  type OutcomeKind,
  type ProcessExit,
  type Severity,
  sanitizerReport,
  withExit,
} from './outcome.js';
export type { Plain } from './plain-to-client.js';
export { type PlanOptions, plan } from './plan.js';
export { fileNameOf, parseReproducers, type Reproducer } from './reproducer.js';
export type { ClientTarget } from './server-side.js';
export { MARKER, markerOf } from './sound-server.js';
export { playToClient } from './to-client.js';
export { playToServer, unready } from './to-server.js';
export {
  type DataConnections,
  type DataDoor,
  type Ends,
  type FuzzSide,
  type Quiet,
  SetupFailed,
  type Wire,
} from './wire.js';
