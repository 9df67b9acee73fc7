/**
 * Octets, whatever they mean (RFC 2228 §3). Nothing is known but that a peer must not take another text than was protected;
 * a reply may be left without end.
 */
import { concat, concatAll, copy } from '../../bytes.js';
import { EITHER, type Mutation, refuse, rowsAt } from '../mutation.js';
import { anyOne, type Edit, flipped, octets, spliced } from '../pieces.js';

const MANGLED = refuse('syntax/bad-reply', 'syntax/bad-command');
const wire = rowsAt('wire');
const any = (name: string, edit: Edit) =>
  wire(name, 'RFC 2228 §3', EITHER, { needs: ['integrity'], open: true }, anyOne(edit));
/** Octets that parsers are known to stumble over. */
const AWKWARD = ['\0', '\r', '\n', '\t', ' ', '-', '%', '=', '\x7f', '\x80', '\xfe', '\xff'];

export const OCTETS: readonly Mutation[] = [
  any('a bit is flipped', (wire, draw) => flipped(wire, draw.below(wire.length), draw.below(8))),
  any('an octet is gone', (wire, draw) => spliced(wire, draw.below(wire.length), 1)),
  any('an octet is added', (wire, draw) => spliced(wire, draw.below(wire.length), 0, octets(draw.of(AWKWARD)))),
  any('an octet is another', (wire, draw) => spliced(wire, draw.below(wire.length), 1, octets(draw.of(AWKWARD)))),
  any('a stretch is gone', (wire, draw) => spliced(wire, draw.below(wire.length), 1 + draw.below(wire.length))),
  any('a stretch comes twice', (wire, draw) => {
    const at = draw.below(wire.length);
    return spliced(wire, at, 0, wire.subarray(at, at + 1 + draw.below(wire.length)));
  }),
  any('two neighbours change places', (wire, draw) => {
    const at = draw.below(wire.length - 1);
    return spliced(wire, at, 2, copy(wire, at, at + 2).reverse());
  }),
  any('the line is octets at random', (wire, draw) =>
    concat(draw.octets(1 + draw.below(2 * wire.length)), octets('\r\n')),
  ),
];

/** Whole encodings. */
export const ENCODINGS: readonly Mutation[] = [
  wire('every octet but the line ends has its high bit set', 'RFC 959 §5.3', MANGLED, ([wire]) => [
    wire!.map(octet => (octet < 0x20 ? octet : octet | 0x80)),
  ]),
  wire('the line is in UTF-16', 'RFC 959 §5.3', MANGLED, ([wire]) => [
    concatAll([octets('\xff\xfe'), ...Array.from(wire!, octet => Uint8Array.of(octet, 0)), octets('\r\n')]),
  ]),
  wire('a byte order mark stands before the line', 'RFC 959 §5.3', MANGLED, ([wire]) => [
    concat(octets('\xef\xbb\xbf'), wire!),
  ]),
];
