/** AP-REQs that no conforming client sends: mutations of the parts in the clear (RFC 4120 §3.2.3 and §5.5.1). */
import { AP_OPTIONS, type ApReq, type EncryptedData } from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Choices } from '../../choices.js';
import { EITHER, refuse, type Table } from '../../mutation.js';
import { filled } from './der.js';
import { type ApReqParts, otherKey, tellsUsages } from './parts.js';
import {
  altered,
  at,
  BAD_TOKEN,
  cut,
  DAMAGED,
  type DerPlace,
  encrypted,
  type Make,
  otherEtype,
  requestRows,
  sealedWith,
  TWENTY_OCTETS,
  unknownEtype,
  withFields,
} from './rows.js';

type Ticket = ApReq['ticket'];

const NO_KEY = refuse('security/no-key', 'security/bad-checksum', 'security/bad-token');
const LONG = 32 * 1024;

const FIELDS = [0x6e, 0x30] as const;
const PVNO = [...FIELDS, 0xa0, 0x02] as const;
const NUMBER = [...FIELDS, 0xa1, 0x02] as const;
const OPTIONS = [...FIELDS, 0xa2, 0x03] as const;
const TICKET = [...FIELDS, 0xa3, 0x61, 0x30] as const;

const ticket = (change: (its: Ticket, draw: Choices) => Partial<Ticket>): Make<ApReqParts> =>
  withFields((message, draw) => ({ ticket: { ...message.ticket, ...change(message.ticket, draw) } }));
const service = (nameString: string[]) => ticket(({ sname }) => ({ sname: { ...sname, nameString } }));
const ticketPart = (change: (its: EncryptedData, draw: Choices) => Partial<EncryptedData>) =>
  ticket(({ encPart }, draw) => ({ encPart: { ...encPart, ...change(encPart, draw) } }));
const options = (change: (options: number) => number): Make<ApReqParts> =>
  withFields(({ apOptions }) => ({ apOptions: change(apOptions) >>> 0 }));

const ROWS: Table<Make<ApReqParts>> = {
  'RFC 4120 §5.5.1': {
    'pvno 4': [BAD_TOKEN, at(PVNO, filled('\x04'))],
    'a pvno of twenty octets': [BAD_TOKEN, at(PVNO, filled(TWENTY_OCTETS))],
    'a ticket of version 4': [BAD_TOKEN, at([...TICKET, 0xa0, 0x02], filled('\x04'))],
    'no ticket': [BAD_TOKEN, at([...FIELDS, 0xa3], filled(''))],
    'ap-options of no octet': [BAD_TOKEN, at(OPTIONS, filled(''))],
    'no version of the key': [EITHER, ticket(({ encPart: { etype, cipher } }) => ({ encPart: { etype, cipher } }))],
    'a realm of 32 KiB': [EITHER, ticket(() => ({ realm: 'A'.repeat(LONG) })), { large: true }],
    'a service of 5000 components': [EITHER, service(new Array<string>(5000).fill('x')), { large: true }],
  },
  'RFC 4120 §5.2.8': {
    'ap-options of one octet': [EITHER, at(OPTIONS, filled('\0 '))],
    'ap-options of a hundred octets': [EITHER, at(OPTIONS, filled('\0'.repeat(101)))],
  },
  'RFC 4120 §3.2.3': {
    'the number of an AP-REP': [BAD_TOKEN, at(NUMBER, filled('\x0f'))],
    // As in user-to-user authentication, where the service has a ticket of its own.
    'a ticket that is said to be under a session key': [EITHER, options(its => its | AP_OPTIONS.useSessionKey)],
    'ap-options that are all set': [EITHER, options(() => 0xffff_ffff)],
    'a service without name': [EITHER, service([])],
    'another service': [EITHER, service(['host', 'elsewhere.test'])],
    'no realm': [EITHER, ticket(() => ({ realm: '' }))],
    'a ticket of an unknown enctype': [NO_KEY, ticketPart(unknownEtype)],
    'a ticket of another enctype': [NO_KEY, ticketPart(otherEtype)],
    'another version of the key': [
      EITHER,
      ticketPart(({ kvno = 1 }, draw) => ({ kvno: draw.of([kvno + 1, 0, 0xffff_ffff]) })),
    ],
    'a ticket that is cut': [DAMAGED, ticketPart(cut)],
    'a ticket with a bit flipped': [DAMAGED, ticketPart(altered)],
    'an authenticator that is cut': [DAMAGED, encrypted(cut)],
    'an authenticator with a bit flipped': [DAMAGED, encrypted(altered)],
    // The type of the session key already determines the enctype.
    'an authenticator of an unknown enctype': [EITHER, encrypted(unknownEtype)],
    'an authenticator of another enctype': [EITHER, encrypted(otherEtype)],
    'an authenticator under another key': [
      DAMAGED,
      sealedWith(({ message }) => ({ key: otherKey(message.authenticator.etype) })),
    ],
    'an authenticator under its own subkey': [
      DAMAGED,
      sealedWith(({ inside: { subkey } }) => subkey && { key: subkey }),
    ],
  },
  'RFC 4120 §7.5.1': {
    'an authenticator with the key usage of those for a KDC': [
      DAMAGED,
      sealedWith(({ message }) => (tellsUsages(message.authenticator) ? { usage: 7 } : undefined)),
    ],
  },
};

const PLACE: DerPlace<ApReqParts> = {
  of: 'AP-REQ',
  mutated: at,
  fields: FIELDS,
  required: [
    [0x6e],
    FIELDS,
    [...FIELDS, 0xa0],
    NUMBER,
    [...FIELDS, 0xa3],
    TICKET,
    [...TICKET, 0xa2, 0x30],
    [...TICKET, 0xa3, 0x30, 0xa2, 0x04],
    [...FIELDS, 0xa4],
    [...FIELDS, 0xa4, 0x30, 0xa2, 0x04],
  ],
};

/** Mutations of AP-REQs in the clear. */
export const AP_REQS = requestRows(ROWS, PLACE);
