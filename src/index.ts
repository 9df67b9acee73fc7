/**
 * `rfc2228`: the FTP security extensions, portable. Ordinary replies and commands, protected ones, security data, and
 * the two together with a security context; mechanisms and tools have entry points of their own.
 * @module rfc2228
 */
export { decodeBase64, encodeBase64 } from './base64.js';
export type { BlockCipher, BlockCiphers, ExternalHmac, NewBlockCipher, NewHmac } from './block-cipher.js';
export { type ErrorCode, type ErrorFacts, FtpSecurityError, type RefusalCode, replyCodeFor } from './errors.js';
export {
  type AddressOptions,
  type ExtendedAddress,
  type ExtendedPort,
  formatEprt,
  formatExtendedPassiveText,
  formatLongPassiveText,
  formatLprt,
  formatPassiveText,
  formatPort,
  type LongAddress,
  type PortAddress,
  parseEprt,
  parseExtendedPassiveReply,
  parseLongPassiveReply,
  parseLprt,
  parsePassiveReply,
  parsePort,
} from './ftp/addresses.js';
export { type Command, CommandReader, formatCommand, parseCommand } from './ftp/command.js';
export { COMMANDS, type CommandFacts, commandFacts } from './ftp/commands.js';
export { type Line, type LineOptions, LineReader, type LineUnit } from './ftp/line.js';
export { formatReply, parseReply, type Reply, type ReplyOptions, ReplyReader } from './ftp/reply.js';
export { type Classification, classify, REPLY_CODES, type ReplyGroup, type ReplyKind } from './ftp/reply-codes.js';
export {
  type DirectoryName,
  type ExtendedPassiveAddress,
  type FileSize,
  type LongPassiveAddress,
  type ModificationTime,
  type PassiveAddress,
  type ReplyDetails,
  type RestartMarker,
  replyDetails,
  type ServiceDelay,
  type UniqueFile,
} from './ftp/reply-details.js';
export {
  type BeforeFirstBlock,
  type Block,
  type BlockOptions,
  BlockReader,
  type BlockReaderOptions,
  BlockWriter,
} from './protection/data-block.js';
export {
  DEVIATIONS,
  type Deviation,
  Deviations,
  OPTIONAL_DEVIATIONS,
  type Tolerance,
} from './protection/deviations.js';
export type { InnerReplyOptions } from './protection/inner-reply.js';
export type {
  ChannelEnds,
  Exchange,
  ExchangeFacts,
  ExchangeObserver,
  Mechanism,
  ObservedStep,
  Peer,
  RecordedSecrets,
  SecurityContext,
  SequenceState,
  Step,
  Unwrapped,
  Wrapped,
} from './protection/mechanism.js';
export {
  ProtectedReplyReader,
  type ProtectReplyOptions,
  protectCommand,
  protectReply,
  type Unprotected,
  type UnprotectedReply,
  type UnprotectOptions,
  unprotectCommand,
  unprotectReply,
} from './protection/protect.js';
export {
  decodeProtectedCommand,
  encodeProtectedCommand,
  type ProtectedCommand,
} from './protection/protected-command.js';
export { decodeProtectedReply, encodeProtectedReply, type ProtectedReply } from './protection/protected-reply.js';
export {
  type LevelFacts,
  PROTECTION_LEVELS,
  type ProtectedCode,
  type ProtectionLevel,
  type ProtectionVerb,
  type TokenLevel,
} from './protection/protection-level.js';
export {
  EXCHANGE_REPLIES,
  type ExchangeReply,
  exchangeReply,
  formatAdat,
  formatAdatReply,
  formatAuth,
  formatPbsz,
  formatPbszText,
  formatProt,
  MAX_PROTECTION_BUFFER,
  parseAdatCommand,
  parseAdatReply,
  parseAuth,
  parseCcc,
  parsePbszCommand,
  parsePbszReply,
  parseProt,
  type SecurityData,
} from './protection/security-data.js';
export { ReplayWindow, type ReplayWindowOptions } from './replay-window.js';
export { acceptorFor, chooseMechanism } from './session/choose-mechanism.js';
export { ClientSession } from './session/client.js';
export type { Policy } from './session/command-rules.js';
export type {
  AnsweredEvent,
  AssociationEvent,
  AuthEvent,
  ClientEvent,
  ClientSessionOptions,
  CommandEvent,
  Observation,
  ObservedCommand,
  ObservedExchange,
  ObservedMessage,
  ObservedReply,
  ObservedTransfer,
  ReplyEvent,
  RequestEvent,
  SecurityDataEvent,
  ServerDataEvent,
  ServerEvent,
  ServerSessionOptions,
  Verdict,
} from './session/events.js';
export { type DataProtection, Observer, type ObserverOptions } from './session/observer.js';
export type { Phase } from './session/rules.js';
export { ServerSession } from './session/server.js';
