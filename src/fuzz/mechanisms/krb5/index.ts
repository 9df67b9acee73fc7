/** Kerberos V5 under GSSAPI: sessions whose key is known, with either token format, and exchanges. */
import { randomBytes } from '@noble/hashes/utils.js';
import type { BlockCiphers } from '../../../block-cipher.js';
import { toHex } from '../../../bytes.js';
import { formatDer } from '../../../mechanisms/der.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/kerberos-key.js';
import { type Credential, krb5Acceptor, krb5Initiator, ReplayCache } from '../../../mechanisms/krb5/index.js';
import { encTicketPart, TICKET_FLAGS, ticket, USAGE } from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Krb5ContextOptions } from '../../../mechanisms/krb5/tokens/context.js';
import type { Peer } from '../../../protection/mechanism.js';
import { octetsFrom } from '../../choices.js';
import type { FuzzSession } from '../../mutation.js';
import { counting, exchangeTurns, type FuzzMechanism, roleOf } from '../mechanism.js';
import { AP_EXCHANGE } from './ap-exchange.js';
import { FRAMES } from './frame.js';
import { fixedToken, type Krb5Keys } from './messages.js';
import { RFC1964, rfc1964Forger } from './rfc1964.js';
import { RFC4121, rfc4121Forger } from './rfc4121.js';

/** Options of {@link krb5FuzzSession}. */
export interface Krb5FuzzOptions extends Krb5ContextOptions {
  /** Makes the octets of a confounder. Default: random ones. For reproducible cases, use a generator with a seed. */
  random?: (length: number) => Uint8Array;
}

/** Our side of a session whose key is known. @throws FtpSecurityError as krb5Context does */
export function krb5FuzzSession(options: Krb5FuzzOptions): FuzzSession {
  const { tokens } = kerberosKey(options.enctype, options.key, options).enctype;
  const forger = tokens === 'rfc4121' ? rfc4121Forger : rfc1964Forger;
  return { context: forger({ random: randomBytes, ...options }), numbered: true, integrity: ['safe', 'private'] };
}

export const krb5: FuzzMechanism = {
  name: 'krb5',
  tokens: [...RFC4121, ...RFC1964],
  exchanges: [...FRAMES, ...AP_EXCHANGE],
  lines: { server: 1, client: 1 },
  references(seed, ciphers) {
    const session = (enctype: number, length: number) => ({
      name: `GSSAPI, enctype ${enctype}, acceptor's subkey ${toHex(counting(length))}`,
      session: (to: Peer) => referenceSession(to, enctype, counting(length), seed, ciphers),
    });
    const exchange = { mechanism: 'GSSAPI', turns: () => turns(seed) };
    const name = `GSSAPI, enctype ${ENCTYPE}, service key ${toHex(SERVICE_KEY)}, session key ${toHex(KEY.keyvalue)}, time ${TIME}`;
    return [session(18, 32), session(23, 16), ...(ciphers.des ? [session(3, 8)] : []), { name, exchange }];
  },
};

function referenceSession(to: Peer, enctype: number, key: Uint8Array, seed: number, ciphers: BlockCiphers) {
  const numbers = { sendSequence: 0, receiveSequence: 0 };
  const options = { role: roleOf(to), enctype, key, acceptorSubkey: true, ...numbers } as const;
  return krb5FuzzSession({ ...options, allowWeak: true, ciphers, random: octetsFrom(seed) });
}

const REALM = 'EXAMPLE.TEST';
const CLIENT = { name: ['user'], realm: REALM, type: 1 };
const SERVICE = { name: ['ftp', 'host.example.test'], realm: REALM, type: 3 };
/** Seconds since 1970. */
const TIME = 1_795_342_788;
const ENCTYPE = 18;
const KEY_LENGTH = 32;
const SERVICE_KEY = counting(KEY_LENGTH);
const KEY = { keytype: ENCTYPE, keyvalue: counting(KEY_LENGTH, 0x40) };
const FLAGS = TICKET_FLAGS.transitedPolicyChecked;

function turns(seed: number) {
  // A fraction of a millisecond, so that the initiator adds no random microseconds.
  const clock = () => TIME * 1000 + 0.0005;
  const keytab = [{ principal: SERVICE, kvno: 1, enctype: ENCTYPE, key: SERVICE_KEY }];
  const keys: Krb5Keys = { forges: 'krb5', sessionKeys: [KEY], keytab };
  const initiator = krb5Initiator({ credentials: [credential()], service: SERVICE, clock, random: octetsFrom(seed) });
  const replayCache = new ReplayCache();
  const acceptor = krb5Acceptor({ keytab, clock, replayCache, random: octetsFrom(seed + 1) });
  return exchangeTurns({ initiator, acceptor }, keys, fixedToken);
}

/** A ticket for ten hours, as a KDC would give it: we have the key of the service. */
function credential(): Credential {
  const [authTime, endTime] = [TIME, TIME + 36_000];
  const part = formatDer(encTicketPart, {
    flags: FLAGS,
    key: KEY,
    crealm: REALM,
    cname: { nameType: CLIENT.type, nameString: CLIENT.name },
    transited: { trType: 1, contents: new Uint8Array() },
    authtime: authTime,
    endtime: endTime,
  });
  const cipher = kerberosKey(ENCTYPE, SERVICE_KEY).encrypt(USAGE.ticket, part, counting(16));
  return {
    client: CLIENT,
    server: SERVICE,
    key: KEY,
    authTime,
    startTime: 0,
    endTime,
    renewTill: 0,
    isSessionKey: false,
    flags: FLAGS,
    addresses: [],
    authorizationData: [],
    ticket: formatDer(ticket, {
      tktVno: 5,
      realm: REALM,
      sname: { nameType: SERVICE.type, nameString: SERVICE.name },
      encPart: { etype: ENCTYPE, kvno: 1, cipher },
    }),
    secondTicket: new Uint8Array(),
  };
}
