/** `rfc2228/node`: the ciphers that only Node has, to be handed to mechanisms. */
export { nodeCiphers } from './kerberos-ciphers.js';
