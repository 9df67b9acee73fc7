/** The side of an exchange that `fuzz` plays against a client or a server: one row for each mechanism. */
import { isIPv4 } from 'node:net';
import type { Ends, FuzzSide } from '../../fuzz/driver/index.js';
import { type GsiExchangeKeys, gsiFuzzSession } from '../../fuzz/mechanisms/gsi.js';
import { krb4FuzzSession } from '../../fuzz/mechanisms/krb4.js';
import { krb5FuzzSession } from '../../fuzz/mechanisms/krb5/index.js';
import { pskFuzzSession } from '../../fuzz/mechanisms/psk.js';
import type { RecordContext } from '../../mechanisms/gsi/context.js';
import {
  type Krb4Credential,
  type Krb4Endpoint,
  type Krb4TicketFile,
  krb4Acceptor,
  krb4Initiator,
  parseTicketFile,
} from '../../mechanisms/krb4/index.js';
import { principalText } from '../../mechanisms/krb4/principal.js';
import { krb5Acceptor, krb5Initiator } from '../../mechanisms/krb5/index.js';
import { pskAcceptor, pskInitiator } from '../../mechanisms/psk/index.js';
import { findGsiFiles, gsiAcceptor, gsiInitiator, readGsiCredential, readTrustDirectory } from '../../node/index.js';
import { nodeCiphers } from '../../node/kerberos-ciphers.js';
import type { Peer } from '../../protection/mechanism.js';
import { readCredentialCache, readHex, readKeys, readKeytab, readSrvtab } from '../keys.js';
import type { FuzzKeys } from '../mechanism-options.js';
import { InputError, UsageError } from '../status.js';

type Side = (keys: FuzzKeys, to: Peer, host: string) => FuzzSide;

/** By the names that `--mechanism` takes. */
const SIDES: ReadonlyMap<string, Side> = new Map<string, Side>([
  ['krb5', krb5Side],
  ['gsi', gsiSide],
  ['krb4', krb4Side],
  ['psk', pskSide],
]);

/** @throws UsageError for a mechanism that is not in the table, and for missing keys */
export function sideOf(
  { mechanism, ...keys }: FuzzKeys & { mechanism?: string },
  to: Peer,
  host = 'localhost',
): FuzzSide {
  const side = SIDES.get(mechanism ?? '');
  if (side !== undefined) return side(keys, to, host);
  throw new UsageError(`--mechanism wants one of ${[...SIDES.keys()].join(', ')}`);
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

function gsiSide(_: FuzzKeys, to: Peer, server: string): FuzzSide {
  const files = findGsiFiles(to === 'client' ? 'server' : 'user');
  const credential = readGsiCredential(files);
  const trust = readTrustDirectory(files.trustDirectory ?? '/etc/grid-security/certificates');
  const both = { credential, trust };
  let context: RecordContext | undefined;
  const keys: GsiExchangeKeys = { forges: 'gsi', send: () => context?.directions()?.send };
  return {
    mechanism: 'GSSAPI',
    keys,
    endsAtError: true,
    exchange: told => {
      const exchange =
        to === 'client' ? gsiAcceptor({ ...both, delegated: () => {} }) : gsiInitiator({ ...both, server });
      return {
        async step(token) {
          const step = await exchange.step(token);
          context = step.context as RecordContext | undefined;
          const directions = context?.directions();
          if (directions !== undefined) told(gsiFuzzSession(directions));
          return step;
        },
        destroy: () => exchange.destroy?.(),
      };
    },
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
