/**
 * The messages of the client/server authentication exchange (RFC 4120 §3.2), in the same form as their ASN.1 in RFC 4120
 * appendix A. `parseDer(apReq, octets)` returns an object, `formatDer(apReq, object)` octets. Times are in seconds since 1970.
 */
import {
  application,
  constant,
  field,
  flag,
  generalString,
  int32,
  integer,
  kerberosFlags,
  kerberosTime,
  octetString,
  optional,
  sequence,
  sequenceOf,
  uint32,
  type ValueOf,
} from '../../der.js';

/** Key usages of this exchange (RFC 4120 §7.5.1). */
export const USAGE = { ticket: 2, authenticator: 11, apRep: 12 } as const;

/** The TicketFlags that a server uses (§5.3). */
export const TICKET_FLAGS = { invalid: flag(7), transitedPolicyChecked: flag(12) } as const;

/** APOptions (§5.5.1). */
export const AP_OPTIONS = { useSessionKey: flag(1), mutualRequired: flag(2) } as const;

/** AuthorizationData elements (§5.2.6, RFC 4537 §3). */
export const AD_TYPES = { ifRelevant: 1, kdcIssued: 4, mandatoryForKdc: 8, etypeNegotiation: 129 } as const;

const microseconds = integer(0, 999_999, 'Microseconds');
const realm = generalString;

/** §5.2.2 */
const principalName = sequence({
  nameType: field(0, int32),
  nameString: field(1, sequenceOf(generalString)),
});

/** §5.2.9 */
const encryptedData = sequence({
  etype: field(0, int32),
  kvno: optional(1, uint32),
  cipher: field(2, octetString),
});

/** §5.2.9 */
const encryptionKey = sequence({
  keytype: field(0, int32),
  keyvalue: field(1, octetString),
});

/** §5.2.9 */
const checksum = sequence({
  cksumtype: field(0, int32),
  checksum: field(1, octetString),
});

/** §5.2.5 */
const hostAddresses = sequenceOf(
  sequence({
    addrType: field(0, int32),
    address: field(1, octetString),
  }),
);

/** §5.2.6 */
export const authorizationData = sequenceOf(
  sequence({
    adType: field(0, int32),
    adData: field(1, octetString),
  }),
);

/** §5.3 */
export const ticket = application(
  1,
  'Ticket',
  sequence({
    tktVno: field(0, constant(5)),
    realm: field(1, realm),
    sname: field(2, principalName),
    encPart: field(3, encryptedData),
  }),
);

/** §5.3 */
const transitedEncoding = sequence({
  trType: field(0, int32),
  contents: field(1, octetString),
});

/** §5.3 */
export const encTicketPart = application(
  3,
  'EncTicketPart',
  sequence({
    flags: field(0, kerberosFlags),
    key: field(1, encryptionKey),
    crealm: field(2, realm),
    cname: field(3, principalName),
    transited: field(4, transitedEncoding),
    authtime: field(5, kerberosTime),
    starttime: optional(6, kerberosTime),
    endtime: field(7, kerberosTime),
    renewTill: optional(8, kerberosTime),
    caddr: optional(9, hostAddresses),
    authorizationData: optional(10, authorizationData),
  }),
);

/** §5.5.1 */
export const apReq = application(
  14,
  'AP-REQ',
  sequence({
    pvno: field(0, constant(5)),
    msgType: field(1, constant(14)),
    apOptions: field(2, kerberosFlags),
    ticket: field(3, ticket),
    authenticator: field(4, encryptedData),
  }),
);

/** §5.5.1 */
export const authenticatorSchema = application(
  2,
  'Authenticator',
  sequence({
    authenticatorVno: field(0, constant(5)),
    crealm: field(1, realm),
    cname: field(2, principalName),
    cksum: optional(3, checksum),
    cusec: field(4, microseconds),
    ctime: field(5, kerberosTime),
    subkey: optional(6, encryptionKey),
    seqNumber: optional(7, uint32),
    authorizationData: optional(8, authorizationData),
  }),
);

/** §5.5.2 */
export const apRep = application(
  15,
  'AP-REP',
  sequence({
    pvno: field(0, constant(5)),
    msgType: field(1, constant(15)),
    encPart: field(2, encryptedData),
  }),
);

/** §5.5.2 */
export const encApRepPart = application(
  27,
  'EncAPRepPart',
  sequence({
    ctime: field(0, kerberosTime),
    cusec: field(1, microseconds),
    subkey: optional(2, encryptionKey),
    seqNumber: optional(3, uint32),
  }),
);

/** §5.9.1 */
export const krbError = application(
  30,
  'KRB-ERROR',
  sequence({
    pvno: field(0, constant(5)),
    msgType: field(1, constant(30)),
    ctime: optional(2, kerberosTime),
    cusec: optional(3, microseconds),
    stime: field(4, kerberosTime),
    susec: field(5, microseconds),
    errorCode: field(6, int32),
    crealm: optional(7, realm),
    cname: optional(8, principalName),
    realm: field(9, realm),
    sname: field(10, principalName),
    eText: optional(11, generalString),
    eData: optional(12, octetString),
  }),
);

export type PrincipalName = ValueOf<typeof principalName>;
export type AuthorizationData = ValueOf<typeof authorizationData>;
export type EncryptedData = ValueOf<typeof encryptedData>;
/** A key with the number of its encryption type (RFC 4120 §5.2.9). */
export interface EncryptionKey {
  /** The number of the encryption type. */
  keytype: number;
  /** The octets of the key. */
  keyvalue: Uint8Array;
}

export type Ticket = ValueOf<typeof ticket>;
export type EncTicketPart = ValueOf<typeof encTicketPart>;
export type ApReq = ValueOf<typeof apReq>;
export type Authenticator = ValueOf<typeof authenticatorSchema>;
export type ApRep = ValueOf<typeof apRep>;
export type EncApRepPart = ValueOf<typeof encApRepPart>;
export type KrbError = ValueOf<typeof krbError>;
