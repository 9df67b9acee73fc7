/** Base 64 (RFC 2228 §10): no line breaks, padding owed, and what peers put around it. */
import { encodeBase64 } from '../../base64.js';
import { concat } from '../../bytes.js';
import type { Draw } from '../draw.js';
import { deviation, type Mutation, refuse } from '../mutation.js';
import { anyOne, inserted, octets, spliced } from '../pieces.js';

/** Its change looks at nothing but the octets. */
type TextMutation = Omit<Mutation, 'source' | 'change'> & {
  change(pieces: readonly Uint8Array[], draw: Draw, carrier?: unknown): readonly Uint8Array[] | undefined;
};

const BAD = refuse('syntax/bad-base64');
const PAD = 0x3d;
const ALPHABET = octets('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

const rows: readonly TextMutation[] = [
  {
    name: 'padding is missing',
    expected: BAD,
    at: 'base64',
    change: pieces => {
      const at = pieces.findIndex(piece => piece.at(-1) === PAD);
      if (at < 0) return undefined;
      return pieces.map((piece, i) => (i === at ? piece.filter(octet => octet !== PAD) : piece));
    },
  },
  { name: 'padding too much', expected: BAD, at: 'base64', change: anyOne(text => concat(text, octets('='))) },
  {
    name: 'a whole group of padding',
    expected: BAD,
    at: 'base64',
    change: anyOne(text => concat(text, octets('===='))),
  },
  {
    name: 'padding before the end',
    expected: BAD,
    at: 'base64',
    change: anyOne((text, draw) => spliced(text, draw.below(text.length - 4), 1, octets('='))),
  },
  { name: 'nothing but padding', expected: BAD, at: 'base64', change: anyOne(() => octets('====')) },
  { name: 'a single character', expected: BAD, at: 'base64', change: anyOne(() => octets('A')) },
  {
    name: 'a length that no octets give',
    expected: BAD,
    at: 'base64',
    change: anyOne(text => concat(text.filter(octet => octet !== PAD).subarray(0, 4), octets('A'))),
  },
  {
    name: 'bits are set behind the last octet',
    expected: BAD,
    at: 'base64',
    change: pieces => {
      const found = pieces.findIndex(piece => piece.at(-1) === PAD);
      if (found < 0) return undefined;
      return pieces.map((piece, i) => {
        const at = piece.indexOf(PAD) - 1;
        return i === found ? spliced(piece, at, 1, Uint8Array.of(ALPHABET[ALPHABET.indexOf(piece[at]!) | 1]!)) : piece;
      });
    },
  },
  { name: 'a character of the alphabet for URLs', expected: BAD, at: 'base64', change: inserted(['-', '_']) },
  {
    name: 'a character that is in no alphabet',
    expected: BAD,
    at: 'base64',
    change: inserted(['*', ',', '~', '.', '!', '\x7f', '\x80']),
  },
  { name: 'a tabulator within', expected: BAD, at: 'base64', change: inserted('\t') },
  {
    name: 'a blank within',
    expected: refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum', 'security/wrong-direction'),
    needs: ['integrity'],
    at: 'base64',
    change: inserted(' '),
  },
  {
    name: 'a line break within, as in MIME',
    expected: refuse(
      'syntax/bad-base64',
      'syntax/bad-reply',
      'syntax/bad-command',
      'security/bad-token',
      'security/bad-checksum',
      'syntax/truncated',
    ),
    open: true,
    needs: ['integrity'],
    at: 'base64',
    change: inserted('\r\n '),
  },
  {
    name: 'it is encoded twice',
    expected: refuse('security/bad-token', 'security/bad-checksum'),
    at: 'tokens',
    change: anyOne(token => encodeBase64(token)),
  },
  {
    name: 'it is hex',
    expected: refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum'),
    at: 'base64',
    change: anyOne(() => octets('60819906092a864886f71201020202016f')),
  },
  {
    name: 'a quotation mark on either side',
    expected: BAD,
    at: 'base64',
    change: anyOne(text => concat(octets('"'), text, octets('"'))),
  },
  {
    name: 'a blank before it',
    expected: deviation('blank-around-base64'),
    at: 'base64',
    change: anyOne(text => concat(octets(' '), text)),
  },
  {
    name: 'a blank behind it',
    expected: deviation('blank-around-base64'),
    at: 'base64',
    change: anyOne(text => concat(text, octets(' '))),
  },
  {
    name: 'words behind it',
    expected: deviation('text-after-base64'),
    at: 'base64',
    change: anyOne(text => concat(text, octets(' and more'))),
  },
];

export const BASE64: readonly Mutation[] = rows.map(row => ({ ...row, source: 'RFC 2228 §10' }));

/** Those that bend base 64 itself, wherever it stands. */
export const BASE64_TEXTS: readonly TextMutation[] = rows.filter(({ at }) => at === 'base64');
