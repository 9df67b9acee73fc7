/**
 * `rfc2228/node`: what needs Node: block ciphers and RSA keys for mechanisms, streams over sockets, and basic-ftp with RFC 2228.
 * @module rfc2228/node
 */
export { type BasicFtpClient, type BasicFtpContext, type BasicFtpOptions, secureBasicFtp } from './basic-ftp.js';
export { ClientControl, type ClientControlOptions } from './client-control.js';
export { type DataStreamOptions, protectData, unprotectData } from './data-streams.js';
export {
  findGsiFiles,
  formatGsiCredential,
  type GsiCredential,
  type GsiEnvironment,
  type GsiFiles,
  parseGsiCredential,
  readGsiCredential,
} from './gsi/credential.js';
export {
  type GsiAcceptorOptions,
  type GsiExchangeOptions,
  type GsiInitiatorOptions,
  gsiAcceptor,
  gsiInitiator,
} from './gsi/exchange.js';
export type { GsiDelegation } from './gsi/proxy-certificate.js';
export { type GsiTrust, type GsiTrustFiles, gsiTrust, readTrustDirectory } from './gsi/trust.js';
export { nodeCiphers } from './kerberos-ciphers.js';
export { defaultCredentials, defaultKeytab, type KerberosFilesOptions } from './kerberos-files.js';
export { rsaDecrypt } from './rsa-key.js';
export { ServerControl, type ServerControlOptions } from './server-control.js';
export type { AnySocket, SocketStream } from './socket-stream.js';
