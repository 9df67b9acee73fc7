/** The driver plays cases to a client or a server, and judges what the peer does. It does no I/O. */
export * from './campaign.js';
export type { ServerTarget } from './client-side.js';
export {
  type Baseline,
  type ClientTrace,
  judgeClient,
  judgeTransfer,
  MARKER,
  markerOf,
  type Seen,
} from './client-trace.js';
export {
  type Connection,
  type DataConnections,
  type DataListener,
  type Ends,
  type FuzzSide,
  type NoReply,
  SetupFailed,
  TargetUnavailable,
} from './connection.js';
export type { Plain } from './mutators.js';
export {
  crashed,
  FINDINGS,
  type Finding,
  type Outcome,
  type OutcomeKind,
  type ProcessExit,
  type Severity,
  sanitizerReport,
  withExit,
} from './outcome.js';
export { type PlanOptions, plan } from './plan.js';
export { fileNameOf, parseReproducers, type Reproducer } from './reproducer.js';
export { type ClientTarget, playToClient } from './server-side.js';
export { playToServer, probeServer, unready } from './to-server.js';
