/**
 * GSI: TLS records of any type, number and length that are encrypted with the right keys; and the records of ADAT, their headers and
 * handshake messages in the clear. The keys come from a live exchange, which needs Node's TLS.
 */
import { concat, concatAll, fromHex, toHex, u16be } from '../../bytes.js';
import { RecordContext } from '../../mechanisms/gsi/context.js';
import { TLS_1_2, TLS_1_3, tlsName } from '../../mechanisms/gsi/tls/key-schedule.js';
import { APPLICATION_DATA, type PlainRecord } from '../../mechanisms/gsi/tls/record-cipher.js';
import {
  ALERT,
  CHANGE_CIPHER_SPEC,
  type Direction,
  directionOf13,
  directionsOf,
  formatRecord,
  HANDSHAKE,
  HEADER,
  MAX_CONTENT,
  parseRecords,
  sealRecord,
  updatedDirection,
} from '../../mechanisms/gsi/tls/records.js';
import { type Suite, suiteByNumber } from '../../mechanisms/gsi/tls/suites.js';
import type { Peer } from '../../protection/mechanism.js';
import type { Choices } from '../choices.js';
import {
  BAD_TOKEN,
  type Change,
  type ExchangeKeys,
  type ExchangeTurn,
  type FuzzSession,
  mutationsOf,
  UNVERIFIED,
} from '../mutation.js';
import { all, every, flippedAtEnd, octets, spliced } from '../pieces.js';
import { counting, type ForgingContext, type FuzzMechanism, forgeries, forgingContext } from './mechanism.js';

interface GsiFields {
  /** The records of the token instead of those of the text. */
  records?: readonly PlainRecord[];
  /** Added to the number of the first record. */
  ahead?: number;
  /** The keys change after the first record, which is a KeyUpdate. */
  updates?: true;
}

interface GsiForger extends ForgingContext<GsiFields> {
  readonly forges: 'gsi';
  readonly version: number;
}

/** Our side of an association, each direction before its next record. */
export interface GsiDirections {
  send: Direction;
  receive: Direction;
}

/** Our side of a session whose keys are known. */
export function gsiFuzzSession({ send, receive }: GsiDirections): FuzzSession {
  let [before, after] = [send, send];
  const numbers = {
    get next() {
      return BigInt(before.number);
    },
    skip() {
      before = after;
    },
  };
  const token: GsiForger['token'] = (
    plaintext,
    _level,
    { records = recordsOf(plaintext), ahead = 0, updates } = {},
  ) => {
    after = { ...before, number: before.number + ahead };
    const sealed = records.map((record, i) => {
      const { octets: made, next } = sealRecord(after, record);
      after = updates && i === 0 ? updatedDirection(next) : next;
      return made;
    });
    return concatAll(sealed);
  };
  const format = { forges: 'gsi', version: send.version, numbers, token } as const;
  const context = forgingContext(new RecordContext({ send, receive }), format);
  return { context, numbered: false, integrity: ['safe', 'private'], oneLevel: true };
}

function recordsOf(plaintext: Uint8Array): PlainRecord[] {
  const count = Math.max(1, Math.ceil(plaintext.length / MAX_CONTENT));
  return Array.from({ length: count }, (_, i) => text(plaintext.subarray(i * MAX_CONTENT, (i + 1) * MAX_CONTENT)));
}

const text = (content: Uint8Array): PlainRecord => ({ type: APPLICATION_DATA, content });
const handshake = (hex: string): PlainRecord => ({ type: HANDSHAKE, content: fromHex(hex) });
const alert = (draw: Choices): PlainRecord => ({
  type: ALERT,
  content: fromHex(draw.of(['0100', '0228', '0250', '02ff'])),
});

const EMPTY = new Uint8Array();
/** The beginning of an integrity-only token with number 0 and a checksum of 16 octets. */
const INTEGRITY = fromHex('1a0300001c00000000000000000000');
const KEY_UPDATE = handshake('1800000100');
const HELLO_REQUEST = handshake('00000000');
/** NewSessionTicket of TLS 1.3 with a lifetime of an hour, and a ticket of four octets. */
const TICKET = handshake('0400001300000e1000000000080000000000000000000400000000');

type Its = { context: GsiForger; text: Uint8Array; draw: Choices; token(fields?: GsiFields): Uint8Array };
/** Only under one version of TLS. */
const under =
  (version: number, make: (its: Its) => GsiFields) =>
  (its: Its): GsiFields | undefined =>
    its.context.version === version ? make(its) : undefined;
/** Records before the text. */
const before =
  (record: (draw: Choices) => PlainRecord) =>
  (its: Its): GsiFields => ({
    records: [record(its.draw), text(its.text)],
  });
const beforeIn = (version: number, record: PlainRecord) =>
  under(
    version,
    before(() => record),
  );
/** Replaces octets of the header after the encryption. */
const header =
  (at: number, ...values: (readonly number[])[]) =>
  (its: Its) =>
    spliced(its.token(), at, values[0]!.length, Uint8Array.from(its.draw.of(values)));
const lengthOff = (difference: number) => (its: Its) => {
  const token = its.token();
  return spliced(token, 3, 2, u16be(token.length - HEADER + difference));
};

/** The number of the refused token is used again for a further token of the same reply. */
const NO_TEXT = ['syntax/bad-command', 'syntax/bad-reply', ...BAD_TOKEN] as const;

const TOKENS = forgeries<GsiForger>('gsi', {
  'RFC 8446 §5, RFC 5246 §6.2': {
    'a valid record': ['accept', {}],
    'a text in two records': [
      'accept',
      its => ({ records: [text(its.text.subarray(0, 3)), text(its.text.subarray(3))] }),
    ],
    'zeros behind the text': [
      'accept',
      under(TLS_1_3, ({ text: content }) => ({
        records: [{ type: 0, content: concat(content, Uint8Array.of(APPLICATION_DATA), new Uint8Array(99)) }],
      })),
    ],
    'an empty record before the text': ['either', before(() => text(EMPTY))],
    'no text': [NO_TEXT, { records: [text(EMPTY)] }],
    'nothing but zeros': [BAD_TOKEN, under(TLS_1_3, () => ({ records: [{ type: 0, content: new Uint8Array(40) }] }))],
    'another type within': [
      BAD_TOKEN,
      its => ({ records: [{ type: its.draw.of([CHANGE_CIPHER_SPEC, 0x18, 0x63, 0xff]), content: its.text }] }),
    ],
    '16385 octets in a record': [
      BAD_TOKEN,
      its => ({ records: [text(concat(its.text, new Uint8Array(MAX_CONTENT + 1 - its.text.length)))] }),
      { large: true },
    ],
    'another type in the header': [BAD_TOKEN, header(0, [HANDSHAKE], [ALERT], [CHANGE_CIPHER_SPEC], [0x18], [0])],
    'another version in the header': [BAD_TOKEN, header(1, [3, 0], [3, 4], [2, 0], [0xff, 0xff])],
    'a length of zero': [BAD_TOKEN, header(3, [0, 0])],
    'a length above the maximum': [BAD_TOKEN, header(3, [0x48, 1], [0xff, 0xff])],
    'a record longer than the token': [BAD_TOKEN, lengthOff(1)],
    'a record shorter than the token': [BAD_TOKEN, lengthOff(-1)],
    'a header alone': [BAD_TOKEN, its => its.token().subarray(0, HEADER)],
    'a tag with a bit flipped': [UNVERIFIED, its => flippedAtEnd(its.token(), its.draw, 16)],
    'the number after the next': [UNVERIFIED, { ahead: 1 }, { layer: 'sequence' }],
    'a used number': [UNVERIFIED, { ahead: -1 }, { layer: 'sequence', after: 1 }],
  },
  'RFC 8446 §4.6, RFC 5246 §7.4.1.1': {
    'a KeyUpdate before the text': [
      'accept',
      under(TLS_1_3, its => ({ records: [KEY_UPDATE, text(its.text)], updates: true })),
    ],
    'a KeyUpdate, and the text under the old keys': [UNVERIFIED, beforeIn(TLS_1_3, KEY_UPDATE)],
    'a KeyUpdate that is neither a request nor none': [
      BAD_TOKEN,
      under(TLS_1_3, its => ({ records: [handshake('1800000102'), text(its.text)], updates: true })),
    ],
    'a session ticket of a client': [BAD_TOKEN, beforeIn(TLS_1_3, TICKET), { to: 'server' }],
    renegotiation: [BAD_TOKEN, beforeIn(TLS_1_2, HELLO_REQUEST)],
    'half a handshake message': [BAD_TOKEN, before(() => handshake('180000'))],
  },
  'RFC 8446 §6': {
    'an alert before the text': [BAD_TOKEN, before(alert)],
    'an alert of one octet before the text': [BAD_TOKEN, before(() => ({ type: ALERT, content: Uint8Array.of(2) }))],
  },
  'Globus, integrity-only tokens': {
    'an integrity-only token': [
      BAD_TOKEN,
      its => concat(INTEGRITY, u16be(its.text.length), new Uint8Array(16), its.text),
    ],
  },
});

const REFUSED = ['security/bad-token', 'security/bad-checksum'] as const;

/** The records of a token with their headers. */
function recordsIn(token: Uint8Array): Uint8Array[] {
  if (token.length === 0) return [];
  return parseRecords(token).map(({ type, version, fragment }) => formatRecord(type, version, fragment));
}

const octetsAt = (at: number, ...values: (readonly number[])[]): Change<unknown> =>
  every((token, draw) => {
    const put = Uint8Array.from(draw.of(values));
    return token.length < at + put.length ? undefined : spliced(token, at, put.length, put);
  });
/** Changes the list of records; undefined if there are too few. */
const ofRecords = (
  least: number,
  change: (records: Uint8Array[], draw: Choices) => readonly Uint8Array[],
): Change<unknown> =>
  every((token, draw) => {
    const records = recordsIn(token);
    return records.length < least ? undefined : concatAll(change(records, draw));
  });
const inPieces = (size: number) => (records: Uint8Array[]) =>
  records.flatMap(record => {
    const fragment = record.subarray(HEADER);
    if (record[0] !== HANDSHAKE) return [record];
    const count = Math.ceil(fragment.length / size);
    return Array.from({ length: count }, (_, i) =>
      formatRecord(HANDSHAKE, TLS_1_2, fragment.subarray(i * size, (i + 1) * size)),
    );
  });

const RECORDS = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'tokens', forges: 'gsi', prefix: 'TLS: ' })({
  'RFC 8446 §5.1, RFC 5246 §6.2.1': {
    'a record of another type': [REFUSED, octetsAt(0, [0], [APPLICATION_DATA + 1], [0x80], [0xff])],
    'another major version': [REFUSED, octetsAt(1, [2], [0], [4], [0xff])],
    'a record of no octets': [REFUSED, octetsAt(3, [0, 0])],
    'a record above the maximum': [REFUSED, octetsAt(3, [0x48, 1], [0xff, 0xff])],
    'a record longer than the token': [REFUSED, every(token => token.subarray(0, -1))],
    'records change places': [REFUSED, ofRecords(2, records => [...records].reverse())],
    'a record is missing': [
      REFUSED,
      ofRecords(2, (records, draw) => {
        const missing = draw.below(records.length);
        return records.filter((_, i) => i !== missing);
      }),
    ],
    'a record comes twice': [
      'either',
      ofRecords(1, (records, draw) => [...records, records[draw.below(records.length)]!]),
    ],
    'an alert before the records': [
      REFUSED,
      ofRecords(1, (records, draw) => [formatRecord(ALERT, TLS_1_2, alert(draw).content), ...records]),
    ],
    'text before the records': [
      REFUSED,
      ofRecords(1, records => [formatRecord(APPLICATION_DATA, TLS_1_2, counting(40)), ...records]),
    ],
    'an alert alone': [REFUSED, ofRecords(1, (_, draw) => [formatRecord(ALERT, TLS_1_2, alert(draw).content)])],
    'text in the clear alone': [REFUSED, ofRecords(1, () => [formatRecord(APPLICATION_DATA, TLS_1_2, octets('0'))])],
    'a hello of SSL 2': [REFUSED, all('\x80\x2e\x01\x03\x03\0\x15\0\0\0\x10'.padEnd(48, '\x11'))],
  },
});

const HELLO = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'tokens', forges: 'gsi', turn: 0, prefix: 'Hello: ' })(
  {
    'RFC 8446 §4.1, RFC 5246 §7.4.1': {
      'cut into records of ten octets': ['either', ofRecords(1, inPieces(10))],
      'an empty record before it': [
        REFUSED,
        ofRecords(1, records => [formatRecord(HANDSHAKE, TLS_1_2, EMPTY), ...records]),
      ],
      'another message': [REFUSED, octetsAt(HEADER, [0], [11], [20], [24], [0xff])],
      'a message longer than it is': [REFUSED, octetsAt(HEADER + 1, [0, 0xff, 0xff], [0xff, 0xff, 0xff])],
      'a message of no octets': [REFUSED, octetsAt(HEADER + 1, [0, 0, 0])],
      'a version that is not known': [REFUSED, octetsAt(HEADER + 4, [0, 0], [2, 0])],
      'a session longer than 32 octets': [REFUSED, octetsAt(HEADER + 38, [0xff], [33])],
      'cipher suites that are not there': [
        REFUSED,
        every(token => spliced(token, HEADER + 39 + token[HEADER + 38]!, 2, fromHex('fffe'))),
      ],
    },
  },
);

/** Replaces the flag of delegation, with the keys of the exchange. */
const flag =
  (...contents: string[]): Change<ExchangeTurn> =>
  (_token, draw, { keys }) => {
    const send = (keys as Partial<GsiExchangeKeys> | undefined)?.send?.();
    // The flag itself has used up a number.
    return send && [sealRecord({ ...send, number: send.number - 1 }, text(octets(draw.of(contents)))).octets];
  };

const FLAG = mutationsOf<ExchangeTurn>({
  layer: 'exchange',
  at: 'tokens',
  forges: 'gsi',
  to: 'server',
  turn: 2,
  prefix: 'delegation: ',
})({
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
  send(): Direction | undefined;
}

const SUITE_13 = suiteByNumber(0x1302)!;
const SUITE_12 = suiteByNumber(0xc030)!;

/** GSI for the fuzzer. */
export const gsi: FuzzMechanism = {
  name: 'gsi',
  tokens: TOKENS,
  exchanges: [...RECORDS, ...HELLO, ...FLAG],
  lines: { server: 3, client: 3 },
  references: () => [
    {
      name: `GSI, ${nameOf(TLS_1_3, SUITE_13)}, traffic secrets ${toHex(counting(48))} and its complement`,
      session: to => gsiFuzzSession(sides13(to)),
    },
    {
      name: `GSI, ${nameOf(TLS_1_2, SUITE_12)}, master secret ${toHex(counting(48))}, randoms of zeros`,
      session: to => gsiFuzzSession(sides12(to)),
    },
    { name: 'GSI, no key', exchange: { mechanism: 'GSSAPI', turns, isKeyless: true } },
  ],
};

const nameOf = (version: number, { name }: Suite) => `${tlsName(version)}, ${name}`;
const directions = (to: Peer, { client, server }: Record<Peer, Direction>): GsiDirections =>
  to === 'client' ? { send: server, receive: client } : { send: client, receive: server };

function sides13(to: Peer): GsiDirections {
  const client = directionOf13(SUITE_13, counting(48));
  const server = directionOf13(
    SUITE_13,
    counting(48).map(it => it ^ 0xff),
  );
  return directions(to, { client, server });
}

function sides12(to: Peer): GsiDirections {
  const [clientRandom, serverRandom] = [new Uint8Array(32), new Uint8Array(32)];
  const both = { version: TLS_1_2, suite: SUITE_12, clientRandom, serverRandom, encryptThenMac: false };
  return directions(to, directionsOf({ ...both, secret: counting(48) }));
}

/** Only the outer form is mutated, so what would be encrypted may be any octets. */
function turns(): ExchangeTurn[] {
  const both = { keys: { forges: 'gsi', send: () => directionOf13(SUITE_13, counting(48)) } };
  const hello = (type: number, end: string) =>
    formatRecord(
      HANDSHAKE,
      TLS_1_2,
      concatAll([Uint8Array.of(type, 0, 0, 35 + end.length / 2), u16be(TLS_1_2), counting(32), fromHex(`00${end}`)]),
    );
  const sealed = (length: number) => formatRecord(APPLICATION_DATA, TLS_1_2, counting(length));
  const changed = formatRecord(CHANGE_CIPHER_SPEC, TLS_1_2, Uint8Array.of(1));
  const fromClient = [hello(1, '0002130201000000'), concat(changed, sealed(60)), sealed(18)];
  const fromServer = [concatAll([hello(2, '130200'), changed, sealed(80)]), sealed(18), undefined];
  return fromClient.flatMap((token, number): ExchangeTurn[] => [
    { ...both, to: 'server', number, token, received: fromServer[number - 1] },
    { ...both, to: 'client', number, token: fromServer[number], code: number === 2 ? 235 : 335, received: token },
  ]);
}
