/** AP-REPs that no conforming server sends (RFC 4120 §3.2.5 and §5.5.2), encrypted with the right session key. */
import { BAD_TOKEN, UNVERIFIED } from '../../mutation.js';
import { filled } from './der.js';
import {
  AP_REP,
  encryptedRows,
  MONTH_13,
  otherKey,
  otherLength,
  otherUsage,
  TWENTY_OCTETS,
  UNKNOWN_NUMBER,
  unknownKeytype,
} from './messages.js';

const DEFECTIVE = 'security/bad-token';
const NO_KEY = ['security/bad-token', 'security/no-key'] as const;

/** Paths in an AP-REP, as `within` takes them. */
const FIELDS = '6f30';
const [PVNO, NUMBER, SEALED] = [`${FIELDS}a002`, `${FIELDS}a102`, `${FIELDS}a2`] as const;

const { at, part, inside, sealed, sealedAt, subkey } = AP_REP;
const encrypted = part('encPart');

const CLEAR_PARTS = AP_REP.mutations(
  {
    'RFC 4120 §5.5.2': {
      'pvno 4': [DEFECTIVE, at(PVNO, filled('\x04'))],
      'a pvno of twenty octets': [DEFECTIVE, at(PVNO, TWENTY_OCTETS)],
      'the number of an AP-REQ': [DEFECTIVE, at(NUMBER, filled('\x0e'))],
      'no sealed part': [DEFECTIVE, at(SEALED, filled(''))],
      'a sealed part with a key version': ['either', encrypted(() => ({ kvno: UNKNOWN_NUMBER }))],
    },
    'RFC 4120 §3.2.5': {
      ...encryptedRows('a sealed part', 'either', encrypted),
      'a sealed part under another key': [UNVERIFIED, ({ key }) => ({ key: otherKey(key) })],
      // Only the server has the subkey, so the AP-REP still authenticates it, though in another form.
      "a sealed part under the client's subkey": [BAD_TOKEN, ({ request: { subkey: key } }) => key && { key }],
    },
    'RFC 4120 §7.5.1': {
      'a sealed part with the key usage of an authenticator': [UNVERIFIED, ({ key }) => otherUsage(key, 11)],
    },
  },
  {
    of: 'AP-REP',
    fields: FIELDS,
    required: ['6f', FIELDS, `${FIELDS}a0`, NUMBER, `${SEALED}30`, `${SEALED}30a204`],
  },
);

/** Paths in its encrypted part. */
const WITHIN = '7b30';
const [CTIME, CUSEC, SEQ_NUMBER] = [`${WITHIN}a018`, `${WITHIN}a102`, `${WITHIN}a302`] as const;

const otherSecond = inside(({ ctime }, draw) => ({ ctime: ctime + draw.of([1, -1, 86_400]) }));
const otherMicrosecond = inside(({ cusec }, draw) => ({ cusec: cusec === 0 ? 1 : cusec - draw.of([1, cusec]) }));

const SEALED_PARTS = AP_REP.mutations(
  {
    'RFC 4120 §3.2.5': {
      "another second than the authenticator's": [UNVERIFIED, otherSecond],
      "another microsecond than the authenticator's": [UNVERIFIED, otherMicrosecond],
    },
    'RFC 4120 §5.5.2': {
      'octets that are no sealed part': [DEFECTIVE, sealed((_, draw) => draw.octets(draw.of([0, 1, 40, 4000])))],
      'a subkey of an unknown enctype': [NO_KEY, subkey(unknownKeytype)],
      'a subkey of another length': [NO_KEY, subkey(otherLength)],
      'the highest sequence number': ['accept', inside(() => ({ seqNumber: 0xffff_ffff }))],
    },
    'RFC 4120 §5.1.2': { 'no sequence number': ['either', inside(() => ({ seqNumber: undefined }))] },
    'RFC 4120 §5.5.1': { 'a negative sequence number': ['either', sealedAt(SEQ_NUMBER, filled('\xff'))] },
    'RFC 4120 §5.2.3': { 'a month 13': [DEFECTIVE, sealedAt(CTIME, MONTH_13)] },
    'RFC 4120 §5.2.4': {
      'microseconds of twenty octets': [DEFECTIVE, sealedAt(CUSEC, TWENTY_OCTETS)],
      'a sequence number of 33 bits': [DEFECTIVE, sealedAt(SEQ_NUMBER, filled('\x01\0\0\0\0'))],
    },
  },
  { of: 'what is sealed', fields: WITHIN, required: ['7b', WITHIN, `${WITHIN}a0`, CTIME, CUSEC] },
  sealedAt,
);

export const AP_REPS = [...CLEAR_PARTS, ...SEALED_PARTS];
