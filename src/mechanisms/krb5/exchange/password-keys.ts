/** The keys that a KDC derives from a principal's password (RFC 4120 §4, §5.2.7.5). */
import { concatAll, toUtf8 } from '../../../bytes.js';
import { PASSWORD_ENCTYPES, stringToKey } from '../crypto/string-to-key.js';
import { type Principal, parsePrincipal } from '../messages/principal.js';
import type { ServiceKey } from './ticket-keys.js';

/** Options of {@link passwordKeys}. */
export interface PasswordKeysOptions {
  /** The principal that the password belongs to: `ftp/host@REALM`, or an object. */
  principal: string | Principal;
  /** The password. */
  password: string;
  /**
   * The salt that the KDC uses. Default the realm and the components of the name, concatenated (RFC 4120 §4). For a computer
   * account in Active Directory it is the realm in upper case, `host`, and the computer's full name in lower case.
   */
  salt?: string | undefined;
  /** Where the password is from, for people; copied to the keys. */
  source?: string;
}

/**
 * Derives the AES keys of a principal from its password: enctypes 17 to 20, with their default iteration counts (RFC 3962 §4,
 * RFC 8009 §4). The keys have no key version number, so they match any. This takes about a second.
 * @throws RangeError if `principal` is a text that is not a principal
 */
export function passwordKeys({ principal: owner, password, salt, source }: PasswordKeysOptions): ServiceKey[] {
  const principal = typeof owner === 'string' ? parsePrincipal(owner) : owner;
  const saltOctets = salt === undefined ? defaultSalt(principal) : toUtf8(salt);
  const octets = toUtf8(password);
  return PASSWORD_ENCTYPES.map(enctype => {
    const key = stringToKey(enctype, octets, saltOctets);
    return { enctype, key, principal, ...(source !== undefined && { source }) };
  });
}

function defaultSalt({ realm, name }: Principal): Uint8Array {
  return concatAll([realm, ...name].map(toUtf8));
}
