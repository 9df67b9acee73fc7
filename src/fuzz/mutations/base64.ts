/** Base 64 (RFC 2228 §10): no line breaks, required padding, and characters that some peers add around it. */
import { encodeBase64 } from '../../base64.js';
import { concat } from '../../bytes.js';
import { type Change, deviation, INTEGRITY, mutationsOf, refuse } from '../mutation.js';
import { anyOne, before, type Edit, ended, inserted, octets, spliced } from '../pieces.js';

const BAD = refuse('syntax/bad-base64');
const BAD_OR_ALTERED = refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum');
const BAD_TOKEN = refuse('security/bad-token', 'security/bad-checksum');
const PAD = 0x3d;
const ALPHABET = octets('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

const unpadded = (text: Uint8Array) => text.filter(octet => octet !== PAD);

/** Changes the first text that has padding. */
const padded =
  (edit: (text: Uint8Array) => Uint8Array): Change<unknown> =>
  pieces => {
    const at = pieces.findIndex(piece => piece.at(-1) === PAD);
    return at < 0 ? undefined : pieces.map((piece, i) => (i === at ? edit(piece) : piece));
  };

function withLastBit(text: Uint8Array): Uint8Array {
  const at = text.indexOf(PAD) - 1;
  return spliced(text, at, 1, Uint8Array.of(ALPHABET[ALPHABET.indexOf(text[at]!) | 1]!));
}

/** Changes one of the texts, which is chosen. */
const any = (edit: Edit<unknown>) => anyOne<unknown>(edit);

/** Mutations of base 64. */
export const BASE64 = mutationsOf<unknown>({ layer: 'base64', at: 'base64' })({
  'RFC 2228 §10': {
    'padding is missing': [BAD, padded(unpadded)],
    'padding too much': [BAD, any(ended('=', 0))],
    'a whole group of padding': [BAD, any(ended('====', 0))],
    'padding before the end': [BAD, any((text, draw) => spliced(text, draw.below(text.length - 4), 1, octets('=')))],
    'nothing but padding': [BAD, any(() => octets('===='))],
    'a single character': [BAD, any(() => octets('A'))],
    'a length that no octets give': [BAD, any(text => concat(unpadded(text).subarray(0, 4), octets('A')))],
    'bits are set behind the last octet': [BAD, padded(withLastBit)],
    'a character of the alphabet for URLs': [BAD, inserted(['-', '_'])],
    'a character that is in no alphabet': [BAD, inserted(['*', ',', '~', '.', '!', '\x7f', '\x80'])],
    'a tabulator within': [BAD, inserted('\t')],
    'a blank within': [
      refuse('syntax/bad-base64', 'security/bad-token', 'security/bad-checksum', 'security/wrong-direction'),
      inserted(' '),
      INTEGRITY,
    ],
    'a line break within, as in MIME': [
      refuse(
        'syntax/bad-base64',
        'syntax/bad-reply',
        'syntax/bad-command',
        'security/bad-token',
        'security/bad-checksum',
        'syntax/truncated',
      ),
      inserted('\r\n '),
      { ...INTEGRITY, open: true },
    ],
    'it is encoded twice': [BAD_TOKEN, any(encodeBase64), { at: 'tokens' }],
    'it is hex': [BAD_OR_ALTERED, any(() => octets('60819906092a864886f71201020202016f'))],
    'a quotation mark on either side': [BAD, any(text => concat(octets('"'), text, octets('"')))],
    'a blank before it': [deviation('blank-around-base64'), any(before(' '))],
    'a blank behind it': [deviation('blank-around-base64'), any(ended(' ', 0))],
    'words behind it': [deviation('text-after-base64'), any(ended(' and more', 0))],
  },
});
