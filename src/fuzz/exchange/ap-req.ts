/** AP-REQs that no sound client sends (RFC 4120 §3.2.3 and §5.5.1, RFC 4121 §4.1.1), sealed with the right session key. */
import { concat, u32be, viewOf } from '../../bytes.js';
import { formatDer } from '../../mechanisms/krb5/der.js';
import { GSS_CHECKSUM_TYPE, GSS_FLAGS } from '../../mechanisms/krb5/gss-checksum.js';
import {
  AD_TYPES,
  type ApReq,
  type Authenticator,
  type AuthorizationData,
  apReq,
  authenticator,
  authorizationData,
  type EncryptionKey,
} from '../../mechanisms/krb5/messages.js';
import type { Draw } from '../draw.js';
import { ACCEPT, EITHER, type Expectation, refuse } from '../mutation.js';
import { flipped, octets } from '../pieces.js';
import { DER, filled, type Path, within } from './der.js';
import { type ApReqParts, otherKey, requestParts, tellsUsages, tokenOf } from './krb5.js';
import type { ExchangeMutation } from './mutation.js';

/** A token made from what is in ours. */
type Make = (parts: ApReqParts, draw: Draw) => Uint8Array | undefined;

const RECEIPT = 'RFC 4120 §3.2.3';
const MESSAGE = 'RFC 4120 §5.5.1';
const CHECKSUM = 'RFC 4121 §4.1.1';
const BAD_TOKEN = refuse('security/bad-token');
const DAMAGED = refuse('security/bad-checksum', 'security/bad-token');
const NO_KEY = refuse('security/no-key', 'security/bad-checksum', 'security/bad-token');
const WRONG_NAME = refuse('security/wrong-name');
const SKEW = refuse('security/clock-skew');
const DAY = 86_400;
const UNKNOWN_ENCTYPE = 4711;
const LONG = 32 * 1024;

const row = (name: string, source: string, expected: Expectation, make: Make): ExchangeMutation => ({
  name,
  source,
  expected,
  to: 'server',
  forges: 'krb5',
  at: 'token',
  change(token, draw, { keys }) {
    const parts = keys?.forges === 'krb5' ? requestParts(token, keys) : undefined;
    return parts && make(parts, draw);
  },
});

const formatted = (message: ApReq) => tokenOf('AP-REQ', formatDer(apReq, message));

/** The message with other octets at a place. */
const at =
  (path: Path, change: (element: Uint8Array, draw: Draw) => Uint8Array): Make =>
  ({ message }, draw) =>
    tokenOf(
      'AP-REQ',
      within(formatDer(apReq, message), path, element => change(element, draw)),
    );

/** The message with other fields. */
const message =
  (change: (message: ApReq, draw: Draw) => Partial<ApReq>): Make =>
  (parts, draw) =>
    formatted({ ...parts.message, ...change(parts.message, draw) });

const ticket = (change: (ticket: ApReq['ticket'], draw: Draw) => Partial<ApReq['ticket']>): Make =>
  message((its, draw) => ({ ticket: { ...its.ticket, ...change(its.ticket, draw) } }));

/** The authenticator as octets. */
const sealed =
  (make: (inside: Uint8Array, draw: Draw) => Uint8Array): Make =>
  (parts, draw) =>
    formatted({ ...parts.message, authenticator: parts.sealed(make(formatDer(authenticator, parts.inside), draw)) });

/** The authenticator with other octets in one of its fields. */
const inOctets = (path: Path, change: (element: Uint8Array) => Uint8Array): Make =>
  sealed(its => within(its, [...WITHIN, ...path], change));

/** The authenticator with other fields; those that are undefined are left out. */
const inside = (change: (inside: Authenticator, draw: Draw) => object | undefined): Make => {
  return (parts, draw) => {
    const changed = change(parts.inside, draw);
    return changed && sealed(() => formatDer(authenticator, { ...parts.inside, ...changed }))(parts, draw);
  };
};

/** The value of its checksum, whatever its form. */
const checksum = (change: (value: Uint8Array, draw: Draw) => Uint8Array): Make =>
  inside(({ cksum }, draw) => ({
    cksum: { cksumtype: GSS_CHECKSUM_TYPE, checksum: change(cksum!.checksum, draw) },
  }));

/** The checksum with other flags, and what goes with them. */
const flags = (change: (flags: number) => number, behind = octets('')): Make =>
  checksum(value => {
    const changed = concat(value.subarray(0, 24), behind);
    const view = viewOf(changed);
    view.setUint32(20, change(view.getUint32(20, true)) >>> 0, true);
    return changed;
  });

const withoutMutual: Make = (parts, draw) =>
  flags(its => its & ~GSS_FLAGS.mutual)({ ...parts, message: { ...parts.message, apOptions: 0 } }, draw);

/** Sealed in another way than it ought to be. */
const resealed =
  (how: (parts: ApReqParts) => { key?: EncryptionKey; usage?: number } | undefined): Make =>
  parts => {
    const otherwise = how(parts);
    const { message: its, inside: part } = parts;
    return otherwise && formatted({ ...its, authenticator: parts.sealed(formatDer(authenticator, part), otherwise) });
  };

const little = (length: number) => u32be(length).reverse();
const cut = (cipher: Uint8Array, draw: Draw) =>
  cipher.subarray(0, draw.of([cipher.length - 1, 0, 1, 16, cipher.length >> 1]));
const altered = (cipher: Uint8Array, draw: Draw) => flipped(cipher, draw.below(cipher.length), draw.below(8));

const UNKNOWN_DATA = { adType: UNKNOWN_ENCTYPE, adData: octets('x') };
const wrapped = (data: AuthorizationData) => ({
  adType: AD_TYPES.ifRelevant,
  adData: formatDer(authorizationData, data),
});

function deepData(depth: number): AuthorizationData {
  let data: AuthorizationData = [];
  for (let i = 0; i < depth; i++) data = [wrapped(data)];
  return data;
}

const IN = [0x6e, 0x30] as const;
const WITHIN = [0x62, 0x30] as const;
const TICKET = [...IN, 0xa3, 0x61, 0x30] as const;

const CLEAR: readonly ExchangeMutation[] = [
  row('pvno 4', MESSAGE, BAD_TOKEN, at([...IN, 0xa0, 0x02], filled(octets('\x04')))),
  row('a pvno of twenty octets', MESSAGE, BAD_TOKEN, at([...IN, 0xa0, 0x02], filled(new Uint8Array(20).fill(0x7f)))),
  row('the number of an AP-REP', RECEIPT, BAD_TOKEN, at([...IN, 0xa1, 0x02], filled(octets('\x0f')))),
  row('a ticket of version 4', MESSAGE, BAD_TOKEN, at([...TICKET, 0xa0, 0x02], filled(octets('\x04')))),
  row('no ticket', MESSAGE, BAD_TOKEN, at([...IN, 0xa3], filled(octets('')))),
  row('ap-options of one octet', 'RFC 4120 §5.2.8', EITHER, at([...IN, 0xa2, 0x03], filled(octets('\0 ')))),
  row(
    'ap-options of a hundred octets',
    'RFC 4120 §5.2.8',
    EITHER,
    at([...IN, 0xa2, 0x03], filled(new Uint8Array(101))),
  ),
  row('ap-options of no octet', MESSAGE, BAD_TOKEN, at([...IN, 0xa2, 0x03], filled(octets('')))),
  row(
    'ap-options that are all set',
    RECEIPT,
    EITHER,
    message(() => ({ apOptions: 0xffff_ffff })),
  ),
  row(
    'a ticket of an enctype that nobody has',
    RECEIPT,
    NO_KEY,
    ticket(({ encPart }) => ({ encPart: { ...encPart, etype: UNKNOWN_ENCTYPE } })),
  ),
  row(
    'a ticket of another enctype',
    RECEIPT,
    NO_KEY,
    ticket(({ encPart }) => ({ encPart: { ...encPart, etype: encPart.etype === 18 ? 17 : 18 } })),
  ),
  row(
    'another version of the key',
    RECEIPT,
    EITHER,
    ticket(({ encPart }, draw) => ({
      encPart: { ...encPart, kvno: draw.of([(encPart.kvno ?? 1) + 1, 0, 0xffff_ffff]) },
    })),
  ),
  row(
    'no version of the key',
    MESSAGE,
    EITHER,
    ticket(({ encPart: { etype, cipher } }) => ({ encPart: { etype, cipher } })),
  ),
  row(
    'a service without name',
    RECEIPT,
    EITHER,
    ticket(({ sname }) => ({ sname: { ...sname, nameString: [] } })),
  ),
  row(
    'another service',
    RECEIPT,
    EITHER,
    ticket(({ sname }) => ({ sname: { ...sname, nameString: ['host', 'elsewhere.test'] } })),
  ),
  row(
    'no realm',
    RECEIPT,
    EITHER,
    ticket(() => ({ realm: '' })),
  ),
  {
    ...row(
      'a realm of 32 KiB',
      MESSAGE,
      EITHER,
      ticket(() => ({ realm: 'A'.repeat(LONG) })),
    ),
    large: true,
  },
  {
    ...row(
      'a service of 5000 components',
      MESSAGE,
      EITHER,
      ticket(({ sname }) => ({ sname: { ...sname, nameString: new Array<string>(5000).fill('x') } })),
    ),
    large: true,
  },
  row(
    'a ticket that is cut',
    RECEIPT,
    DAMAGED,
    ticket(({ encPart }, draw) => ({ encPart: { ...encPart, cipher: cut(encPart.cipher, draw) } })),
  ),
  row(
    'a ticket with a bit flipped',
    RECEIPT,
    DAMAGED,
    ticket(({ encPart }, draw) => ({ encPart: { ...encPart, cipher: altered(encPart.cipher, draw) } })),
  ),
  row(
    'an authenticator that is cut',
    RECEIPT,
    DAMAGED,
    message(({ authenticator: its }, draw) => ({ authenticator: { ...its, cipher: cut(its.cipher, draw) } })),
  ),
  row(
    'an authenticator with a bit flipped',
    RECEIPT,
    DAMAGED,
    message(({ authenticator: its }, draw) => ({ authenticator: { ...its, cipher: altered(its.cipher, draw) } })),
  ),
  // The session key has a type of its own, which tells as much.
  row(
    'an authenticator of an enctype that nobody has',
    RECEIPT,
    EITHER,
    message(({ authenticator: its }) => ({ authenticator: { ...its, etype: UNKNOWN_ENCTYPE } })),
  ),
  row(
    'an authenticator of another enctype',
    RECEIPT,
    EITHER,
    message(({ authenticator: its }) => ({ authenticator: { ...its, etype: its.etype === 18 ? 17 : 18 } })),
  ),
  row(
    'an authenticator under another key',
    RECEIPT,
    DAMAGED,
    resealed(({ message: its }) => ({ key: otherKey(its.authenticator.etype) })),
  ),
  row(
    'an authenticator under its own subkey',
    RECEIPT,
    DAMAGED,
    resealed(({ inside: { subkey } }) => subkey && { key: subkey }),
  ),
  row(
    'an authenticator with the key usage of those for a KDC',
    'RFC 4120 §7.5.1',
    DAMAGED,
    resealed(({ message: its }) => (tellsUsages(its.authenticator) ? { usage: 7 } : undefined)),
  ),
];

const SEALED: readonly ExchangeMutation[] = [
  row(
    'an authenticator that is none',
    MESSAGE,
    BAD_TOKEN,
    sealed((_, draw) => draw.octets(draw.of([0, 1, 40, 4000]))),
  ),
  row(
    "another name than the ticket's",
    RECEIPT,
    WRONG_NAME,
    inside(({ cname }) => ({ cname: { ...cname, nameString: ['root'] } })),
  ),
  row(
    "a name of more components than the ticket's",
    RECEIPT,
    WRONG_NAME,
    inside(({ cname }) => ({ cname: { ...cname, nameString: [...cname.nameString, 'admin'] } })),
  ),
  row(
    'a name without components',
    RECEIPT,
    WRONG_NAME,
    inside(({ cname }) => ({ cname: { ...cname, nameString: [] } })),
  ),
  row(
    'a name that goes on behind a NUL',
    RECEIPT,
    WRONG_NAME,
    inside(({ cname }) => ({ cname: { ...cname, nameString: cname.nameString.map(part => `${part}\0x`) } })),
  ),
  row(
    'a name of another type',
    'RFC 4120 §6.2',
    EITHER,
    inside(({ cname }) => ({ cname: { ...cname, nameType: 10 } })),
  ),
  row(
    "another realm than the ticket's",
    RECEIPT,
    WRONG_NAME,
    inside(({ crealm }) => ({ crealm: `${crealm}.TEST` })),
  ),
  row(
    'a clock a day ahead',
    RECEIPT,
    SKEW,
    inside(({ ctime }) => ({ ctime: ctime + DAY })),
  ),
  row(
    'a clock a day behind',
    RECEIPT,
    SKEW,
    inside(({ ctime }) => ({ ctime: ctime - DAY })),
  ),
  row(
    'a clock of the year 0, or of 9999',
    RECEIPT,
    SKEW,
    inside((_, draw) => ({ ctime: draw.of([-62_167_219_200, 253_402_300_799]) })),
  ),
  row(
    'a month 13',
    'RFC 4120 §5.2.3',
    refuse('security/bad-token', 'security/clock-skew'),
    inOctets(
      [0xa5, 0x18],
      filled(was => concat(was.subarray(0, 4), octets('13'), was.subarray(6))),
    ),
  ),
  row(
    'a time that says no zone',
    'RFC 4120 §5.2.3',
    EITHER,
    inOctets(
      [0xa5, 0x18],
      filled(was => was.subarray(0, -1)),
    ),
  ),
  row('a million microseconds', 'RFC 4120 §5.2.4', EITHER, inOctets([0xa4, 0x02], filled(octets('\x0fB@')))),
  row(
    'microseconds of twenty octets',
    'RFC 4120 §5.2.4',
    BAD_TOKEN,
    inOctets([0xa4, 0x02], filled(new Uint8Array(20).fill(0x7f))),
  ),
  row('authenticator-vno 4', MESSAGE, BAD_TOKEN, inOctets([0xa0, 0x02], filled(octets('\x04')))),
  // That it be there, and of its type, is asked of the client; the ticket's client is proven all the same.
  row(
    'no checksum',
    CHECKSUM,
    EITHER,
    inside(() => ({ cksum: undefined })),
  ),
  row(
    'a checksum of another type',
    CHECKSUM,
    EITHER,
    inside((_, draw) => ({ cksum: { cksumtype: draw.of([7, 16, 0x8001, -1]), checksum: draw.octets(16) } })),
  ),
  row(
    'a checksum of less than 24 octets',
    CHECKSUM,
    BAD_TOKEN,
    checksum((value, draw) => value.subarray(0, draw.of([23, 20, 19, 4, 3, 0]))),
  ),
  row(
    'bindings of another length than 16',
    CHECKSUM,
    BAD_TOKEN,
    checksum((value, draw) => concat(little(draw.of([15, 17, 0, 0x7fff_ffff, 0xffff_ffff])), value.subarray(4))),
  ),
  row(
    'bindings of another connection',
    'RFC 4121 §4.1.1.2',
    EITHER,
    checksum(value => concat(value.subarray(0, 4), new Uint8Array(16).fill(0x5a), value.subarray(20))),
  ),
  row(
    'delegation without credentials',
    CHECKSUM,
    BAD_TOKEN,
    flags(its => its | GSS_FLAGS.deleg),
  ),
  row(
    'half of what delegation needs',
    CHECKSUM,
    BAD_TOKEN,
    flags(its => its | GSS_FLAGS.deleg, octets('\x01\0')),
  ),
  row(
    'credentials longer than the checksum',
    CHECKSUM,
    BAD_TOKEN,
    flags(its => its | GSS_FLAGS.deleg, octets('\x01\0\xff\xffabc')),
  ),
  row(
    'credentials of no octet',
    CHECKSUM,
    EITHER,
    flags(its => its | GSS_FLAGS.deleg, octets('\x01\0\0\0')),
  ),
  row(
    'credentials that are none',
    CHECKSUM,
    EITHER,
    flags(its => its | GSS_FLAGS.deleg, octets(`\x01\0\x20\0${'v'.repeat(32)}`)),
  ),
  row(
    'another option than delegation',
    CHECKSUM,
    EITHER,
    flags(its => its | GSS_FLAGS.deleg, octets('\x02\0\0\0')),
  ),
  row(
    'octets behind the flags',
    CHECKSUM,
    ACCEPT,
    flags(its => its & ~GSS_FLAGS.deleg, octets('\0\0\x47\x11\0\0\0\x01x')),
  ),
  row(
    'flags that nobody knows',
    'RFC 4121 §4.1.1.1',
    ACCEPT,
    flags(its => its | 0x4010_0000),
  ),
  row(
    'no flag',
    'RFC 4121 §4.1.1.1',
    EITHER,
    flags(() => 0),
  ),
  row(
    'no subkey',
    'RFC 4121 §2',
    ACCEPT,
    inside(() => ({ subkey: undefined })),
  ),
  // The acceptor's own subkey may take its place, and be of a type that was offered (RFC 4537), so that it is never used.
  row(
    'a subkey of an enctype that nobody has',
    MESSAGE,
    EITHER,
    inside(({ subkey }) => subkey && { subkey: { ...subkey, keytype: UNKNOWN_ENCTYPE } }),
  ),
  row(
    'a subkey of another length',
    MESSAGE,
    EITHER,
    inside(
      ({ subkey }, draw) => subkey && { subkey: { ...subkey, keyvalue: draw.octets(draw.of([0, 1, 15, 33, 4096])) } },
    ),
  ),
  row(
    'no sequence number',
    'RFC 4120 §5.1.2',
    EITHER,
    inside(() => ({ seqNumber: undefined })),
  ),
  row(
    'the highest sequence number',
    MESSAGE,
    ACCEPT,
    inside(() => ({ seqNumber: 0xffff_ffff })),
  ),
  row('a negative sequence number', MESSAGE, EITHER, inOctets([0xa7, 0x02], filled(octets('\xff')))),
  row(
    'a sequence number of 33 bits',
    'RFC 4120 §5.2.4',
    BAD_TOKEN,
    inOctets([0xa7, 0x02], filled(octets('\x01\0\0\0\0'))),
  ),
  row(
    'a sequence number of twenty octets',
    'RFC 4120 §5.2.4',
    BAD_TOKEN,
    inOctets([0xa7, 0x02], filled(new Uint8Array(20).fill(0x7f))),
  ),
  row(
    'authorization data that nobody knows',
    'RFC 4120 §1.5.1',
    BAD_TOKEN,
    inside(() => ({ authorizationData: [UNKNOWN_DATA] })),
  ),
  row(
    'the same where it may be passed over',
    'RFC 4120 §5.2.6.1',
    ACCEPT,
    inside(() => ({ authorizationData: [wrapped([UNKNOWN_DATA])] })),
  ),
  row(
    'authorization data without elements',
    'RFC 4120 §5.1.3',
    EITHER,
    inside(() => ({ authorizationData: [] })),
  ),
  {
    ...row(
      'authorization data 300 deep',
      'RFC 4120 §5.2.6.1',
      EITHER,
      inside(() => ({ authorizationData: deepData(300) })),
    ),
    large: true,
  },
  {
    ...row(
      'authorization data of 2000 elements',
      'RFC 4120 §5.2.6',
      EITHER,
      inside(() => ({ authorizationData: new Array(2000).fill(wrapped([])) })),
    ),
    large: true,
  },
];

/**
 * Where the server's answer has a subkey of its own, a replay leads to nothing, and §3.2.3 lets it go. Without mutual
 * authentication there is no answer, and whoever recorded the connection could send all of it again.
 */
const REPLAYS: readonly ExchangeMutation[] = [
  { ...row('an AP-REQ comes again', RECEIPT, EITHER, parts => formatted(parts.message)), again: true },
  {
    ...row('an AP-REQ without mutual authentication comes again', RECEIPT, refuse('security/replayed'), withoutMutual),
    again: true,
  },
  row('no mutual authentication is asked for', 'RFC 4121 §4.1.1.1', EITHER, withoutMutual),
];

/** Elements of which each is owed. */
const PLACES: readonly {
  of: string;
  paths: readonly Path[];
  fields: Path;
  bent(path: Path, change: (element: Uint8Array, draw: Draw) => Uint8Array): Make;
}[] = [
  {
    of: 'AP-REQ',
    paths: [
      [0x6e],
      IN,
      [...IN, 0xa0],
      [...IN, 0xa1, 0x02],
      [...IN, 0xa3],
      TICKET,
      [...TICKET, 0xa2, 0x30],
      [...TICKET, 0xa3, 0x30, 0xa2, 0x04],
      [...IN, 0xa4],
      [...IN, 0xa4, 0x30, 0xa2, 0x04],
    ],
    fields: IN,
    bent: at,
  },
  {
    of: 'authenticator',
    paths: [
      [0x62],
      WITHIN,
      [...WITHIN, 0xa0],
      [...WITHIN, 0xa1],
      [...WITHIN, 0xa2, 0x30],
      [...WITHIN, 0xa4, 0x02],
      [...WITHIN, 0xa5, 0x18],
    ],
    fields: WITHIN,
    bent: (path, change) => sealed((its, draw) => within(its, path, element => change(element, draw))),
  },
];

const DERS: readonly ExchangeMutation[] = PLACES.flatMap(({ of, paths, fields, bent }) =>
  DER.map(({ name, source, expected, large, in: where, change }) => ({
    ...row(`${of}: ${name}`, source, expected, (parts, draw) =>
      bent(where === 'fields' ? fields : draw.of(paths), change)(parts, draw),
    ),
    ...(large && { large }),
  })),
);

export const AP_REQS: readonly ExchangeMutation[] = [...CLEAR, ...SEALED, ...REPLAYS, ...DERS];
