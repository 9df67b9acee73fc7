/** The mechanisms that can be fuzzed: what each wants to know, and our side of its exchange. */
import { isIPv4 } from 'node:net';
import { fromHex } from '../../bytes.js';
import type { Ends, FuzzSide } from '../../fuzz/driver/index.js';
import { krb4FuzzSession } from '../../fuzz/mechanisms/krb4.js';
import { krb5FuzzSession } from '../../fuzz/mechanisms/krb5.js';
import { pskFuzzSession } from '../../fuzz/mechanisms/psk.js';
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
import { nodeCiphers } from '../../node/index.js';
import type { Peer } from '../../secure/security-context.js';
import { readCredentialCache, readKeys, readKeytab, readSrvtab } from '../keys.js';
import { InputError, readInput, UsageError } from '../status.js';
import type { Values } from './options.js';

const MECHANISMS: Readonly<Record<string, (values: Values, to: Peer, host: string) => FuzzSide>> = { krb5, krb4, psk };

export function sideOf(values: Values, to: Peer, host = 'localhost'): FuzzSide {
  const make = Object.entries(MECHANISMS).find(([name]) => name === values.mechanism)?.[1];
  if (make !== undefined) return make(values, to, host);
  throw new UsageError(`--mechanism wants one of ${Object.keys(MECHANISMS).join(', ')}`);
}

function krb5(values: Values, to: Peer, host: string): FuzzSide {
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
        // MIT's ftpd holds data to its order only for a client that asks for that.
        sequence: true,
        keylog: options => told(krb5FuzzSession({ ...options, allowWeak: true })),
      }),
  };
}

function psk({ key: file }: Values, to: Peer): FuzzSide {
  if (file === undefined) throw new UsageError('psk wants --key');
  const key = readHex(file);
  const side = to === 'client' ? pskAcceptor : pskInitiator;
  return {
    mechanism: 'X-PSK',
    keys: { forges: 'psk', key },
    exchange: told => side({ key, keylog: options => told(pskFuzzSession(options)) }),
  };
}

/** Nothing of the key is repeated in an error. */
function readHex(file: string): Uint8Array {
  try {
    const key = fromHex(Buffer.from(readInput(file)).toString('latin1').trim());
    if (key.length >= 16) return key;
  } catch (error) {
    if (error instanceof InputError) throw error;
  }
  throw new InputError(`${file}: a shared key is 32 hex digits or more`);
}

/** It is always weak, so that is asked for here, and not by each exchange. A client's ticket may be for another address. */
function krb4(values: Values, to: Peer): FuzzSide {
  if (!values['allow-weak']) throw new UsageError('krb4 is weak: only with --allow-weak');
  const both = { ciphers: nodeCiphers, allowWeak: true };
  const mechanism = 'KERBEROS_V4';
  if (to === 'client') {
    if (values.srvtab.length === 0) throw new UsageError('krb4 against a client wants --srvtab');
    const srvtab = values.srvtab.flatMap(readSrvtab);
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

/** The ticket for a service as `name.instance@REALM`; without that for any `ftp`, or else for any `rcmd`. */
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
 * A port that takes either kind of address shows those of IPv4 in the form of IPv6. Of a peer that was gone at once no
 * address is known, and none matters.
 */
function endpointOf({ address = '0.0.0.0', port = 0 }: Partial<Ends['peer']> = {}): Krb4Endpoint {
  const plain = address.replace(/^::ffff:/, '');
  if (isIPv4(plain)) return { address: Uint8Array.from(plain.split('.'), Number), port };
  throw new UsageError(`krb4 wants addresses of IPv4, and ${address} is none`);
}
