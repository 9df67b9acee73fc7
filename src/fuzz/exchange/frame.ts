/** The frame around the tokens of Kerberos V5 (RFC 2743 §3.1), and their ids (RFC 4121 §4.1). */
import { concat, concatAll, fromHex, u32be } from '../../bytes.js';
import { readElement } from '../../mechanisms/der.js';
import { formatFrame } from '../../mechanisms/krb5/messages/gss-framing.js';
import type { Choices } from '../choices.js';
import { EITHER, type Expectation, refuse } from '../mutation.js';
import { octets } from '../pieces.js';
import type { ExchangeMutation } from './mutation.js';

const FRAME = 'RFC 2743 §3.1';
const IDS = 'RFC 4121 §4.1';
const DEFECTIVE = refuse('security/bad-token');
/** The object identifier of Kerberos with its tag and length. */
const OID_SIZE = 11;
const OTHER_OIDS = {
  /** 1.3.6.1.5.5.14, and GSI's. */
  unknown: ['06062b060105050e', '06092b0601040182374804', '060a2b060104019b5001010101'],
  /** Kerberos V5 before RFC 1964, and as Windows once wrote it (RFC 4178 appendix C). */
  old: ['06052b05010502', '06092a864882f712010202'],
};

interface Framed {
  oid: Uint8Array;
  /** Token id and message. */
  inside: Uint8Array;
  /** Of both. */
  length: number;
}

const framed = (length: readonly number[], ...inside: readonly Uint8Array[]) => framedAll(length, inside);
const framedAll = (length: readonly number[], inside: readonly Uint8Array[]) =>
  concatAll([Uint8Array.of(0x60), Uint8Array.from(length), ...inside]);
const inFour = (length: number) => [0x84, ...u32be(length)];

const row = (
  name: string,
  expected: Expectation,
  change: (frame: Framed, draw: Choices, token: Uint8Array) => Uint8Array,
  source = FRAME,
): ExchangeMutation => ({
  name: `frame: ${name}`,
  source,
  expected,
  forges: 'krb5',
  at: 'token',
  change: (token, draw) => change(frameIn(token), draw, token),
});

function frameIn(token: Uint8Array): Framed {
  const { start, end } = readElement(token, 0, token.length);
  return {
    oid: token.subarray(start, start + OID_SIZE),
    inside: token.subarray(start + OID_SIZE, end),
    length: end - start,
  };
}

const identified =
  (id: string) =>
  ({ inside }: Framed) =>
    formatFrame(concat(fromHex(id), inside.subarray(2)));

export const FRAMES: readonly ExchangeMutation[] = [
  row('a length one too small', DEFECTIVE, ({ oid, inside, length }) => framed(inFour(length - 1), oid, inside)),
  row('a length too large', DEFECTIVE, ({ oid, inside, length }, draw) =>
    framed(inFour(length + draw.of([1, 2, 1000, 0x10000])), oid, inside),
  ),
  row('a length of 2^31 or so', DEFECTIVE, ({ oid, inside }, draw) =>
    framed(inFour(draw.of([0x7fff_ffff, 0x8000_0000, 0xffff_ffff])), oid, inside),
  ),
  row('a length of nine octets', DEFECTIVE, ({ oid, inside }) =>
    framed([0x88, ...new Array<number>(8).fill(0xff)], oid, inside),
  ),
  row('a length of 127 octets that are not there', DEFECTIVE, ({ oid }) => framed([0xff], oid)),
  row('a length not in its shortest form', EITHER, ({ oid, inside, length }) => framed(inFour(length), oid, inside)),
  row('a length that has no end', EITHER, ({ oid, inside }) => framed([0x80], oid, inside, octets('\0\0'))),
  row('no length', DEFECTIVE, () => octets('`')),
  row('the mechanism is another', DEFECTIVE, ({ inside }, draw) => bare(fromHex(draw.of(OTHER_OIDS.unknown)), inside)),
  row('an older name of the mechanism', EITHER, ({ inside }, draw) => bare(fromHex(draw.of(OTHER_OIDS.old)), inside)),
  row('no mechanism', DEFECTIVE, ({ inside }) => bare(octets(''), inside)),
  row('a mechanism without octets', DEFECTIVE, ({ inside }) => bare(octets('\x06\0'), inside)),
  row('a mechanism longer than the token', DEFECTIVE, ({ oid, inside }, draw) =>
    bare(octets(`\x06${draw.of(['\x7f', '\xff', '\x80'])}`), oid.subarray(2), inside),
  ),
  row('nothing behind the mechanism', DEFECTIVE, ({ oid }) => bare(oid)),
  row('no frame', EITHER, ({ inside }) => inside, IDS),
  row('no frame and no id', EITHER, ({ inside }) => inside.subarray(2), IDS),
  row('a frame within the frame', DEFECTIVE, (_frame, _draw, token) => formatFrame(token)),
  row('half a token id', DEFECTIVE, ({ oid, inside }) => bare(oid, inside.subarray(0, 1)), IDS),
  row('a token id alone', DEFECTIVE, ({ oid, inside }) => bare(oid, inside.subarray(0, 2)), IDS),
  row('the id of a KRB-ERROR', DEFECTIVE, identified('0300'), IDS),
  row(
    "the id of the other side's message",
    DEFECTIVE,
    frame => identified(frame.inside[0] === 1 ? '0200' : '0100')(frame),
    IDS,
  ),
  row(
    'an unknown id',
    DEFECTIVE,
    (frame, draw) => identified(draw.of(['0000', '0101', '0404', 'ffff', '0001']))(frame),
    IDS,
  ),
];

function bare(...inside: readonly Uint8Array[]): Uint8Array {
  const length = inside.reduce((sum, part) => sum + part.length, 0);
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return framedAll(octets, inside);
}
