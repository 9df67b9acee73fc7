/** AP-REPs that no conforming server sends (RFC 4120 §3.2.5 and §5.5.2), encrypted with the right session key. */
import { ACCEPT, EITHER, refuse, type Table } from '../../mutation.js';
import { filled } from './der.js';
import { type ApRepParts, otherKey, tellsUsages } from './parts.js';
import {
  altered,
  answerRows,
  at,
  BAD_TOKEN,
  cut,
  DAMAGED,
  type DerPlace,
  encrypted,
  inside,
  type Make,
  monthThirteen,
  otherEtype,
  otherLength,
  sealed,
  sealedAt,
  sealedWith,
  subkey,
  TWENTY_OCTETS,
  UNKNOWN_NUMBER,
  unknownEtype,
  unknownKeytype,
} from './rows.js';

const NO_KEY = refuse('security/bad-token', 'security/no-key');
/** Only the server has the subkey, so the AP-REP still authenticates it, though in another form. */
const OTHER_FORM = refuse('security/bad-token', 'security/bad-checksum');

const FIELDS = [0x6f, 0x30] as const;
const PVNO = [...FIELDS, 0xa0, 0x02] as const;
const NUMBER = [...FIELDS, 0xa1, 0x02] as const;
const SEALED = [...FIELDS, 0xa2] as const;

const CLEAR_ROWS: Table<Make<ApRepParts>> = {
  'RFC 4120 §5.5.2': {
    'pvno 4': [BAD_TOKEN, at(PVNO, filled('\x04'))],
    'a pvno of twenty octets': [BAD_TOKEN, at(PVNO, filled(TWENTY_OCTETS))],
    'the number of an AP-REQ': [BAD_TOKEN, at(NUMBER, filled('\x0e'))],
    'no sealed part': [BAD_TOKEN, at(SEALED, filled(''))],
    // The type of the session key already determines the enctype.
    'a sealed part of an unknown enctype': [EITHER, encrypted(unknownEtype)],
    'a sealed part of another enctype': [EITHER, encrypted(otherEtype)],
    'a sealed part with a key version': [EITHER, encrypted(() => ({ kvno: UNKNOWN_NUMBER }))],
  },
  'RFC 4120 §3.2.5': {
    'a sealed part that is cut': [DAMAGED, encrypted(cut)],
    'a sealed part with a bit flipped': [DAMAGED, encrypted(altered)],
    'a sealed part under another key': [
      DAMAGED,
      sealedWith(({ message }) => ({ key: otherKey(message.encPart.etype) })),
    ],
    "a sealed part under the client's subkey": [
      OTHER_FORM,
      sealedWith(({ request }) => request.subkey && { key: request.subkey }),
    ],
  },
  'RFC 4120 §7.5.1': {
    'a sealed part with the key usage of an authenticator': [
      DAMAGED,
      sealedWith(({ message }) => (tellsUsages(message.encPart) ? { usage: 11 } : undefined)),
    ],
  },
};

const WITHIN = [0x7b, 0x30] as const;
const CTIME = [...WITHIN, 0xa0, 0x18] as const;
const CUSEC = [...WITHIN, 0xa1, 0x02] as const;
const SEQ_NUMBER = [...WITHIN, 0xa3, 0x02] as const;

const SEALED_ROWS: Table<Make<ApRepParts>> = {
  'RFC 4120 §3.2.5': {
    "another second than the authenticator's": [
      DAMAGED,
      inside(({ ctime }, draw) => ({ ctime: ctime + draw.of([1, -1, 86_400]) })),
    ],
    "another microsecond than the authenticator's": [
      DAMAGED,
      inside(({ cusec }, draw) => ({ cusec: cusec === 0 ? 1 : cusec - draw.of([1, cusec]) })),
    ],
  },
  'RFC 4120 §5.5.2': {
    'octets that are no sealed part': [BAD_TOKEN, sealed((_, draw) => draw.octets(draw.of([0, 1, 40, 4000])))],
    'a subkey of an unknown enctype': [NO_KEY, subkey(unknownKeytype)],
    'a subkey of another length': [NO_KEY, subkey(otherLength)],
    'the highest sequence number': [ACCEPT, inside(() => ({ seqNumber: 0xffff_ffff }))],
  },
  'RFC 4120 §5.1.2': { 'no sequence number': [EITHER, inside(() => ({ seqNumber: undefined }))] },
  'RFC 4120 §5.5.1': { 'a negative sequence number': [EITHER, sealedAt(SEQ_NUMBER, filled('\xff'))] },
  'RFC 4120 §5.2.3': { 'a month 13': [BAD_TOKEN, sealedAt(CTIME, monthThirteen)] },
  'RFC 4120 §5.2.4': {
    'microseconds of twenty octets': [BAD_TOKEN, sealedAt(CUSEC, filled(TWENTY_OCTETS))],
    'a sequence number of 33 bits': [BAD_TOKEN, sealedAt(SEQ_NUMBER, filled('\x01\0\0\0\0'))],
  },
};

const CLEAR: DerPlace<ApRepParts> = {
  of: 'AP-REP',
  mutated: at,
  fields: FIELDS,
  required: [[0x6f], FIELDS, [...FIELDS, 0xa0], NUMBER, [...SEALED, 0x30], [...SEALED, 0x30, 0xa2, 0x04]],
};

const WHAT_IS_SEALED: DerPlace<ApRepParts> = {
  of: 'what is sealed',
  mutated: sealedAt,
  fields: WITHIN,
  required: [[0x7b], WITHIN, [...WITHIN, 0xa0], CTIME, CUSEC],
};

/** Mutations of AP-REPs. */
export const AP_REPS = [...answerRows(CLEAR_ROWS, CLEAR), ...answerRows(SEALED_ROWS, WHAT_IS_SEALED)];
