/** The frame around the tokens of Kerberos V5 (RFC 2743 §3.1), and their ids (RFC 4121 §4.1). */
import { concat, concatAll, fromHex, u32be } from '../../../bytes.js';
import { readElement } from '../../../mechanisms/der.js';
import { formatFrame } from '../../../mechanisms/krb5/messages/gss-framing.js';
import type { Choices } from '../../choices.js';
import { type Change, EITHER, type ExchangeTurn, mutationsOf, refuse } from '../../mutation.js';
import { octets } from '../../pieces.js';

const DEFECTIVE = refuse('security/bad-token');
/** The object identifier of Kerberos with its tag and length. */
const OID_SIZE = 11;
const OTHER_OIDS = {
  /** 1.3.6.1.5.5.14, and GSI's. */
  unknown: ['06062b060105050e', '06092b0601040182374804', '060a2b060104019b5001010101'],
  /** Kerberos V5 before RFC 1964, and the form that Windows once wrote (RFC 4178 appendix C). */
  old: ['06052b05010502', '06092a864882f712010202'],
};

interface Frame {
  oid: Uint8Array;
  /** Token id and message. */
  inside: Uint8Array;
  /** Of token id and message together, in octets. */
  length: number;
}

const framed = (length: readonly number[], inside: readonly Uint8Array[]) =>
  concatAll([Uint8Array.from([0x60, ...length]), ...inside]);
const inFour = (length: number) => [0x84, ...u32be(length)];

/** Puts the content into a frame with the right length. */
function bare(inside: readonly Uint8Array[]): Uint8Array {
  const length = inside.reduce((sum, part) => sum + part.length, 0);
  if (length < 0x80) return framed([length], inside);
  return framed(length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff], inside);
}

function frameIn(token: Uint8Array): Frame {
  const { start, end } = readElement(token, 0, token.length);
  const at = start + OID_SIZE;
  return { oid: token.subarray(start, at), inside: token.subarray(at, end), length: end - start };
}

const reframed =
  (change: (frame: Frame, draw: Choices) => Uint8Array): Change<ExchangeTurn> =>
  ([token], draw) => [change(frameIn(token!), draw)];

/** Puts the identifier of another mechanism between the length and the token id. */
const named = (oid: (draw: Choices) => Uint8Array) => reframed(({ inside }, draw) => bare([oid(draw), inside]));

const identified = (id: (its: number, draw: Choices) => string) =>
  reframed(({ inside }, draw) => formatFrame(concat(fromHex(id(inside[0]!, draw)), inside.subarray(2))));

/** Mutations of the frame, for both tokens. */
export const FRAMES = mutationsOf<ExchangeTurn>({ layer: 'exchange', at: 'tokens', forges: 'krb5' })({
  'RFC 2743 §3.1': {
    'frame: a length one too small': [
      DEFECTIVE,
      reframed(({ oid, inside, length }) => framed(inFour(length - 1), [oid, inside])),
    ],
    'frame: a length too large': [
      DEFECTIVE,
      reframed(({ oid, inside, length }, draw) =>
        framed(inFour(length + draw.of([1, 2, 1000, 0x10000])), [oid, inside]),
      ),
    ],
    'frame: a length of 2^31 or so': [
      DEFECTIVE,
      reframed(({ oid, inside }, draw) =>
        framed(inFour(draw.of([0x7fff_ffff, 0x8000_0000, 0xffff_ffff])), [oid, inside]),
      ),
    ],
    'frame: a length of nine octets': [
      DEFECTIVE,
      reframed(({ oid, inside }) => framed([0x88, ...new Array<number>(8).fill(0xff)], [oid, inside])),
    ],
    'frame: a length of 127 octets that are not there': [DEFECTIVE, reframed(({ oid }) => framed([0xff], [oid]))],
    'frame: a length not in its shortest form': [
      EITHER,
      reframed(({ oid, inside, length }) => framed(inFour(length), [oid, inside])),
    ],
    'frame: a length that has no end': [
      EITHER,
      reframed(({ oid, inside }) => framed([0x80], [oid, inside, octets('\0\0')])),
    ],
    'frame: no length': [DEFECTIVE, reframed(() => octets('`'))],
    'frame: the mechanism is another': [DEFECTIVE, named(draw => fromHex(draw.of(OTHER_OIDS.unknown)))],
    'frame: an older name of the mechanism': [EITHER, named(draw => fromHex(draw.of(OTHER_OIDS.old)))],
    'frame: no mechanism': [DEFECTIVE, named(() => octets(''))],
    'frame: a mechanism without octets': [DEFECTIVE, named(() => octets('\x06\0'))],
    'frame: a mechanism longer than the token': [
      DEFECTIVE,
      reframed(({ oid, inside }, draw) =>
        bare([octets(`\x06${draw.of(['\x7f', '\xff', '\x80'])}`), oid.subarray(2), inside]),
      ),
    ],
    'frame: nothing behind the mechanism': [DEFECTIVE, reframed(({ oid }) => bare([oid]))],
    'frame: a frame within the frame': [DEFECTIVE, ([token]) => [formatFrame(token!)]],
  },
  'RFC 4121 §4.1': {
    'frame: no frame': [EITHER, reframed(({ inside }) => inside)],
    'frame: no frame and no id': [EITHER, reframed(({ inside }) => inside.subarray(2))],
    'frame: half a token id': [DEFECTIVE, reframed(({ oid, inside }) => bare([oid, inside.subarray(0, 1)]))],
    'frame: a token id alone': [DEFECTIVE, reframed(({ oid, inside }) => bare([oid, inside.subarray(0, 2)]))],
    'frame: the id of a KRB-ERROR': [DEFECTIVE, identified(() => '0300')],
    "frame: the id of the other side's message": [DEFECTIVE, identified(its => (its === 1 ? '0200' : '0100'))],
    'frame: an unknown id': [DEFECTIVE, identified((_, draw) => draw.of(['0000', '0101', '0404', 'ffff', '0001']))],
  },
});
