/** `rfc2228/node`: the ciphers that only Node has. */
export { desCipher } from './des-cipher.js';
