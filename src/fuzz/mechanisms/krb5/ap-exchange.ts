/**
 * AP-REQs that no conforming client sends (RFC 4120 §3.2.3 and §5.5.1, RFC 4121 §4.1.1), AP-REPs that no conforming
 * server sends (RFC 4120 §3.2.5 and §5.5.2), both encrypted with the right session key; and replayed AP-REQs.
 */
import { concat, copy, u32be, viewOf } from '../../../bytes.js';
import { formatDer } from '../../../mechanisms/der.js';
import { enctypeOf } from '../../../mechanisms/krb5/crypto/enctypes.js';
import { GSS_FLAGS } from '../../../mechanisms/krb5/messages/gss-checksum.js';
import * as kerberos from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Choices } from '../../choices.js';
import type { ExchangeTurn, Mutation } from '../../mutation.js';
import { anyBitFlipped, type Edit, octets, replaced, spliced } from '../../pieces.js';
import { BAD_TOKEN, type Must, type Row, UNVERIFIED } from '../../rows.js';
import { type FieldsChange, filled, filledWith, withFields, within } from './der.js';
import { at, type Make, mutationsTo, sealed, sealedAt } from './messages.js';

const DEFECTIVE = 'security/bad-token';
const WRONG_NAME = 'security/wrong-name';
const SKEW = 'security/clock-skew';
/** In seconds. */
const DAY = 86_400;
const YEAR_0 = -62_167_219_200;
const YEAR_9999 = 253_402_300_799;
const LONG = 32 * 1024;
const LARGE = { large: true } as const;

/** A number that is assigned to nothing, as a DER integer. */
const UNKNOWN = 4711;
const unknownNumber = filledWith('\x12\x67');
/** For a KerberosTime, `YYYYMMDDHHMMSSZ`. */
const month13 = filled(replaced('13', 2, 4));
const noPart: Make = sealed((_, draw) => draw.octets(draw.of([0, 1, 40, 4000])));

const [AES128, AES256] = [17, 18];

/** Rows of the EncryptedData at a path; `ofEtype` is what a peer must do with an enctype other than the right one. */
const encryptedRows = (what: string, ofEtype: Must, path: string) => {
  const etype = (edit: Edit) => at(`${path}a002`, edit);
  const cipher = (edit: Edit) => at(`${path}a204`, filled(edit));
  return {
    [`${what} of an unknown enctype`]: [ofEtype, etype(unknownNumber)],
    [`${what} of another enctype`]: [
      ofEtype,
      etype(filled(([its]) => Uint8Array.of(its === AES256 ? AES128 : AES256))),
    ],
    [`${what} that is cut`]: [
      UNVERIFIED,
      cipher((it, draw) => it.subarray(0, draw.of([it.length - 1, 0, 1, 16, it.length >> 1]))),
    ],
    [`${what} with a bit flipped`]: [UNVERIFIED, cipher(anyBitFlipped)],
  } satisfies Record<string, Row<Make>>;
};

/** A key that neither side has. */
const otherKey: Make = ({ key: { keytype } }) => {
  return { key: { keytype, keyvalue: new Uint8Array(enctypeOf(keytype)!.keyLength).fill(0x45) } };
};
const clientsSubkey: Make = ({ subkey: key }) => key && { key };
/** Another key usage, if the enctype derives a key for each: DES does not (RFC 3961 §6.2). */
const withUsage =
  (usage: number): Make =>
  ({ key: { keytype } }) =>
    keytype === 1 || keytype === 3 ? undefined : { usage };
const otherLength = filled((_, draw) => draw.octets(draw.of([0, 1, 15, 33, 4096])));

/** Paths in an AP-REQ and its authenticator, and in an AP-REP and its encrypted part, as `within` takes them. */
const [REQUEST, TICKET, AUTHENTICATOR, REPLY, PART] = ['6e30', '6e30a36130', '6230', '6f30', '7b30'] as const;

const message = (change: FieldsChange<kerberos.ApReq>) => at('6e', withFields(kerberos.apReq, change));
const ticket = (change: FieldsChange<kerberos.Ticket>) => at('6e30a361', withFields(kerberos.ticket, change));
const service = (nameString: string[]) => ticket(({ sname }) => ({ sname: { ...sname, nameString } }));
const kvno = (change: (right: number, draw: Choices) => number | undefined) =>
  ticket(({ encPart }, draw) => ({ encPart: { ...encPart, kvno: change(encPart.kvno ?? 1, draw) } }));
const options = (change: (options: number) => number) =>
  message(({ apOptions }) => ({ apOptions: change(apOptions) >>> 0 }));

const AP_REQS = mutationsTo(
  'server',
  {
    'RFC 4120 §5.5.1': {
      'pvno 4': [DEFECTIVE, at(`${REQUEST}a002`, filledWith('\x04'))],
      'a ticket of version 4': [DEFECTIVE, at(`${TICKET}a002`, filledWith('\x04'))],
      'no ticket': [DEFECTIVE, at(`${REQUEST}a3`, filledWith(''))],
      'ap-options of no octet': [DEFECTIVE, at(`${REQUEST}a203`, filledWith(''))],
      'no version of the key': ['either', kvno(() => undefined)],
      'a realm of 32 KiB': ['either', ticket(() => ({ realm: 'A'.repeat(LONG) })), LARGE],
      'a service of 5000 components': ['either', service(new Array<string>(5000).fill('x')), LARGE],
    },
    'RFC 4120 §5.2.8': {
      'ap-options of one octet, or of a hundred': ['either', at(`${REQUEST}a203`, filledWith('\0 ', '\0'.repeat(101)))],
    },
    'RFC 4120 §3.2.3': {
      'the number of an AP-REP': [DEFECTIVE, at(`${REQUEST}a102`, filledWith('\x0f'))],
      // As in user-to-user authentication, where the service has a ticket of its own.
      'a ticket that is said to be under a session key': [
        'either',
        options(its => its | kerberos.AP_OPTIONS.useSessionKey),
      ],
      'ap-options that are all set': ['either', options(() => 0xffff_ffff)],
      'a service without name': ['either', service([])],
      'another service': ['either', service(['host', 'elsewhere.test'])],
      'no realm': ['either', ticket(() => ({ realm: '' }))],
      'another version of the key': ['either', kvno((right, draw) => draw.of([right + 1, 0, 0xffff_ffff]))],
      ...encryptedRows('a ticket', ['security/no-key', 'security/bad-checksum', DEFECTIVE], `${TICKET}a330`),
      ...encryptedRows('an authenticator', 'either', `${REQUEST}a430`),
      'an authenticator under another key': [UNVERIFIED, otherKey],
      'an authenticator under its own subkey': [UNVERIFIED, clientsSubkey],
    },
    'RFC 4120 §7.5.1': { 'an authenticator with the key usage of those for a KDC': [UNVERIFIED, withUsage(7)] },
  },
  {
    of: 'AP-REQ',
    fields: REQUEST,
    required: ['a0', 'a102', 'a3', 'a36130', 'a36130a230', 'a36130a330a204', 'a4', 'a430a204'],
    numbers: ['a002', 'a102', 'a36130a002'],
  },
);

const inside = (change: FieldsChange<kerberos.Authenticator>) =>
  sealed(withFields(kerberos.authenticatorSchema, change));
const clientName = (change: (components: string[]) => string[]) =>
  inside(({ cname }) => ({ cname: { ...cname, nameString: change(cname.nameString) } }));

/** Changes the value of the checksum, whatever its form. */
const checksumEdit = (edit: Edit) => within(`${AUTHENTICATOR}a330a104`, filled(edit));
const checksum = (edit: Edit) => sealed(checksumEdit(edit));

/** Places in the checksum (RFC 4121 §4.1.1): the length of the bindings, the bindings, the flags, and what follows. */
const AT = { bindings: 4, flags: 20, end: 24 } as const;

const ofOtherType = inside((_, draw) => ({
  cksum: { cksumtype: draw.of([7, 16, 0x8001, -1]), checksum: draw.octets(16) },
}));
const bindingsOf = (...lengths: number[]) =>
  checksum((its, draw) => spliced(its, 0, AT.bindings, u32be(draw.of(lengths)).reverse()));

/** Changes the flags in the checksum, and adds the fields that belong to them. */
const withFlags =
  (change: (flags: number) => number, behind = ''): Edit =>
  value => {
    const changed = concat(value.subarray(0, AT.end), octets(behind));
    const view = viewOf(changed);
    view.setUint32(AT.flags, change(view.getUint32(AT.flags, true)) >>> 0, true);
    return changed;
  };
const flags = (change: (flags: number) => number, behind?: string) => checksum(withFlags(change, behind));
const delegation = (behind: string) => flags(its => its | GSS_FLAGS.deleg, behind);

const withoutMutual: Make = (its, draw) => ({
  message: withFields(kerberos.apReq, () => ({ apOptions: 0 }))(its.message, draw)!,
  inside: checksumEdit(withFlags(flags => flags & ~GSS_FLAGS.mutual))(its.inside, draw)!,
});

const UNKNOWN_DATA = { adType: UNKNOWN, adData: octets('x') };
const data = (elements: kerberos.AuthorizationData) => inside(() => ({ authorizationData: elements }));
const ifRelevant = (elements: kerberos.AuthorizationData) => ({
  adType: kerberos.AD_TYPES.ifRelevant,
  adData: formatDer(kerberos.authorizationData, elements),
});
const nestedData = (depth: number): kerberos.AuthorizationData =>
  depth === 0 ? [] : [ifRelevant(nestedData(depth - 1))];

const AUTHENTICATORS = mutationsTo(
  'server',
  {
    'RFC 4120 §5.5.1': {
      'octets that are no authenticator': [DEFECTIVE, noPart],
      'authenticator-vno 4': [DEFECTIVE, sealedAt(`${AUTHENTICATOR}a002`, filledWith('\x04'))],
      // The acceptor's own subkey may replace it, with a type that was offered (RFC 4537); then this subkey is never
      // used.
      'a subkey of an unknown enctype': ['either', sealedAt(`${AUTHENTICATOR}a630a002`, unknownNumber)],
      'a subkey of another length': ['either', sealedAt(`${AUTHENTICATOR}a630a104`, otherLength)],
      'the highest sequence number': ['accept', inside(() => ({ seqNumber: 0xffff_ffff }))],
      'a negative sequence number': ['either', sealedAt(`${AUTHENTICATOR}a702`, filledWith('\xff'))],
    },
    'RFC 4120 §3.2.3': {
      "another name than the ticket's": [WRONG_NAME, clientName(() => ['root'])],
      "a name of more components than the ticket's": [WRONG_NAME, clientName(its => [...its, 'admin'])],
      'a name without components': [WRONG_NAME, clientName(() => [])],
      'a name that goes on behind a NUL': [WRONG_NAME, clientName(its => its.map(part => `${part}\0x`))],
      "another realm than the ticket's": [WRONG_NAME, inside(({ crealm }) => ({ crealm: `${crealm}.TEST` }))],
      'a clock a day ahead': [SKEW, inside(({ ctime }) => ({ ctime: ctime + DAY }))],
      'a clock a day behind': [SKEW, inside(({ ctime }) => ({ ctime: ctime - DAY }))],
      'a clock of the year 0, or of 9999': [SKEW, inside((_, draw) => ({ ctime: draw.of([YEAR_0, YEAR_9999]) }))],
      // If the server's answer has a subkey of its own, an attacker gains nothing from a replay, and §3.2.3 permits it.
      'an AP-REQ comes again': ['either', () => ({}), { again: true }],
      // There is no answer, so a recording of the whole connection could be replayed.
      'an AP-REQ without mutual authentication comes again': ['security/replayed', withoutMutual, { again: true }],
    },
    'RFC 4120 §6.2': {
      'a name of another type': ['either', inside(({ cname }) => ({ cname: { ...cname, nameType: 10 } }))],
    },
    'RFC 4120 §5.2.3': {
      'a month 13': [[DEFECTIVE, SKEW], sealedAt(`${AUTHENTICATOR}a518`, month13)],
      'a time that says no zone': [
        'either',
        sealedAt(
          `${AUTHENTICATOR}a518`,
          filled(its => its.subarray(0, -1)),
        ),
      ],
    },
    'RFC 4120 §5.2.4': {
      'a million microseconds': ['either', sealedAt(`${AUTHENTICATOR}a402`, filledWith('\x0fB@'))],
    },
    'RFC 4121 §4.1.1': {
      // Presence and type of the checksum are requirements on the client; without it the client of the ticket is still
      // authenticated.
      'no checksum': ['either', inside(() => ({ cksum: undefined }))],
      'a checksum of another type': ['either', ofOtherType],
      'a checksum of less than 24 octets': [
        DEFECTIVE,
        checksum((its, draw) => its.subarray(0, draw.of([23, 20, 19, 4, 3, 0]))),
      ],
      'bindings of another length than 16': [DEFECTIVE, bindingsOf(15, 17, 0, 0x7fff_ffff, 0xffff_ffff)],
      'delegation without credentials': [DEFECTIVE, delegation('')],
      'half of what delegation needs': [DEFECTIVE, delegation('\x01\0')],
      'credentials longer than the checksum': [DEFECTIVE, delegation('\x01\0\xff\xffabc')],
      'credentials of no octet': ['either', delegation('\x01\0\0\0')],
      'octets that are no credentials': ['either', delegation(`\x01\0\x20\0${'v'.repeat(32)}`)],
      'another option than delegation': ['either', delegation('\x02\0\0\0')],
      'octets behind the flags': ['accept', flags(its => its & ~GSS_FLAGS.deleg, '\0\0\x47\x11\0\0\0\x01x')],
    },
    'RFC 4121 §4.1.1.1': {
      'unknown flags': ['accept', flags(its => its | 0x4010_0000)],
      'no flag': ['either', flags(() => 0)],
      'no mutual authentication is asked for': ['either', withoutMutual],
    },
    'RFC 4121 §4.1.1.2': {
      'bindings of another connection': ['either', checksum(its => copy(its).fill(0x5a, AT.bindings, AT.flags))],
    },
    'RFC 4121 §2': { 'no subkey': ['accept', inside(() => ({ subkey: undefined }))] },
    'RFC 4120 §5.1.2': { 'no sequence number': ['either', inside(() => ({ seqNumber: undefined }))] },
    'RFC 4120 §1.5.1': { 'unknown authorization data': [DEFECTIVE, data([UNKNOWN_DATA])] },
    'RFC 4120 §5.1.3': { 'authorization data without elements': ['either', data([])] },
    'RFC 4120 §5.2.6': {
      'authorization data of 2000 elements': ['either', data(new Array(2000).fill(ifRelevant([]))), LARGE],
    },
    'RFC 4120 §5.2.6.1': {
      'unknown authorization data, which may be passed over': ['accept', data([ifRelevant([UNKNOWN_DATA])])],
      'authorization data 300 deep': ['either', data(nestedData(300)), LARGE],
    },
  },
  {
    of: 'authenticator',
    fields: AUTHENTICATOR,
    required: ['a0', 'a1', 'a230', 'a402', 'a518'],
    numbers: ['a002', 'a402', 'a702'],
    place: sealedAt,
  },
);

const AP_REPS = mutationsTo(
  'client',
  {
    'RFC 4120 §5.5.2': {
      'pvno 4': [DEFECTIVE, at(`${REPLY}a002`, filledWith('\x04'))],
      'the number of an AP-REQ': [DEFECTIVE, at(`${REPLY}a102`, filledWith('\x0e'))],
      'no sealed part': [DEFECTIVE, at(`${REPLY}a2`, filledWith(''))],
      'a sealed part with a key version': [
        'either',
        at(
          '6f',
          withFields(kerberos.apRep, ({ encPart }) => ({ encPart: { ...encPart, kvno: UNKNOWN } })),
        ),
      ],
    },
    'RFC 4120 §3.2.5': {
      ...encryptedRows('a sealed part', 'either', `${REPLY}a230`),
      'a sealed part under another key': [UNVERIFIED, otherKey],
      // Only the server has the subkey, so the AP-REP still authenticates it, though in another form.
      "a sealed part under the client's subkey": [BAD_TOKEN, clientsSubkey],
    },
    'RFC 4120 §7.5.1': { 'a sealed part with the key usage of an authenticator': [UNVERIFIED, withUsage(11)] },
  },
  { of: 'AP-REP', fields: REPLY, required: ['a0', 'a102', 'a230', 'a230a204'], numbers: ['a002', 'a102'] },
);

const inPart = (change: FieldsChange<kerberos.EncApRepPart>) => sealed(withFields(kerberos.encApRepPart, change));

const AP_REP_PARTS = mutationsTo(
  'client',
  {
    'RFC 4120 §3.2.5': {
      "another second than the authenticator's": [
        UNVERIFIED,
        inPart(({ ctime }, draw) => ({ ctime: ctime + draw.of([1, -1, DAY]) })),
      ],
      "another microsecond than the authenticator's": [
        UNVERIFIED,
        inPart(({ cusec }, draw) => ({ cusec: cusec === 0 ? 1 : cusec - draw.of([1, cusec]) })),
      ],
    },
    'RFC 4120 §5.5.2': {
      'octets that are no sealed part': [DEFECTIVE, noPart],
      'a subkey of an unknown enctype': [[DEFECTIVE, 'security/no-key'], sealedAt(`${PART}a230a002`, unknownNumber)],
      'a subkey of another length': [[DEFECTIVE, 'security/no-key'], sealedAt(`${PART}a230a104`, otherLength)],
      'the highest sequence number': ['accept', inPart(() => ({ seqNumber: 0xffff_ffff }))],
    },
    'RFC 4120 §5.1.2': { 'no sequence number': ['either', inPart(() => ({ seqNumber: undefined }))] },
    'RFC 4120 §5.5.1': { 'a negative sequence number': ['either', sealedAt(`${PART}a302`, filledWith('\xff'))] },
    'RFC 4120 §5.2.3': { 'a month 13': [DEFECTIVE, sealedAt(`${PART}a018`, month13)] },
  },
  {
    of: 'what is sealed',
    fields: PART,
    required: ['a0', 'a018', 'a102'],
    numbers: ['a102', 'a302'],
    place: sealedAt,
  },
);

export const AP_EXCHANGE: readonly Mutation<ExchangeTurn>[] = [
  ...AP_REQS,
  ...AUTHENTICATORS,
  ...AP_REPS,
  ...AP_REP_PARTS,
];
