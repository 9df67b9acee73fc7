/** A test realm: a service, and a client whose ticket the test makes in place of a KDC. */

import { formatDer } from '../../../src/mechanisms/der.js';
import { enctypeOf } from '../../../src/mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { openApReq } from '../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import type { Credential, ServiceKey } from '../../../src/mechanisms/krb5/index.js';
import { formatContextToken, parseContextToken } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import {
  type ApReq,
  type Authenticator,
  authenticatorSchema,
  type EncTicketPart,
  encTicketPart,
  ticket,
  USAGE,
} from '../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../src/node/index.js';

/** When the realm's tickets begin, in seconds since 1970. */
export const START = 1_795_342_900;
export const SERVICE = { name: ['ftp', 'host.example.test'], realm: 'EXAMPLE.TEST', type: 3 };
const CLIENT = { name: ['user'], realm: 'EXAMPLE.TEST', type: 1 };
const TRANSITED_CHECKED = 2 ** 19;

export interface Realm {
  keytab: ServiceKey[];
  credential: Credential;
}

export interface RealmOptions {
  /** Enctype of the service's key; default that of the session key. */
  serviceEnctype?: number;
  /** Default a new key. */
  serviceKey?: Uint8Array;
  ticket?: Partial<EncTicketPart>;
  /** The realm in the clear part of the ticket. */
  realm?: string;
  kvno?: number | undefined;
}

let made = 0;

/** A new service and a ticket for it, valid for ten hours. */
export function realm(enctype: number, options: RealmOptions = {}): Realm {
  const serviceEnctype = options.serviceEnctype ?? enctype;
  const keyOf = (number: number) => {
    made += 2;
    return Uint8Array.from({ length: enctypeOf(number)!.keyLength }, (_, i) => 2 * (11 * i + made));
  };
  const serviceKey = options.serviceKey ?? keyOf(serviceEnctype);
  const key = { keytype: enctype, keyvalue: keyOf(enctype) };
  const [authTime, endTime] = [START, START + 36_000];
  const part: EncTicketPart = {
    flags: TRANSITED_CHECKED,
    key,
    crealm: CLIENT.realm,
    cname: { nameType: 1, nameString: CLIENT.name },
    transited: { trType: 1, contents: new Uint8Array() },
    authtime: authTime,
    endtime: endTime,
    ...options.ticket,
  };
  const service = kerberosKey(serviceEnctype, serviceKey, { ciphers: nodeCiphers });
  const kvno = 'kvno' in options ? options.kvno : 3;
  const sealed = formatDer(ticket, {
    tktVno: 5,
    realm: options.realm ?? SERVICE.realm,
    sname: { nameType: 3, nameString: SERVICE.name },
    encPart: {
      etype: serviceEnctype,
      ...(kvno !== undefined && { kvno }),
      cipher: service.encrypt(USAGE.ticket, formatDer(encTicketPart, part)),
    },
  });
  return {
    keytab: [{ principal: SERVICE, kvno: 3, enctype: serviceEnctype, key: serviceKey }],
    credential: {
      client: CLIENT,
      server: SERVICE,
      key,
      authTime,
      startTime: 0,
      endTime,
      renewTill: 0,
      isSessionKey: false,
      flags: part.flags,
      addresses: [],
      authorizationData: [],
      ticket: sealed,
      secondTicket: new Uint8Array(),
    },
  };
}

/** Changes the contents of an AP-REQ and encrypts it again. */
export function reseal(
  token: Uint8Array,
  { keytab, credential: { key } }: Realm,
  change: {
    message?: (whole: ApReq) => ApReq;
    authenticator?: (whole: Authenticator) => Authenticator;
  },
): Uint8Array {
  const seen = parseContextToken(token);
  if (seen.kind !== 'AP-REQ') throw new Error('no AP-REQ');
  const opened = openApReq(seen.message, keytab, { ciphers: nodeCiphers });
  const inside = change.authenticator?.(opened.authenticator) ?? opened.authenticator;
  const session = kerberosKey(key.keytype, key.keyvalue, { ciphers: nodeCiphers });
  const cipher = session.encrypt(USAGE.authenticator, formatDer(authenticatorSchema, inside));
  const message = { ...seen.message, authenticator: { etype: key.keytype, cipher } };
  return formatContextToken({ kind: 'AP-REQ', message: change.message?.(message) ?? message });
}

/** The number of the KRB-ERROR in a token. */
export function errorNumberOf(token: Uint8Array | undefined): number | undefined {
  const seen = token && parseContextToken(token);
  return seen?.kind === 'KRB-ERROR' ? seen.message.errorCode : undefined;
}
