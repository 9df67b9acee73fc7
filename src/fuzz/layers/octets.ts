/**
 * Octets, whatever they mean (RFC 2228 §3). Nothing is known but that a peer must not take another text than was protected;
 * a reply may be left without end.
 */
import { concat, concatAll, copy } from '../../bytes.js';
import { EITHER, type Mutation, refuse } from '../mutation.js';
import { anyOne, flipped, octets, spliced } from '../pieces.js';

const ANY = 'RFC 2228 §3';
/** Octets that parsers are known to stumble over. */
const AWKWARD = ['\0', '\r', '\n', '\t', ' ', '-', '%', '=', '\x7f', '\x80', '\xfe', '\xff'];

export const OCTETS: readonly Mutation[] = [
  {
    name: 'a bit is flipped',
    change: anyOne((wire, draw) => flipped(wire, draw.below(wire.length), draw.below(8))),
  },
  {
    name: 'an octet is gone',
    change: anyOne((wire, draw) => spliced(wire, draw.below(wire.length), 1)),
  },
  {
    name: 'an octet is added',
    change: anyOne((wire, draw) => spliced(wire, draw.below(wire.length), 0, octets(draw.of(AWKWARD)))),
  },
  {
    name: 'an octet is another',
    change: anyOne((wire, draw) => spliced(wire, draw.below(wire.length), 1, octets(draw.of(AWKWARD)))),
  },
  {
    name: 'a stretch is gone',
    change: anyOne((wire, draw) => spliced(wire, draw.below(wire.length), 1 + draw.below(wire.length))),
  },
  {
    name: 'a stretch comes twice',
    change: anyOne((wire, draw) => {
      const at = draw.below(wire.length);
      return spliced(wire, at, 0, wire.subarray(at, at + 1 + draw.below(wire.length)));
    }),
  },
  {
    name: 'two neighbours change places',
    change: anyOne((wire, draw) => {
      const at = draw.below(wire.length - 1);
      return spliced(wire, at, 2, copy(wire, at, at + 2).reverse());
    }),
  },
  {
    name: 'the line is octets at random',
    change: anyOne((wire, draw) => concat(draw.octets(1 + draw.below(2 * wire.length)), octets('\r\n'))),
  },
].map(row => ({ ...row, at: 'wire', source: ANY, expected: EITHER, needs: ['integrity'], open: true }) as const);

/** Whole encodings. */
export const ENCODINGS: readonly Mutation[] = [
  {
    name: 'every octet but the line ends has its high bit set',
    source: 'RFC 959 §5.3',
    expected: refuse('syntax/bad-reply', 'syntax/bad-command'),
    at: 'wire',
    change: ([wire]) => [wire!.map(octet => (octet < 0x20 ? octet : octet | 0x80))],
  },
  {
    name: 'the line is in UTF-16',
    source: 'RFC 959 §5.3',
    expected: refuse('syntax/bad-reply', 'syntax/bad-command'),
    at: 'wire',
    change: ([wire]) => [
      concatAll([octets('\xff\xfe'), ...Array.from(wire!, octet => Uint8Array.of(octet, 0)), octets('\r\n')]),
    ],
  },
  {
    name: 'a byte order mark stands before the line',
    source: 'RFC 959 §5.3',
    expected: refuse('syntax/bad-reply', 'syntax/bad-command'),
    at: 'wire',
    change: ([wire]) => [concat(octets('\xef\xbb\xbf'), wire!)],
  },
];
