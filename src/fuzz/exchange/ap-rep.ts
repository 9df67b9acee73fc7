/** AP-REPs that no sound server sends (RFC 4120 §3.2.5 and §5.5.2), sealed with the right session key. */
import { formatDer } from '../../mechanisms/krb5/der.js';
import {
  type ApRep,
  apRep,
  type EncApRepPart,
  type EncryptionKey,
  encApRepPart,
} from '../../mechanisms/krb5/messages.js';
import type { Draw } from '../draw.js';
import { ACCEPT, EITHER, type Expectation, refuse } from '../mutation.js';
import { flipped, octets } from '../pieces.js';
import { DER, filled, type Path, within } from './der.js';
import { type ApRepParts, answerParts, otherKey, tellsUsages, tokenOf } from './krb5.js';
import type { ExchangeMutation } from './mutation.js';

type Make = (parts: ApRepParts, draw: Draw) => Uint8Array | undefined;

const RECEIPT = 'RFC 4120 §3.2.5';
const MESSAGE = 'RFC 4120 §5.5.2';
const BAD_TOKEN = refuse('security/bad-token');
const DAMAGED = refuse('security/bad-checksum', 'security/bad-token');
const NO_KEY = refuse('security/bad-token', 'security/no-key');
/** Nobody but the server has the subkey either: it proves as much, in another form. */
const OTHER_FORM = refuse('security/bad-token', 'security/bad-checksum');
const UNKNOWN_ENCTYPE = 4711;

const row = (name: string, source: string, expected: Expectation, make: Make): ExchangeMutation => ({
  name,
  source,
  expected,
  to: 'client',
  forges: 'krb5',
  at: 'token',
  change(_token, draw, turn) {
    const parts = answerParts(turn);
    return parts && make(parts, draw);
  },
});

const formatted = (message: ApRep) => tokenOf('AP-REP', formatDer(apRep, message));

const at =
  (path: Path, change: (element: Uint8Array, draw: Draw) => Uint8Array): Make =>
  ({ message }, draw) =>
    tokenOf(
      'AP-REP',
      within(formatDer(apRep, message), path, element => change(element, draw)),
    );

const encrypted =
  (change: (sealed: ApRep['encPart'], draw: Draw) => Partial<ApRep['encPart']>): Make =>
  ({ message }, draw) =>
    formatted({ ...message, encPart: { ...message.encPart, ...change(message.encPart, draw) } });

const sealed =
  (make: (inside: Uint8Array, draw: Draw) => Uint8Array): Make =>
  (parts, draw) =>
    formatted({ ...parts.message, encPart: parts.sealed(make(formatDer(encApRepPart, parts.inside), draw)) });

const inside =
  (change: (inside: EncApRepPart, draw: Draw) => object | undefined): Make =>
  (parts, draw) => {
    const changed = change(parts.inside, draw);
    return changed && sealed(() => formatDer(encApRepPart, { ...parts.inside, ...changed }))(parts, draw);
  };

const resealed =
  (how: (parts: ApRepParts) => { key?: EncryptionKey; usage?: number } | undefined): Make =>
  parts => {
    const otherwise = how(parts);
    const { message, inside: part } = parts;
    return otherwise && formatted({ ...message, encPart: parts.sealed(formatDer(encApRepPart, part), otherwise) });
  };

const IN = [0x6f, 0x30] as const;
const WITHIN = [0x7b, 0x30] as const;
const inOctets = (path: Path, change: (element: Uint8Array) => Uint8Array): Make =>
  sealed(its => within(its, [...WITHIN, ...path], change));

const CLEAR: readonly ExchangeMutation[] = [
  row('pvno 4', MESSAGE, BAD_TOKEN, at([...IN, 0xa0, 0x02], filled(octets('\x04')))),
  row('a pvno of twenty octets', MESSAGE, BAD_TOKEN, at([...IN, 0xa0, 0x02], filled(new Uint8Array(20).fill(0x7f)))),
  row('the number of an AP-REQ', MESSAGE, BAD_TOKEN, at([...IN, 0xa1, 0x02], filled(octets('\x0e')))),
  row('no sealed part', MESSAGE, BAD_TOKEN, at([...IN, 0xa2], filled(octets('')))),
  // The session key has a type of its own, which tells as much.
  row(
    'a sealed part of an enctype that nobody has',
    MESSAGE,
    EITHER,
    encrypted(() => ({ etype: UNKNOWN_ENCTYPE })),
  ),
  row(
    'a sealed part of another enctype',
    MESSAGE,
    EITHER,
    encrypted(({ etype }) => ({ etype: etype === 18 ? 17 : 18 })),
  ),
  row(
    'a sealed part with a key version',
    MESSAGE,
    EITHER,
    encrypted(() => ({ kvno: 4711 })),
  ),
  row(
    'a sealed part that is cut',
    RECEIPT,
    DAMAGED,
    encrypted(({ cipher }, draw) => ({ cipher: cipher.subarray(0, draw.of([cipher.length - 1, 0, 1, 16])) })),
  ),
  row(
    'a sealed part with a bit flipped',
    RECEIPT,
    DAMAGED,
    encrypted(({ cipher }, draw) => ({ cipher: flipped(cipher, draw.below(cipher.length), draw.below(8)) })),
  ),
  row(
    'it is sealed under another key',
    RECEIPT,
    DAMAGED,
    resealed(({ message }) => ({ key: otherKey(message.encPart.etype) })),
  ),
  row(
    "it is sealed under the client's subkey",
    RECEIPT,
    OTHER_FORM,
    resealed(({ request: { subkey } }) => subkey && { key: subkey }),
  ),
  row(
    'it is sealed with the key usage of an authenticator',
    'RFC 4120 §7.5.1',
    DAMAGED,
    resealed(({ message }) => (tellsUsages(message.encPart) ? { usage: 11 } : undefined)),
  ),
];

const SEALED: readonly ExchangeMutation[] = [
  row(
    'a sealed part that is none',
    MESSAGE,
    BAD_TOKEN,
    sealed((_, draw) => draw.octets(draw.of([0, 1, 40, 4000]))),
  ),
  row(
    "another second than the authenticator's",
    RECEIPT,
    DAMAGED,
    inside(({ ctime }, draw) => ({ ctime: ctime + draw.of([1, -1, 86_400]) })),
  ),
  row(
    "another microsecond than the authenticator's",
    RECEIPT,
    DAMAGED,
    inside(({ cusec }, draw) => ({ cusec: cusec === 0 ? 1 : cusec - draw.of([1, cusec]) })),
  ),
  row(
    'a month 13',
    'RFC 4120 §5.2.3',
    BAD_TOKEN,
    inOctets(
      [0xa0, 0x18],
      filled(was => Uint8Array.from(was, (octet, i) => (i === 4 ? 0x31 : i === 5 ? 0x33 : octet))),
    ),
  ),
  row(
    'microseconds of twenty octets',
    'RFC 4120 §5.2.4',
    BAD_TOKEN,
    inOctets([0xa1, 0x02], filled(new Uint8Array(20).fill(0x7f))),
  ),
  row(
    'a subkey of an enctype that nobody has',
    MESSAGE,
    NO_KEY,
    inside(({ subkey }) => subkey && { subkey: { ...subkey, keytype: UNKNOWN_ENCTYPE } }),
  ),
  row(
    'a subkey of another length',
    MESSAGE,
    NO_KEY,
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
  row('a negative sequence number', 'RFC 4120 §5.5.1', EITHER, inOctets([0xa3, 0x02], filled(octets('\xff')))),
  row(
    'a sequence number of 33 bits',
    'RFC 4120 §5.2.4',
    BAD_TOKEN,
    inOctets([0xa3, 0x02], filled(octets('\x01\0\0\0\0'))),
  ),
];

const PLACES: readonly {
  of: string;
  paths: readonly Path[];
  fields: Path;
  bent: (path: Path, change: (element: Uint8Array, draw: Draw) => Uint8Array) => Make;
}[] = [
  {
    of: 'AP-REP',
    paths: [[0x6f], IN, [...IN, 0xa0], [...IN, 0xa1, 0x02], [...IN, 0xa2, 0x30], [...IN, 0xa2, 0x30, 0xa2, 0x04]],
    fields: IN,
    bent: at,
  },
  {
    of: 'what is sealed',
    paths: [[0x7b], WITHIN, [...WITHIN, 0xa0], [...WITHIN, 0xa0, 0x18], [...WITHIN, 0xa1, 0x02]],
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

export const AP_REPS: readonly ExchangeMutation[] = [...CLEAR, ...SEALED, ...DERS];
