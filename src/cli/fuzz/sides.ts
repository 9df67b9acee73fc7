/** The side of an exchange that `fuzz` plays against a client or a server: one row for each mechanism. */
import * as fuzz from '../../fuzz/index.js';
import { type GsiExchangeKeys, gsiFuzzSession } from '../../fuzz/mechanisms/gsi.js';
import type { RecordContext } from '../../mechanisms/gsi/context.js';
import * as krb4 from '../../mechanisms/krb4/index.js';
import { principalText } from '../../mechanisms/krb4/principal.js';
import { type Krb5ContextOptions, krb5Acceptor, krb5Initiator } from '../../mechanisms/krb5/index.js';
import { pskAcceptor, pskInitiator } from '../../mechanisms/psk/index.js';
import { octetsOfAddress } from '../../node/channel.js';
import { findGsiFiles, gsiAcceptor, gsiInitiator, readGsiCredential, readTrustDirectory } from '../../node/index.js';
import { nodeCiphers } from '../../node/kerberos-ciphers.js';
import type { Peer } from '../../protection/mechanism.js';
import { readCredentialCache, readHex, readKeys, readKeytab, readSrvtab } from '../keys.js';
import type { FuzzKeys } from '../mechanism-options.js';
import { InputError, UsageError } from '../status.js';

type Side = (keys: FuzzKeys, to: Peer, host: string) => fuzz.FuzzSide;

/** By the names that `--mechanism` takes. */
const SIDES: Readonly<Record<string, Side>> = { krb5: krb5Side, gsi: gsiSide, krb4: krb4Side, psk: pskSide };

/** @throws UsageError for a mechanism that is not in the table, and for missing keys */
export function sideOf(
  { mechanism, ...keys }: FuzzKeys & { mechanism?: string },
  to: Peer,
  host = 'localhost',
): fuzz.FuzzSide {
  const names = Object.keys(SIDES);
  if (mechanism === undefined || !names.includes(mechanism))
    throw new UsageError(`--mechanism must be one of ${names.join(', ')}`);
  return SIDES[mechanism]!(keys, to, host);
}

/** The value of an option that a mechanism needs against this side. */
function needed<T>(value: T | undefined, what: string): T {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) throw new UsageError(what);
  return value;
}

function krb5Side(values: FuzzKeys, to: Peer, host: string): fuzz.FuzzSide {
  const both = { ciphers: nodeCiphers, allowWeak: values['allow-weak'] };
  const noKeys = { forges: 'krb5', sessionKeys: [], keytab: [], ciphers: nodeCiphers } as const;
  const session = (options: Krb5ContextOptions) => fuzz.krb5FuzzSession({ ...options, allowWeak: true });
  if (to === 'client') {
    const keytab = needed(values.keytab, 'krb5 against a client needs --keytab').flatMap(file => readKeytab(file));
    return {
      mechanism: 'GSSAPI',
      keys: { ...noKeys, keytab },
      exchange: established => krb5Acceptor({ ...both, keytab, keylog: options => established(session(options)) }),
    };
  }
  const credentials = readCredentialCache(needed(values.ccache, 'krb5 against a server needs --ccache'));
  const { service = `ftp@${host}` } = values;
  // MIT's ftpd checks the order of data tokens only if the client asks for it.
  const ours = { ...both, credentials, service, sequence: true };
  return {
    mechanism: 'GSSAPI',
    keys: { ...noKeys, sessionKeys: credentials.credentials.map(it => it.key) },
    exchange: established => krb5Initiator({ ...ours, keylog: options => established(session(options)) }),
  };
}

function gsiSide(_: FuzzKeys, to: Peer, server: string): fuzz.FuzzSide {
  const files = findGsiFiles(to === 'client' ? 'server' : 'user');
  const credential = readGsiCredential(files);
  const both = { credential, trust: readTrustDirectory(files.trustDirectory ?? '/etc/grid-security/certificates') };
  const ours = () => (to === 'client' ? gsiAcceptor({ ...both, delegated() {} }) : gsiInitiator({ ...both, server }));
  let context: RecordContext | undefined;
  const keys: GsiExchangeKeys = { forges: 'gsi', send: () => context?.directions()?.send };
  return {
    mechanism: 'GSSAPI',
    keys,
    endsAtError: true,
    exchange(established) {
      const exchange = ours();
      return {
        async step(token) {
          const step = await exchange.step(token);
          context = step.context as RecordContext | undefined;
          const directions = context?.directions();
          if (directions !== undefined) established(gsiFuzzSession(directions));
          return step;
        },
        destroy: () => exchange.destroy?.(),
      };
    },
  };
}

function pskSide(values: FuzzKeys, to: Peer): fuzz.FuzzSide {
  const key = readHex(needed(values.key, 'psk needs --key'));
  const side = to === 'client' ? pskAcceptor : pskInitiator;
  const keys = { forges: 'psk', key };
  return {
    mechanism: 'X-PSK',
    keys,
    exchange: established => side({ key, keylog: its => established(fuzz.pskFuzzSession(its)) }),
  };
}

/** KERBEROS_V4 is always weak, so --allow-weak is checked once here. The acceptor takes a ticket for any address. */
function krb4Side(values: FuzzKeys, to: Peer): fuzz.FuzzSide {
  if (!values['allow-weak']) throw new UsageError('krb4 is weak: only with --allow-weak');
  const side = { mechanism: 'KERBEROS_V4', keys: { forges: 'krb4' } };
  const both = (established: (session: fuzz.FuzzSession) => void, { local, peer }: Partial<fuzz.Ends> = {}) => ({
    ciphers: nodeCiphers,
    allowWeak: true,
    local: endpointOf(local),
    peer: endpointOf(peer),
    keylog: (options: krb4.Krb4ContextOptions) => established(fuzz.krb4FuzzSession(options)),
  });
  if (to === 'client') {
    const files = needed(values.srvtab, 'krb4 against a client needs --srvtab');
    const ours = { srvtab: files.flatMap(file => readSrvtab(file)), anyAddress: true };
    return { ...side, exchange: (established, ends) => krb4.krb4Acceptor({ ...both(established, ends), ...ours }) };
  }
  const file = needed(values['ticket-file'], 'krb4 against a server needs --ticket-file');
  const tickets = readKeys(file, krb4.parseTicketFile);
  const service = ticketFor(values.service, tickets, file);
  return {
    ...side,
    exchange: (established, ends) => krb4.krb4Initiator({ ...both(established, ends), tickets, service }),
  };
}

/** The ticket for a service, given as `name.instance@REALM`. Without a service: for any `ftp`, or else any `rcmd`. */
function ticketFor(
  service: string | undefined,
  { credentials }: krb4.Krb4TicketFile,
  file: string,
): krb4.Krb4Credential {
  const fits = (one: krb4.Krb4Credential, wanted: string) => [one.name, principalText(one)].includes(wanted);
  const wanted = service === undefined ? ['ftp', 'rcmd'] : [service];
  const found = wanted.flatMap(it => credentials.find(one => fits(one, it)) ?? [])[0];
  if (found !== undefined) return found;
  const there = credentials.map(principalText).join(', ') || 'none at all';
  throw new InputError(`${file}: no ticket for ${wanted.join(' or ')}, but ${there}`);
}

/** If the peer closed at once, no address is known, and no address is needed. */
function endpointOf({ address = '0.0.0.0', port = 0 }: Partial<fuzz.Ends['peer']> = {}): krb4.Krb4Endpoint {
  const octets = octetsOfAddress(address);
  if (octets?.length === 4) return { address: octets, port };
  throw new UsageError(`krb4 needs an IPv4 address, and ${address} is not one`);
}
