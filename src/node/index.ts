/** `rfc2228/node`: what the other rooms take from Node, to be handed in. */
export { nodeCiphers } from './kerberos-ciphers.js';
