/** The keys that a KDC derives for a principal from its password (RFC 4120 §5.2.7.5 and §5.3). */
import { concatAll, toUtf8 } from '../../../bytes.js';
import { PASSWORD_ENCTYPES, stringToKey } from '../crypto/string-to-key.js';
import { type Principal, parsePrincipal } from '../messages/principal.js';
import type { ServiceKey } from './ticket-keys.js';

export interface PasswordKeysOptions {
  /** Whose password it is: `ftp/host@REALM`, or as a principal. */
  principal: string | Principal;
  password: string;
  /**
   * What the KDC adds to the password. Default the realm and the components of the name, without anything between them
   * (RFC 4120 §4). That of a computer's account in Active Directory is the realm in upper case, `host`, and the computer's
   * full name in lower case.
   */
  salt?: string | undefined;
  /** For people: where the key is from. */
  source?: string;
}

/**
 * The AES keys of a principal, for enctypes 17 to 20 and with their default numbers of iterations. They go for every key
 * version: a password does not tell which one it has. To derive them takes about a second.
 * @throws RangeError for a text that is no principal
 */
export function passwordKeys({ principal: whose, password, salt, source }: PasswordKeysOptions): ServiceKey[] {
  const principal = typeof whose === 'string' ? parsePrincipal(whose) : whose;
  const salted = salt === undefined ? defaultSalt(principal) : toUtf8(salt);
  const octets = toUtf8(password);
  return PASSWORD_ENCTYPES.map(enctype => {
    const key = stringToKey(enctype, octets, salted);
    return { enctype, key, principal, ...(source !== undefined && { source }) };
  });
}

function defaultSalt({ realm, name }: Principal): Uint8Array {
  return concatAll([realm, ...name].map(toUtf8));
}
