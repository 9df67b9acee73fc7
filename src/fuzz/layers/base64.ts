/** Base 64 (RFC 2228 §10): no line breaks, padding required, and what peers put around it. */
import { encodeBase64 } from '../../base64.js';
import { concat } from '../../bytes.js';
import type { Choices } from '../choices.js';
import { deviation, type Expectation, type Mutation, type RowEnd, refuse, rowEnd } from '../mutation.js';
import { anyOne, type Edit, inserted, octets, spliced } from '../pieces.js';

type Change = (pieces: readonly Uint8Array[], draw: Choices, carrier?: unknown) => readonly Uint8Array[] | undefined;
/** Its change looks at nothing but the octets. */
type TextMutation = Omit<Mutation, 'change'> & { change: Change };

const BAD = refuse('syntax/bad-base64');
const PAD = 0x3d;
const ALPHABET = octets('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

const row = (name: string, expected: Expectation, ...end: RowEnd<Partial<Mutation>, Change>): TextMutation => {
  const [also, change] = rowEnd(end);
  return { name, source: 'RFC 2228 §10', at: 'base64', expected, ...also, change };
};
/** Of one of the texts, whichever is drawn. */
const one = (name: string, expected: Expectation, edit: Edit<unknown>) => row(name, expected, anyOne(edit));
const token = (name: string, expected: Expectation, change: Change) => row(name, expected, { at: 'tokens' }, change);

export const BASE64: readonly TextMutation[] = [
  row('padding is missing', BAD, pieces => {
    const at = pieces.findIndex(piece => piece.at(-1) === PAD);
    if (at < 0) return undefined;
    return pieces.map((piece, i) => (i === at ? piece.filter(octet => octet !== PAD) : piece));
  }),
  one('padding too much', BAD, text => concat(text, octets('='))),
  one('a whole group of padding', BAD, text => concat(text, octets('===='))),
  one('padding before the end', BAD, (text, draw) => spliced(text, draw.below(text.length - 4), 1, octets('='))),
  one('nothing but padding', BAD, () => octets('====')),
  one('a single character', BAD, () => octets('A')),
  one('a length that no octets give', BAD, text =>
    concat(text.filter(octet => octet !== PAD).subarray(0, 4), octets('A')),
  ),
  row('bits are set behind the last octet', BAD, pieces => {
    const found = pieces.findIndex(piece => piece.at(-1) === PAD);
    if (found < 0) return undefined;
    return pieces.map((piece, i) => {
      const at = piece.indexOf(PAD) - 1;
      return i === found ? spliced(piece, at, 1, Uint8Array.of(ALPHABET[ALPHABET.indexOf(piece[at]!) | 1]!)) : piece;
    });
  }),
  row('a character of the alphabet for URLs', BAD, inserted(['-', '_'])),
  row('a character that is in no alphabet', BAD, inserted(['*', ',', '~', '.', '!', '\x7f', '\x80'])),
  row('a tabulator within', BAD, inserted('\t')),
  row(
    'a blank within',
    refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum', 'security/wrong-direction'),
    { needs: ['integrity'] },
    inserted(' '),
  ),
  row(
    'a line break within, as in MIME',
    refuse(
      'syntax/bad-base64',
      'syntax/bad-reply',
      'syntax/bad-command',
      'security/bad-token',
      'security/bad-checksum',
      'syntax/truncated',
    ),
    { open: true, needs: ['integrity'] },
    inserted('\r\n '),
  ),
  token(
    'it is encoded twice',
    refuse('security/bad-token', 'security/bad-checksum'),
    anyOne(token => encodeBase64(token)),
  ),
  one('it is hex', refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum'), () =>
    octets('60819906092a864886f71201020202016f'),
  ),
  one('a quotation mark on either side', BAD, text => concat(octets('"'), text, octets('"'))),
  one('a blank before it', deviation('blank-around-base64'), text => concat(octets(' '), text)),
  one('a blank behind it', deviation('blank-around-base64'), text => concat(text, octets(' '))),
  one('words behind it', deviation('text-after-base64'), text => concat(text, octets(' and more'))),
];

/** Those that mutate base 64 itself, wherever it is. */
export const BASE64_TEXTS = BASE64.filter(({ at }) => at === 'base64');
