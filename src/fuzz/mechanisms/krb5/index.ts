/**
 * Kerberos V5 under GSSAPI: our side of a session whose key is known, with either token format, and our side of its
 * exchange.
 */
import { randomBytes } from '@noble/hashes/utils.js';
import { toHex } from '../../../bytes.js';
import type { BlockCiphers } from '../../../mechanisms/block-cipher.js';
import { formatDer } from '../../../mechanisms/der.js';
import { kerberosKey } from '../../../mechanisms/krb5/crypto/enctypes.js';
import { type Credential, krb5Acceptor, krb5Initiator, ReplayCache } from '../../../mechanisms/krb5/index.js';
import { encTicketPart, ticket, USAGE } from '../../../mechanisms/krb5/messages/kerberos.js';
import { type Krb5ContextOptions, krb5Context } from '../../../mechanisms/krb5/tokens/context.js';
import { rfc1964Key } from '../../../mechanisms/krb5/tokens/rfc1964-keys.js';
import type { Peer } from '../../../protection/mechanism.js';
import { octetsFrom } from '../../choices.js';
import type { FuzzSession } from '../../mutation.js';
import { type Counter, counterFrom, counting, type FuzzMechanism, roleOf, spoken, wrappingWith } from '../mechanism.js';
import { AP_REPS } from './ap-rep.js';
import { AP_REQS } from './ap-req.js';
import { AUTHENTICATORS } from './authenticator.js';
import { FRAMES } from './frame.js';
import { fixedToken, type Krb5Keys } from './parts.js';
import { type FramedFields, forgeFramedToken, RFC1964, type Rfc1964Forger } from './rfc1964.js';
import { forgeWrapToken, RFC4121, type Rfc4121Forger, type WrapFields } from './rfc4121.js';
import { SPNEGO } from './spnego.js';

/** Options of {@link krb5FuzzSession}. */
export interface Krb5FuzzOptions extends Krb5ContextOptions {
  /** Makes the octets of a confounder. Default: random ones. For reproducible cases, use a generator with a seed. */
  random?: (length: number) => Uint8Array;
}

/**
 * Our side of a session whose key is known.
 * @throws FtpSecurityError as krb5Context does
 */
export function krb5FuzzSession(options: Krb5FuzzOptions): FuzzSession {
  const context =
    kerberosKey(options.enctype, options.key, options).enctype.tokens === 'rfc4121'
      ? rfc4121Forger(options)
      : rfc1964Forger(options);
  return { context, numbered: true, integrity: ['safe', 'private'] };
}

function rfc4121Forger(options: Krb5FuzzOptions): Rfc4121Forger {
  const { role, enctype, acceptorSubkey, random = randomBytes } = options;
  const key = kerberosKey(enctype, options.key, options);
  const { checksumLength, confounderLength } = key.enctype;
  const flags = (role === 'acceptor' ? 1 : 0) | (acceptorSubkey ? 4 : 0);
  const numbers = counterFrom(BigInt(options.sendSequence), 64);
  const token = (plaintext: Uint8Array, sealed: boolean, fields: WrapFields = {}) =>
    forgeWrapToken(
      key,
      plaintext,
      sealed,
      { flags: flags | (sealed ? 2 : 0), sequence: numbers.next, ...fields },
      random(confounderLength),
    );
  return forger(options, numbers, { forges: 'rfc4121', flags, checksumLength, token });
}

function rfc1964Forger(options: Krb5FuzzOptions): Rfc1964Forger {
  const { role, enctype, random = randomBytes } = options;
  const key = rfc1964Key(kerberosKey(enctype, options.key, options), options.key, options);
  const acceptor = role === 'acceptor';
  const numbers = counterFrom(BigInt(options.sendSequence), 32);
  const direction = new Array<number>(4).fill(acceptor ? 0xff : 0);
  const token = (plaintext: Uint8Array, sealed: boolean, fields: FramedFields = {}) =>
    forgeFramedToken(key, plaintext, sealed, { number: numbers.next, direction, ...fields }, random(8));
  return forger(options, numbers, { forges: 'rfc1964', key, acceptor, token });
}

/** The common part of both formats: valid and forged tokens are made by the same function, and share their numbers. */
function forger<T extends { token(plaintext: Uint8Array, sealed: boolean): Uint8Array }>(
  options: Krb5ContextOptions,
  numbers: Counter,
  format: T,
) {
  const valid = wrappingWith(krb5Context(options), (plaintext, level) => {
    const token = format.token(plaintext, level === 'private');
    numbers.skip();
    return { token, level };
  });
  return Object.assign(valid, format, { numbers });
}

/** Kerberos V5 for the fuzzer. */
export const krb5: FuzzMechanism = {
  name: 'krb5',
  tokens: [...RFC4121, ...RFC1964],
  exchanges: [...FRAMES, ...AP_REQS, ...AUTHENTICATORS, ...AP_REPS, ...SPNEGO],
  lines: { server: 1, client: 1 },
  references(seed, ciphers) {
    const session = (enctype: number, length: number) => ({
      name: `GSSAPI, enctype ${enctype}, acceptor's subkey ${toHex(counting(length))}`,
      session: (to: Peer) => referenceSession(to, enctype, counting(length), seed, ciphers),
    });
    const exchange = { mechanism: 'GSSAPI', turns: (to: Peer) => turnsTo(to, seed) };
    const name = `GSSAPI, enctype ${ENCTYPE}, service key ${toHex(SERVICE_KEY)}, session key ${toHex(KEY.keyvalue)}, time ${TIME}`;
    return [session(18, 32), session(23, 16), ...(ciphers.des ? [session(3, 8)] : []), { name, exchange }];
  },
};

function referenceSession(to: Peer, enctype: number, key: Uint8Array, seed: number, ciphers: BlockCiphers) {
  const options = {
    role: roleOf(to),
    enctype,
    key,
    acceptorSubkey: true,
    sendSequence: 0,
    receiveSequence: 0,
  } as const;
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
const TRANSITED_CHECKED = 2 ** 19;

function turnsTo(to: Peer, seed: number) {
  // A fraction of a millisecond, so that the initiator adds no random microseconds.
  const clock = () => TIME * 1000 + 0.0005;
  const keytab = [{ principal: SERVICE, kvno: 1, enctype: ENCTYPE, key: SERVICE_KEY }];
  const keys: Krb5Keys = { forges: 'krb5', sessionKeys: [KEY], keytab };
  const credentials = [credentialOf(KEY, SERVICE_KEY)];
  const initiator = krb5Initiator({ credentials, service: SERVICE, clock, random: octetsFrom(seed) });
  const replayCache = new ReplayCache();
  const acceptor = krb5Acceptor({ keytab, clock, replayCache, random: octetsFrom(seed + 1) });
  return spoken(to, keys, { initiator, acceptor }, fixedToken);
}

/** A ticket for ten hours, since we are the KDC. */
function credentialOf(key: Credential['key'], serviceKey: Uint8Array): Credential {
  const [authTime, endTime] = [TIME, TIME + 36_000];
  const part = formatDer(encTicketPart, {
    flags: TRANSITED_CHECKED,
    key,
    crealm: REALM,
    cname: { nameType: CLIENT.type, nameString: CLIENT.name },
    transited: { trType: 1, contents: new Uint8Array() },
    authtime: authTime,
    endtime: endTime,
  });
  const cipher = kerberosKey(ENCTYPE, serviceKey).encrypt(USAGE.ticket, part, counting(16));
  return {
    client: CLIENT,
    server: SERVICE,
    key,
    authTime,
    startTime: 0,
    endTime,
    renewTill: 0,
    isSessionKey: false,
    flags: TRANSITED_CHECKED,
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
