/**
 * Authenticators that no conforming client puts into its AP-REQ (RFC 4120 §3.2.3 and §5.5.1, RFC 4121 §4.1.1),
 * encrypted with the right session key; and replayed AP-REQs.
 */
import { concat, copy, u32be, viewOf } from '../../../bytes.js';
import { formatDer } from '../../../mechanisms/der.js';
import { GSS_CHECKSUM_TYPE, GSS_FLAGS } from '../../../mechanisms/krb5/messages/gss-checksum.js';
import { AD_TYPES, type AuthorizationData, authorizationData } from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Choices } from '../../choices.js';
import { octets } from '../../pieces.js';
import { filled, shorter } from './der.js';
import { AP_REQ, MONTH_13, otherLength, TWENTY_OCTETS, UNKNOWN_NUMBER, unknownKeytype } from './messages.js';

const DEFECTIVE = 'security/bad-token';
const WRONG_NAME = 'security/wrong-name';
const SKEW = 'security/clock-skew';
const NO_TIME = [DEFECTIVE, SKEW] as const;
/** In seconds. */
const DAY = 86_400;
const YEAR_0 = -62_167_219_200;
const YEAR_9999 = 253_402_300_799;

/** Paths in an authenticator, as `within` takes them. */
const FIELDS = '6230';
const [VERSION, CUSEC] = [`${FIELDS}a002`, `${FIELDS}a402`] as const;
const [CTIME, SEQ_NUMBER] = [`${FIELDS}a518`, `${FIELDS}a702`] as const;

const { inside, sealed, sealedAt, subkey } = AP_REQ;
const clientName = (change: (components: string[]) => string[]) =>
  inside(({ cname }) => ({ cname: { ...cname, nameString: change(cname.nameString) } }));

/** Changes the value of the checksum, whatever its form. */
const checksum = (change: (value: Uint8Array, draw: Choices) => Uint8Array) =>
  inside(({ cksum }, draw) => ({
    cksum: { cksumtype: GSS_CHECKSUM_TYPE, checksum: change(copy(cksum!.checksum), draw) },
  }));

/** Places in the checksum (RFC 4121 §4.1.1): the length of the bindings, the bindings, the flags, and what follows. */
const AT = { bindings: 4, flags: 20, end: 24 } as const;

const ofOtherType = inside((_, draw) => ({
  cksum: { cksumtype: draw.of([7, 16, 0x8001, -1]), checksum: draw.octets(16) },
}));
const bindingsOf = (...lengths: number[]) =>
  checksum((its, draw) => concat(u32be(draw.of(lengths)).reverse(), its.subarray(AT.bindings)));

/** Changes the flags in the checksum, and adds the fields that belong to them. */
const flags = (change: (flags: number) => number, behind = '') =>
  checksum(value => {
    const changed = concat(value.subarray(0, AT.end), octets(behind));
    const view = viewOf(changed);
    view.setUint32(AT.flags, change(view.getUint32(AT.flags, true)) >>> 0, true);
    return changed;
  });
const delegation = (behind: string) => flags(its => its | GSS_FLAGS.deleg, behind);

const withoutMutual: ReturnType<typeof flags> = (its, draw) => ({
  ...flags(its => its & ~GSS_FLAGS.mutual)(its, draw),
  fields: message => ({ ...message, apOptions: 0 }),
});

const UNKNOWN_DATA = { adType: UNKNOWN_NUMBER, adData: octets('x') };
const data = (elements: AuthorizationData) => inside(() => ({ authorizationData: elements }));
const ifRelevant = (elements: AuthorizationData) => ({
  adType: AD_TYPES.ifRelevant,
  adData: formatDer(authorizationData, elements),
});
const nestedData = (depth: number): AuthorizationData => (depth === 0 ? [] : [ifRelevant(nestedData(depth - 1))]);

export const AUTHENTICATORS = AP_REQ.mutations(
  {
    'RFC 4120 §5.5.1': {
      'octets that are no authenticator': [DEFECTIVE, sealed((_, draw) => draw.octets(draw.of([0, 1, 40, 4000])))],
      'authenticator-vno 4': [DEFECTIVE, sealedAt(VERSION, filled('\x04'))],
      // The acceptor's own subkey may replace it, with a type that was offered (RFC 4537); then this subkey is never
      // used.
      'a subkey of an unknown enctype': ['either', subkey(unknownKeytype)],
      'a subkey of another length': ['either', subkey(otherLength)],
      'the highest sequence number': ['accept', inside(() => ({ seqNumber: 0xffff_ffff }))],
      'a negative sequence number': ['either', sealedAt(SEQ_NUMBER, filled('\xff'))],
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
      'a month 13': [NO_TIME, sealedAt(CTIME, MONTH_13)],
      'a time that says no zone': ['either', sealedAt(CTIME, shorter)],
    },
    'RFC 4120 §5.2.4': {
      'a million microseconds': ['either', sealedAt(CUSEC, filled('\x0fB@'))],
      'microseconds of twenty octets': [DEFECTIVE, sealedAt(CUSEC, TWENTY_OCTETS)],
      'a sequence number of 33 bits': [DEFECTIVE, sealedAt(SEQ_NUMBER, filled('\x01\0\0\0\0'))],
      'a sequence number of twenty octets': [DEFECTIVE, sealedAt(SEQ_NUMBER, TWENTY_OCTETS)],
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
      'bindings of another connection': ['either', checksum(its => its.fill(0x5a, AT.bindings, AT.flags))],
    },
    'RFC 4121 §2': { 'no subkey': ['accept', inside(() => ({ subkey: undefined }))] },
    'RFC 4120 §5.1.2': { 'no sequence number': ['either', inside(() => ({ seqNumber: undefined }))] },
    'RFC 4120 §1.5.1': { 'unknown authorization data': [DEFECTIVE, data([UNKNOWN_DATA])] },
    'RFC 4120 §5.1.3': { 'authorization data without elements': ['either', data([])] },
    'RFC 4120 §5.2.6': {
      'authorization data of 2000 elements': ['either', data(new Array(2000).fill(ifRelevant([]))), { large: true }],
    },
    'RFC 4120 §5.2.6.1': {
      'unknown authorization data, which may be passed over': ['accept', data([ifRelevant([UNKNOWN_DATA])])],
      'authorization data 300 deep': ['either', data(nestedData(300)), { large: true }],
    },
  },
  {
    of: 'authenticator',
    fields: FIELDS,
    required: ['62', FIELDS, `${FIELDS}a0`, `${FIELDS}a1`, `${FIELDS}a230`, CUSEC, CTIME],
  },
  sealedAt,
);
