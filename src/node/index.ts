/** `rfc2228/node`: what only Node has: ciphers and RSA keys, to be handed to mechanisms; streams over sockets; basic-ftp secured. */
export { type BasicFtpClient, type BasicFtpOptions, secureBasicFtp } from './basic-ftp.js';
export { ClientControl, type ClientControlOptions } from './client-control.js';
export { type DataStreamOptions, protectData, unprotectData } from './data-streams.js';
export { nodeCiphers } from './kerberos-ciphers.js';
export type { AnySocket } from './over-socket.js';
export { rsaDecrypt } from './rsa-key.js';
export { ServerControl, type ServerControlOptions } from './server-control.js';
