/** AP-REQs that no conforming client sends: mutations of the parts in the clear (RFC 4120 §3.2.3 and §5.5.1). */
import { AP_OPTIONS, type EncryptedData } from '../../../mechanisms/krb5/messages/kerberos.js';
import type { Choices } from '../../choices.js';
import { UNVERIFIED } from '../../mutation.js';
import { filled } from './der.js';
import { AP_REQ, encryptedRows, otherKey, otherUsage, TWENTY_OCTETS } from './messages.js';

const DEFECTIVE = 'security/bad-token';
const NO_KEY = ['security/no-key', 'security/bad-checksum', 'security/bad-token'] as const;
const LONG = 32 * 1024;

/** Paths in an AP-REQ, as `within` takes them. */
const FIELDS = '6e30';
const [PVNO, NUMBER, OPTIONS] = [`${FIELDS}a002`, `${FIELDS}a102`, `${FIELDS}a203`] as const;
const [TICKET, AUTHENTICATOR] = [`${FIELDS}a36130`, `${FIELDS}a4`] as const;

const { at, fields, part } = AP_REQ;
const ticket = part('ticket');
const service = (nameString: string[]) => ticket(({ sname }) => ({ sname: { ...sname, nameString } }));
const ticketPart = (change: (its: EncryptedData, draw: Choices) => object | undefined) =>
  ticket(({ encPart }, draw) => ({ encPart: { ...encPart, ...change(encPart, draw) } }));
const kvno = (change: (right: number, draw: Choices) => number) =>
  ticketPart((its, draw) => ({ kvno: change(its.kvno ?? 1, draw) }));
const options = (change: (options: number) => number) =>
  fields(({ apOptions }) => ({ apOptions: change(apOptions) >>> 0 }));

export const AP_REQS = AP_REQ.mutations(
  {
    'RFC 4120 §5.5.1': {
      'pvno 4': [DEFECTIVE, at(PVNO, filled('\x04'))],
      'a pvno of twenty octets': [DEFECTIVE, at(PVNO, TWENTY_OCTETS)],
      'a ticket of version 4': [DEFECTIVE, at(`${TICKET}a002`, filled('\x04'))],
      'no ticket': [DEFECTIVE, at(`${FIELDS}a3`, filled(''))],
      'ap-options of no octet': [DEFECTIVE, at(OPTIONS, filled(''))],
      'no version of the key': ['either', ticket(({ encPart: { etype, cipher } }) => ({ encPart: { etype, cipher } }))],
      'a realm of 32 KiB': ['either', ticket(() => ({ realm: 'A'.repeat(LONG) })), { large: true }],
      'a service of 5000 components': ['either', service(new Array<string>(5000).fill('x')), { large: true }],
    },
    'RFC 4120 §5.2.8': {
      'ap-options of one octet': ['either', at(OPTIONS, filled('\0 '))],
      'ap-options of a hundred octets': ['either', at(OPTIONS, filled('\0'.repeat(101)))],
    },
    'RFC 4120 §3.2.3': {
      'the number of an AP-REP': [DEFECTIVE, at(NUMBER, filled('\x0f'))],
      // As in user-to-user authentication, where the service has a ticket of its own.
      'a ticket that is said to be under a session key': ['either', options(its => its | AP_OPTIONS.useSessionKey)],
      'ap-options that are all set': ['either', options(() => 0xffff_ffff)],
      'a service without name': ['either', service([])],
      'another service': ['either', service(['host', 'elsewhere.test'])],
      'no realm': ['either', ticket(() => ({ realm: '' }))],
      'another version of the key': ['either', kvno((right, draw) => draw.of([right + 1, 0, 0xffff_ffff]))],
      ...encryptedRows('a ticket', NO_KEY, ticketPart),
      ...encryptedRows('an authenticator', 'either', part('authenticator')),
      'an authenticator under another key': [UNVERIFIED, ({ key }) => ({ key: otherKey(key) })],
      'an authenticator under its own subkey': [UNVERIFIED, ({ inside: { subkey: key } }) => key && { key }],
    },
    'RFC 4120 §7.5.1': {
      'an authenticator with the key usage of those for a KDC': [UNVERIFIED, ({ key }) => otherUsage(key, 7)],
    },
  },
  {
    of: 'AP-REQ',
    fields: FIELDS,
    required: [
      '6e',
      FIELDS,
      `${FIELDS}a0`,
      NUMBER,
      `${FIELDS}a3`,
      TICKET,
      `${TICKET}a230`,
      `${TICKET}a330a204`,
      AUTHENTICATOR,
      `${AUTHENTICATOR}30a204`,
    ],
  },
);
