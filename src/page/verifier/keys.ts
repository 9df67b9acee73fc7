/** The mechanisms of the page, with the keys from files and those that were typed. */
import { fromHex } from '../../bytes.js';
import type { ConnectionRecord } from '../../capture/index.js';
import { gsi, type KeyLog } from '../../mechanisms/gsi/index.js';
import { krb4 } from '../../mechanisms/krb4/index.js';
import { enctypeOf, isUsable } from '../../mechanisms/krb5/crypto/enctypes.js';
import { parseKeyText } from '../../mechanisms/krb5/files/key-text.js';
import { krb5, type ServiceKey } from '../../mechanisms/krb5/index.js';
import { psk } from '../../mechanisms/psk/index.js';
import type { Mechanism } from '../../protection/mechanism.js';

/** Keys of all mechanisms that need no more ciphers than browsers have. */
export interface Keys {
  krb5: ServiceKey[];
  psk: Uint8Array[];
  gsi: KeyLog[];
}

/**
 * Parses typed keys, one a line: `ENCTYPE:HEX`, or `PSK:HEX` for X-PSK. No part of a key appears in an error.
 * @throws RangeError for a line that is not a key
 */
export function parseTypedKeys(text: string): Pick<Keys, 'krb5' | 'psk'> {
  const lines = text.split(/\s+/).filter(line => line !== '');
  const isPsk = (line: string) => /^psk:/i.test(line);
  return {
    krb5: lines.filter(line => !isPsk(line)).map(line => ({ ...parseKeyText(line), source: 'the page' })),
    psk: lines.filter(isPsk).map(line => parsePsk(line.slice(4))),
  };
}

function parsePsk(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2}){16,}$/i.test(hex)) throw new RangeError('a shared key is 32 hex digits or more');
  return fromHex(hex);
}

/** All mechanisms. KERBEROS_V4 without keys is at least named: it needs DES, which browsers do not have. */
export function mechanismsWith(keys: Keys): Mechanism[] {
  return [
    krb5({ observer: { keys: keys.krb5 } }),
    gsi({ observer: { keyLogs: keys.gsi } }),
    krb4({ observer: { keys: [], ciphers: {} } }),
    psk({ observer: { keys: keys.psk } }),
  ];
}

/** Whether the exchange could not be opened because its keys need ciphers that browsers do not have. */
export function needsNodeCiphers({ mechanism, variant, keyed, facts }: ConnectionRecord): boolean {
  if (mechanism === null || keyed) return false;
  const enctype = enctypeOf(Number(facts['ticketEnctype']));
  return variant === 'krb4' || (enctype !== undefined && !isUsable(enctype.number, {}));
}
