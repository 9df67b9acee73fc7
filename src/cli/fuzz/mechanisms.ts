/** The mechanisms that can be fuzzed: what each wants to know, and our side of its exchange. */
import { fromHex } from '../../bytes.js';
import type { FuzzSide } from '../../fuzz/driver/index.js';
import { krb5FuzzSession } from '../../fuzz/mechanisms/krb5.js';
import { pskFuzzSession } from '../../fuzz/mechanisms/psk.js';
import { krb5Acceptor, krb5Initiator, parseCredentialCache } from '../../mechanisms/krb5/index.js';
import { pskAcceptor, pskInitiator } from '../../mechanisms/psk/index.js';
import { nodeCiphers } from '../../node/index.js';
import type { Peer } from '../../secure/security-context.js';
import { readKeys, readKeytab } from '../keys.js';
import { InputError, readInput, UsageError } from '../status.js';
import type { Values } from './options.js';

const MECHANISMS: Readonly<Record<string, (values: Values, to: Peer, host: string) => FuzzSide>> = { krb5, psk };

export function sideOf(values: Values, to: Peer, host = 'localhost'): FuzzSide {
  const make = MECHANISMS[values.mechanism ?? ''];
  if (make !== undefined) return make(values, to, host);
  throw new UsageError(`--mechanism wants one of ${Object.keys(MECHANISMS).join(', ')}`);
}

function krb5(values: Values, to: Peer, host: string): FuzzSide {
  const both = { ciphers: nodeCiphers, allowWeak: values['allow-weak'] };
  if (to === 'client') {
    if (values.keytab.length === 0) throw new UsageError('krb5 against a client wants --keytab');
    const keytab = values.keytab.flatMap(readKeytab);
    return {
      mechanism: 'GSSAPI',
      keys: { forges: 'krb5', sessionKeys: [], keytab, ciphers: nodeCiphers },
      exchange: told =>
        krb5Acceptor({ ...both, keytab, keylog: options => told(krb5FuzzSession({ ...options, allowWeak: true })) }),
    };
  }
  if (values.ccache === undefined) throw new UsageError('krb5 against a server wants --ccache');
  const credentials = readKeys(values.ccache, parseCredentialCache);
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
