/**
 * The mechanisms of the command, one row each: the keys that `verify` reads for it, and the side that `fuzz` plays. A
 * row contains its help text as well, so that a new mechanism needs only a new row and its options in this file.
 */
import { isIPv4 } from 'node:net';
import { fromHex } from '../bytes.js';
import type { ConnectionRecord } from '../capture/index.js';
import type { Ends, FuzzSide } from '../fuzz/driver/index.js';
import { krb4FuzzSession } from '../fuzz/mechanisms/krb4.js';
import { krb5FuzzSession } from '../fuzz/mechanisms/krb5/index.js';
import { pskFuzzSession } from '../fuzz/mechanisms/psk.js';
import { gsi } from '../mechanisms/gsi/index.js';
import {
  type Krb4Credential,
  type Krb4Endpoint,
  type Krb4TicketFile,
  krb4,
  krb4Acceptor,
  krb4Initiator,
  parseTicketFile,
} from '../mechanisms/krb4/index.js';
import { principalText } from '../mechanisms/krb4/principal.js';
import { enctypeOf, krb5, krb5Acceptor, krb5Initiator } from '../mechanisms/krb5/index.js';
import { psk, pskAcceptor, pskInitiator } from '../mechanisms/psk/index.js';
import { nodeCiphers } from '../node/index.js';
import type { Mechanism, Peer } from '../protection/mechanism.js';
import {
  type KeySource,
  PROCESS,
  parseKey,
  readCredentialCache,
  readKeyLog,
  readKeys,
  readKeytab,
  readPasswordKeys,
  readRsaKey,
  readSrvtab,
} from './keys.js';
import { InputError, type parseOptions, UsageError } from './status.js';
import { printable } from './terminal.js';

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
type FuzzKeys = ReturnType<typeof parseOptions<{ options: typeof FUZZ_KEYS }>>['values'];

interface Row {
  /** The mechanism for `verify` and `decode`. Without keys it only names and describes its exchanges. */
  observed(keys: VerifyKeys, source: KeySource): Mechanism;
  /** The key that would open an exchange, and how to get it. */
  missingKey(record: ConnectionRecord): MissingKey;
  /** The side of the exchange that `fuzz` plays against a client or a server; absent if the mechanism can't be fuzzed. */
  fuzzed?(keys: FuzzKeys, to: Peer, host: string): FuzzSide;
  help: { verify: string; fuzz?: string };
}

/** A missing key, as text. */
export interface MissingKey {
  key: string;
  /** How to get it, in lines. */
  remedy: readonly string[];
}

/** By the names that `--mechanism` takes. If several have the same AUTH name, a recording is given to the first that fits. */
const MECHANISMS: Readonly<Record<string, Row>> = {
  krb5: {
    observed: ({ keytab, key, ...password }, source) => {
      const files = keytab.flatMap(file => readKeytab(file, source));
      const keys = [...files, ...key.map(parseKey), ...readPasswordKeys(password, source)];
      return krb5({ observer: { keys, ciphers: nodeCiphers } });
    },
    missingKey: krb5MissingKey,
    fuzzed: krb5Side,
    help: {
      verify: `  --keytab FILE       keys of services, from a keytab, also as FILE:path; may be repeated
  --key ENCTYPE:HEX   a key of a service, or the session key of a ticket; the enctype by number or name; may be repeated
  --principal NAME --password-stdin   the AES keys of a service, as ftp/host@REALM, from its password: the first line of
                      standard input. --salt TEXT, where it is not the realm and the name`,
      fuzz: `  --mechanism krb5    GSSAPI with Kerberos V5; against a server --ccache FILE, with a ticket for
                      --service NAME (default ftp@HOST) in it; against a client --keytab FILE. --allow-weak takes RC4 and DES`,
    },
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
    help: {
      verify: `  --keylog FILE       secrets of TLS in NSS's format, for GSSAPI with GSI (GridFTP); may be repeated. Those
                      that a pcapng file has in it are used as well
  --rsa-key FILE      a server's private key in PEM or PKCS #8, for GSI where TLS exchanges keys by RSA; may be repeated`,
    },
  },
  krb4: {
    observed: ({ srvtab }, source) =>
      krb4({ observer: { keys: srvtab.flatMap(file => readSrvtab(file, source)), ciphers: nodeCiphers } }),
    missingKey: ({ facts: { realm, ticketKvno } }) => ({
      key: `${realm}, a service's key of version ${ticketKvno} (KERBEROS_V4)`,
      remedy: ['the srvtab of the server has it, often /etc/srvtab: --srvtab FILE'],
    }),
    fuzzed: krb4Side,
    help: {
      verify: '  --srvtab FILE       keys of services for KERBEROS_V4, which is weak; may be repeated',
      fuzz: `  --mechanism krb4    KERBEROS_V4, over IPv4; against a server --ticket-file FILE, with a ticket for --service NAME (default
                      any ftp, or rcmd, that is in it; else as ftp.host@REALM); against a client --srvtab FILE. It is always weak,
                      and wants --allow-weak`,
    },
  },
  psk: {
    observed: ({ psk: files }, source) => psk({ observer: { keys: files.map(file => readHex(file, source)) } }),
    missingKey: () => ({ key: 'the shared key of X-PSK', remedy: ['client and server have it: --psk FILE'] }),
    fuzzed: pskSide,
    help: {
      verify: '  --psk FILE          a shared key for X-PSK, in hex; may be repeated',
      fuzz: '  --mechanism psk     X-PSK; --key FILE has the shared key in hex',
    },
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
 * The missing key of a connection; undefined if its mechanism is not in the table. A mechanism is identified by its
 * variant, which is the key of its row.
 */
export function missingKeyOf(record: ConnectionRecord): MissingKey | undefined {
  return MECHANISMS[record.variant ?? '']?.missingKey(record);
}

/** The TLS secrets that would open a GSI exchange; also the server's RSA key, if the cipher suite is named TLS_RSA. */
function gsiMissingKey({ facts: { cipherSuite, claimedServerName } }: ConnectionRecord): MissingKey {
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
function krb5MissingKey({ server_name, facts: { ticketEnctype, ticketKvno } }: ConnectionRecord): MissingKey {
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
      "the session key from the client's credential cache does as well: --key ENCTYPE:HEX",
    ],
  };
}

/** The help lines of all mechanisms, in the order of the table. */
export function mechanismHelp(command: 'verify' | 'fuzz'): string {
  return Object.values(MECHANISMS)
    .flatMap(({ help }) => help[command] ?? [])
    .join('\n');
}

/** @throws UsageError for a mechanism that is not in the table, and for missing keys */
export function sideOf(
  { mechanism, ...keys }: FuzzKeys & { mechanism?: string },
  to: Peer,
  host = 'localhost',
): FuzzSide {
  const sides = Object.entries(MECHANISMS).flatMap(([name, { fuzzed }]) => (fuzzed ? [{ name, fuzzed }] : []));
  const row = sides.find(({ name }) => name === mechanism);
  if (row !== undefined) return row.fuzzed(keys, to, host);
  throw new UsageError(`--mechanism wants one of ${sides.map(({ name }) => name).join(', ')}`);
}

function krb5Side(values: FuzzKeys, to: Peer, host: string): FuzzSide {
  const both = { ciphers: nodeCiphers, allowWeak: values['allow-weak'] };
  if (to === 'client') {
    if (values.keytab.length === 0) throw new UsageError('krb5 against a client wants --keytab');
    const keytab = values.keytab.flatMap(file => readKeytab(file));
    return {
      mechanism: 'GSSAPI',
      keys: { forges: 'krb5', sessionKeys: [], keytab, ciphers: nodeCiphers },
      exchange: told =>
        krb5Acceptor({ ...both, keytab, keylog: options => told(krb5FuzzSession({ ...options, allowWeak: true })) }),
    };
  }
  if (values.ccache === undefined) throw new UsageError('krb5 against a server wants --ccache');
  const credentials = readCredentialCache(values.ccache);
  const service = values.service ?? `ftp@${host}`;
  const sessionKeys = credentials.credentials.map(it => it.key);
  return {
    mechanism: 'GSSAPI',
    keys: { forges: 'krb5', sessionKeys, keytab: [], ciphers: nodeCiphers },
    exchange: told =>
      krb5Initiator({
        ...both,
        credentials,
        service,
        // MIT's ftpd checks the order of data tokens only if the client asks for it.
        sequence: true,
        keylog: options => told(krb5FuzzSession({ ...options, allowWeak: true })),
      }),
  };
}

function pskSide({ key: file }: FuzzKeys, to: Peer): FuzzSide {
  if (file === undefined) throw new UsageError('psk wants --key');
  const key = readHex(file);
  const side = to === 'client' ? pskAcceptor : pskInitiator;
  return {
    mechanism: 'X-PSK',
    keys: { forges: 'psk', key },
    exchange: told => side({ key, keylog: options => told(pskFuzzSession(options)) }),
  };
}

/**
 * Reads a shared key. No part of the key appears in an error.
 * @throws InputError if it is not hex, or shorter than 16 octets
 */
function readHex(file: string, source: KeySource = PROCESS): Uint8Array {
  try {
    const key = fromHex(Buffer.from(source.read(file)).toString('latin1').trim());
    if (key.length >= 16) return key;
  } catch (error) {
    if (error instanceof InputError) throw error;
  }
  throw new InputError(`${file}: a shared key is 32 hex digits or more`);
}

/** KERBEROS_V4 is always weak, so --allow-weak is checked once here. The acceptor takes a ticket for any address. */
function krb4Side(values: FuzzKeys, to: Peer): FuzzSide {
  if (!values['allow-weak']) throw new UsageError('krb4 is weak: only with --allow-weak');
  const both = { ciphers: nodeCiphers, allowWeak: true };
  const mechanism = 'KERBEROS_V4';
  if (to === 'client') {
    if (values.srvtab.length === 0) throw new UsageError('krb4 against a client wants --srvtab');
    const srvtab = values.srvtab.flatMap(file => readSrvtab(file));
    return {
      mechanism,
      keys: { forges: 'krb4' },
      exchange: (told, ends) =>
        krb4Acceptor({
          ...both,
          ...endpointsOf(ends),
          srvtab,
          anyAddress: true,
          keylog: options => told(krb4FuzzSession(options)),
        }),
    };
  }
  const file = values['ticket-file'];
  if (file === undefined) throw new UsageError('krb4 against a server wants --ticket-file');
  const tickets = readKeys(file, parseTicketFile);
  const service = ticketFor(values.service, tickets, file);
  return {
    mechanism,
    keys: { forges: 'krb4' },
    exchange: (told, ends) =>
      krb4Initiator({
        ...both,
        ...endpointsOf(ends),
        tickets,
        service,
        keylog: options => told(krb4FuzzSession(options)),
      }),
  };
}

/** The ticket for a service, given as `name.instance@REALM`. Without a service: for any `ftp`, or else any `rcmd`. */
function ticketFor(service: string | undefined, { credentials }: Krb4TicketFile, file: string): Krb4Credential {
  const fits = (one: Krb4Credential, wanted: string) => [one.name, principalText(one)].includes(wanted);
  const wanted = service === undefined ? ['ftp', 'rcmd'] : [service];
  const found = wanted.flatMap(it => credentials.find(one => fits(one, it)) ?? [])[0];
  if (found !== undefined) return found;
  const there = credentials.map(principalText).join(', ') || 'none at all';
  throw new InputError(`${file}: no ticket for ${wanted.join(' or ')}, but ${there}`);
}

function endpointsOf({ local, peer }: Partial<Ends> = {}): Record<'local' | 'peer', Krb4Endpoint> {
  return { local: endpointOf(local), peer: endpointOf(peer) };
}

/**
 * A socket that accepts IPv4 and IPv6 gives IPv4 addresses in the form of IPv6. If the peer closed at once, no address
 * is known, and no address is needed.
 */
function endpointOf({ address = '0.0.0.0', port = 0 }: Partial<Ends['peer']> = {}): Krb4Endpoint {
  const plain = address.replace(/^::ffff:/, '');
  if (isIPv4(plain)) return { address: Uint8Array.from(plain.split('.'), Number), port };
  throw new UsageError(`krb4 needs an IPv4 address, and ${address} is not one`);
}
