/**
 * GSI: TLS records of any type, number and length that are encrypted with the right keys; and the records of ADAT, their headers and
 * handshake messages in the clear. The keys come from a live exchange, which needs Node's TLS.
 */
import { concat, concatAll, fromHex, toHex, u16be } from '../../bytes.js';
import { RecordContext } from '../../mechanisms/gsi/context.js';
import { TLS_1_2, TLS_1_3, tlsName } from '../../mechanisms/gsi/tls/key-schedule.js';
import { APPLICATION_DATA, type PlainRecord } from '../../mechanisms/gsi/tls/record-cipher.js';
import * as tls from '../../mechanisms/gsi/tls/records.js';
import { type Suite, suiteByNumber } from '../../mechanisms/gsi/tls/suites.js';
import type { Peer } from '../../protection/mechanism.js';
import type { Choices } from '../choices.js';
import type { Change, ExchangeKeys, ExchangeTurn, FuzzSession } from '../mutation.js';
import { all, type Edit, every, flippedAtEnd, numberAt, octets, piecesOf, spliced, times } from '../pieces.js';
import { BAD_TOKEN, mutationsOf, SEQUENCE, UNVERIFIED } from '../rows.js';
import * as forge from './mechanism.js';

interface GsiFields {
  /** The records of the token instead of those of the text. */
  records?: readonly PlainRecord[];
  /** Added to the number of the first record. */
  ahead?: number;
  /** The keys change after the first record, which is a KeyUpdate. */
  updates?: true;
}

interface GsiForger extends forge.ForgingContext<GsiFields> {
  readonly forges: 'gsi';
  readonly version: number;
}

/** Our side of an association, each direction before its next record. */
export interface GsiDirections {
  send: tls.Direction;
  receive: tls.Direction;
}

/** Our side of a session whose keys are known. */
export function gsiFuzzSession({ send, receive }: GsiDirections): FuzzSession {
  // A token uses up a number only when it is skipped, so the direction after the last token that was made is kept as well.
  let [current, afterToken] = [send, send];
  const numbers = {
    get next() {
      return BigInt(current.number);
    },
    skip() {
      current = afterToken;
    },
  };
  const token: GsiForger['token'] = (
    plaintext,
    _level,
    { records = recordsOf(plaintext), ahead = 0, updates } = {},
  ) => {
    afterToken = { ...current, number: current.number + ahead };
    const sealed = records.map((record, i) => {
      const { octets: made, next } = tls.sealRecord(afterToken, record);
      afterToken = updates && i === 0 ? tls.updatedDirection(next) : next;
      return made;
    });
    return concatAll(sealed);
  };
  const format = { forges: 'gsi', version: send.version, numbers, token } as const;
  const context = forge.forgingContext(new RecordContext({ send, receive }), format);
  return { context, numbered: false, integrity: ['safe', 'private'], oneLevel: true };
}

const recordsOf = (plaintext: Uint8Array) => piecesOf(plaintext, tls.MAX_CONTENT).map(text);

const text = (content: Uint8Array): PlainRecord => ({ type: APPLICATION_DATA, content });
const handshake = (hex: string): PlainRecord => ({ type: tls.HANDSHAKE, content: fromHex(hex) });
const alert = (draw: Choices): PlainRecord => ({
  type: tls.ALERT,
  content: fromHex(draw.of(['0100', '0228', '0250', '02ff'])),
});

/** The beginning of an integrity-only token with number 0 and a checksum of 16 octets. */
const INTEGRITY = fromHex('1a0300001c00000000000000000000');
const KEY_UPDATE = handshake('1800000100');
const BAD_UPDATE = handshake('1800000102');
const HELLO_REQUEST = handshake('00000000');
/** NewSessionTicket of TLS 1.3 with a lifetime of an hour, and a ticket of four octets. */
const TICKET = handshake('0400001300000e1000000000080000000000000000000400000000');

type Its = forge.Forgery<GsiForger>;
type Only = Pick<GsiFields, 'updates'> & { version?: number };
/** Other records than the one of the text, in all versions of TLS or in one. */
const sent =
  (make: (its: Its) => PlainRecord[], { version, ...fields }: Only = {}) =>
  (its: Its): GsiFields | undefined =>
    version === undefined || version === its.context.version ? { ...fields, records: make(its) } : undefined;
/** A record before the text. */
const before = (record: PlainRecord, only?: Only) => sent(its => [record, text(its.text)], only);
/** Changes the octets after the encryption. */
const edited = (edit: Edit) => (its: Its) => edit(its.token(), its.draw);
const lengthOff = (difference: number) =>
  edited(token => spliced(token, 3, 2, u16be(token.length - tls.HEADER + difference)));
const zeros = (count: number) => new Uint8Array(count);
/** In TLS 1.3 the type is the last octet of the content that is not zero. */
const TYPE_WITHIN = Uint8Array.of(APPLICATION_DATA);
const ONLY_13 = { version: TLS_1_3 } as const;
const UPDATES = { ...ONLY_13, updates: true } as const;

/**
 * The record opens, so the peer may refuse the empty text only after it has counted the record. A further token of the same reply
 * has the same number again, and then does not open.
 */
const NO_TEXT = ['syntax/bad-command', 'syntax/bad-reply', ...BAD_TOKEN] as const;

const TOKENS = forge.forgeries<GsiForger>('gsi', {
  'RFC 8446 §5, RFC 5246 §6.2': {
    'a valid record': ['accept', {}],
    'a text in two records': ['accept', sent(its => piecesOf(its.text, its.text.length - 3).map(text))],
    'zeros behind the text': [
      'accept',
      sent(its => [{ type: 0, content: concat(its.text, TYPE_WITHIN, zeros(99)) }], ONLY_13),
    ],
    'an empty record before the text': ['either', before(text(zeros(0)))],
    'no text': [NO_TEXT, sent(() => [text(zeros(0))])],
    'nothing but zeros': [BAD_TOKEN, sent(() => [{ type: 0, content: zeros(40) }], ONLY_13)],
    'another type within': [
      BAD_TOKEN,
      sent(its => [{ type: its.draw.of([tls.CHANGE_CIPHER_SPEC, 0x18, 0x63, 0xff]), content: its.text }]),
    ],
    '16385 octets in a record': [BAD_TOKEN, sent(() => [text(zeros(tls.MAX_CONTENT + 1))]), { large: true }],
    'another type in the header': [BAD_TOKEN, edited(numberAt(0, 1, [tls.HANDSHAKE, tls.ALERT, 20, 0x18, 0]))],
    'another version in the header': [BAD_TOKEN, edited(numberAt(1, 2, [0x300, 0x304, 0x200, 0xffff]))],
    'a length of zero': [BAD_TOKEN, edited(numberAt(3, 2, [0]))],
    'a length above the maximum': [BAD_TOKEN, edited(numberAt(3, 2, [0x4801, 0xffff]))],
    'a record longer than the token': [BAD_TOKEN, lengthOff(1)],
    'a record shorter than the token': [BAD_TOKEN, lengthOff(-1)],
    'a header alone': [BAD_TOKEN, edited(token => token.subarray(0, tls.HEADER))],
    'a tag with a bit flipped': [UNVERIFIED, edited((token, draw) => flippedAtEnd(token, draw, 16))],
    'the number after the next': [UNVERIFIED, { ahead: 1 }, SEQUENCE],
    'a used number': [UNVERIFIED, { ahead: -1 }, { ...SEQUENCE, after: 1 }],
  },
  'RFC 8446 §4.6, RFC 5246 §7.4.1.1': {
    'a KeyUpdate before the text': ['accept', before(KEY_UPDATE, UPDATES)],
    'a KeyUpdate, and the text under the old keys': [UNVERIFIED, before(KEY_UPDATE, ONLY_13)],
    'a KeyUpdate that is neither a request nor none': [BAD_TOKEN, before(BAD_UPDATE, UPDATES)],
    'a session ticket of a client': [BAD_TOKEN, before(TICKET, ONLY_13), { to: 'server' }],
    renegotiation: [BAD_TOKEN, before(HELLO_REQUEST, { version: TLS_1_2 })],
    'half a handshake message': [BAD_TOKEN, before(handshake('180000'))],
  },
  'RFC 8446 §6': {
    'an alert before the text': [BAD_TOKEN, sent(its => [alert(its.draw), text(its.text)])],
    'an alert of one octet before the text': [BAD_TOKEN, before({ type: tls.ALERT, content: Uint8Array.of(2) })],
  },
  'Globus, integrity-only tokens': {
    'an integrity-only token': [BAD_TOKEN, its => concatAll([INTEGRITY, u16be(its.text.length), zeros(16), its.text])],
  },
});

const REFUSED = ['security/bad-token', 'security/bad-checksum'] as const;

/** The records of a token with their headers. */
function recordsIn(token: Uint8Array): Uint8Array[] {
  if (token.length === 0) return [];
  return tls.parseRecords(token).map(({ type, version, fragment }) => tls.formatRecord(type, version, fragment));
}

/** Changes the list of records; undefined if there are too few. */
const ofRecords = (least: number, change: (records: Uint8Array[], draw: Choices) => readonly Uint8Array[]) =>
  every((token, draw) => {
    const records = recordsIn(token);
    return records.length < least ? undefined : concatAll(change(records, draw));
  });
/** Records that come too early: an alert, or text in the clear. */
const early = (draw: Choices) =>
  draw.of([alert(draw), text(forge.counting(40))].map(({ type, content }) => tls.formatRecord(type, TLS_1_2, content)));
const inPieces = (size: number) => (records: Uint8Array[]) =>
  records.flatMap(record => {
    if (record[0] !== tls.HANDSHAKE) return [record];
    return piecesOf(record.subarray(tls.HEADER), size).map(it => tls.formatRecord(tls.HANDSHAKE, TLS_1_2, it));
  });

const EXCHANGE = { layer: 'exchange', at: 'tokens', forges: 'gsi' } as const;

const RECORDS = mutationsOf<ExchangeTurn>({ ...EXCHANGE, prefix: 'TLS: ' })({
  'RFC 8446 §5.1, RFC 5246 §6.2.1': {
    'a record of another type': [REFUSED, every(numberAt(0, 1, [0, APPLICATION_DATA + 1, 0x80, 0xff]))],
    'another major version': [REFUSED, every(numberAt(1, 1, [2, 0, 4, 0xff]))],
    'a record of no octets': [REFUSED, every(numberAt(3, 2, [0]))],
    'a record above the maximum': [REFUSED, every(numberAt(3, 2, [0x4801, 0xffff]))],
    'a record longer than the token': [REFUSED, every(token => token.subarray(0, -1))],
    'records change places': [REFUSED, ofRecords(2, its => its.reverse())],
    'a record is missing': [REFUSED, ofRecords(2, (its, draw) => times(0, its, draw.below(its.length)))],
    'a record comes twice': ['either', ofRecords(1, (its, draw) => [...its, draw.of(its)])],
    'an alert or text before the records': [REFUSED, ofRecords(1, (its, draw) => [early(draw), ...its])],
    'an alert or text alone': [REFUSED, ofRecords(1, (_, draw) => [early(draw)])],
    'a hello of SSL 2': [REFUSED, all('\x80\x2e\x01\x03\x03\0\x15\0\0\0\x10'.padEnd(48, '\x11'))],
  },
});

/** Where the hello begins, and where its session ID does (with its length): behind type, length, version and random. */
const [START, SESSION_ID] = [tls.HEADER, tls.HEADER + 38] as const;

const HELLO = mutationsOf<ExchangeTurn>({ ...EXCHANGE, turn: 0, prefix: 'Hello: ' })({
  'RFC 8446 §4.1, RFC 5246 §7.4.1': {
    'cut into records of ten octets': ['either', ofRecords(1, inPieces(10))],
    'an empty record before it': [
      REFUSED,
      ofRecords(1, its => [tls.formatRecord(tls.HANDSHAKE, TLS_1_2, zeros(0)), ...its]),
    ],
    'another message': [REFUSED, every(numberAt(START, 1, [0, 11, 20, 24, 0xff]))],
    'a message longer than it is': [REFUSED, every(numberAt(START + 1, 3, [0xffff, 0xffffff]))],
    'a message of no octets': [REFUSED, every(numberAt(START + 1, 3, [0]))],
    'a version that is not known': [REFUSED, every(numberAt(START + 4, 2, [0, 0x200]))],
    'a session longer than 32 octets': [REFUSED, every(numberAt(SESSION_ID, 1, [0xff, 33]))],
    'cipher suites that are not there': [
      REFUSED,
      every(token => spliced(token, SESSION_ID + 1 + token[SESSION_ID]!, 2, fromHex('fffe'))),
    ],
  },
});

/** Replaces the flag of delegation, with the keys of the exchange. */
const flag =
  (...contents: string[]): Change<ExchangeTurn> =>
  (_token, draw, { keys }) => {
    const send = (keys as Partial<GsiExchangeKeys> | undefined)?.send?.();
    // The flag itself has used up a number.
    return send && [tls.sealRecord({ ...send, number: send.number - 1 }, text(octets(draw.of(contents)))).octets];
  };

const FLAG = mutationsOf<ExchangeTurn>({ ...EXCHANGE, to: 'server', turn: 2, prefix: 'delegation: ' })({
  'Globus, the flag of delegation': {
    'a valid flag': ['accept', flag('0')],
    'another flag': [REFUSED, flag('1', 'd', '\0', '\xff', 'GET')],
    'no flag': [REFUSED, flag('')],
    'octets behind the flag': [REFUSED, flag('00', '0\0', `0${'A'.repeat(4000)}`)],
  },
});

/** What the mutations of an exchange need: the direction of our next record, once it is known. */
export interface GsiExchangeKeys extends ExchangeKeys {
  readonly forges: 'gsi';
  send(): tls.Direction | undefined;
}

const SUITE_13 = suiteByNumber(0x1302)!;
const SUITE_12 = suiteByNumber(0xc030)!;

export const gsi: forge.FuzzMechanism = {
  name: 'gsi',
  tokens: TOKENS,
  exchanges: [...RECORDS, ...HELLO, ...FLAG],
  lines: { server: 3, client: 3 },
  references: () => [
    reference(TLS_1_3, SUITE_13, `traffic secrets ${toHex(forge.counting(48))} and its complement`, both13),
    reference(TLS_1_2, SUITE_12, `master secret ${toHex(forge.counting(48))}, randoms of zeros`, both12),
    { name: 'GSI, no key', exchange: { mechanism: 'GSSAPI', turns, isKeyless: true } },
  ],
};

/** @param both  the directions of each sender */
function reference(version: number, { name }: Suite, keys: string, both: () => Record<Peer, tls.Direction>) {
  return {
    name: `GSI, ${tlsName(version)}, ${name}, ${keys}`,
    session: (to: Peer) => {
      const { client, server } = both();
      return gsiFuzzSession(to === 'client' ? { send: server, receive: client } : { send: client, receive: server });
    },
  };
}

const direction13 = (invert = 0) =>
  tls.directionOf13(
    SUITE_13,
    forge.counting(48).map(it => it ^ invert),
  );
const both13 = () => ({ client: direction13(), server: direction13(0xff) });

function both12(): Record<Peer, tls.Direction> {
  const [clientRandom, serverRandom, secret] = [zeros(32), zeros(32), forge.counting(48)];
  const version = TLS_1_2;
  return tls.directionsOf({ version, suite: SUITE_12, clientRandom, serverRandom, encryptThenMac: false, secret });
}

/** Only the outer form is mutated, so what would be encrypted may be any octets. */
function turns(): ExchangeTurn[] {
  const both = { keys: { forges: 'gsi', send: () => direction13() } };
  const plain = (type: number, ...parts: Uint8Array[]) => tls.formatRecord(type, TLS_1_2, concatAll(parts));
  const helloOf = (type: number, end: string) => {
    const head = Uint8Array.of(type, 0, 0, 35 + end.length / 2);
    return plain(tls.HANDSHAKE, head, u16be(TLS_1_2), forge.counting(32), fromHex(`00${end}`));
  };
  const sealed = (length: number) => plain(APPLICATION_DATA, forge.counting(length));
  const changed = plain(tls.CHANGE_CIPHER_SPEC, Uint8Array.of(1));
  const fromClient = [helloOf(1, '0002130201000000'), concat(changed, sealed(60)), sealed(18)];
  const fromServer = [concatAll([helloOf(2, '130200'), changed, sealed(80)]), sealed(18), undefined];
  return fromClient.flatMap((token, number): ExchangeTurn[] => [
    { ...both, to: 'server', number, token, received: fromServer[number - 1] },
    { ...both, to: 'client', number, token: fromServer[number], code: number === 2 ? 235 : 335, received: token },
  ]);
}
