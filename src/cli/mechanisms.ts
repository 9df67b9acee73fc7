/** The mechanisms of the command, one row each: the keys that `verify` reads for it. Their options are in mechanism-options.ts. */
import type { ConnectionRecord } from '../capture/index.js';
import { gsi } from '../mechanisms/gsi/index.js';
import { krb4 } from '../mechanisms/krb4/index.js';
import { enctypeOf, krb5 } from '../mechanisms/krb5/index.js';
import { psk } from '../mechanisms/psk/index.js';
import { nodeCiphers } from '../node/kerberos-ciphers.js';
import type { Mechanism } from '../protection/mechanism.js';
import {
  type KeySource,
  PROCESS,
  parseKey,
  readHex,
  readKeyLog,
  readPasswordKeys,
  readRsaKey,
  readSrvtab,
  readTicketKeys,
} from './keys.js';
import type { VerifyKeys } from './mechanism-options.js';
import { printable } from './terminal.js';

interface Row {
  /** The mechanism for `verify` and `decode`. Without keys it only names and describes its exchanges. */
  observed(keys: VerifyKeys, source: KeySource): Mechanism;
  /** The key that would open an exchange, and how to get it; undefined if the exchange ended before it could be known. */
  missingKey(record: ConnectionRecord): MissingKey | undefined;
}

/** A missing key, as text. */
export interface MissingKey {
  key: string;
  /** How to get it, in lines. */
  remedy: readonly string[];
}

/** By their variants. If several have the same AUTH name, a recording is given to the first that fits. */
const MECHANISMS: Readonly<Record<string, Row>> = {
  krb5: {
    observed: ({ keytab, key, ...password }, source) => {
      const files = keytab.flatMap(file => readTicketKeys(file, source));
      const keys = [...files, ...key.map(parseKey), ...readPasswordKeys(password, source)];
      return krb5({ observer: { keys, ciphers: nodeCiphers } });
    },
    missingKey: krb5MissingKey,
  },
  gsi: {
    observed: ({ keylog, 'rsa-key': rsaKeys }, source) =>
      gsi({
        observer: {
          keyLogs: keylog.map(file => readKeyLog(file, source)),
          rsaKeys: rsaKeys.map(file => readRsaKey(file, source)),
        },
      }),
    missingKey: gsiMissingKey,
  },
  krb4: {
    observed: ({ srvtab }, source) =>
      krb4({ observer: { keys: srvtab.flatMap(file => readSrvtab(file, source)), ciphers: nodeCiphers } }),
    missingKey: ({ facts: { realm, ticketKvno } }) =>
      realm === undefined
        ? undefined
        : {
            key: `${realm}, a service's key of version ${ticketKvno} (KERBEROS_V4)`,
            remedy: ['the srvtab of the server has it, often /etc/srvtab: --srvtab FILE'],
          },
  },
  psk: {
    observed: ({ psk: files }, source) => psk({ observer: { keys: files.map(file => readHex(file, source)) } }),
    missingKey: () => ({ key: 'the shared key of X-PSK', remedy: ['client and server have it: --psk FILE'] }),
  },
};

/** All mechanisms, with the keys that open recordings. */
export function observedMechanisms(keys: VerifyKeys, source: KeySource = PROCESS): Mechanism[] {
  return Object.values(MECHANISMS).map(({ observed }) => observed(keys, source));
}

/** All mechanisms without keys, to describe tokens. */
export const KEYLESS: readonly Mechanism[] = observedMechanisms({
  keytab: [],
  key: [],
  'password-stdin': false,
  srvtab: [],
  keylog: [],
  'rsa-key': [],
  psk: [],
});

/**
 * The missing key of a connection; undefined if it is not known, or its mechanism is not in the table. A mechanism is identified by its
 * variant, which is the key of its row.
 */
export function missingKeyOf(record: ConnectionRecord): MissingKey | undefined {
  return MECHANISMS[record.variant ?? '']?.missingKey(record);
}

/** The TLS secrets that would open a GSI exchange; also the server's RSA key, if the cipher suite is named TLS_RSA. */
function gsiMissingKey({ facts: { cipherSuite, claimedServerName } }: ConnectionRecord): MissingKey | undefined {
  if (cipherSuite === undefined) return undefined;
  const isRsa = /^TLS_RSA_/.test(String(cipherSuite));
  return {
    key: `TLS secrets of ${printable(String(claimedServerName ?? 'a server'))}, ${cipherSuite} (GSI)`,
    remedy: [
      "a key log of either side has them, in NSS's format: --keylog FILE",
      ...(isRsa ? ["or the server's private key opens it, often /etc/grid-security/hostkey.pem: --rsa-key FILE"] : []),
    ],
  };
}

/** The key that a keytab must contain, and how to get it with the tools of MIT and Heimdal. */
function krb5MissingKey({ server_name, facts }: ConnectionRecord): MissingKey | undefined {
  const { ticketEnctype, ticketKvno } = facts;
  if (ticketEnctype === undefined) return undefined;
  const name = server_name ?? 'the service';
  const enctype = Number(ticketEnctype);
  const type = enctypeOf(enctype)?.name;
  const version = ticketKvno === undefined ? 'any key version' : `key version ${ticketKvno}`;
  // A recording is untrusted: a name with characters that are special to a shell is not put into a command.
  const argument = /^[\w./@-]+$/.test(name) ? name : 'NAME';
  return {
    key: `${printable(name)}, ${version}, enctype ${enctype}${type === undefined ? '' : ` (${type})`}`,
    remedy: [
      'the keytab of the server has it (klist -ke FILE:/etc/krb5.keytab lists its keys): --keytab FILE',
      `the KDC of MIT gives it: kadmin.local -q "ktadd -norandkey -k ftp.keytab ${argument}"`,
      `the KDC of Heimdal gives it: kadmin -l ext_keytab -k ftp.keytab ${argument}`,
      `the password of the service gives it: --principal ${argument} --password-stdin`,
      "the client's credential cache has the session key, if its ticket is still in it: --keytab FILE",
    ],
  };
}
