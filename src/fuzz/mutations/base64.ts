/** Base 64 (RFC 2228 §10): no line breaks, required padding, and characters that some peers add around it. */
import { encodeBase64 } from '../../base64.js';
import { concat } from '../../bytes.js';
import { BAD_TOKEN, type Change, mutationsOf, type Table } from '../mutation.js';
import { anyOne, before, ended, inserted, octets, spliced } from '../pieces.js';

const BAD = 'syntax/bad-base64';
const BAD_OR_ALTERED = [BAD, ...BAD_TOKEN] as const;
const CUT = [BAD, 'syntax/bad-reply', 'syntax/bad-command', ...BAD_TOKEN, 'syntax/truncated'] as const;
const UNALTERED = { needs: ['integrity'] } as const;
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

/** Changes of the base 64 of a message, or of security data. */
export const BASE64_TEXTS: Table<Change<unknown>> = {
  'RFC 2228 §10': {
    'padding is missing': [BAD, padded(unpadded)],
    'padding too much': [BAD, anyOne(ended('=', 0))],
    'a whole group of padding': [BAD, anyOne(ended('====', 0))],
    'padding before the end': [BAD, anyOne((text, draw) => spliced(text, draw.below(text.length - 4), 1, octets('=')))],
    'nothing but padding': [BAD, anyOne(() => octets('===='))],
    'a single character': [BAD, anyOne(() => octets('A'))],
    'a length that no octets give': [BAD, anyOne(text => concat(unpadded(text).subarray(0, 4), octets('A')))],
    'bits are set behind the last octet': [BAD, padded(withLastBit)],
    'a character of the alphabet for URLs': [BAD, inserted(['-', '_'])],
    'a character that is in no alphabet': [BAD, inserted(['*', ',', '~', '.', '!', '\x7f', '\x80'])],
    'a tabulator within': [BAD, inserted('\t')],
    'a blank within': [[...BAD_OR_ALTERED, 'security/wrong-direction'], inserted(' '), UNALTERED],
    'a line break within, as in MIME': [CUT, inserted('\r\n '), { ...UNALTERED, open: true }],
    'it is hex': [BAD_OR_ALTERED, anyOne(() => octets('60819906092a864886f71201020202016f'))],
    'a quotation mark on either side': [BAD, anyOne(text => concat(octets('"'), text, octets('"')))],
    'a blank before it': ['blank-around-base64', anyOne(before(' '))],
    'a blank behind it': ['blank-around-base64', anyOne(ended(' ', 0))],
    'words behind it': ['text-after-base64', anyOne(ended(' and more', 0))],
  },
};

export const BASE64 = [
  ...mutationsOf({ layer: 'base64', at: 'base64' })(BASE64_TEXTS),
  ...mutationsOf({ layer: 'base64', at: 'tokens' })({
    'RFC 2228 §10': { 'it is encoded twice': [BAD_TOKEN, anyOne(encodeBase64)] },
  }),
];
