/** Valid exchanges under keys that are written down, the same each time: for files of cases. */
import { concatAll, toHex, toUtf8 } from '../../bytes.js';
import { formatDer } from '../../mechanisms/der.js';
import { kerberosKey } from '../../mechanisms/krb5/crypto/enctypes.js';
import { type Credential, krb5Acceptor, krb5Initiator, ReplayCache } from '../../mechanisms/krb5/index.js';
import { encTicketPart, ticket, USAGE } from '../../mechanisms/krb5/messages/kerberos.js';
import { pskAcceptor, pskInitiator } from '../../mechanisms/psk/index.js';
import type { Exchange, Peer, Step } from '../../protection/mechanism.js';
import { octetsFrom } from '../choices.js';
import { validAnswer, validRequest } from './krb5.js';
import type { ExchangeKeys, ExchangeTurn } from './mutation.js';

export interface SampleExchange {
  /** For people. */
  name: string;
  mechanism: string;
  keys: ExchangeKeys;
  /** The lines that one side sends behind AUTH. */
  turns(to: Peer): ExchangeTurn[];
}

const REALM = 'EXAMPLE.TEST';
const CLIENT = { name: ['user'], realm: REALM, type: 1 };
const SERVICE = { name: ['ftp', 'host.example.test'], realm: REALM, type: 3 };
/** Seconds since 1970. */
const TIME = 1_795_342_788;
const ENCTYPE = 18;
const KEY_LENGTH = 32;
const TRANSITED_CHECKED = 2 ** 19;

const counting = (length: number, first = 1) => Uint8Array.from({ length }, (_, i) => i + first);

export function pskSample(seed: number): SampleExchange {
  const key = counting(32);
  const keys: ExchangeKeys = { forges: 'psk', key };
  return {
    name: `X-PSK, key ${toHex(key)}`,
    mechanism: 'X-PSK',
    keys,
    turns: to =>
      spoken(
        to,
        keys,
        pskInitiator({ key, random: octetsFrom(seed) }),
        pskAcceptor({ key, random: octetsFrom(seed + 1) }),
      ),
  };
}

export function kerberosSample(seed: number): SampleExchange {
  const serviceKey = counting(KEY_LENGTH);
  const key = { keytype: ENCTYPE, keyvalue: counting(KEY_LENGTH, 0x40) };
  const keytab = [{ principal: SERVICE, kvno: 1, enctype: ENCTYPE, key: serviceKey }];
  const keys: ExchangeKeys = { forges: 'krb5', sessionKeys: [key], keytab };
  // Half a microsecond, so that no part of the time is drawn.
  const clock = () => TIME * 1000 + 0.0005;
  return {
    name: `GSSAPI, enctype ${ENCTYPE}, service key ${toHex(serviceKey)}, session key ${toHex(key.keyvalue)}, time ${TIME}`,
    mechanism: 'GSSAPI',
    keys,
    turns(to) {
      const credentials = [credentialOf(key, serviceKey)];
      const initiator = krb5Initiator({ credentials, service: SERVICE, clock, random: octetsFrom(seed) });
      const replayCache = new ReplayCache();
      const acceptor = krb5Acceptor({ keytab, clock, replayCache, random: octetsFrom(seed + 1) });
      return spoken(to, keys, initiator, acceptor);
    },
  };
}

/** Only the outer form of an AP_REQ is mutated, so that a ticket and an authenticator of any octets will do. */
export const krb4Sample: SampleExchange = {
  name: 'KERBEROS_V4, no key',
  mechanism: 'KERBEROS_V4',
  keys: { forges: 'krb4' },
  turns(to) {
    const size = 40;
    const request = concatAll([
      Uint8Array.of(4, 2, 1),
      toUtf8(`${REALM}\0`),
      Uint8Array.of(size, size),
      counting(2 * size),
    ]);
    const both = { to, number: 0, keys: this.keys };
    return to === 'server'
      ? [{ ...both, token: request, received: undefined }]
      : [{ ...both, token: counting(size), code: 235, received: request }];
  },
};

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

/** Both sides speak, and what one of them says is kept. */
function spoken(to: Peer, keys: ExchangeKeys, initiator: Exchange, acceptor: Exchange): ExchangeTurn[] {
  const turns: ExchangeTurn[] = [];
  let received: Uint8Array | undefined;
  let { token } = stepOf(initiator);
  for (let number = 0; token !== undefined; number++) {
    token = fixed({ to: 'server', number, token, received, keys });
    if (to === 'server') turns.push({ to, number, token, received, keys });
    const said = stepOf(acceptor, token);
    const code = said.context === undefined ? 335 : 235;
    const answer = fixed({ to: 'client', number, token: said.token, code, received: token, keys });
    if (to === 'client') turns.push({ to, number, token: answer, code, received: token, keys });
    if (answer === undefined) break;
    received = answer;
    ({ token } = stepOf(initiator, answer));
  }
  return turns;
}

/** The same token with a confounder that is always the same. */
function fixed<T extends Uint8Array | undefined>(turn: ExchangeTurn & { token: T }): T;
function fixed(turn: ExchangeTurn): Uint8Array | undefined {
  if (turn.keys?.forges !== 'krb5') return turn.token;
  return turn.to === 'server' ? validRequest(turn) : validAnswer(turn);
}

function stepOf(side: Exchange, token?: Uint8Array): Step {
  return side.step(token) as Step;
}
