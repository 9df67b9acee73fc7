/**
 * The options and help texts of the mechanisms, one row each. `--help` needs nothing else, so this file loads no mechanism: that
 * takes most of the time in which the command starts.
 */
import type { parseOptions } from './status.js';

const FILES = { type: 'string', multiple: true, default: [] as string[] } as const;

/** Options of `verify`. */
export const VERIFY_KEYS = {
  keytab: FILES,
  key: FILES,
  principal: { type: 'string' },
  salt: { type: 'string' },
  'password-stdin': { type: 'boolean', default: false },
  srvtab: FILES,
  keylog: FILES,
  'rsa-key': FILES,
  psk: FILES,
} as const;

/** Options of `fuzz`. */
export const FUZZ_KEYS = {
  key: { type: 'string' },
  keytab: FILES,
  ccache: { type: 'string' },
  srvtab: FILES,
  'ticket-file': { type: 'string' },
  service: { type: 'string' },
  'allow-weak': { type: 'boolean', default: false },
} as const;

export type VerifyKeys = ReturnType<typeof parseOptions<{ options: typeof VERIFY_KEYS }>>['values'];
export type FuzzKeys = ReturnType<typeof parseOptions<{ options: typeof FUZZ_KEYS }>>['values'];

/** By the names that `--mechanism` takes. Without a text for `fuzz`, a mechanism can't be fuzzed. */
const HELP: Readonly<Record<string, { verify: string; fuzz?: string }>> = {
  krb5: {
    verify: `  --keytab FILE       keys of services, from a keytab, also as FILE:path; or the session keys of a client, from its credential cache.
                      May be repeated
  --key ENCTYPE:HEX   a key of a service, or the session key of a ticket; the enctype by number or name; may be repeated
  --principal NAME --password-stdin   the AES keys of a service, as ftp/host@REALM, from its password: the first line of
                      standard input. --salt TEXT, where it is not the realm and the name`,
    fuzz: `  --mechanism krb5    GSSAPI with Kerberos V5; against a server --ccache FILE, with a ticket for
                      --service NAME (default ftp@HOST) in it; against a client --keytab FILE. --allow-weak takes RC4 and DES`,
  },
  gsi: {
    verify: `  --keylog FILE       secrets of TLS in NSS's format, for GSSAPI with GSI (GridFTP); may be repeated. Those
                      that a pcapng file has in it are used as well
  --rsa-key FILE      a server's private key in PEM or PKCS #8, for GSI where TLS exchanges keys by RSA; may be repeated`,
    fuzz: `  --mechanism gsi     GSSAPI with GSI (GridFTP); the credential and the authorities are those that the grid's tools find:
                      X509_USER_PROXY, X509_USER_CERT and X509_USER_KEY, X509_CERT_DIR; against a server also HOST as it is certified`,
  },
  krb4: {
    verify: '  --srvtab FILE       keys of services for KERBEROS_V4, which is weak; may be repeated',
    fuzz: `  --mechanism krb4    KERBEROS_V4, over IPv4; against a server --ticket-file FILE, with a ticket for --service NAME (default
                      any ftp, or rcmd, that is in it; else as ftp.host@REALM); against a client --srvtab FILE. It is always weak,
                      and needs --allow-weak`,
  },
  psk: {
    verify: '  --psk FILE          a shared key for X-PSK, in hex; may be repeated',
    fuzz: '  --mechanism psk     X-PSK; --key FILE has the shared key in hex',
  },
};

/** The help lines of all mechanisms, in the order of the table. */
export function mechanismHelp(command: 'verify' | 'fuzz'): string {
  return Object.values(HELP)
    .flatMap(help => help[command] ?? [])
    .join('\n');
}
