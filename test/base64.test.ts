import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64 } from '../src/base64.js';
import { ascii, errorOf } from './helpers.js';

// RFC 4648 §10, the same alphabet and padding.
const KNOWN: [string, string][] = [
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
];

const FAULTS: [string, string, number][] = [
  ['Zm9v\r', 'character', 4],
  ['Zm 9v', 'character', 2],
  ['Zm9-', 'character', 3],
  ['Zm9_', 'character', 3],
  ['Zm\u00ff=', 'character', 2],
  ['Zg', 'padding', 2],
  ['Zg=', 'padding', 2],
  ['Zm8', 'padding', 3],
  ['Zm8==', 'padding', 3],
  ['Zm9v=', 'padding', 4],
  ['Zg===', 'padding', 2],
  ['=', 'padding', 0],
  ['====', 'padding', 0],
  ['Zg==Zg==', 'padding', 2],
  ['Z', 'length', 1],
  ['Zm9vY', 'length', 5],
  ['Zh==', 'non-canonical', 1],
  ['Zm9=', 'non-canonical', 2],
];

describe('base 64 of RFC 2228 §10', () => {
  it.each(KNOWN)('%j is %j', (plain, encoded) => {
    expect(encodeBase64(ascii(plain))).toEqual(ascii(encoded));
    expect(decodeBase64(ascii(encoded))).toEqual(ascii(plain));
  });

  it.each(FAULTS)('refuses %j: %s at %i', (encoded, kind, offset) => {
    const error = errorOf(() => decodeBase64(ascii(encoded)));
    expect(error).toMatchObject({ code: 'syntax/bad-base64', offset });
    expect(error.message.startsWith(`bad base 64: ${kind}`)).toBe(true);
  });

  it('counts offsets from the base that it is given', () => {
    expect(errorOf(() => decodeBase64(ascii('Z*=='), 4)).offset).toBe(5);
  });

  it('decodes what it encodes, and agrees with Node', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
        const encoded = encodeBase64(bytes);
        expect(encoded).toEqual(ascii(Buffer.from(bytes).toString('base64')));
        expect(decodeBase64(encoded)).toEqual(bytes);
      }),
    );
  });

  it('takes only what it would have written itself', () => {
    const nearly = fc.string({ unit: fc.constantFrom(...'AQgwZz09+/= \r-'), maxLength: 12 });
    fc.assert(
      fc.property(nearly, text => {
        let decoded: Uint8Array;
        try {
          decoded = decodeBase64(ascii(text));
        } catch (error) {
          expect(error).toMatchObject({ code: 'syntax/bad-base64' });
          return;
        }
        expect(encodeBase64(decoded)).toEqual(ascii(text));
      }),
      { numRuns: 2000 },
    );
  });
});
