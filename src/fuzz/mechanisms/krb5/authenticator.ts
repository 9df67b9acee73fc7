/**
 * Authenticators that no conforming client puts into its AP-REQ (RFC 4120 §3.2.3 and §5.5.1, RFC 4121 §4.1.1),
 * encrypted with the right session key; and replayed AP-REQs.
 */
import { concat, u32be, viewOf } from '../../../bytes.js';
import { formatDer } from '../../../mechanisms/der.js';
import { GSS_CHECKSUM_TYPE, GSS_FLAGS } from '../../../mechanisms/krb5/messages/gss-checksum.js';
import { AD_TYPES, type AuthorizationData, authorizationData } from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Choices } from '../../choices.js';
import { ACCEPT, EITHER, refuse, type Table } from '../../mutation.js';
import { octets } from '../../pieces.js';
import { filled } from './der.js';
import { type ApReqParts, sealedToken } from './parts.js';
import {
  BAD_TOKEN,
  type DerPlace,
  inside,
  type Make,
  monthThirteen,
  otherLength,
  requestRows,
  sealed,
  sealedAt,
  subkey,
  TWENTY_OCTETS,
  UNKNOWN_NUMBER,
  unknownKeytype,
} from './rows.js';

const WRONG_NAME = refuse('security/wrong-name');
const SKEW = refuse('security/clock-skew');
const NO_TIME = refuse('security/bad-token', 'security/clock-skew');
const REPLAYED = refuse('security/replayed');
/** In seconds. */
const DAY = 86_400;
const YEAR_0 = -62_167_219_200;
const YEAR_9999 = 253_402_300_799;

const FIELDS = [0x62, 0x30] as const;
const VERSION = [...FIELDS, 0xa0, 0x02] as const;
const CUSEC = [...FIELDS, 0xa4, 0x02] as const;
const CTIME = [...FIELDS, 0xa5, 0x18] as const;
const SEQ_NUMBER = [...FIELDS, 0xa7, 0x02] as const;

const clientName = (change: (components: string[]) => string[]): Make<ApReqParts> =>
  inside(({ cname }) => ({ cname: { ...cname, nameString: change(cname.nameString) } }));

/** Changes the value of the checksum, whatever its form. */
const checksum = (change: (value: Uint8Array, draw: Choices) => Uint8Array): Make<ApReqParts> =>
  inside(({ cksum }, draw) => ({ cksum: { cksumtype: GSS_CHECKSUM_TYPE, checksum: change(cksum!.checksum, draw) } }));

/** Changes the flags in the checksum, and adds the fields that belong to them. */
const flags = (change: (flags: number) => number, behind = ''): Make<ApReqParts> =>
  checksum(value => {
    const changed = concat(value.subarray(0, 24), octets(behind));
    const view = viewOf(changed);
    view.setUint32(20, change(view.getUint32(20, true)) >>> 0, true);
    return changed;
  });
const delegation = (behind: string) => flags(its => its | GSS_FLAGS.deleg, behind);

const withoutMutual: Make<ApReqParts> = (parts, draw) =>
  flags(its => its & ~GSS_FLAGS.mutual)({ ...parts, message: { ...parts.message, apOptions: 0 } }, draw);

const withoutZone = filled(was => was.subarray(0, -1));

const bindings = (length: number, value: Uint8Array) => concat(u32be(length).reverse(), value.subarray(4));

const UNKNOWN_DATA = { adType: UNKNOWN_NUMBER, adData: octets('x') };
const data = (elements: AuthorizationData): Make<ApReqParts> => inside(() => ({ authorizationData: elements }));
const ifRelevant = (elements: AuthorizationData) => ({
  adType: AD_TYPES.ifRelevant,
  adData: formatDer(authorizationData, elements),
});

function nestedData(depth: number): AuthorizationData {
  let elements: AuthorizationData = [];
  for (let i = 0; i < depth; i++) elements = [ifRelevant(elements)];
  return elements;
}

const ROWS: Table<Make<ApReqParts>> = {
  'RFC 4120 §5.5.1': {
    'octets that are no authenticator': [BAD_TOKEN, sealed((_, draw) => draw.octets(draw.of([0, 1, 40, 4000])))],
    'authenticator-vno 4': [BAD_TOKEN, sealedAt(VERSION, filled('\x04'))],
    // The acceptor's own subkey may replace it, with a type that was offered (RFC 4537); then this subkey is never
    // used.
    'a subkey of an unknown enctype': [EITHER, subkey(unknownKeytype)],
    'a subkey of another length': [EITHER, subkey(otherLength)],
    'the highest sequence number': [ACCEPT, inside(() => ({ seqNumber: 0xffff_ffff }))],
    'a negative sequence number': [EITHER, sealedAt(SEQ_NUMBER, filled('\xff'))],
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
    'an AP-REQ comes again': [EITHER, parts => sealedToken(parts), { again: true }],
    // There is no answer, so a recording of the whole connection could be replayed.
    'an AP-REQ without mutual authentication comes again': [REPLAYED, withoutMutual, { again: true }],
  },
  'RFC 4120 §6.2': {
    'a name of another type': [EITHER, inside(({ cname }) => ({ cname: { ...cname, nameType: 10 } }))],
  },
  'RFC 4120 §5.2.3': {
    'a month 13': [NO_TIME, sealedAt(CTIME, monthThirteen)],
    'a time that says no zone': [EITHER, sealedAt(CTIME, withoutZone)],
  },
  'RFC 4120 §5.2.4': {
    'a million microseconds': [EITHER, sealedAt(CUSEC, filled('\x0fB@'))],
    'microseconds of twenty octets': [BAD_TOKEN, sealedAt(CUSEC, filled(TWENTY_OCTETS))],
    'a sequence number of 33 bits': [BAD_TOKEN, sealedAt(SEQ_NUMBER, filled('\x01\0\0\0\0'))],
    'a sequence number of twenty octets': [BAD_TOKEN, sealedAt(SEQ_NUMBER, filled(TWENTY_OCTETS))],
  },
  'RFC 4121 §4.1.1': {
    // Presence and type of the checksum are requirements on the client; without it the client of the ticket is still
    // authenticated.
    'no checksum': [EITHER, inside(() => ({ cksum: undefined }))],
    'a checksum of another type': [
      EITHER,
      inside((_, draw) => ({ cksum: { cksumtype: draw.of([7, 16, 0x8001, -1]), checksum: draw.octets(16) } })),
    ],
    'a checksum of less than 24 octets': [
      BAD_TOKEN,
      checksum((value, draw) => value.subarray(0, draw.of([23, 20, 19, 4, 3, 0]))),
    ],
    'bindings of another length than 16': [
      BAD_TOKEN,
      checksum((value, draw) => bindings(draw.of([15, 17, 0, 0x7fff_ffff, 0xffff_ffff]), value)),
    ],
    'delegation without credentials': [BAD_TOKEN, delegation('')],
    'half of what delegation needs': [BAD_TOKEN, delegation('\x01\0')],
    'credentials longer than the checksum': [BAD_TOKEN, delegation('\x01\0\xff\xffabc')],
    'credentials of no octet': [EITHER, delegation('\x01\0\0\0')],
    'octets that are no credentials': [EITHER, delegation(`\x01\0\x20\0${'v'.repeat(32)}`)],
    'another option than delegation': [EITHER, delegation('\x02\0\0\0')],
    'octets behind the flags': [ACCEPT, flags(its => its & ~GSS_FLAGS.deleg, '\0\0\x47\x11\0\0\0\x01x')],
  },
  'RFC 4121 §4.1.1.1': {
    'unknown flags': [ACCEPT, flags(its => its | 0x4010_0000)],
    'no flag': [EITHER, flags(() => 0)],
    'no mutual authentication is asked for': [EITHER, withoutMutual],
  },
  'RFC 4121 §4.1.1.2': {
    'bindings of another connection': [
      EITHER,
      checksum(value => concat(value.subarray(0, 4), new Uint8Array(16).fill(0x5a), value.subarray(20))),
    ],
  },
  'RFC 4121 §2': { 'no subkey': [ACCEPT, inside(() => ({ subkey: undefined }))] },
  'RFC 4120 §5.1.2': { 'no sequence number': [EITHER, inside(() => ({ seqNumber: undefined }))] },
  'RFC 4120 §1.5.1': { 'unknown authorization data': [BAD_TOKEN, data([UNKNOWN_DATA])] },
  'RFC 4120 §5.1.3': { 'authorization data without elements': [EITHER, data([])] },
  'RFC 4120 §5.2.6': {
    'authorization data of 2000 elements': [EITHER, data(new Array(2000).fill(ifRelevant([]))), { large: true }],
  },
  'RFC 4120 §5.2.6.1': {
    'unknown authorization data, which may be passed over': [ACCEPT, data([ifRelevant([UNKNOWN_DATA])])],
    'authorization data 300 deep': [EITHER, data(nestedData(300)), { large: true }],
  },
};

const PLACE: DerPlace<ApReqParts> = {
  of: 'authenticator',
  mutated: sealedAt,
  fields: FIELDS,
  required: [[0x62], FIELDS, [...FIELDS, 0xa0], [...FIELDS, 0xa1], [...FIELDS, 0xa2, 0x30], CUSEC, CTIME],
};

/** Mutations of the encrypted part of AP-REQs. */
export const AUTHENTICATORS = requestRows(ROWS, PLACE);
